// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The page's one live source: an EventSource on /ui/events, and what it has told so far. It
// reconnects by itself (with a growing, jittered pause), notices a stream that went silent, and
// fetches the history again after a gap.
import { api, ApiError } from './api/client';
import type { Overview, Stats, Universe } from './api/types';
import { append, fromAnswer, type Columns } from './history';
import { Store } from './store';

export type Connection = 'connecting' | 'live' | 'reconnecting';

export interface Live {
  connection: Connection;
  overview: Overview | null;
  /** Deliveries/s and connections. */
  overviewHistory: Columns;
  universes: Universe[] | null;
  universesError: string | null;
  /** Of the universe that is looked at. */
  watched: string | null;
  stats: Stats | null;
  /** In and out. */
  statsHistory: Columns;
  statsError: { status: number; message: string } | null;
}

const kEmpty: Columns = [[], [], []];
const kNothing: Live = {
  connection: 'connecting', overview: null, overviewHistory: kEmpty,
  universes: null, universesError: null,
  watched: null, stats: null, statsHistory: kEmpty, statsError: null,
};

/** Events come every second; so much silence is a broken connection that nobody told us about. */
const kSilenceMs = 6_000;
const kFirstPauseMs = 500;
const kMaxPauseMs = 10_000;

export const live = new Store<Live>({ ...kNothing });

/** The server's clock less ours, as its events tell; null before the first. */
let aheadMs: number | null = null;
let source: EventSource | null = null;
let isRunning = false;
let pauseMs = kFirstPauseMs;
let pauseTimer = 0;
let silenceTimer = 0;
/** Whether the registry has answered on this connection. A server that could not read it yet says so
 *  in its answers; its stream has nothing but an empty list to tell. */
let isRegistryKnown = false;
let isAsking = false;
/** The universe that the stream was opened with. Without one it tells of all in general. */
let streamed: string | null = null;

export function start(): void {
  if (isRunning) return;
  isRunning = true;
  aheadMs = null;
  isRegistryKnown = false;
  live.set({ ...kNothing });
  connect();
  void refreshUniverses();
}

export function stop(): void {
  isRunning = false;
  close();
  live.set({ ...kNothing });
}

/** Looks at one universe more closely, or at none. */
export function watch(id: string | null): void {
  if (live.value.watched === id) return;
  live.set({ watched: id, stats: null, statsHistory: kEmpty, statsError: null });
  if (isRunning) connect();
}

/** After the page changed something: what the server has now, without waiting for the next second. */
export async function refreshUniverses(): Promise<void> {
  isAsking = true;
  try {
    const { universes } = await api.universes();
    isRegistryKnown = true;
    const isBack = live.value.universesError !== null;
    live.set({ universes, universesError: null });
    if (isBack) void refreshStats();
  } catch (error) {
    const { status, message } = error as ApiError;
    if (status === 503) {
      isRegistryKnown = false;
      live.set({ universesError: `${message}. The page keeps asking.` });
    } else if (live.value.universes === null) {
      live.set({ universesError: message });
    }
  } finally {
    isAsking = false;
  }
}

function takeUniverses(universes: Universe[]): void {
  if (!isRegistryKnown) {
    if (!isAsking) void refreshUniverses();
    return;
  }
  live.set({ universes, universesError: null });
  // Did somebody else remove or add what is looked at? Of very many the list has not all: the server knows.
  const { watched, stats, statsError } = live.value;
  const isListed = universes.some(({ id }) => id === watched);
  if (isListed ? statsError !== null : stats !== null) void refreshStats();
}

export async function refreshStats(): Promise<void> {
  const id = live.value.watched;
  if (id === null) return;
  try {
    const stats = await api.stats(id);
    if (live.value.watched !== id) return;
    const { history } = stats;
    live.set({
      stats, statsError: null,
      ...(history && { statsHistory: fromAnswer(history.stepMs, [history.in, history.out], serverNow()) }),
    });
    if (isRunning && streamed !== id) connect();
  } catch (error) {
    if (live.value.watched !== id) return;
    const { status, message } = error as ApiError;
    // What is on the screen stays there over a hiccup, not over "there is no such universe".
    if (live.value.stats === null || status === 404) live.set({ stats: null, statsError: { status, message } });
  }
}

