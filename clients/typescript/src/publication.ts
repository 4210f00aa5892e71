// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is published, and what arrives.
import { toBytes, toText } from './msgpack.js';

/** A hole in what a subscription was given: nothing published meanwhile will come. */
export interface Gap {
  channel: string;
  /** When the connection was lost, in milliseconds since 1970 by this machine's clock. */
  from: number;
  /** When the channel was subscribed to again. */
  until: number;
}

/** One publication of a channel. */
export class Message {
  constructor(
    readonly channel: string,
    /** The bytes, untouched. A view: copy them with `slice()` to keep few of many. */
    readonly payload: Uint8Array,
    /** The name its publisher gave it, if any. */
    readonly event?: string,
    /** Set on the first message after a hole. */
    readonly gap?: Gap,
  ) {}

  /** The payload as text; throws a ProtocolError if it is not UTF-8. */
  text(): string {
    return toText(this.payload);
  }

  /** The payload as JSON; throws if it is none. `T` is believed, not checked. */
  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }
}

/**
 * A payload as bytes, by the rule of the protocol's JSON form: bytes are themselves, a string stands
 * for its UTF-8, any other value for its JSON text.
 */
export function payloadBytes(payload: unknown): Uint8Array {
  if (payload instanceof Uint8Array) return payload;
  if (payload instanceof ArrayBuffer) return new Uint8Array(payload);
  if (typeof payload === 'string') return toBytes(payload);
  const text = JSON.stringify(payload) as string | undefined;
  if (text === undefined) throw new TypeError(`A payload cannot be ${typeof payload}`);
  return toBytes(text);
}
