// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The frames of the native protocol, docs/protocol/native.md:
//
//   stream = frame*        frame = length (u32, big-endian) body        body = one MessagePack map
//
// What is written is canonical. What is read may be anything that page lets a peer send: fields in
// any order, unknown ones, wider integers, the array form.
import { ProtocolError } from './errors.js';
import { kMaxDepth, Reader, toBytes, toText, Writer } from './msgpack.js';

/** The longest body, without its length. */
export const kMaxFrameBytes = 16 * 1024 * 1024;
export const kProtocolVersion = 1;

/** What a presence frame says. */
export const PresenceAction = { Join: 0, Leave: 1, Update: 2, Sync: 3 } as const;
export type PresenceAction = (typeof PresenceAction)[keyof typeof PresenceAction];

/** Ids are chosen by clients; beyond 2^53 they are bigints. */
export type FrameId = number | bigint;

export interface PublishFrame { type: 'publish'; id?: FrameId; channel: string; event?: string; payload: Uint8Array }
export interface PresenceFrame { type: 'presence'; id: FrameId; channel: string; action: PresenceAction; data?: unknown }

export type Frame =
  | { type: 'subscribe'; id: FrameId; channel: string }
  | { type: 'unsubscribe'; id: FrameId; channel: string }
  | PublishFrame
  | PresenceFrame
  | { type: 'ack'; id: FrameId }
  | { type: 'error'; id: FrameId; code: number; message: string }
  | { type: 'ping'; timestamp?: FrameId }
  | { type: 'pong'; timestamp?: FrameId }
  | { type: 'connect'; version: number; token?: string }
  | { type: 'connected'; connection_id: string; version: number; heartbeat: number };

type FieldKind = 'u8' | 'u16' | 'u32' | 'u64' | 'action' | 'str' | 'bin' | 'value';
interface Field { name: string; kind: FieldKind; optional: boolean }

/** `name:kind`, with a question mark where the field may be missing; in the order of emission. */
function fields(text: string): readonly Field[] {
  return text.split(' ').map((item) => {
    const [name, kind] = item.split(':') as [string, string];
    return { name, kind: kind.replace('?', '') as FieldKind, optional: kind.endsWith('?') };
  });
}

/** Every type, in the order of its number, which begins at 1. */
const kTypes = new Map<string, readonly Field[]>([
  ['subscribe', fields('id:u64 channel:str')],
  ['unsubscribe', fields('id:u64 channel:str')],
  ['publish', fields('id:u64? channel:str event:str? payload:bin')],
  ['presence', fields('id:u64 channel:str action:action data:value?')],
  ['ack', fields('id:u64')],
  ['error', fields('id:u64 code:u16 message:str')],
  ['ping', fields('timestamp:u64?')],
  ['pong', fields('timestamp:u64?')],
  ['connect', fields('version:u8 token:str?')],
  ['connected', fields('connection_id:str version:u8 heartbeat:u32')],
]);
const kTypeNames = [...kTypes.keys()];
const kLimits: Partial<Record<FieldKind, number>> = { u8: 0xff, u16: 0xffff, u32: 0xffffffff, action: 3 };

/** Appends `frame`, with its length, to what `writer` holds; what cannot be written, not in part. */
export function writeFrame(writer: Writer, frame: Frame): void {
  const start = writer.size;
  try {
    appendFrame(writer, frame, start);
  } catch (error) {
    writer.truncate(start);
    throw error;
  }
}

function appendFrame(writer: Writer, frame: Frame, start: number): void {
  const list = kTypes.get(frame.type)!;
  const record = frame as unknown as Record<string, unknown>;
  // A member without data is said by leaving `data` out; null is data.
  const present = list.filter(({ name }) => record[name] !== undefined);
  writer.raw(kNoLength);
  writer.map(present.length + 1);
  writer.str('type');
  writer.str(frame.type);
  for (const { name, kind } of present) {
    const value = record[name];
    writer.str(name);
    if (kind === 'str') writer.str(value as string);
    else if (kind === 'bin') writer.bin(value as Uint8Array);
    // Below the frame's own map.
    else if (kind === 'value') writer.value(value, false, kMaxDepth - 1);
    else writer.int(value as FrameId);
  }
  const size = writer.size - start - 4;
  if (size > kMaxFrameBytes) throw new RangeError(`A frame of ${size} bytes is longer than the protocol allows`);
  writer.patchU32(start, size);
}

const kNoLength = new Uint8Array(4);

/** `frame` as bytes, its length before it. */
export function encodeFrame(frame: Frame): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writeFrame(writer, frame);
  return writer.take();
}