function serverNow(): number {
  return Date.now() + (aheadMs ?? 0);
}

/** A history ends "now", an event has the server's time: the two have to meet on one axis, whatever
 *  the clocks say. */
function setClock(t: number | undefined): void {
  if (t === undefined) return;
  const isFirst = aheadMs === null;
  aheadMs = t - Date.now();
  const shift = Math.round(aheadMs / 1000);
  // Later histories are put where they belong at once.
  if (!isFirst || shift === 0) return;
  const moved = ([times, ...figures]: Columns): Columns => [times.map((time) => time + shift), ...figures];
  live.set({ overviewHistory: moved(live.value.overviewHistory), statsHistory: moved(live.value.statsHistory) });
}

async function refreshOverview(): Promise<void> {
  try {
    const overview = await api.overview();
    const { history } = overview;
    live.set({
      overview,
      ...(history && { overviewHistory:
        fromAnswer(history.stepMs, [history.deliveries, history.connections], serverNow()) }),
    });
  } catch {
    // The stream brings the figures, or its state tells what is wrong.
  }
}

function close(): void {
  source?.close();
  source = null;
  clearTimeout(pauseTimer);
  clearTimeout(silenceTimer);
}

function connect(): void {
  close();
  // For a universe that it does not have, the server opens no stream.
  streamed = live.value.statsError === null ? live.value.watched : null;
  const opened = new EventSource(streamed === null ? '/ui/events' : `/ui/events?universe=${streamed}`);
  source = opened;
  listenForSilence();
  opened.onopen = () => {
    pauseMs = kFirstPauseMs;
    live.set({ connection: 'live' });
    listenForSilence();
    void refreshOverview();
    void refreshStats();
  };
  opened.onerror = reconnect;
  on<Overview>(opened, 'overview', (overview) => {
    setClock(overview.t);
    const { overviewHistory, overview: before } = live.value;
    const values = [overview.deliveriesPerSecond, overview.connections];
    live.set({
      // A server that started anew has a version of its own to tell.
      overview: { ...before, ...overview },
      overviewHistory: append(overviewHistory, overview.t ?? serverNow(), values),
    });
  });
  on<{ universes: Universe[] }>(opened, 'universes', ({ universes }) => takeUniverses(universes));
  on<Stats>(opened, 'stats', (stats) => {
    if (stats.id !== live.value.watched) return;
    setClock(stats.t);
    live.set({
      stats, statsError: null,
      statsHistory: append(live.value.statsHistory, stats.t ?? serverNow(), [stats.in['1s'], stats.out['1s']]),
    });
  });
}

function on<T>(from: EventSource, event: string, handle: (data: T) => void): void {
  from.addEventListener(event, (message) => {
    if (from !== source) return;
    listenForSilence();
    let data: T;
    try {
      data = JSON.parse((message as MessageEvent<string>).data) as T;
    } catch {
      return; // half an event is none
    }
    handle(data);
  });
}

function listenForSilence(): void {
  clearTimeout(silenceTimer);
  silenceTimer = window.setTimeout(reconnect, kSilenceMs);
}

/** Instead of EventSource's own way, which gives up at the first answer that is not 200. */
function reconnect(): void {
  close();
  if (!isRunning) return;
  isRegistryKnown = false;
  live.set({ connection: 'reconnecting' });
  // Asks why: an ended session is told by the request's own 401 or by the answer.
  void api.session().then(({ session }) => { if (!session) onSessionEnd(); }).catch(() => {});
  pauseTimer = window.setTimeout(connect, pauseMs * (0.5 + Math.random() / 2));
  pauseMs = Math.min(kMaxPauseMs, pauseMs * 2);
}

let onSessionEnd: () => void = () => {};
export function setLiveSessionEndHandler(handler: () => void): void {
  onSessionEnd = handler;
}

// A laptop that woke up, a network that is back: no reason to wait for the pause to end.
window.addEventListener('online', () => {
  if (isRunning && live.value.connection !== 'live') connect();
});
