// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What goes out over HTTP: batches, their limits, retries, and the ways in which it ends.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Scene } from './harness/scene.mjs';

test('messages go in batches of a hundred, compressed above a kilobyte', async () => {
  const scene = await Scene.create();
  await scene.run('for n = 1, 250 do pulse.Send("t", n) end');
  await scene.advance(3);
  const batches = scene.model.of('batch');
  assert.deepEqual(batches.map((one) => one.body.msgs.length), [100, 100, 50]);
  assert.deepEqual(batches.map((one) => one.body.batch), ['job-1-1', 'job-1-2', 'job-1-3']);
  assert.deepEqual(batches.map((one) => one.gzip), batches.map((one) => one.text.length > 1024));
  assert.deepEqual(scene.model.received.map((one) => one[1]), Array.from({ length: 250 }, (_, n) => n + 1));
  await scene.end();
});

test('a batch has 64 KB at most, one large message alone more', async () => {
  const scene = await Scene.create();
  await scene.run('for n = 1, 5 do pulse.Send("t", ("x"):rep(30000)) end pulse.Send("t", ("y"):rep(200000))');
  await scene.advance(5);
  assert.deepEqual(scene.model.of('batch').map((one) => one.body.msgs.length), [2, 2, 1, 1]);
  await scene.end();
});

test('a batch that got no answer is sent again as it was, and counted once', async () => {
  const scene = await Scene.create();
  let isLost = false;
  scene.model.script.push((request) => {
    if (!request.path.endsWith('/batch') || isLost) return undefined;
    isLost = true;
    scene.model._batch(request, () => {}); // it arrived, only the answer did not
    return { error: 'NetFail' };
  });
  await scene.run('pulse.Send("t", 1) task.wait(0.1) pulse.Send("t", 2)');
  await scene.advance(10);
  const texts = scene.model.of('batch').map((one) => one.text);
  assert.equal(texts[0], texts[1]);
  assert.deepEqual(scene.model.received, [['t', 1], ['t', 2]]);
  assert.equal(scene.errors('http').length, 1);
  await scene.end();
});

test('while the server is down messages wait, then expire, and nothing is hurried', async () => {
  const scene = await Scene.listening('t');
  scene.model.script.push(() => (scene.isDown ? { status: 503 } : undefined));
  scene.isDown = true;
  const before = scene.model.requests.length;
  await scene.run('pulse.Send("t", "short") pulse.Send("t", "long", { ttl = 300 })');
  await scene.advance(60);
  assert.ok(scene.model.requests.length - before < 40, `${scene.model.requests.length - before} requests`);
  await scene.run('pulse.Send("t", "gone", { ttl = 1 })');
  await scene.advance(10);
  scene.isDown = false;
  await scene.advance(60);
  assert.deepEqual(scene.model.received.map((one) => one[1]), ['short', 'long']);
  assert.deepEqual(scene.errors('expired').length, 1);
  assert.equal(scene.errors('http').length, 1);
  await scene.end();
});

test('429 is obeyed for as long as it says', async () => {
  const scene = await Scene.listening('t');
  scene.model.script.push((request) => {
    if (!request.path.endsWith('/batch') || scene.answeredAt) return undefined;
    scene.answeredAt = scene.world.now;
    return { status: 429, headers: { 'retry-after': '7' }, body: { error: 'Too many requests' } };
  });
  await scene.run('pulse.Send("t", 1)');
  await scene.advance(30);
  const next = scene.model.requests.find((one) => one.at > scene.answeredAt);
  assert.ok(next.at >= scene.answeredAt + 7 && next.at < scene.answeredAt + 9, `${next.at - scene.answeredAt}`);
  assert.deepEqual(scene.model.received, [['t', 1]]);
  await scene.end();
});

test('what may not wait as long as the server asks for is not sent afterwards', async () => {
  for (const options of ['', ', universeId = 99, destination = "roblox"']) {
    const scene = await Scene.listening('t');
    const route = options === '' ? '/batch' : '/send';
    scene.model.script.push((request) => {
      if (!request.path.endsWith(route) || scene.isAnswered) return undefined;
      scene.isAnswered = true;
      return { status: 429, headers: { 'retry-after': '60' }, body: { error: 'Too many requests' } };
    });
    await scene.run(`pulse.Send("t", 1, { ttl = 5${options} })`);
    await scene.advance(90);
    await scene.run(`pulse.Send("t", 2, { ttl = 5${options} })`);
    await scene.advance(10);
    const tried = options === '' ? scene.model.of('batch').flatMap(({ body }) => body.msgs.map((one) => one[1]))
      : scene.model.of('send').map(({ body }) => body.message);
    assert.deepEqual(tried, [1, 2]);
    assert.equal(scene.errors('expired').length, 1);
    await scene.end();
  }
});

