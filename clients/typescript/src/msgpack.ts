// SPDX-License-Identifier: MIT OR Apache-2.0
//
// MessagePack, as much of it as JSON-like values and byte strings need, in its shortest forms. Ext
// types are skipped where a value does not matter and refused where it does.
import { ProtocolError } from './errors.js';

/** As deep as the protocol nests containers. */
export const kMaxDepth = 1023;

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 of `text`. */
export function toBytes(text: string): Uint8Array {
  return utf8Encoder.encode(text);
}

/** `bytes` as text; throws a ProtocolError if they are not UTF-8. */
export function toText(bytes: Uint8Array): string {
  // A short name is read faster than a decoder is entered.
  if (bytes.length <= 32) {
    let text = '';
    for (let i = 0; ; ++i) {
      if (i === bytes.length) return text;
      const byte = bytes[i]!;
      if (byte >= 0x80) break;
      text += String.fromCharCode(byte);
    }
  }
  try {
    return utf8Decoder.decode(bytes);
  } catch {
    throw new ProtocolError('A string is not UTF-8');
  }
}

/** Writes values one behind the other into a buffer that grows. */
export class Writer {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #size = 0;

  constructor(capacity = 128) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get size(): number {
    return this.#size;
  }

  /** What was written, as bytes of their own. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#size);
  }

  /** Forgets what was written, keeps the memory unless it is much. */
  clear(): void {
    this.#size = 0;
    if (this.#bytes.length > 65_536) {
      this.#bytes = new Uint8Array(128);
      this.#view = new DataView(this.#bytes.buffer);
    }
  }

  /** Forgets what was written behind the first `size` bytes. */
  truncate(size: number): void {
    this.#size = Math.min(this.#size, size);
  }

  /** Room for `count` bytes more; returns where they begin. */
  #grow(count: number): number {
    const at = this.#size;
    this.#size += count;
    if (this.#size > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(this.#size, this.#bytes.length * 2));
      bytes.set(this.#bytes.subarray(0, at));
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer);
    }
    return at;
  }

  byte(value: number): void {
    const at = this.#grow(1);
    this.#bytes[at] = value;
  }

  raw(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** A big-endian u32 at a place that was written before. */
  patchU32(at: number, value: number): void {
    this.#view.setUint32(at, value);
  }

  /** A tag byte and an integer of 1, 2 or 4 bytes. */
  #tagged(tag: number, width: 1 | 2 | 4, value: number): void {
    const at = this.#grow(1 + width);
    this.#bytes[at] = tag;
    if (width === 1) this.#view.setUint8(at + 1, value);
    else if (width === 2) this.#view.setUint16(at + 1, value);
    else this.#view.setUint32(at + 1, value);
  }

  /** The shortest of three length headers; `fix` covers lengths below `fixLimit`. */
  #header(length: number, fix: number, fixLimit: number, tag8: number, tag16: number): void {
    if (length < fixLimit) this.byte(fix | length);
    else if (tag8 !== 0 && length <= 0xff) this.#tagged(tag8, 1, length);
    else if (length <= 0xffff) this.#tagged(tag16, 2, length);
    else this.#tagged(tag16 + 1, 4, length);
  }

  nil(): void {
    this.byte(0xc0);
  }

  map(entries: number): void {
    this.#header(entries, 0x80, 16, 0, 0xde);
  }

  array(elements: number): void {
    this.#header(elements, 0x90, 16, 0, 0xdc);
  }

  bin(bytes: Uint8Array): void {
    this.#header(bytes.length, 0, 0, 0xc4, 0xc5);
    this.raw(bytes);
  }

  str(text: string): void {
    const bytes = toBytes(text);
    this.#header(bytes.length, 0xa0, 32, 0xd9, 0xda);
    this.raw(bytes);
  }

  /** An integer in its shortest form; 64 bits at most. */
  int(value: number | bigint): void {
    if (typeof value === 'bigint') {
      if (value < -(2n ** 63n) || value >= 2n ** 64n) throw new RangeError('An integer has more than 64 bits');
      if (value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)) {
        return this.int(Number(value));
      }
      return this.#wide(value);
    }
    if (value >= 0) {
      if (value < 0x80) this.byte(value);
      else if (value <= 0xff) this.#tagged(0xcc, 1, value);
      else if (value <= 0xffff) this.#tagged(0xcd, 2, value);
      else if (value <= 0xffffffff) this.#tagged(0xce, 4, value);
      else this.#wide(BigInt(value));
    } else if (value >= -0x20) this.byte(value & 0xff);
    else if (value >= -0x80) this.#tagged(0xd0, 1, value);
    else if (value >= -0x8000) this.#tagged(0xd1, 2, value);
    else if (value >= -0x80000000) this.#tagged(0xd2, 4, value);
    else this.#wide(BigInt(value));
  }

  #wide(value: bigint): void {
    const at = this.#grow(9);
    this.#bytes[at] = value < 0n ? 0xd3 : 0xcf;
    this.#view.setBigUint64(at + 1, BigInt.asUintN(64, value));
  }

  #float(value: number): void {
    const at = this.#grow(9);
    this.#bytes[at] = 0xcb;
    this.#view.setFloat64(at + 1, value);
  }

  /**
   * Any JSON-like value, as JSON.stringify would see it but for bigints, which are integers here,
   * and byte strings, which are bin where `allowBin`. Keys of maps are sorted by their bytes.
   */
  value(value: unknown, allowBin: boolean, depth = kMaxDepth): void {
    switch (typeof value) {
      case 'string': return this.str(value);
      case 'boolean': return this.byte(value ? 0xc3 : 0xc2);
      case 'bigint': return this.int(value);
      case 'undefined': return this.nil();
      case 'number':
        // -0 is no integer, and what JSON cannot say is null there too.
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) return this.int(value);
        return Number.isFinite(value) || allowBin ? this.#float(value) : this.nil();
      case 'object': return this.#container(value, allowBin, depth);
      default: throw new TypeError(`A ${typeof value} cannot be packed`);
    }
  }

  #container(value: object | null, allowBin: boolean, depth: number): void {
    if (value === null) return this.nil();
    if (value instanceof Uint8Array) {
      if (allowBin) return this.bin(value);
      throw new TypeError('Bytes are no JSON-like value');
    }
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === 'function') return this.value(toJSON.call(value), allowBin, depth);
    if (depth === 0) throw new RangeError(`More than ${kMaxDepth} containers in one another`);
    if (Array.isArray(value)) {
      this.array(value.length);
      for (const element of value) this.value(element, allowBin, depth - 1);
      return;
    }
    const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
    this.map(entries.length);
    for (const [key, entry] of entries.sort(([a], [b]) => compareBytes(a, b))) {
      this.str(key);
      this.value(entry, allowBin, depth - 1);
    }
  }
}