/** A frame of a type that is not known here: later versions of the protocol may send such. */
export class UnknownFrameError extends ProtocolError {}

/**
 * The frame in `body`, which is without its length. A payload is a view of these bytes. Throws a
 * ProtocolError if they are no frame.
 */
export function decodeBody(body: Uint8Array): Frame {
  const reader = new Reader(body);
  const entries = reader.mapLength();
  if (entries !== undefined) return decodeMap(reader, entries);
  const elements = reader.arrayLength();
  if (elements === undefined || elements === 0) throw new ProtocolError('A frame is a map');
  const type = readType(reader);
  const list = kTypes.get(type)!;
  if (elements !== list.length + 1) throw new ProtocolError(`An array of ${elements} is no ${type}`);
  const frame: Record<string, unknown> = { type };
  for (const field of list) readField(reader, field, frame);
  return frame as unknown as Frame;
}

function decodeMap(reader: Reader, entries: number): Frame {
  const start = reader.at;
  let index = 0;
  // A server puts the type first; who does not, is read twice.
  while (index < entries && readKey(reader) !== 'type') {
    reader.skip(kMaxDepth - 1);
    ++index;
  }
  if (index === entries) throw new ProtocolError('A frame without a type');
  const type = readType(reader);
  const list = kTypes.get(type)!;
  const frame: Record<string, unknown> = { type };
  let done = 1;
  if (index !== 0) {
    reader.at = start;
    done = 0;
  }
  const seen = new Set<string>();
  for (; done < entries; ++done) {
    const key = readKey(reader);
    const field = key === undefined ? undefined : list.find(({ name }) => name === key);
    if (key === 'type' && index !== 0 && !seen.has(key)) reader.skip();
    else if (key === 'type' || (field && seen.has(key!))) throw new ProtocolError(`The field ${key} twice`);
    else if (field) readField(reader, field, frame);
    else reader.skip(kMaxDepth - 1);
    if (key !== undefined) seen.add(key);
  }
  for (const { name, optional } of list) {
    if (!optional && frame[name] === undefined) throw new ProtocolError(`${type} without ${name}`);
  }
  return frame as unknown as Frame;
}

/** A key's text; nothing for one that can be no field's name: not UTF-8, or an integer. */
function readKey(reader: Reader): string | undefined {
  const length = reader.textLength();
  if (length !== undefined) {
    const bytes = reader.take(length);
    for (const byte of bytes) if (byte >= 0x80) return undefined;
    return toText(bytes);
  }
  const number = reader.peek() === 0xca || reader.peek() === 0xcb ? undefined : reader.number();
  if (number === undefined || number < 0) throw new ProtocolError('A key that is no string');
  return undefined;
}

function readType(reader: Reader): string {
  const length = reader.textLength();
  if (length === undefined) {
    const name = kTypeNames[Number(readUint(reader, kTypeNames.length, false)) - 1];
    if (name === undefined) throw new UnknownFrameError('A type that is not known');
    return name;
  }
  const name = toText(reader.take(length));
  if (!kTypes.has(name)) throw new UnknownFrameError('A type that is not known');
  return name;
}

/** Integral floats are what JavaScript makes of integers beyond 2^53. */
function readUint(reader: Reader, limit: number | undefined, allowFloat: boolean): FrameId {
  const isFloat = reader.peek() === 0xca || reader.peek() === 0xcb;
  const value = reader.number();
  const isInteger = value !== undefined && value >= 0 && !(isFloat && (!allowFloat || !Number.isInteger(value)));
  if (!isInteger || (limit !== undefined && value > limit) || value >= 2n ** 64n) {
    throw new ProtocolError('A value where an integer in range belongs');
  }
  return value;
}

function readField(reader: Reader, { name, kind, optional }: Field, into: Record<string, unknown>): void {
  if (optional && reader.nil()) return;
  switch (kind) {
    case 'value':
      into[name] = reader.value(false, kMaxDepth - 1);
      return;
    case 'bin':
      into[name] = readPayload(reader);
      return;
    case 'str': {
      const length = reader.textLength();
      if (length === undefined) throw new ProtocolError(`${name} is no string`);
      into[name] = toText(reader.take(length));
      return;
    }
    default:
      into[name] = readUint(reader, kLimits[kind], true);
  }
}

function readPayload(reader: Reader): Uint8Array {
  const length = reader.textLength();
  if (length !== undefined) return reader.take(length);
  const elements = reader.arrayLength();
  if (elements === undefined) throw new ProtocolError('A payload that is no bytes');
  const bytes = new Uint8Array(elements);
  for (let i = 0; i < elements; ++i) bytes[i] = Number(readUint(reader, 0xff, false));
  return bytes;
}

