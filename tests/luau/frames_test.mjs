// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What arrives by MessagingService: envelopes and frames, as bytes, and what goes wrong on the way.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { crc32 } from './harness/crc32.mjs';
import { Scene } from './harness/scene.mjs';

// Without HTTP, so that only frames speak.
const quiet = 'transport = "messaging"';
const hex = (text) => crc32(Buffer.from(text)).toString(16).padStart(8, '0');

async function hear(texts, luauOptions = quiet, topic = 'pulse.b0', vmOptions = {}) {
  const scene = await Scene.listening('*', luauOptions, vmOptions);
  for (const text of texts) scene.world.publish(topic, text);
  await scene.advance(5);
  return scene;
}

test('envelopes of the original, for all and for this server', async () => {
  const scene = await hear([
    '{"topic":"test","message":"hello world"}',
    '{"topic":"test","message":{"a":null,"b":[1,null,3]},"serverId":"job-1"}',
    '{"topic":"test","message":"not for us","serverId":"job-2"}',
    '{"topic":"silent"}',
    '{"topic":5,"message":1}', '{"topic"', '{}', 'plain', '',
  ], quiet, 'pulse');
  assert.deepEqual(scene.vm.events.map((one) => [one.topic, one.message]), [
    ['test', 'hello world'], ['test', { b: [1] }], ['silent', undefined]]);
  assert.equal((await scene.stats()).invalid, 3);
  await scene.end();
});

test('a batch, byte for byte: topics by index, options, null', async () => {
  const scene = await hear([
    'P1B abc123 42\n[["chat",{"text":"hi"}],[0,{"text":"there"},{"f":"job-9"}],["score",7],[2,8],'
    + '["chat",null,{"t":1700000000123}],["x","for others",{"s":"job-2"}],["x","for us",{"s":["job-2","job-1"]}],'
    + '["x","echo",{"f":"job-1"}],["x","later version",{"zz":{"deep":[1]}}]]']);
  assert.deepEqual(scene.vm.events.map(({ topic, message, from, sentAt }) => [topic, message, from, sentAt]), [
    ['chat', { text: 'hi' }, undefined, 15], ['chat', { text: 'there' }, 'job-9', 15], ['score', 7, undefined, 15],
    ['score', 8, undefined, 15], ['chat', undefined, undefined, 1700000000.123], ['x', 'for us', undefined, 15],
    ['x', 'later version', undefined, 15]]);
  assert.equal((await scene.stats()).echoes, 1);
  await scene.end();
});

test('null arrives as a value of its own for those who want it, and own messages for those who say so', async () => {
  const scene = await Scene.create('transport = "messaging", keepNull = true, echo = true');
  await scene.run('pulse.Subscribe("n", function(m) emit({ topic = "n", message = { m == Pulse.null, m.x == Pulse.null } }) end)');
  await scene.run('pulse.Subscribe("own", function(m, info) emit({ topic = "own", message = info.from }) end)');
  await scene.advance(3);
  scene.world.publish('pulse.b0', 'P1B abc123 1\n[["n",null],["n",{"x":null,"s":"\\u0041\\ud83d\\ude00\\\\u0041"}],["own",1,{"f":"job-1"}]]');
  await scene.advance(3);
  assert.deepEqual(scene.messages(), [[true, false], [false, true], 'job-1']);
  await scene.end();
});

test('what is no frame is counted and left alone', async () => {
  const scene = await hear([
    'P1', 'P1B', 'P1B abc123', 'P1B abc123 1', 'P1B ABC123 1\n[]', 'P1B abc12 1\n[]', 'P1B abc123 01\n[]',
    'P1B abc123 0\n[]', 'P1B abc123 9007199254740993\n[]', 'P1b abc123 1\n[]', 'P1B abc123 x\n[]',
    `P1B abc123 1\n${'x'.repeat(4096)}`,
    'P1B abc123 2\n[["a",1]', 'P1B abc123 3\n{"a":1}', 'P1B abc123 4\n[1]', 'P1B abc123 5\n[[5,1]]',
    'P1Q abc123 6\n[["a",1]]', 'P1C abc123 7 id\nx', 'P1C abc123 8 id 1/2 xyz\nx', 'P1C abc123 9 id 3/2 00000000\nx',
    'P1G abc123 10 5\n["a"]', 'P1G abc123 11 5\n["a","../../etc"]', 'P1W abc123 12\n', 'P1B abc123 13\n[["ok",1]]']);
  assert.deepEqual(scene.messages(), [1]);
  await scene.end();
});

