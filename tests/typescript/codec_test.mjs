// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The codec against the vectors of the protocol, and against what bytes can come besides.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';

import { inside, messagePack, pulse, vectors } from './support/package.mjs';

const { decodeBody, encodeFrame, FrameDecoder, ProtocolError, pack, unpack } = pulse;
const { UnknownFrameError } = await inside('frames');

const bytesOf = (hex) => new Uint8Array(Buffer.from(hex, 'hex'));
const hexOf = (bytes) => Buffer.from(bytes).toString('hex');

/** A vector's notation of values as values; payloads as bytes. */
function valueOf(json) {
  if (Array.isArray(json)) return json.map(valueOf);
  if (json === null || typeof json !== 'object') return json;
  if ('$bin' in json) return bytesOf(json.$bin);
  if ('$u64' in json) return BigInt(json.$u64);
  if ('$fill' in json) return new Uint8Array(json.count).fill(parseInt(json.$fill, 16));
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, valueOf(value)]));
}

/** All frames in these WebSocket messages, errors among them. */
function decodeStream(...messages) {
  const out = [];
  const decoder = new FrameDecoder((frame) => out.push(frame), (error) => out.push(error));
  const isAlive = messages.every((message) => decoder.push(message));
  return { out, isAlive, pending: decoder.pendingBytes };
}

function decodeOne(bytes) {
  const { out, isAlive, pending } = decodeStream(bytes);
  assert.deepEqual({ isAlive, pending, count: out.length }, { isAlive: true, pending: 0, count: 1 });
  if (out[0] instanceof Error) throw out[0];
  return out[0];
}

describe('frames', () => {
  for (const { name, hex, decoded } of vectors.valid) {
    it(`${name} decodes, and encodes to the same bytes`, () => {
      assert.deepEqual(decodeOne(bytesOf(hex)), valueOf(decoded));
      assert.equal(hexOf(encodeFrame(valueOf(decoded))), hex);
    });
  }

  for (const { name, segments, decoded, total_length, sha256 } of vectors.large) {
    it(`${name} decodes, and encodes to the same bytes`, () => {
      const bytes = new Uint8Array(Buffer.concat(segments.map(({ hex, fill, count }) => (
        hex === undefined ? Buffer.alloc(count, parseInt(fill, 16)) : Buffer.from(hex, 'hex')))));
      assert.equal(bytes.length, total_length);
      const frame = valueOf(decoded);
      const seen = decodeOne(bytes);
      assert.ok(Buffer.from(seen.payload).equals(frame.payload));
      assert.deepEqual({ ...seen, payload: null }, { ...frame, payload: null });
      assert.equal(createHash('sha256').update(encodeFrame(frame)).digest('hex'), sha256);
    });
  }

  for (const { name, hex, decoded, canonical_hex, recommended } of vectors.accepted_noncanonical) {
    if (recommended.startsWith('optional')) continue;
    it(`${name} is accepted`, () => {
      const frame = decodeOne(bytesOf(hex));
      assert.deepEqual(frame, valueOf(decoded));
      assert.equal(hexOf(encodeFrame(frame)), canonical_hex);
    });
  }

  for (const { name, hex, documented_meaning: meaning } of vectors.numeric_type) {
    it(`${name} has the documented meaning`, () => {
      if (meaning === null) assert.throws(() => decodeOne(bytesOf(hex)), ProtocolError);
      else assert.deepEqual(decodeOne(bytesOf(hex)), valueOf(meaning));
    });
  }

  for (const { name, hex, recommended } of vectors.malformed) {
    if (/^may/.test(recommended)) continue;
    it(`${name} is refused`, () => {
      const bytes = bytesOf(hex);
      const good = encodeFrame({ type: 'ack', id: 7 });
      const { out, isAlive } = decodeStream(Buffer.concat([bytes, good]));
      if (/close|1003/.test(recommended)) return assert.equal(isAlive, false);
      // One bad frame does not take the next one with it.
      assert.ok(out[0] instanceof ProtocolError);
      assert.deepEqual(out[1], { type: 'ack', id: 7 });
    });
  }

  for (const { name, websocket_messages: messages, decoded_after_each: expected, bytes_pending } of vectors.streams) {
    it(`${name}: the stream is cut where frames end`, () => {
      const out = [];
      const decoder = new FrameDecoder((frame) => out.push(frame), assert.fail);
      messages.forEach(({ hex }, i) => {
        assert.ok(decoder.push(bytesOf(hex)));
        assert.deepEqual(out.splice(0), valueOf(expected[i]));
      });
      assert.equal(decoder.pendingBytes, bytes_pending);
    });
  }

  it('come out the same wherever a stream is cut', () => {
    const all = Buffer.concat(vectors.valid.map(({ hex }) => bytesOf(hex)));
    const expected = vectors.valid.map(({ decoded }) => valueOf(decoded));
    for (const size of [1, 2, 3, 5, 7, 64, 1000]) {
      const pieces = [];
      for (let at = 0; at < all.length; at += size) pieces.push(new Uint8Array(all.subarray(at, at + size)));
      assert.deepEqual(decodeStream(...pieces).out, expected, `pieces of ${size}`);
    }
  });

  it('with any byte changed or missing are frames or ProtocolErrors, nothing else', () => {
    let refused = 0;
    for (const { hex } of [...vectors.valid, ...vectors.accepted_noncanonical]) {
      const body = bytesOf(hex).subarray(4);
      if (body.length > 400) continue;
      for (let i = 0; i < body.length; ++i) {
        for (const value of [0x00, 0x7f, 0x80, 0x93, 0xc1, 0xc6, 0xcf, 0xdb, 0xdf, 0xff, body[i] ^ 1]) {
          const changed = body.slice();
          changed[i] = value;
          for (const bytes of [changed, changed.slice(0, i)]) {
            try {
              decodeBody(bytes);
            } catch (error) {
              if (!(error instanceof ProtocolError)) throw new Error(hexOf(bytes), { cause: error });
              ++refused;
            }
          }
        }
      }
    }
    assert.ok(refused > 1000);
  });

  it('of a type that is not known are told apart from bad ones', () => {
    assert.throws(() => decodeBody(pack({ type: 'later', x: 1 })), UnknownFrameError);
    assert.throws(() => decodeBody(pack({ type: 'ack' })), (error) => !(error instanceof UnknownFrameError));
  });

  it('take no memory that was only promised', () => {
    const decoder = new FrameDecoder(assert.fail, assert.fail);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 100; ++i) new FrameDecoder(assert.fail, assert.fail).push(bytesOf('00ffffff83'));
    assert.ok(decoder.push(bytesOf('00ffffff83')));
    assert.ok(process.memoryUsage().arrayBuffers - before < 1 << 20);
  });

  it('longer than 16 MiB are not written, and leave nothing behind', async () => {
    const { Writer } = await inside('msgpack');
    const { writeFrame } = await inside('frames');
    const writer = new Writer();
    writeFrame(writer, { type: 'ping' });
    const size = writer.size;
    assert.throws(() => writeFrame(writer, { type: 'publish', channel: 'c', payload: new Uint8Array(16 << 20) }), RangeError);
    assert.throws(() => writeFrame(writer, { type: 'presence', id: 1, channel: 'c', action: 0, data: { a: () => {} } }), TypeError);
    assert.equal(writer.size, size);
  });
});

