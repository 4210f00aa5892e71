// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is between a channel that pushes and a loop that pulls.
import { Deferred } from './async.js';

/** What to do with a message when the reader is `maxQueued` messages behind. */
export type OverflowPolicy =
  /** The loop throws an OverflowError once it has read what is queued. Nothing is lost unseen. */
  | 'fail'
  /** The oldest message goes; `Subscription.dropped` counts. */
  | 'drop-oldest'
  /** The new one goes; `Subscription.dropped` counts. */
  | 'drop-newest';

/** A bounded queue with one reader. */
export class Queue<T> {
  #items: T[] = [];
  #head = 0;
  #waiting: Deferred<IteratorResult<T, undefined>> | undefined;
  #end: { error?: unknown } | undefined;
  dropped = 0;

  constructor(private readonly limit: number, private readonly policy: OverflowPolicy, private readonly overflow: () => Error) {}

  push(item: T): void {
    if (this.#end) return;
    if (this.#waiting) {
      this.#waiting.resolve({ done: false, value: item });
      this.#waiting = undefined;
      return;
    }
    if (this.#items.length - this.#head >= this.limit) {
      if (this.policy === 'fail') return this.end(this.overflow());
      ++this.dropped;
      if (this.policy === 'drop-newest') return;
      this.#shift();
    }
    this.#items.push(item);
  }

  #shift(): T {
    const item = this.#items[this.#head]!;
    this.#items[this.#head++] = undefined as T;
    // Moving the rest is paid for by what was taken.
    if (this.#head >= 64 && this.#head * 2 >= this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** After what is queued comes the end, or the error. */
  end(error?: unknown): void {
    if (this.#end) return;
    this.#end = error === undefined ? {} : { error };
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting && error !== undefined) waiting.reject(error);
    else waiting?.resolve({ done: true, value: undefined });
  }

  /** The next item; one call at a time. */
  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#head < this.#items.length) return Promise.resolve({ done: false, value: this.#shift() });
    if (this.#end) {
      const { error } = this.#end;
      this.#end = {};
      return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
    }
    if (this.#waiting) return Promise.reject(new TypeError('Somebody waits for the next message already'));
    this.#waiting = new Deferred();
    return this.#waiting.promise;
  }
}