test('a frame is taken once, however often and in whatever order it comes', async () => {
  const frame = (seq, epoch = 'abc123') => `P1B ${epoch} ${seq}\n[["t","${epoch} ${seq}"]]`;
  const scene = await hear([frame(2), frame(1), frame(2), frame(3), frame(1), frame(3), frame(2, 'xyz789')]);
  assert.deepEqual(scene.messages(), ['abc123 2', 'abc123 1', 'abc123 3', 'xyz789 2']);
  assert.equal((await scene.stats()).duplicates, 3);
  scene.world.publish('pulse.b1', frame(2)); // another real topic is another numbering
  await scene.advance(3);
  assert.equal(scene.messages().length, 5);
  await scene.end();
});

test('chunks in any order, repeated and mixed with others', async () => {
  const item = (n) => JSON.stringify(['big', `${n} "\u{1F600}" `.repeat(40), { f: 'job-7' }]);
  const frames = [];
  for (const n of [1, 2]) {
    const text = item(n);
    const cut = [0, 100, 250, text.length];
    for (let i = 0; i < 3; ++i) frames.push(`C abc123 ${frames.length + 1} id${n} ${i + 1}/3 ${hex(text)}\n${text.slice(cut[i], cut[i + 1])}`);
  }
  for (const order of [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [2, 5, 0, 2, 3, 1, 0, 4]]) {
    const scene = await hear(order.map((n) => `P1${frames[n]}`));
    assert.deepEqual(scene.messages().sort(), [JSON.parse(item(1))[1], JSON.parse(item(2))[1]]);
    assert.equal(scene.vm.events[0].from, 'job-7');
    await scene.end();
  }
});

test('chunks that do not add up are dropped: wrong sum, another count, a 65th, none that comes', async () => {
  const chunk = (seq, id, place, crc, body) => `P1C abc123 ${seq} ${id} ${place} ${crc}\n${body}`;
  const good = '["t","good"]';
  const many = JSON.stringify(['t', 'm'.repeat(60)]).match(/./g); // 67 pieces of one character
  const scene = await hear([
    chunk(1, 'a', '1/2', '00000000', '["t",'), chunk(2, 'a', '2/2', '00000000', '"bad"]'),
    chunk(3, 'b', '1/3', hex(good), '["t",'), chunk(4, 'b', '2/2', hex(good), '"good"]'),
    chunk(5, 'b', '1/2', hex(good), '["t",'), chunk(6, 'b', '2/2', hex(good), '"good"]'),
    ...many.map((piece, n) => chunk(7 + n, 'c', `${n + 1}/${many.length}`, hex(many.join('')), piece)),
    chunk(100, 'late', '1/2', hex(good), '["t",'),
  ]);
  assert.deepEqual(scene.messages(), ['good']);
  await scene.advance(16);
  scene.world.publish('pulse.b0', chunk(101, 'late', '2/2', hex(good), '"good"]'));
  await scene.advance(3);
  assert.deepEqual(scene.messages(), ['good']);
  const { assembliesDropped } = await scene.stats();
  assert.equal(assembliesDropped, 3);
  await scene.end();
});

test('of unfinished items sixty-four are kept, the oldest goes first', async () => {
  const item = (n) => JSON.stringify(['t', n]);
  const chunk = (seq, n, place) => {
    const text = item(n);
    return `P1C abc123 ${seq} i${n} ${place}/2 ${hex(text)}\n${place === 1 ? text.slice(0, 4) : text.slice(4)}`;
  };
  const texts = [];
  for (let n = 1; n <= 65; ++n) texts.push(chunk(n, n, 1));
  const scene = await hear(texts);
  for (let n = 2; n <= 65; ++n) scene.world.publish('pulse.b1', chunk(n, n, 2));
  scene.world.publish('pulse.b1', chunk(1, 1, 2));
  await scene.advance(3);
  assert.equal(scene.messages().length, 64);
  assert.ok(!scene.messages().includes(1));
  await scene.end();
});

