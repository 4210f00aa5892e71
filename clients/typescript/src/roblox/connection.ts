// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A universe's WebSocket: what its game servers tell the web, and a way back to them. Frames are
// JSON objects; those with `op` are requests and their answers, `{"topic","message",…}` is data.
import { Deferred, within } from '../async.js';
import type { ReconnectOptions } from '../backoff.js';
import { Emitter, rethrowLater } from '../emitter.js';
import { BackpressureError, ClosedError, DisconnectedError, NotConnectedError, ProtocolError } from '../errors.js';
import { Heartbeat } from '../heartbeat.js';
import { type CloseInfo, Link, type LinkState, type Target } from '../link.js';
import { type RequestOptions, Requests } from '../requests.js';
import type { WebSocketConstructor, WebSocketLike } from '../websocket.js';
import { BridgeError } from './errors.js';
import { Topics } from './topics.js';

/** What came with a message. */
export interface MessageInfo {
  topic: string;
  /** The game server that spoke, its JobId. */
  serverId?: string;
  /** Its place in the universe's order, where the server tells. */
  seq?: number | string;
  /** When the bridge got it, milliseconds since 1970. */
  ts?: number;
}

export interface PublishMessage {
  topic: string;
  message: unknown;
  /** `"roblox"`, the default: game servers; `"server"`: the web clients of this universe. */
  destination?: 'roblox' | 'server';
  /** The JobId of the one game server it is for. */
  serverId?: string;
  /** Seconds after which it is not worth delivering. */
  ttl?: number;
  /** Of two that wait with one key and topic, the newer replaces the older. */
  key?: string;
}

export interface ConnectOptions {
  reconnect?: false | ReconnectOptions;
  /** Stops the attempt to connect. */
  signal?: AbortSignal;
  /** For one attempt. Default 10,000. */
  connectTimeoutMs?: number;
  /** For the answer to a request. Default 10,000. */
  ackTimeoutMs?: number;
  /** Silence after which the server is asked whether it is there. Default 25,000. */
  heartbeatMs?: number;
  /** How much may wait in the WebSocket. Default 1 MiB. */
  maxBufferedBytes?: number;
}

export interface ConnectionEvents {
  state: LinkState;
  open: { reconnected: boolean };
  close: { code: number; reason: string; error: Error; retryInMs: number | undefined };
  /** Every message that arrives, before those who subscribed to its topic have it. */
  message: MessageInfo & { message: unknown };
  /** Messages between two connections are missed, and the server has them no longer. */
  gap: { from: number; until: number };
  error: unknown;
}

interface Listener {
  callback: (message: never, info: MessageInfo) => void;
  onError: ((error: Error) => void) | undefined;
}

type Frame = Record<string, unknown>;

const kMaxPending = 1024;
/** That one command may name. */
const kMaxTopics = 256;
const kFinalCloses: readonly number[] = [1000, 1002, 1003, 1007, 1009];

/** @internal What a connection is made of. */
export interface ConnectionParts {
  WebSocket: WebSocketConstructor;
  target: () => Promise<Target>;
}

export class Connection extends Emitter<ConnectionEvents> {
  readonly #parts: ConnectionParts;
  readonly #options: ConnectOptions;
  readonly #link: Link;
  readonly #requests: Requests;
  readonly #topics = new Topics<Listener>();
  readonly #heartbeat = new Heartbeat();
  readonly #opened = new Deferred<void>();
  #hasOpened = false;
  #lostAt: number | undefined;
  /** Where the server's order stands: its epoch, and the last number seen. */
  #epoch = '';
  #seq: number | undefined;

