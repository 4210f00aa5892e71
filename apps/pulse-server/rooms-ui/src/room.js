// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A connection to a room that comes back by itself, and what every page shows of it.

const kFirstDelayMs = 500;
const kMaxDelayMs = 30_000;

const query = new URLSearchParams(location.search);

/** Of the page's address: empty is as good as missing. */
export const fromQuery = (name) => query.get(name) || undefined;
export const roomName = fromQuery('room') ?? 'demo';

/** Links to the other pages stay in the room. */
export function keepRoomInLinks() {
  if (fromQuery('room') === undefined) return;
  for (const link of document.querySelectorAll('header a, .cards a')) link.search = new URLSearchParams({ room: roomName });
}

/** Storage may be forbidden; a page that cannot remember works all the same. */
export const memory = {
  get(key) {
    try {
      return sessionStorage.getItem(key) || undefined;
    } catch {
      return undefined;
    }
  },
  set(key, value) {
    try {
      sessionStorage.setItem(key, value);
    } catch {
      // Then it is forgotten with the page.
    }
  },
};

/** The socket's address, below whatever path the page is served. */
function address(session) {
  const url = new URL('websocket', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.search = new URLSearchParams({ room: roomName, ...(session === undefined ? {} : { session }) });
  url.hash = '';
  return url;
}

/**
 * `handlers`: what is done with each type of message, by its data. `onOpen` is called on every connection, before
 * anything has come. `session()` is the id to come back with, if there is one.
 */
export class Room {
  #socket;
  #handlers;
  #onOpen;
  #session;
  #failures = 0;
  #timer;
  #state = document.querySelector('[data-state]');

  constructor({ handlers, onOpen = () => {}, session = () => undefined }) {
    this.#handlers = handlers;
    this.#onOpen = onOpen;
    this.#session = session;
    document.querySelector('[data-room]').textContent = roomName;
    keepRoomInLinks();
    // No need to wait for one's turn when the network is back.
    addEventListener('online', () => { if (this.#timer !== undefined) this.#connect(); });
    this.#connect();
  }

  /** Whether it was sent: what is said while there is no connection is not kept. */
  send(type, data) {
    if (this.#socket.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify({ type, data }));
    return true;
  }

  #show(text, isOpen) {
    this.#state.textContent = text;
    this.#state.classList.toggle('open', isOpen);
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const socket = new WebSocket(address(this.#session()));
    this.#socket = socket;
    socket.addEventListener('open', this.#onOpen);
    socket.addEventListener('message', ({ data }) => this.#receive(data));
    socket.addEventListener('close', () => this.#retry());
  }

  #receive(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (message === null || typeof message !== 'object') return;
    if (message.type === 'profile') {
      // The greeting: this server is one that answers, the next failure is the first again.
      this.#failures = 0;
      this.#show('Connected', true);
    }
    if (Object.hasOwn(this.#handlers, message.type)) this.#handlers[message.type](message.data);
  }

  /** Anywhere between at once and twice as long as the last time, so that a server that comes back is not run over. */
  #retry() {
    const most = Math.min(kMaxDelayMs, kFirstDelayMs * 2 ** this.#failures++);
    this.#show('Connection lost, trying again…', false);
    this.#timer = setTimeout(() => this.#connect(), Math.random() * most);
  }
}
