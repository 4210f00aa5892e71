// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Publications that wait for a connection, where a program asked for that.
import { Deferred, onAbort } from './async.js';
import { BackpressureError } from './errors.js';

export interface Waiting {
  channel: string;
  event: string | undefined;
  payload: Uint8Array;
  ack: boolean;
  timeoutMs: number | undefined;
  signal: AbortSignal | undefined;
}

interface Entry {
  item: Waiting;
  done: Deferred<void>;
  off: () => void;
}

export class OfflineQueue {
  readonly #entries = new Set<Entry>();
  #bytes = 0;

  constructor(readonly limit: number, private readonly maxBytes: number) {}

  get size(): number {
    return this.#entries.size;
  }

  /** Settles with what becomes of it once it is sent. */
  add(item: Waiting): Promise<void> {
    if (this.#entries.size >= this.limit || this.#bytes + item.payload.length > this.maxBytes) {
      throw new BackpressureError(`${this.#entries.size} publications wait for a connection`);
    }
    const entry: Entry = { item, done: new Deferred(), off: () => {} };
    this.#entries.add(entry);
    this.#bytes += item.payload.length;
    entry.off = onAbort(item.signal, (reason) => {
      this.#remove(entry);
      entry.done.reject(reason);
    });
    return entry.done.promise;
  }

  #remove(entry: Entry): void {
    if (!this.#entries.delete(entry)) return;
    this.#bytes -= entry.item.payload.length;
    entry.off();
  }

  /** Hands them to `send` in order, until one does not fit any more: the rest goes on waiting. */
  flush(send: (item: Waiting) => Promise<void>): void {
    for (const entry of this.#entries) {
      let sent: Promise<void>;
      try {
        sent = send(entry.item);
      } catch (error) {
        if (error instanceof BackpressureError) return;
        this.#remove(entry);
        entry.done.reject(error);
        continue;
      }
      this.#remove(entry);
      sent.then(entry.done.resolve, entry.done.reject);
    }
  }

  fail(error: unknown): void {
    for (const entry of [...this.#entries]) {
      this.#remove(entry);
      entry.done.reject(error);
    }
  }
}
