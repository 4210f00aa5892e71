// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Mesa while its Redis is restarted, stands still or is cut off: who is connected is served on, what was accepted
// arrives, and what may be missing is said.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { kWithinMs, next, Stage, until } from './support/mesa_stage.mjs';

const kTimeoutMs = 150_000;
const isChosen = new RegExp(process.env.PULSE_TEST_ONLY ?? '');

const message = (n) => ({ op: 0, d: { n }, t: 'N' });
const numbers = (count, from = 0) => Array.from({ length: count }, (_, i) => i + from);

/** One whose probes are counted, and read by nobody. */
async function probed(set, server, id) {
  const seen = { probes: 0 };
  const client = await set.client(server, id, ({ t }) => { if (t === 'PROBE') seen.probes++; return t !== 'PROBE'; });
  client.seen = seen;
  return client;
}

/** What `server` publishes reaches `client`, which is another's: Redis is back for both. */
async function untilReached(server, client) {
  const before = client.seen.probes;
  await until('both servers are back', async () => {
    server.tell({ send: { op: 0, d: {}, t: 'PROBE' } });
    await sleep(50);
    return client.seen.probes > before;
  });
}

/** The `n` of the messages that come before one of type END. */
async function untilEnd(client) {
  const got = [];
  for (;;) {
    const { d, t } = await next(client);
    if (t === 'END') return got;
    got.push(d.n);
  }
}

function stage(name, body) {
  if (!isChosen.test(name)) return;
  it(name, { timeout: kTimeoutMs }, async () => {
    const set = await Stage.set();
    try {
      await body(set);
    } finally {
      await set.end();
    }
  });
}

