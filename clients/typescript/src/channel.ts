// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A channel as the connection has it: at most one subscription on the wire for all that want it,
// renewed on each new connection.
import { Deferred } from './async.js';
import { ClosedError, ErrorCode, ServerError, TimeoutError } from './errors.js';
import type { Frame, PresenceFrame, PublishFrame } from './frames.js';
import { Presence } from './presence.js';
import { type Gap, Message } from './publication.js';
import type { RequestOptions } from './requests.js';
import type { Subscription } from './subscription.js';

/** What channels need of the client. */
export interface Wire {
  readonly isOpen: boolean;
  readonly connectionId: string | undefined;
  readonly ackTimeoutMs: number;
  /** Sends a request and waits for its ack, or for the list that follows it. */
  request(frame: ChannelRequest, options?: RequestOptions, accepted?: () => void): Promise<unknown>;
  /** Something is wrong that nobody waits to hear. */
  complain(error: unknown): void;
  missed(gap: Gap): void;
  /** The connection does not do what it should. */
  giveUp(error: Error): void;
  forget(channel: Channel): void;
}

export type ChannelRequest =
  | { type: 'subscribe' | 'unsubscribe'; channel: string }
  | Omit<Extract<Frame, { type: 'presence' }>, 'id'>;

/** Refusals that say "not now". */
const kPassing: readonly number[] = [ErrorCode.UnknownError, ErrorCode.RateLimited, ErrorCode.ServerError];
const kRetryMs = 1000;

export class Channel {
  readonly #subscriptions = new Set<Subscription>();
  #state: 'none' | 'asking' | 'subscribed' | 'leaving' = 'none';
  #lostAt: number | undefined;
  #gap: Gap | undefined;
  #presence: Presence | undefined;
  #subscribed = new Deferred<void>();
  #left = new Deferred<void>();
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly name: string, private readonly wire: Wire) {}

  get presence(): Presence {
    return (this.#presence ??= new Presence(this, this.wire));
  }

  /** Resolves while the server delivers, after each new connection anew; rejects at the end. */
  whenSubscribed(): Promise<void> {
    return this.#subscribed.promise;
  }

  add(subscription: Subscription): void {
    this.#subscriptions.add(subscription);
    if (this.#state === 'subscribed') subscription.confirm(undefined);
    this.reconcile();
  }

  async remove(subscription: Subscription): Promise<void> {
    if (!this.#subscriptions.delete(subscription)) return;
    subscription.finish(undefined, new ClosedError('Unsubscribed'));
    if (this.#subscriptions.size > 0) return;
    const left = this.#left;
    this.reconcile();
    await left.promise;
  }

  /** Does what lies between how things are and how they should be. */
  reconcile(): void {
    const isWanted = this.#subscriptions.size > 0;
    if (this.#state === 'none' && !isWanted) return this.#finish();
    if (!this.wire.isOpen) return;
    if (this.#state === 'none' && this.#retry === undefined) void this.#subscribe();
    else if (this.#state === 'subscribed' && !isWanted) void this.#unsubscribe();
  }

  #finish(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.wire.forget(this);
    this.#hasLeft();
    this.#subscribed.reject(new ClosedError(`Not subscribed to ${this.name}`));
  }

  /** The server delivers no more, and with the subscription it ended presence. */
  #hasLeft(): void {
    this.#left.resolve();
    this.#left = new Deferred();
    this.#presence?.reset();
  }

  async #subscribe(): Promise<void> {
    this.#state = 'asking';
    try {
      await this.wire.request({ type: 'subscribe', channel: this.name }, {}, () => this.#accepted());
    } catch (error) {
      this.#refused(error);
    }
  }

  #accepted(): void {
    this.#state = 'subscribed';
    const until = Date.now();
    this.#gap = this.#lostAt === undefined ? undefined : { channel: this.name, from: this.#lostAt, until };
    this.#lostAt = undefined;
    if (this.#gap) this.wire.missed(this.#gap);
    this.#subscribed.resolve();
    for (const subscription of [...this.#subscriptions]) subscription.confirm(this.#gap);
    this.#presence?.resubscribed();
    this.reconcile();
  }

  #refused(error: unknown): void {
    // Lost, and seen to by lost(): the next connection asks again.
    if (this.#state !== 'asking') return;
    this.#state = 'none';
    if (error instanceof TimeoutError) return this.wire.giveUp(error);
    if (!(error instanceof ServerError)) return;
    if (this.#lostAt !== undefined && kPassing.includes(error.code)) {
      // It was admitted once: what passes is waited for.
      this.#retry = setTimeout(() => {
        this.#retry = undefined;
        this.reconcile();
      }, kRetryMs);
      return this.wire.complain(error);
    }
    this.end(error);
  }

  async #unsubscribe(): Promise<void> {
    this.#state = 'leaving';
    this.#subscribed = new Deferred();
    try {
      await this.wire.request({ type: 'unsubscribe', channel: this.name });
    } catch (error) {
      if (this.#state !== 'leaving') return;
      if (error instanceof TimeoutError) return this.wire.giveUp(error);
      if (!(error instanceof ServerError)) return;
      if (error.code !== ErrorCode.NotSubscribed) {
        // Refused for its rate, say: still subscribed, and still not wanted.
        this.#state = 'subscribed';
        this.#retry = setTimeout(() => {
          this.#retry = undefined;
          this.reconcile();
        }, kRetryMs);
        return this.wire.complain(error);
      }
    }
    this.#state = 'none';
    this.#hasLeft();
    this.reconcile();
  }

  /** The connection is gone; another may come. */
  lost(): void {
    if (this.#state === 'subscribed') {
      this.#lostAt ??= Date.now();
      this.#subscribed = new Deferred();
    }
    if (this.#state === 'leaving') this.#hasLeft();
    this.#state = 'none';
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#presence?.lost();
    if (this.#subscriptions.size === 0) this.#finish();
  }

  /** No more of this channel: the server refused, or the client closed. */
  end(error: unknown, reason: Error = new ClosedError()): void {
    this.#state = 'none';
    const subscriptions = [...this.#subscriptions];
    this.#subscriptions.clear();
    for (const subscription of subscriptions) subscription.finish(error, reason);
    this.#finish();
  }

  publication(frame: PublishFrame): void {
    if (this.#subscriptions.size === 0) return;
    const message = new Message(this.name, frame.payload, frame.event, this.#gap);
    this.#gap = undefined;
    for (const subscription of this.#subscriptions) subscription.deliver(message);
  }

  presenceEvent(frame: PresenceFrame): void {
    this.#presence?.event(frame);
  }
}