/** Order by UTF-8, which differs from that of UTF-16 where there are surrogates. */
function compareBytes(a: string, b: string): number {
  const [left, right] = [toBytes(a), toBytes(b)];
  for (let i = 0; i < left.length && i < right.length; ++i) {
    if (left[i] !== right[i]) return left[i]! - right[i]!;
  }
  return left.length - right.length;
}

/** Reads values one behind the other. Lengths are believed only as far as there are bytes. */
export class Reader {
  at = 0;
  readonly #view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The next byte, which stays. */
  peek(): number {
    if (this.at >= this.bytes.length) throw new ProtocolError('A value is truncated');
    return this.bytes[this.at]!;
  }

  #uint(width: 1 | 2 | 4): number {
    const at = this.at;
    this.#skipBytes(width);
    if (width === 1) return this.#view.getUint8(at);
    return width === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  #skipBytes(count: number): void {
    if (count > this.bytes.length - this.at) throw new ProtocolError('A value is truncated');
    this.at += count;
  }

  /** A view of the next `count` bytes. */
  take(count: number): Uint8Array {
    const at = this.at;
    this.#skipBytes(count);
    return this.bytes.subarray(at, this.at);
  }

  /** Whether a nil was there; then it is read. */
  nil(): boolean {
    if (this.peek() !== 0xc0) return false;
    ++this.at;
    return true;
  }

  /** Length of the str or bin that comes; nothing is read if another type does. */
  textLength(): number | undefined {
    const tag = this.peek();
    if (tag >= 0xa0 && tag <= 0xbf) return ++this.at, tag & 0x1f;
    const width = tag === 0xd9 || tag === 0xc4 ? 1 : tag === 0xda || tag === 0xc5 ? 2 : tag === 0xdb || tag === 0xc6 ? 4 : 0;
    return width === 0 ? undefined : (++this.at, this.#uint(width));
  }

  /** Elements of the array, or entries of the map, that comes; nothing if another type does. */
  arrayLength(): number | undefined {
    return this.#count(0x90, 0xdc, 1);
  }

  mapLength(): number | undefined {
    return this.#count(0x80, 0xde, 2);
  }

  #count(fix: number, tag16: number, bytesEach: number): number | undefined {
    const tag = this.peek();
    let count;
    if ((tag & 0xf0) === fix) count = (++this.at, tag & 0x0f);
    else if (tag === tag16) count = (++this.at, this.#uint(2));
    else if (tag === tag16 + 1) count = (++this.at, this.#uint(4));
    else return undefined;
    if (count * bytesEach > this.bytes.length - this.at) throw new ProtocolError('A value is truncated');
    return count;
  }

  /** An integer or float; nothing if another type comes. Beyond 2^53 integers are bigints. */
  number(): number | bigint | undefined {
    const tag = this.peek();
    if (tag < 0x80 || tag >= 0xe0) return ++this.at, tag < 0x80 ? tag : tag - 0x100;
    if (tag < 0xca || tag > 0xd3) return undefined;
    const at = ++this.at;
    this.#skipBytes([4, 8, 1, 2, 4, 8, 1, 2, 4, 8][tag - 0xca]!);
    switch (tag) {
      case 0xca: return this.#view.getFloat32(at);
      case 0xcb: return this.#view.getFloat64(at);
      case 0xcc: return this.#view.getUint8(at);
      case 0xcd: return this.#view.getUint16(at);
      case 0xce: return this.#view.getUint32(at);
      case 0xcf: return narrow(this.#view.getBigUint64(at));
      case 0xd0: return this.#view.getInt8(at);
      case 0xd1: return this.#view.getInt16(at);
      case 0xd2: return this.#view.getInt32(at);
      default: return narrow(this.#view.getBigInt64(at));
    }
  }

  /** Any value. Without `allowBin` only what JSON can say, where NaN is null. */
  value(allowBin: boolean, depth = kMaxDepth): unknown {
    const tag = this.peek();
    if (tag === 0xc0) return ++this.at, null;
    if (tag === 0xc2 || tag === 0xc3) return ++this.at, tag === 0xc3;
    const number = this.number();
    if (number !== undefined) return allowBin || typeof number === 'bigint' || Number.isFinite(number) ? number : null;
    if (tag >= 0xc4 && tag <= 0xc6 && !allowBin) throw new ProtocolError('Bytes where a JSON-like value belongs');
    const length = this.textLength();
    if (length !== undefined) return tag <= 0xc6 && tag >= 0xc4 ? this.take(length) : toText(this.take(length));
    return this.#containerValue(allowBin, depth);
  }

  #containerValue(allowBin: boolean, depth: number): unknown {
    if (depth === 0) throw new ProtocolError('A value nests too deeply');
    const elements = this.arrayLength();
    if (elements !== undefined) {
      const array: unknown[] = [];
      for (let i = 0; i < elements; ++i) array.push(this.value(allowBin, depth - 1));
      return array;
    }
    const entries = this.mapLength();
    if (entries === undefined) throw new ProtocolError('An unexpected type of value');
    const map: Record<string, unknown> = {};
    for (let i = 0; i < entries; ++i) {
      const tag = this.peek();
      const length = tag >= 0xc4 && tag <= 0xc6 ? undefined : this.textLength();
      if (length === undefined) throw new ProtocolError('A key that is no string');
      const key = toText(this.take(length));
      const value = this.value(allowBin, depth - 1);
      // A key of that name is data, as it is for JSON.parse, and no prototype.
      if (key === '__proto__') Object.defineProperty(map, key, { value, writable: true, enumerable: true, configurable: true });
      else map[key] = value;
    }
    return map;
  }

  /** Passes over one value of any type. */
  skip(depth = kMaxDepth): void {
    const tag = this.peek();
    if (tag === 0xc0 || tag === 0xc2 || tag === 0xc3) return void ++this.at;
    if (this.number() !== undefined) return;
    const length = this.textLength();
    if (length !== undefined) return this.#skipBytes(length);
    if (tag >= 0xc7 && tag <= 0xc9) return ++this.at, this.#skipBytes(this.#uint(([1, 2, 4] as const)[tag - 0xc7]!) + 1);
    if (tag >= 0xd4 && tag <= 0xd8) return ++this.at, this.#skipBytes(1 + 2 ** (tag - 0xd4));
    if (depth === 0) throw new ProtocolError('A value nests too deeply');
    let count = this.arrayLength();
    if (count === undefined) {
      const entries = this.mapLength();
      if (entries === undefined) throw new ProtocolError('An unexpected type of value');
      count = entries * 2;
    }
    for (let i = 0; i < count; ++i) this.skip(depth - 1);
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Any JSON-like value, with Uint8Array as bin, as MessagePack: for payloads that are not text. */
export function pack(value: unknown): Uint8Array {
  const writer = new Writer();
  writer.value(value, true);
  return writer.take();
}

/** The value in `bytes`; throws a ProtocolError if they are not one MessagePack value. */
export function unpack<T = unknown>(bytes: Uint8Array): T {
  const reader = new Reader(bytes);
  const value = reader.value(true);
  if (reader.at !== bytes.length) throw new ProtocolError('Bytes behind the value');
  return value as T;
}