describe('Mesa and a Redis that fails', { concurrency: 4 }, () => {
  stage('a restart: clients here are served meanwhile, those elsewhere afterwards, and Redis is told anew', async (set) => {
    const [one, two] = [await set.app('server'), await set.app('server')];
    const [a, b] = [await set.client(one, 'A'), await set.client(two, 'B')];
    await set.redis.stop();
    for (const server of [one, two]) await server.expectEvent({ event: 'server_error', message: '<string>' }, undefined, kWithinMs);
    one.tell({ send: message(1) });
    one.tell({ send: message(2), to: ['A', 'B'] });
    assert.deepEqual([await next(a), await next(a)], [message(1), message(2)]);
    // Neither who comes nor who asks waits for it.
    const c = await set.client(one, 'C');
    c.send(JSON.stringify({ op: 0, d: {}, t: 'ECHO_DIRECT' }));
    assert.equal((await next(c)).t, 'ECHO_DIRECT');
    await set.redis.restart();
    await until('all are online again', async () => {
      const names = await set.redis.ask(['SMEMBERS', 'connected_clients']);
      return names.length === 3 && await set.redis.ask(['GET', 'connected_clients_count']) === '3';
    });
    // What waited may have gone out before the other server listened again; from now on nothing is missed.
    await until('both listen', async () => (await set.redis.ask(['PUBSUB', 'NUMSUB', 'ws']))[1] === 2);
    one.tell({ send: { op: 0, d: {}, t: 'END' } });
    const late = await untilEnd(b);
    assert.deepEqual(late, [1, 2].slice(2 - late.length), 'in order, none twice');
    assert.equal((await next(a)).t, 'END');
    assert.equal((await next(c)).t, 'END');
    await a.beSilent(100);
  });

  stage('one that stands still: clients here wait a second at most, and nobody gets anything twice', async (set) => {
    // Longer than a pause: the connections stay.
    const options = { redis: { host: '127.0.0.1', port: set.redis.port } };
    const [one, two] = [await set.app('server', options), await set.app('server', options)];
    const [a, b] = [await set.client(one, 'A'), await set.client(two, 'B')];
    set.redis.pause();
    for (const n of numbers(20)) one.tell({ send: message(n) });
    for (const n of numbers(20)) assert.deepEqual(await next(a), message(n));
    const c = await set.client(one, 'C');
    set.redis.resume();
    for (const n of numbers(20)) assert.deepEqual(await next(b), message(n));
    one.tell({ send: { op: 0, d: {}, t: 'END' } });
    for (const client of [a, b, c]) assert.deepEqual(await untilEnd(client), []);
  });

  stage('one that stands still for longer is given up, and found again', async (set) => {
    const [one, two] = [await set.app('server'), await set.app('server')];
    const [a, b] = [await set.client(one, 'A'), await probed(set, two, 'B')];
    set.redis.pause();
    one.tell({ send: message(0) });
    assert.deepEqual(await next(a), message(0));
    // What was under way is neither known to be done nor known to be lost.
    await one.expectEvent({ event: 'server_error', message: '<string>' }, undefined, kWithinMs);
    set.redis.resume();
    await untilReached(one, b);
    await until('both are told anew', async () => await set.redis.ask(['SCARD', 'connected_clients']) === 2 &&
      await set.redis.ask(['GET', 'connected_clients_count']) === '2');
  });

  stage('connections that are cut again and again: each message once, in order, here; gaps elsewhere are said', async (set) => {
    const proxy = await set.proxy();
    const one = await set.app('server', {}, proxy);
    const two = await set.app('server', {}, proxy);
    const [a, b] = [await probed(set, one, 'A'), await probed(set, two, 'B')];
    const kMessages = 300;
    for (const n of numbers(kMessages)) {
      one.tell({ send: message(n) });
      if (n % 30 === 15) proxy.cut();
      await sleep(5);
    }
    await untilReached(one, b);
    one.tell({ send: { op: 0, d: {}, t: 'END' } });
    assert.deepEqual(await untilEnd(a), numbers(kMessages));
    const elsewhere = await untilEnd(b);
    assert.deepEqual(elsewhere, [...new Set(elsewhere)].sort((x, y) => x - y), 'in order, none twice');
    const said = [...one.eventsOf('server_error'), ...two.eventsOf('server_error')].length;
    assert.ok(elsewhere.length === kMessages || said > 0, `${kMessages - elsewhere.length} are missing, and nobody said so`);
  });

  stage('what is kept is there when it was acknowledged, however often the connection is cut', async (set) => {
    const proxy = await set.proxy();
    const dispatcher = await set.app('dispatcher', { sync: { enabled: true } }, proxy);
    const server = await set.app('server', { sync: { enabled: true } });
    const kMessages = 200;
    for (const n of numbers(kMessages)) {
      dispatcher.tell({ dispatch: message(n), to: ['A'] });
      if (n % 20 === 10) proxy.cut();
      await sleep(3);
    }
    let kept;
    await until('each is kept, or said to be in doubt', async () => {
      kept = JSON.parse(await set.redis.ask(['HGET', 'undelivered_messages', 'A']) ?? '[]').map(({ d }) => d.n);
      const doubtful = dispatcher.eventsOf('error').map(({ d }) => d.n);
      return numbers(kMessages).every((n) => kept.includes(n) || doubtful.includes(n));
    });
    assert.deepEqual(kept, [...new Set(kept)].sort((x, y) => x - y), 'in order, none twice');
    const a = await set.client(server, 'A');
    for (const [i, n] of kept.entries()) assert.deepEqual(await next(a), { ...message(n), s: i + 1 });
    await until('all of it has gone', async () => await set.redis.ask(['HLEN', 'undelivered_messages']) === 0);
  });

  stage('a replay whose end Redis never heard of does not lock its messages up', async (set) => {
    const proxy = await set.proxy();
    const one = await set.app('server', { sync: { enabled: true, redeliveryInterval: 300 } }, proxy);
    const two = await set.app('server', { sync: { enabled: true } });
    one.tell({ send: message(1), to: ['A'] });
    one.tell({ send: message(2), to: ['A'] });
    await until('both are kept', async () => (await set.redis.ask(['HGET', 'undelivered_messages', 'A']) ?? '').includes('"n":2'));
    const a = await set.client(one, 'A');
    assert.deepEqual(await next(a), { ...message(1), s: 1 });
    await until('it is taken off', async () => !(await set.redis.ask(['HGET', 'undelivered_messages', 'A'])).includes('"n":1'));
    proxy.swallow();
    a.drop();
    await one.expectEvent({ event: 'disconnect', code: 1006, reason: '', client_id: 'A' }, undefined, kWithinMs);
    proxy.cut();
    await until('the first server is back', async () => await set.redis.ask(['SCARD', 'connected_clients']) === 0 &&
      await set.redis.ask(['HLEN', 'mesa_replays']) === 0);
    const again = await set.client(two, 'A');
    assert.deepEqual(await next(again), { ...message(2), s: 1 });
  });

  stage('a long replay costs Redis few steps, and leaves what was not sent there', async (set) => {
    const server = await set.app('server', { sync: { enabled: true, redeliveryInterval: 5 } });
    const kMessages = 800;
    // As others write it: what stands around an element is not part of it.
    await set.redis.ask(['HSET', 'undelivered_messages', 'A', ` [ ${numbers(kMessages).map((n) => JSON.stringify(message(n))).join(' , ')} ] `]);
    const scripts = async () => Number(/cmdstat_eval:calls=(\d+)/.exec(await set.redis.ask(['INFO', 'commandstats']))?.[1] ?? 0);
    const before = await scripts();
    const first = await set.client(server, 'A');
    for (const n of numbers(200)) assert.deepEqual(await next(first), { ...message(n), s: n + 1 });
    first.drop();
    await server.expectEvent({ event: 'disconnect', code: 1006, reason: '', client_id: 'A' }, undefined, kWithinMs);
    await until('it is given up', async () => await set.redis.ask(['HLEN', 'mesa_replays']) === 0);
    const left = JSON.parse(await set.redis.ask(['HGET', 'undelivered_messages', 'A'])).map(({ d }) => d.n);
    assert.deepEqual(left, numbers(left.length, kMessages - left.length), 'the last ones, and none twice');
    assert.ok(left.length <= kMessages - 200 && left.length > 0, `${left.length} are left`);
    // What comes now is kept behind them.
    server.tell({ send: message(kMessages), to: ['A'] });
    await until('it is kept', async () => (await set.redis.ask(['HGET', 'undelivered_messages', 'A'])).includes(`"n":${kMessages}}`));
    const again = await set.client(server, 'A');
    for (const [i, n] of [...left, kMessages].entries()) assert.deepEqual(await next(again), { ...message(n), s: i + 1 });
    await until('all of it has gone', async () => await set.redis.ask(['HLEN', 'undelivered_messages']) === 0);
    const used = await scripts() - before;
    assert.ok(used < kMessages / 2, `${used} scripts`);
  });

  stage('a portal comes back into the pool, once', async (set) => {
    const server = await set.app('server', { portal: { enabled: true } });
    const proxy = await set.proxy();
    const ofPool = (isReady) => set.redis.published.filter(({ channel, text }) =>
      channel === 'available_portals_pool' && JSON.parse(text).ready === isReady);
    const portal = await set.app('portal', {}, proxy);
    await until('it is there', () => ofPool(true).length === 1);
    for (let i = 0; i < 3; i++) {
      const before = proxy.connections;
      proxy.cut();
      await until('it is back', async () => proxy.connections >= before + 2 &&
        (await set.redis.ask(['PUBSUB', 'NUMSUB', 'portal']))[1] === 1);
    }
    await until('it counts as alive', async () => (await set.redis.ask(['SCARD', 'mesa_portals'])) === 1);
    const a = await set.client(server);
    await until('it hears', async () => {
      a.send(JSON.stringify(message(1)));
      await sleep(20);
      return portal.eventsOf('message').some(({ message: { d } }) => d.n === 1);
    });
    // Servers of the original would give whoever is announced twice twice as much.
    assert.equal(ofPool(true).length, 1 + ofPool(false).length);
  });
});