/** `83 "type" "publish" "channel"`, and the same with an event: how a server begins a delivery. */
const kDelivery = encodeFrame({ type: 'publish', channel: '', payload: kNoLength }).subarray(5, 27);
const kPayloadKey = new Uint8Array([0xa7, ...toBytes('payload')]);

function matches(bytes: Uint8Array, at: number, end: number, expected: Uint8Array): boolean {
  if (end - at < expected.length) return false;
  for (let i = 0; i < expected.length; ++i) if (bytes[at + i] !== expected[i]) return false;
  return true;
}

/**
 * Cuts a byte stream into frames; the borders of WebSocket messages mean nothing. A frame that ends
 * in the message it began in is decoded where it lies.
 */
export class FrameDecoder {
  #pending: Uint8Array = kNoLength.subarray(0, 0);
  #size = 0;
  // Most deliveries are of the channel of the one before.
  #channelBytes: Uint8Array = this.#pending;
  #channel = '';

  /** `onFrame` is given each frame, `onError` what is wrong with one that does not decode. */
  constructor(
    private readonly onFrame: (frame: Frame) => void,
    private readonly onError: (error: ProtocolError) => void,
  ) {}

  /** Bytes of a frame whose end has not come. */
  get pendingBytes(): number {
    return this.#size;
  }

  /** Returns false when a length is above the limit: nothing behind it can be understood. */
  push(input: Uint8Array): boolean {
    let at = 0;
    while (this.#size > 0) {
      const need = this.#size < 4 ? 4 : 4 + readU32(this.#pending, 0);
      if (need > 4 + kMaxFrameBytes) return false;
      const count = Math.min(need - this.#size, input.length - at);
      this.#keep(input.subarray(at, at + count));
      at += count;
      if (this.#size < need) return true;
      if (need > 4 || readU32(this.#pending, 0) === 0) {
        // Whoever was given a view of it keeps it.
        const frame = this.#pending;
        const size = this.#size;
        this.#pending = kNoLength.subarray(0, 0);
        this.#size = 0;
        this.#decode(frame, 4, size);
      }
    }
    while (input.length - at >= 4) {
      const length = readU32(input, at);
      if (length > kMaxFrameBytes) return false;
      if (input.length - at - 4 < length) break;
      this.#decode(input, at + 4, at + 4 + length);
      at += 4 + length;
    }
    if (at < input.length) this.#keep(input.subarray(at));
    return true;
  }

  /** Grows with what has come, not with what was promised. */
  #keep(bytes: Uint8Array): void {
    const size = this.#size + bytes.length;
    if (size > this.#pending.length) {
      const grown = new Uint8Array(Math.max(size, this.#pending.length * 2));
      grown.set(this.#pending.subarray(0, this.#size));
      this.#pending = grown;
    }
    this.#pending.set(bytes, this.#size);
    this.#size = size;
  }

  #decode(bytes: Uint8Array, start: number, end: number): void {
    let frame: Frame;
    try {
      frame = this.#delivery(bytes, start, end) ?? decodeBody(bytes.subarray(start, end));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return this.onError(error);
    }
    this.onFrame(frame);
  }

  /** A delivery without an event as a server writes it; anything else is left to decodeBody. */
  #delivery(bytes: Uint8Array, start: number, end: number): Frame | undefined {
    if (bytes[start] !== 0x83 || !matches(bytes, start + 1, end, kDelivery)) return undefined;
    let at = start + 1 + kDelivery.length;
    const tag = bytes[at++]!;
    let length = tag & 0x1f;
    if (tag === 0xd9) length = bytes[at++]!;
    else if (tag < 0xa0 || tag > 0xbf) return undefined;
    const key = at + length;
    if (!(key < end) || !matches(bytes, key, end, kPayloadKey)) return undefined;
    at = key + kPayloadKey.length;
    const width = 2 ** (bytes[at]! - 0xc4);
    if (!(width === 1 || width === 2 || width === 4) || at + 1 + width > end) return undefined;
    let size = 0;
    for (let i = 1; i <= width; ++i) size = size * 256 + bytes[at + i]!;
    at += 1 + width;
    if (size > end - at) return undefined;
    return { type: 'publish', channel: this.#name(bytes, key - length, key), payload: bytes.subarray(at, at + size) };
  }

  #name(bytes: Uint8Array, start: number, end: number): string {
    if (end - start !== this.#channelBytes.length || !matches(bytes, start, end, this.#channelBytes)) {
      const name = bytes.slice(start, end);
      this.#channel = toText(name);
      this.#channelBytes = name;
    }
    return this.#channel;
  }
}

function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