  /** @internal */
  constructor(parts: ConnectionParts, options: ConnectOptions) {
    super();
    this.#parts = parts;
    this.#options = options;
    this.#requests = new Requests(kMaxPending, options.ackTimeoutMs ?? 10_000);
    this.#link = new Link({
      target: () => this.#parts.target(),
      opened: () => void this.#hello().catch(() => {}),
      received: (data) => this.#received(data),
      judge: (close) => judge(close),
      lost: (error, close, waitMs) => this.#lost(error, close, waitMs),
      stateChanged: (state) => this.emit('state', state),
    }, {
      WebSocket: parts.WebSocket,
      reconnect: options.reconnect ?? {},
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    });
  }

  /** @internal */
  async open(): Promise<this> {
    this.#link.open();
    try {
      await within(this.#opened.promise, 'Connecting', 0, this.#options.signal);
    } catch (error) {
      this.close();
      throw error;
    }
    return this;
  }

  get state(): LinkState {
    return this.#link.state;
  }

  /** The WebSocket of now; another one after each reconnection. */
  get ws(): WebSocketLike | undefined {
    return this.#link.socket;
  }

  /**
   * Calls `callback` for each message of `topic`, or of all that begin so where it ends in `*`.
   * Holds over reconnections. `onError` hears what the server refuses. Returns what ends it.
   */
  readonly subscribe = <T = unknown>(
    topic: string, callback: (message: T, info: MessageInfo) => void, onError?: (error: Error) => void,
  ): (() => void) => {
    const listener: Listener = { callback, onError };
    if (this.#topics.add(topic, listener)) this.#filter('sub', topic);
    return () => {
      if (this.#topics.remove(topic, listener)) this.#filter('unsub', topic);
    };
  };

  /** Publishes over the WebSocket; resolves once its receiver, or Roblox, has accepted it. */
  readonly publish = async (message: PublishMessage, options: RequestOptions = {}): Promise<void> => {
    if (this.state !== 'open') throw new NotConnectedError();
    await this.#request({ op: 'pub', ...message, destination: message.destination ?? 'roblox' }, options);
  };

  /** Ends the connection and all that was subscribed to. */
  readonly close = (code = 1000, reason = ''): void => {
    this.#opened.reject(new ClosedError());
    this.#link.close(new ClosedError(), code, reason);
  };

  // What it says -------------------------------------------------------------------------------

  #send(frame: Frame): void {
    const text = JSON.stringify(frame);
    const socket = this.#link.socket;
    if (socket?.readyState !== 1) throw new NotConnectedError();
    if (socket.bufferedAmount + text.length > (this.#options.maxBufferedBytes ?? 1 << 20)) {
      throw new BackpressureError(`${socket.bufferedAmount} bytes wait to be sent`);
    }
    socket.send(text);
  }

  async #request(frame: Frame, options: RequestOptions = {}): Promise<unknown> {
    options.signal?.throwIfAborted();
    this.#requests.assertRoom();
    const { id, answer } = this.#requests.begin(`${String(frame['op'])}`, undefined, options);
    try {
      this.#send({ op: frame['op'], id, ...frame });
    } catch (error) {
      this.#requests.cancel(id);
      throw error;
    }
    return answer;
  }

  #filter(op: 'sub' | 'unsub', topic: string): void {
    if (this.state !== 'open') return;
    this.#request({ op, topics: [topic] }).catch((error: unknown) => this.#filterFailed(error, topic));
  }

  #filterFailed(error: unknown, topic?: string): void {
    if (!(error instanceof BridgeError)) return;
    if (topic !== undefined) for (const { onError } of this.#topics.of(topic)) onError?.(error);
    this.emit('error', error);
  }

  /** Says who we are, what we have, and what we want; the answer to the last shows it was heard. */
  async #hello(): Promise<void> {
    const names = this.#topics.names;
    const since = this.#seq === undefined ? undefined : `${this.#epoch}:${this.#seq}`;
    this.#send({ op: 'hello', v: 1, since });
    for (let first = 0; first < names.length; first += kMaxTopics) {
      this.#request({ op: 'sub', topics: names.slice(first, first + kMaxTopics) })
        .catch((error: unknown) => this.#filterFailed(error));
    }
    await this.#request({ op: 'ping' });
    const reconnected = this.#hasOpened;
    this.#hasOpened = true;
    this.#link.ready();
    // What was subscribed to while the answer was on its way.
    for (const name of this.#topics.names) if (!names.includes(name)) this.#filter('sub', name);
    this.#heartbeat.start(this.#options.heartbeatMs ?? 25_000, this.#options.ackTimeoutMs ?? 10_000,
      () => this.#request({ op: 'ping' }, { timeoutMs: 0 }), (error) => this.#link.drop(error));
    // Without a number to resume at, nobody can say that nothing was missed.
    if (reconnected && since === undefined) this.#missed();
    this.#opened.resolve();
    this.emit('open', { reconnected });
  }

  // What it hears ------------------------------------------------------------------------------

  #received(data: Uint8Array | string): void {
    this.#heartbeat.heard();
    let frame: unknown;
    try {
      if (data === 'pong') return;
      if (typeof data !== 'string') throw new ProtocolError('A binary message');
      frame = JSON.parse(data);
    } catch (error) {
      return this.emit('error', new ProtocolError(`Not a frame: ${(error as Error).message}`));
    }
    if (typeof frame !== 'object' || frame === null) return this.emit('error', new ProtocolError('Not a frame'));
    const fields = frame as Frame;
    if (typeof fields['op'] === 'string') return this.#answer(fields['op'], fields);
    if (typeof fields['topic'] === 'string') return this.#message(fields['topic'], fields);
    if (typeof fields['error'] === 'string') this.#complain(new BridgeError(fields['error']));
  }

  #answer(op: string, frame: Frame): void {
    const { id, error, success, retryAfter } = frame;
    if (typeof frame['epoch'] === 'string') this.#setEpoch(frame['epoch']);
    // Where we begin, so that we can resume even when nothing came.
    if (op === 'hello') this.#advance(frame['cursor']);
    if (op === 'gap') {
      this.#seq = undefined;
      return this.#missed();
    }
    if (typeof id !== 'number') {
      if (typeof error === 'string') this.#complain(new BridgeError(error));
      return;
    }
    if (typeof error !== 'string' && success !== false) return this.#requests.ack(id);
    this.#requests.refuse(id, () => new BridgeError(typeof error === 'string' ? error : 'Refused', undefined,
      typeof retryAfter === 'number' ? retryAfter : undefined));
  }

  #setEpoch(epoch: string): void {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.#seq = undefined;
  }

  /** False for what was seen: what is replayed may overlap what came. */
  #advance(seq: unknown): boolean {
    let number = typeof seq === 'number' ? seq : undefined;
    if (typeof seq === 'string') {
      const colon = seq.lastIndexOf(':');
      if (colon >= 0) this.#setEpoch(seq.slice(0, colon));
      number = Number(seq.slice(colon + 1));
    }
    if (number === undefined || !Number.isSafeInteger(number)) return true;
    if (this.#seq !== undefined && number <= this.#seq) return false;
    this.#seq = number;
    return true;
  }

  #message(topic: string, frame: Frame): void {
    const { message, serverId, seq, ts } = frame;
    if (!this.#advance(seq)) return;
    const info: MessageInfo = {
      topic,
      ...(typeof serverId === 'string' ? { serverId } : {}),
      ...(typeof seq === 'number' || typeof seq === 'string' ? { seq } : {}),
      ...(typeof ts === 'number' ? { ts } : {}),
    };
    this.emit('message', { ...info, message });
    for (const { callback } of [...this.#topics.of(topic)]) {
      try {
        callback(message as never, info);
      } catch (error) {
        rethrowLater(error);
      }
    }
  }

  /** An error that answers no request: whoever asked to hear of errors does. */
  #complain(error: BridgeError): void {
    this.emit('error', error);
    for (const { onError } of [...this.#topics.all()]) onError?.(error);
  }

  #missed(): void {
    const until = Date.now();
    this.emit('gap', { from: this.#lostAt ?? until, until });
  }

  #lost(error: Error, { code, reason }: CloseInfo, waitMs: number | undefined): void {
    this.#heartbeat.stop();
    this.#lostAt = Date.now();
    this.#requests.failAll(error instanceof ClosedError ? error : new DisconnectedError(undefined, { cause: error }));
    if (waitMs === undefined) this.#opened.reject(error);
    this.emit('close', { code, reason, error, retryInMs: waitMs });
  }
}

/** What a close means. `ws` says with which status an upgrade was refused; browsers do not. */
function judge({ code, reason, detail }: CloseInfo): { error: Error; fatal: boolean } {
  const status = /Unexpected server response: (\d{3})/.exec(detail ?? '')?.[1];
  if (status !== undefined) {
    const error = new BridgeError(`The server refused the connection (HTTP ${status})`, Number(status));
    return { error, fatal: error.fatal };
  }
  const text = reason || detail;
  const error = new DisconnectedError(`The connection was closed (${code}${text ? `: ${text}` : ''})`);
  return { error, fatal: kFinalCloses.includes(code) };
}
