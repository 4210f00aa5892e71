// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who is in a channel, and with what.
import { within } from './async.js';
import type { Channel, Wire } from './channel.js';
import { Emitter } from './emitter.js';
import { PulseError } from './errors.js';
import { PresenceAction, type PresenceFrame } from './frames.js';
import type { RequestOptions } from './requests.js';

/** One connection in a channel. `T` is what its data is believed to be. */
export interface Member<T = unknown> {
  connectionId: string;
  data: T | null;
  /** Milliseconds since 1970 by the server's clock. */
  joinedAt: number;
  lastSeen: number;
}

export interface PresenceEvents<T> {
  join: Member<T>;
  update: Member<T>;
  leave: Member<T>;
  /** The whole list, as after joining and after each new connection. */
  sync: Member<T>[];
}

/**
 * The members of one channel. Lives as long as a subscription of it. After a lost connection this
 * client joins again with its last data, if it had joined, and asks for the list.
 */
export class Presence<T = unknown> extends Emitter<PresenceEvents<T>> {
  readonly #channel: Channel;
  readonly #wire: Wire;
  readonly #members = new Map<string, Member<T>>();
  #own: { data: T | undefined } | undefined;
  #isSynced = false;

  /** @internal */
  constructor(channel: Channel, wire: Wire) {
    super();
    this.#channel = channel;
    this.#wire = wire;
  }

  /** As last heard, by connection id; complete once join() or list() was called. */
  get members(): ReadonlyMap<string, Member<T>> {
    return this.#members;
  }

  /** Whether this client is, or will be again, a member. */
  get joined(): boolean {
    return this.#own !== undefined;
  }

  /** Becomes a member, or replaces what it is one with. Resolves with all members. */
  async join(data?: T, options: RequestOptions = {}): Promise<Member<T>[]> {
    const list = await this.#request(PresenceAction.Join, data, options);
    this.#own = { data };
    return this.#list(list);
  }

  /** Replaces this member's data. */
  async update(data: T, options: RequestOptions = {}): Promise<void> {
    await this.#request(PresenceAction.Update, data, options);
    this.#own = { data };
    const self = this.#members.get(this.#wire.connectionId ?? '');
    if (self) this.#members.set(self.connectionId, { ...self, data });
  }

  /** Is a member no longer. */
  async leave(options: RequestOptions = {}): Promise<void> {
    // From now on a new connection does not join again, whatever becomes of this one.
    this.#own = undefined;
    await this.#request(PresenceAction.Leave, undefined, options);
    this.#members.delete(this.#wire.connectionId ?? '');
  }

  /** All members, asked of the server. */
  async list(options: RequestOptions = {}): Promise<Member<T>[]> {
    return this.#list(await this.#request(PresenceAction.Sync, undefined, options));
  }

  async #request(action: PresenceAction, data: T | undefined, options: RequestOptions): Promise<unknown> {
    const { signal, timeoutMs = this.#wire.ackTimeoutMs } = options;
    await within(this.#channel.whenSubscribed(), `Subscribing to ${this.#channel.name}`, timeoutMs, signal);
    return this.#wire.request(
      { type: 'presence', channel: this.#channel.name, action, ...(data === undefined ? {} : { data }) },
      { timeoutMs, ...(signal ? { signal } : {}) });
  }

  #list(data: unknown): Member<T>[] {
    const list = (data as { members?: unknown } | null)?.members;
    return (Array.isArray(list) ? list : []).map((state) => this.#member(state)).filter((member) => member !== undefined);
  }

  #sync(data: unknown): void {
    const members = this.#list(data);
    this.#members.clear();
    for (const member of members) this.#members.set(member.connectionId, member);
    this.#isSynced = true;
    this.emit('sync', members);
  }

  #member(state: unknown): Member<T> | undefined {
    const { connection_id: id, data, joined_at: joined, last_seen: seen } = (state ?? {}) as Record<string, unknown>;
    if (typeof id !== 'string') return undefined;
    return { connectionId: id, data: (data ?? null) as T | null, joinedAt: Number(joined), lastSeen: Number(seen) };
  }

  /** @internal */
  event(frame: PresenceFrame): void {
    if (frame.action === PresenceAction.Sync) return this.#sync(frame.data);
    const member = this.#member(frame.data);
    if (!member) return;
    if (frame.action === PresenceAction.Leave) {
      this.#members.delete(member.connectionId);
      this.emit('leave', member);
    } else {
      this.#members.set(member.connectionId, member);
      this.emit(frame.action === PresenceAction.Join ? 'join' : 'update', member);
    }
  }

  /** @internal A new connection is subscribed: be what the old one was. */
  resubscribed(): void {
    if (!this.#own && !this.#isSynced) return;
    const again = this.#own ? this.join(this.#own.data) : this.list();
    again.catch((error: unknown) => {
      // Lost again: the next connection does it again.
      if (error instanceof PulseError && ['Disconnected', 'Closed', 'NotConnected'].includes(error.kind)) return;
      this.#wire.complain(error);
    });
  }

  /** @internal Nobody is known to be there; what is wanted stays. */
  lost(): void {
    this.#members.clear();
  }

  /** @internal The last subscription ended, and with it membership. */
  reset(): void {
    this.#own = undefined;
    this.#isSynced = false;
    this.#members.clear();
  }
}