describe('MessagePack', () => {
  const kValues = [
    null, true, false, 0, 1, 127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER, -1, -32, -33,
    -128, -129, -32768, -32769, -(2 ** 31), -(2 ** 31) - 1, Number.MIN_SAFE_INTEGER, 1.5, -0.1, 1e300, '', 'ä€😀', 'x'.repeat(31),
    'x'.repeat(32), 'x'.repeat(255), 'x'.repeat(256), 'x'.repeat(65536), [], [1, [2, [3]]], Array(16).fill(0), Array(70000).fill(1),
    {}, { a: 1, b: { c: [null] } }, new Uint8Array(0), new Uint8Array(300).fill(7), new Uint8Array(70000),
  ];

  it('agrees with another implementation, both ways', () => {
    for (const value of kValues) {
      assert.deepEqual(hexOf(pack(value)), hexOf(messagePack.encode(value)), JSON.stringify(value)?.slice(0, 60));
      assert.deepEqual(unpack(messagePack.encode(value)), value);
    }
  });

  it('keeps integers of 64 bits', () => {
    for (const value of [2n ** 64n - 1n, 2n ** 53n, -(2n ** 63n)]) assert.equal(unpack(pack(value)), value);
    assert.equal(unpack(pack(5n)), 5);
    assert.throws(() => pack(2n ** 64n), RangeError);
  });

  it('sorts keys by their bytes, not by UTF-16', () => {
    const packed = pack({ '\u{10000}': 1, '\uffff': 2, a: 3 });
    assert.deepEqual(Object.keys(messagePack.decode(packed)), ['a', '\uffff', '\u{10000}']);
  });

  it('takes a key named __proto__ for data', () => {
    const value = unpack(messagePack.encode(JSON.parse('{"__proto__":{"polluted":1}}')));
    assert.equal(value.polluted, undefined);
    assert.deepEqual(Object.keys(value), ['__proto__']);
  });

  it('refuses cycles, and what is no value', () => {
    const cycle = [];
    cycle.push(cycle);
    assert.throws(() => pack(cycle), RangeError);
    assert.throws(() => pack(Symbol('s')), TypeError);
    assert.throws(() => unpack(new Uint8Array([0xc0, 0xc0])), ProtocolError);
    assert.throws(() => unpack(new Uint8Array(2000).fill(0x91)), ProtocolError);
    assert.throws(() => unpack(new Uint8Array([0xdd, 0xff, 0xff, 0xff, 0xff])), ProtocolError);
  });

  it('writes dates as JSON does, and leaves out what is undefined', () => {
    assert.deepEqual(unpack(pack({ at: new Date(0), none: undefined })), { at: '1970-01-01T00:00:00.000Z' });
  });
});