test('compressed batches are read where the engine can, and announced only there', async () => {
  // Made by the zstd program: [["t","aaa…"],["t","b"]] with its content size.
  const packed = 'KLUv/SBUxQAAeFtbInQiLCJhIl0sYiJdXQIATBgGJcAF';
  const body = JSON.stringify([['t', 'a'.repeat(64)], ['t', 'b']]);
  const raw = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0]), Buffer.alloc(7), Buffer.from(body)]);
  raw.writeUInt32LE(body.length, 5);
  raw.writeUIntLE(1 + body.length * 8, 9, 3);
  const bomb = Buffer.from(raw);
  bomb.writeUInt32LE(65537, 5);
  const scene = await hear([
    `P1Z abc123 1\n${raw.toString('base64')}`, `P1Z abc123 2\n${bomb.toString('base64')}`, 'P1Z abc123 3\n%%%',
    `P1Z abc123 4\n${packed}`]);
  assert.deepEqual(scene.messages(), ['a'.repeat(64), 'b', 'a'.repeat(64), 'b']);
  assert.equal((await scene.stats()).invalid, 2);
  assert.ok(scene.model.of('hello')[0].body.caps.includes('z'));
  await scene.end();
  const without = await hear([`P1Z abc123 1\n${raw.toString('base64')}`], quiet, 'pulse.b0', { hasEncoding: false });
  assert.deepEqual(without.messages(), []);
  assert.deepEqual(without.model.of('hello')[0].body.caps, ['v1', 'http']);
  await without.end();
});

test('a claim check is fetched, unless it is for others or nobody listens', async () => {
  const scene = await Scene.listening('big', quiet);
  scene.model.blobs.set('tok_1', JSON.stringify(['big', 'x'.repeat(100_000)]));
  scene.model.script.push((request) => {
    if (!request.path.endsWith('/blob/tok_1') || scene.failed) return undefined;
    scene.failed = true;
    return { status: 503 };
  });
  scene.model.publish('pulse.b0', 'G', '100010', '["big","tok_1"]');
  scene.model.publish('pulse.b0', 'G', '9', '["big","tok_2",{"s":"job-2"}]');
  scene.model.publish('pulse.b0', 'G', '9', '["other","tok_3"]');
  scene.model.publish('pulse.b0', 'G', '9', '["big","tok_4"]');
  await scene.advance(20);
  assert.deepEqual(scene.messages().map((text) => text.length), [100_000]);
  const asked = new Set(scene.model.requests.filter((one) => one.path.includes('/blob/')).map((one) => one.path.slice(-5)));
  assert.deepEqual([...asked], ['tok_1', 'tok_4']);
  assert.equal((await scene.stats()).lost, 1);
  await scene.end();
});

/** Blobs whose fetching takes that many seconds, or `Infinity`. */
function slowBlobs(scene, seconds) {
  for (const token of Object.keys(seconds)) scene.model.blobs.set(token, JSON.stringify(['big', `large ${token}`]));
  scene.model.script.push((request) => {
    const token = request.path.match(/\/blob\/(.+)$/)?.[1];
    return seconds[token] === undefined ? undefined : { body: scene.model.blobs.get(token), delay: seconds[token] };
  });
}

test('what is fetched keeps its place in its topic; other topics go on', async () => {
  const scene = await Scene.listening('*', quiet);
  slowBlobs(scene, { one: 6, two: 2, three: 2 });
  const say = (items) => scene.model.batch('pulse.b0', items);
  say([['big', 'before']]);
  scene.model.publish('pulse.b0', 'G', '9', '["big","one"]');
  say([['big', 'between'], ['other', 'at once']]);
  scene.model.publish('pulse.b0', 'G', '9', '["big","two"]');
  scene.model.publish('pulse.b0', 'G', '9', '["big","three"]');
  say([['big', 'after']]);
  await scene.advance(4);
  assert.deepEqual(scene.messages(), ['before', 'at once']);
  await scene.advance(10);
  assert.deepEqual(scene.messages().slice(2), ['large one', 'between', 'large two', 'large three', 'after']);
  say([['big', 'later']]);
  await scene.advance(2);
  assert.equal(scene.messages().at(-1), 'later');
  assert.deepEqual([(await scene.stats()).lost, scene.errors()], [0, []]);
  await scene.end();
});

