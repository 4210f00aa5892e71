// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program's interest in a channel. It outlives connections.
import { Deferred } from './async.js';
import type { Channel } from './channel.js';
import { Emitter } from './emitter.js';
import { OverflowError } from './errors.js';
import { Queue, type OverflowPolicy } from './queue.js';
import type { Presence } from './presence.js';
import type { Gap, Message } from './publication.js';

export interface SubscribeOptions {
  /** Ends the subscription. */
  signal?: AbortSignal;
  /** How many messages may wait for a `for await` loop. Default 1024. */
  maxQueued?: number;
  /** What happens to one more. Default `'fail'`. */
  overflow?: OverflowPolicy;
}

export interface SubscriptionEvents {
  message: Message;
  /** The channel is heard again after a lost connection; what came meanwhile is missed. */
  gap: Gap;
  /** The last word: with an error if the server refused, without one if it was ended from here. */
  end: { error?: unknown };
}

/**
 * Messages of one channel, through `on('message')` or `for await`. Several subscriptions of a
 * channel share one on the wire. Leaving the loop unsubscribes.
 */
export class Subscription extends Emitter<SubscriptionEvents> implements AsyncIterable<Message> {
  readonly #ready = new Deferred<void>();
  readonly #channel: Channel;
  readonly #options: SubscribeOptions;
  #queue: Queue<Message> | undefined;
  #isIterated = false;
  #isActive = true;

  /** @internal */
  constructor(channel: Channel, listener: ((message: Message) => void) | undefined, options: SubscribeOptions) {
    super();
    this.#channel = channel;
    this.#options = options;
    if (listener) super.on('message', listener);
    else this.#queue = this.#makeQueue();
  }

  get channel(): string {
    return this.#channel.name;
  }

  /** Resolves once the server delivers, rejects if it refuses. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** False once unsubscribed or refused. A lost connection does not change it. */
  get active(): boolean {
    return this.#isActive;
  }

  /** Messages lost to a slow loop, where the overflow policy drops. */
  get dropped(): number {
    return this.#queue?.dropped ?? 0;
  }

  /** Who is in this channel. */
  presence<T = unknown>(): Presence<T> {
    return this.#channel.presence as Presence<T>;
  }

  override on<K extends keyof SubscriptionEvents>(event: K, listener: (value: SubscriptionEvents[K]) => void): () => void {
    // Who listens does not read: nothing is to be kept for a loop that never comes.
    if (event === 'message' && !this.#isIterated) this.#queue = undefined;
    return super.on(event, listener);
  }

  /** Ends it. Resolves once the server has confirmed that nothing more will come. */
  async unsubscribe(): Promise<void> {
    await this.#channel.remove(this);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Message, undefined> {
    const queue = (this.#queue ??= this.#makeQueue());
    if (!this.#isActive) queue.end();
    this.#isIterated = true;
    const stop = (): void => void this.unsubscribe().catch(() => {});
    const iterator: AsyncIterableIterator<Message, undefined> = {
      next: () => queue.next().catch((error: unknown) => {
        stop();
        throw error;
      }),
      return: () => {
        queue.end();
        stop();
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  #makeQueue(): Queue<Message> {
    const { maxQueued = 1024, overflow = 'fail' } = this.#options;
    return new Queue(maxQueued, overflow, () => new OverflowError(this.channel, maxQueued));
  }

  /** @internal */
  deliver(message: Message): void {
    this.#queue?.push(message);
    this.emit('message', message);
  }

  /** @internal */
  confirm(gap: Gap | undefined): void {
    this.#ready.resolve();
    if (gap) this.emit('gap', gap);
  }

  /** @internal */
  finish(error: unknown, reason: Error): void {
    if (!this.#isActive) return;
    this.#isActive = false;
    this.#ready.reject(error ?? reason);
    this.#queue?.end(error);
    this.emit('end', error === undefined ? {} : { error });
  }
}
