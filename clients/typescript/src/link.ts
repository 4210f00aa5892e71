// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One WebSocket after the other: connects, waits, connects again. Both clients of this package
// stand on it; what is said over the socket is theirs.
//
//   closed ──open()──► connecting ──ready()──► open
//     ▲                  │    ▲                 │
//     │◄── no more ──────┤    └──── waiting ◄───┤ lost
//     └──────────────────┴──────── close() ─────┘
import { Backoff, type ReconnectOptions } from './backoff.js';
import { ClosedError, DisconnectedError, ProtocolError, TimeoutError } from './errors.js';
import { rethrowLater } from './emitter.js';
import type { WebSocketConstructor, WebSocketLike } from './websocket.js';

export type LinkState = 'closed' | 'connecting' | 'open' | 'waiting';

/** Where to connect to, and with which sub-protocols. */
export interface Target {
  url: string;
  protocols?: string[];
}

/** How a connection ended, as its WebSocket tells. */
export interface CloseInfo {
  code: number;
  reason: string;
  /** What the platform says of a connection that did not come about; browsers say nothing. */
  detail?: string;
}

/** The client above a link. */
export interface LinkOwner {
  /** Called before each attempt; may ask somebody for a token. */
  target(): Promise<Target>;
  /** The WebSocket is open. Say hello; call ready() once answered. */
  opened(): void;
  received(data: Uint8Array | string): void;
  /** What to tell who waits; `fatal` when trying again makes no sense. */
  judge(close: CloseInfo): { error: Error; fatal: boolean };
  /** The connection, or the attempt, is over. `waitMs` until the next one, nothing if there is none. */
  lost(error: Error, close: CloseInfo, waitMs: number | undefined): void;
  stateChanged(state: LinkState): void;
}

export interface LinkOptions {
  WebSocket: WebSocketConstructor;
  reconnect: false | ReconnectOptions;
  /** For everything up to ready(). */
  connectTimeoutMs: number;
}

/** Before one was ever made. */
const kNoClose: CloseInfo = { code: 1006, reason: '' };

export class Link {
  #state: LinkState = 'closed';
  #socket: WebSocketLike | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Of the attempt that runs; what an older one has to say comes too late. */
  #attempt = 0;
  readonly #backoff: Backoff;

  constructor(private readonly owner: LinkOwner, private readonly options: LinkOptions) {
    this.#backoff = new Backoff(options.reconnect || { maxAttempts: 0 });
  }

  get state(): LinkState {
    return this.#state;
  }

  get socket(): WebSocketLike | undefined {
    return this.#socket;
  }

  /** Begins, unless it has begun. */
  open(): void {
    if (this.#state !== 'closed') return;
    this.#backoff.reset();
    void this.#connect();
  }

  /** What is waited for between two attempts, is not waited for any longer. */
  hurry(): void {
    if (this.#state === 'waiting') void this.#connect();
  }

  /** The peer has answered: what opened() began is done. */
  ready(): void {
    if (this.#state !== 'connecting') return;
    this.#setTimer(() => this.#backoff.reset(), this.#backoff.stableMs);
    this.#become('open');
  }

  /** Gives the connection up, without waiting for a farewell, and connects again. */
  drop(error: Error): void {
    if (this.#socket === undefined) return;
    this.#release('abrupt');
    this.#lost(kNoClose, error, false);
  }

  /** Ends everything. */
  close(error: Error = new ClosedError(), code = 1000, reason = ''): void {
    if (this.#state === 'closed') return;
    this.#release('farewell', code, reason);
    this.#end(error, { code, reason });
  }

  #end(error: Error, close: CloseInfo): void {
    ++this.#attempt;
    this.#setTimer(undefined);
    this.#become('closed');
    this.owner.lost(error, close, undefined);
  }

  #become(state: LinkState): void {
    this.#state = state;
    this.owner.stateChanged(state);
  }

  #setTimer(action: (() => void) | undefined, delayMs = 0): void {
    clearTimeout(this.#timer);
    this.#timer = action && setTimeout(action, delayMs);
  }

  async #connect(): Promise<void> {
    const attempt = ++this.#attempt;
    const limit = this.options.connectTimeoutMs;
    this.#setTimer(() => this.#fail(attempt, new TimeoutError('Connecting', limit)), limit);
    this.#become('connecting');
    try {
      const { url, protocols } = await this.owner.target();
      if (attempt !== this.#attempt) return;
      const socket = new this.options.WebSocket(url, protocols);
      socket.binaryType = 'arraybuffer';
      this.#socket = socket;
      socket.onopen = () => this.owner.opened();
      socket.onmessage = (event: { data: unknown }) => this.#receive(event.data);
      let detail: string | undefined;
      // Close comes behind it. Without a listener some throw it.
      socket.onerror = (event: { message?: unknown } | undefined) => {
        if (typeof event?.message === 'string') detail = event.message;
      };
      socket.onclose = (event: CloseInfo) => {
        this.#release();
        const close = { code: event.code, reason: event.reason, ...(detail === undefined ? {} : { detail }) };
        const { error, fatal } = this.owner.judge(close);
        this.#lost(close, error, fatal);
      };
    } catch (error) {
      // An address that is none stays so; a token that could not be had may be had later.
      const { name, fatal: isFinal } = (error ?? {}) as { name?: string; fatal?: boolean };
      const fatal = name === 'SyntaxError' || isFinal === true;
      this.#fail(attempt, error instanceof Error ? error : new DisconnectedError(String(error)), fatal);
    }
  }

  #receive(data: unknown): void {
    if (typeof data === 'string') return this.owner.received(data);
    if (data instanceof ArrayBuffer) return this.owner.received(new Uint8Array(data));
    if (ArrayBuffer.isView(data)) {
      return this.owner.received(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
    this.drop(new ProtocolError('A message of a type that was not asked for'));
  }

  #fail(attempt: number, error: Error, fatal = false): void {
    if (attempt !== this.#attempt) return;
    this.#release('abrupt');
    this.#lost(kNoClose, error, fatal);
  }

  /** Lets go of the socket, and closes it where it has not closed itself. */
  #release(how?: 'abrupt' | 'farewell', code = 1000, reason = ''): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {};
    if (how === undefined) return;
    try {
      if (how === 'abrupt' && socket.terminate) socket.terminate();
      else socket.close(code, reason);
    } catch (error) {
      rethrowLater(error);
    }
  }

  #lost(close: CloseInfo, error: Error, fatal: boolean): void {
    const waitMs = fatal ? undefined : this.#backoff.next();
    if (waitMs === undefined) return this.#end(error, close);
    ++this.#attempt;
    this.#setTimer(() => void this.#connect(), waitMs);
    this.#become('waiting');
    this.owner.lost(error, close, waitMs);
  }
}