test('what cannot be fetched holds up nothing', async () => {
  const scene = await Scene.listening('*', quiet);
  scene.model.blobs.set('odd', 'no JSON');
  scene.model.blobs.set('echo', '["big","our own",{"f":"job-1"}]');
  for (const token of ['gone', 'odd', 'echo']) scene.model.publish('pulse.b0', 'G', '9', `["big","${token}"]`);
  scene.model.batch('pulse.b0', [['big', 'after']]);
  await scene.advance(5);
  assert.deepEqual(scene.messages(), ['after']);
  const { lost, invalid, echoes } = await scene.stats();
  assert.deepEqual({ lost, invalid, echoes }, { lost: 1, invalid: 1, echoes: 1 });
  await scene.end();
});

test('a fetch that takes too long is a loss; what comes of it later is not heard out of order', async () => {
  const scene = await Scene.listening('*', quiet);
  slowBlobs(scene, { slow: 25 });
  scene.model.publish('pulse.b0', 'G', '9', '["big","slow"]');
  await scene.advance(10);
  scene.model.batch('pulse.b0', [['big', 'after']]); // from now on somebody waits
  await scene.advance(15.5);
  assert.deepEqual(scene.messages(), []);
  await scene.advance(1);
  assert.deepEqual(scene.messages(), ['after']);
  await scene.advance(20);
  assert.deepEqual(scene.messages(), ['after']);
  assert.equal((await scene.stats()).lost, 1);
  assert.match(scene.errors('gap')[0].detail, /"big"/);
  await scene.end();
});

test('a topic that is spread over shards comes in order, as far as it comes in time', async () => {
  const scene = await Scene.listening('s', quiet);
  const send = (shard, seq, n) => scene.world.publish(`pulse.b${shard}`, `P1B abc123 ${seq}\n[["s",${n},{"n":${n}}]]`);
  send(0, 1, 1);
  send(1, 1, 3);
  send(2, 1, 2);
  send(0, 2, 4);
  await scene.advance(2);
  assert.deepEqual(scene.messages(), [1, 2, 3, 4]);
  send(0, 3, 7); // 6 is late: it comes after the others, not never
  send(1, 2, 5);
  await scene.advance(1.1);
  assert.deepEqual(scene.messages().slice(4), [5]);
  await scene.advance(0.5);
  send(2, 2, 6);
  await scene.advance(2);
  assert.deepEqual(scene.messages().slice(4), [5, 7, 6]);
  await scene.end();
});

test('a gap is waited for, then asked for, then closed', async () => {
  for (const repairsPlainly of [false, true]) {
    const scene = await Scene.listening('t', quiet);
    scene.model.repairsPlainly = repairsPlainly;
    const frames = [1, 2, 3, 4, 5].map((n) => scene.model.frame('pulse.b0', 'B', '', `[["t",${n}]]`));
    scene.world.publish('pulse.b0', frames[0]);
    scene.world.publish('pulse.b0', frames[3]);
    await scene.advance(2);
    scene.world.publish('pulse.b0', frames[1]); // only late
    await scene.advance(1.5);
    assert.equal(scene.model.of('batch').length, 0);
    await scene.advance(2);
    const asked = scene.model.of('batch').map((one) => one.body.missing);
    assert.deepEqual(asked, [[['srv001', 'pulse.b0', [[3, 3]]]]]);
    assert.deepEqual(scene.messages(), repairsPlainly ? [1, 4, 2] : [1, 4, 2, 3]);
    assert.equal((await scene.stats()).repaired, 1);
    scene.world.publish('pulse.b0', frames[2]); // now it comes after all
    await scene.advance(30);
    assert.equal(scene.messages().length, repairsPlainly ? 3 : 4);
    assert.equal(scene.model.of('batch').length, 1);
    await scene.end();
  }
});

test('what nobody can repair is reported as lost', async () => {
  const scene = await Scene.listening('t', 'transport = "messaging"', { httpEnabled: false });
  scene.world.publish('pulse.b0', 'P1B abc123 1\n[["t",1]]');
  scene.world.publish('pulse.b0', 'P1B abc123 4\n[["t",4]]');
  scene.world.publish('pulse.b1', 'P1B game01 1\n[["t",1,{"f":"job-2"}]]');
  scene.world.publish('pulse.b1', 'P1B game01 3\n[["t",3,{"f":"job-2"}]]');
  await scene.advance(90);
  assert.deepEqual(scene.messages(), [1, 4, 1, 3]);
  const stats = await scene.stats();
  assert.equal(stats.lost, 3);
  assert.equal(scene.errors('gap').length, 2);
  await scene.end();
});
