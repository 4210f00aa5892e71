// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Requests that wait for their answers.
import { Deferred, onAbort } from './async.js';
import { BackpressureError, TimeoutError } from './errors.js';

export interface RequestOptions {
  /** Stops waiting for the answer; what was sent stays sent. */
  signal?: AbortSignal;
  /** How long the answer may take; 0 waits for ever. Default: the client's `ackTimeoutMs`. */
  timeoutMs?: number;
}

interface Pending {
  deferred: Deferred<unknown>;
  channel: string | undefined;
  /** The ack is only half of the answer: the list of members follows. */
  wantsList: boolean;
  /** Called with the answer itself: what comes right behind it must find it done. */
  accepted: (() => void) | undefined;
  end: () => void;
}

export class Requests {
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  constructor(private readonly limit: number, private readonly defaultTimeoutMs: number) {}

  get size(): number {
    return this.#pending.size;
  }

  /** Throws when too many wait already: nothing may be sent then. */
  assertRoom(): void {
    if (this.#pending.size >= this.limit) throw new BackpressureError(`${this.limit} requests wait for their answers`);
  }

  /** The id to send, and what its answer settles. */
  begin(
    what: string, channel: string | undefined, options: RequestOptions, wantsList = false, accepted?: () => void,
  ): { id: number; answer: Promise<unknown> } {
    const { signal, timeoutMs = this.defaultTimeoutMs } = options;
    const id = (this.#lastId = this.#lastId >= Number.MAX_SAFE_INTEGER ? 1 : this.#lastId + 1);
    const deferred = new Deferred<unknown>();
    const timer = timeoutMs > 0
      ? setTimeout(() => this.#settle(id)?.reject(new TimeoutError(what, timeoutMs)), timeoutMs)
      : undefined;
    const off = onAbort(signal, (reason) => this.#settle(id)?.reject(reason));
    this.#pending.set(id, { deferred, channel, wantsList, accepted, end: () => { clearTimeout(timer); off(); } });
    return { id, answer: deferred.promise };
  }

  #settle(id: number): Deferred<unknown> | undefined {
    const pending = this.#pending.get(id);
    if (!pending) return undefined;
    this.#pending.delete(id);
    pending.end();
    return pending.deferred;
  }

  /** Forgets a request that could not be sent. */
  cancel(id: number): void {
    this.#settle(id);
  }

  ack(id: number): void {
    const pending = this.#pending.get(id);
    if (!pending || pending.wantsList) return;
    pending.accepted?.();
    this.#settle(id)?.resolve(undefined);
  }

  list(id: number, members: unknown): void {
    this.#settle(id)?.resolve(members);
  }

  /** Whether the error was the answer to a request that waited. */
  refuse(id: number, error: (channel: string | undefined) => Error): boolean {
    const channel = this.#pending.get(id)?.channel;
    const deferred = this.#settle(id);
    deferred?.reject(error(channel));
    return deferred !== undefined;
  }

  failAll(error: Error): void {
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(error);
  }
}