for (const status of [401, 403]) {
  test(`${status} stops everything over HTTP, with exactly one error`, async () => {
    const scene = await Scene.create();
    scene.model.script.push(() => ({ status, body: { error: 'Invalid API Key' } }));
    await scene.run('listen("t") pulse.Send("t", 1) emit({ pulse.SendAsync("t", 2) })');
    await scene.advance(5);
    const requests = scene.model.requests.length;
    await scene.run('emit({ pulse.Send("t", 3) })');
    await scene.advance(300);
    assert.equal(scene.model.requests.length, requests);
    assert.ok(requests <= 2); // hello and a batch may be under way together
    assert.deepEqual(scene.errors().map((one) => one.error), ['auth']);
    assert.match(scene.errors()[0].detail, new RegExp(`HTTP ${status}: Invalid API Key`));
    assert.deepEqual(scene.vm.events.filter(Array.isArray).map((one) => one[0]), [false, false]);
    // From game server to game server it goes on.
    scene.world.publish('pulse.b0', 'P1B abc123 1\n[["t","still"]]');
    await scene.advance(3);
    assert.deepEqual(scene.messages(), ['still']);
    await scene.end();
  });
}

test('a batch that is too large for the server is split under new names', async () => {
  const scene = await Scene.create();
  scene.model.script.push((request) => (request.text?.length > 3000 ? { status: 413, body: { error: 'Too large' } } : undefined));
  await scene.run('for n = 1, 10 do pulse.Send("t", ("x"):rep(900)) end pulse.Send("t", ("y"):rep(5000)) pulse.Send("t", "end")');
  await scene.advance(10);
  assert.equal(scene.model.received.length, 11);
  assert.equal(scene.model.received[10][1], 'end');
  const names = scene.model.of('batch').map((one) => one.body.batch);
  assert.equal(new Set(names).size, names.length);
  assert.equal(scene.errors('rejected').length, 1);
  await scene.end();
});

test('hello says who this is, again and again; its answer arranges things', async () => {
  const scene = await Scene.create();
  scene.model.hello = { heartbeat: 10, prefix: 'other', shards: 5, poll: { wait: 5, minInterval: 0.5 } };
  await scene.vm.set('players', 3);
  await scene.run('listen("t")');
  await scene.advance(35);
  const { body } = scene.model.of('hello')[0];
  assert.deepEqual(body, {
    caps: ['v1', 'http', 'z', 'poll'], place: 1818, players: 3, pollTimeouts: 0, published: 0,
    server: 'job-1', shards: 3, transport: 'hybrid', version: 7 });
  assert.equal(scene.model.of('hello').length, 4);
  await scene.advance(60);
  assert.deepEqual([...scene.vm.topics].sort(), [
    'other', 'other.b0', 'other.b1', 'other.b2', 'other.b3', 'other.b4', 'other.s.job-1']);
  await scene.run('pulse.Send("t", 1, { destination = "roblox" })');
  await scene.advance(15);
  assert.match(scene.world.published.at(-1).topic, /^other\.b[0-4]$/);
  assert.ok(scene.model.of('hello').some((one) => one.body.published === 1));
  await scene.end();
});

test('another universe goes through the server, with a key against repeats', async () => {
  const scene = await Scene.create();
  scene.model.script.push((request) => {
    if (!request.path.endsWith('/send') || scene.failed) return undefined;
    scene.failed = true;
    return { status: 502 };
  });
  await scene.run('pulse.Send("t", { a = 1 }, { destination = "roblox", universeId = 99, serverId = "job-x" })');
  await scene.advance(10);
  const sends = scene.model.of('send');
  assert.equal(sends.length, 2);
  assert.equal(sends[0].path, '/universe/99/send');
  assert.deepEqual(sends[0].body, { topic: 't', message: { a: 1 }, serverId: 'job-x', destination: 'roblox' });
  assert.equal(sends[0].headers['idempotency-key'], sends[1].headers['idempotency-key']);
  await scene.end();
});

test('a timeout that Roblox does not allow is left out from then on', async () => {
  const scene = await Scene.create('', { longestTimeout: 10 });
  await scene.run('pulse.Send("t", 1)');
  await scene.advance(10);
  assert.deepEqual(scene.model.received, [['t', 1]]);
  await scene.end();
});
