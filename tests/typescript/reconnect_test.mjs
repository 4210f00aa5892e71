// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The native client while servers come and go.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Server } from '../browser/support/server.mjs';
import { Clients, hear, kSoon } from './support/clients.mjs';
import { inside, pulse } from './support/package.mjs';
import { next, until } from './support/wait.mjs';

// An address of its own: between two lives of a server nobody else gets the port.
const kHost = '127.0.0.3';

describe('reconnection', { timeout: 200_000 }, () => {
  let server;
  let clients;
  before(async () => {
    server = await Server.start({ host: kHost });
    clients = new Clients(server.address);
  });
  afterEach(() => clients.closeAll());
  after(() => server?.stop());

  const restart = async (end = 'kill') => {
    const { port } = server;
    await server[end]();
    server = await Server.start({ host: kHost, port });
  };

  for (const end of ['stop', 'kill']) {
    it(`keeps subscriptions and presence over a server's ${end}, and tells what was missed`, async () => {
      const [alice, bob] = [await clients.connect(), await clients.connect()];
      const [a, b] = [await hear(alice, 'room'), await hear(bob, 'room')];
      const listed = bob.subscribe('listed');
      await a.subscription.presence().join({ name: 'Alice' });
      await b.subscription.presence().list();
      const before = alice.connectionId;
      const started = Date.now();
      const gaps = [];
      bob.on('gap', (gap) => gaps.push(gap));
      const told = next(b.subscription, 'gap');
      const synced = () => b.subscription.presence().members.get(alice.connectionId);
      const lost = [next(alice, 'close'), next(bob, 'close')];
      const back = [next(alice, 'open'), next(bob, 'open')];
      await restart(end);
      for (const { error, retryInMs } of await Promise.all(lost)) {
        assert.ok(retryInMs >= 0 && retryInMs <= 50);
        assert.ok(error instanceof pulse.PulseError);
      }
      for (const { reconnected, connectionId } of await Promise.all(back)) {
        assert.equal(reconnected, true);
        assert.match(connectionId, /^conn_/);
      }
      assert.notEqual(alice.connectionId, before);
      const gap = await told;
      assert.equal(gap.channel, 'room');
      assert.ok(started <= gap.from && gap.from <= gap.until && gap.until <= Date.now());
      await until(() => gaps.length === 2, 'each channel has its gap');
      await until(() => synced()?.data?.name === 'Alice', 'she joined again, and he was told');
      await alice.publish('room', 'after');
      await alice.publish('room', 'and on');
      await alice.publish('listed', 'looped');
      await until(() => b.heard.length === 2 && a.heard.length === 2);
      assert.deepEqual(b.heard.map((m) => [m.text(), m.gap !== undefined]), [['after', true], ['and on', false]]);
      for await (const message of listed) {
        assert.equal(message.text(), 'looped');
        assert.ok(message.gap);
        break;
      }
    });
  }

  it('forgets what was ended meanwhile, and does what was begun', async () => {
    const client = await clients.connect();
    const { subscription, heard } = await hear(client, 'ended');
    await subscription.presence().join('x');
    const { port } = server;
    const closed = next(client, 'close');
    await server.kill();
    await closed;
    await subscription.unsubscribe();
    const begun = client.subscribe('begun', (message) => heard.push(message));
    server = await Server.start({ host: kHost, port });
    await begun.ready;
    await client.publish('ended', 'nobody hears');
    await client.publish('begun', 'heard');
    await until(() => heard.length > 0);
    assert.deepEqual(heard.map((m) => [m.text(), m.gap]), [['heard', undefined]]);
    const other = (await hear(await clients.connect(), 'ended')).subscription;
    assert.deepEqual(await other.presence().list(), []);
  });

  it('rejects what was under way, whose fate is unknown', async () => {
    const client = await clients.connect();
    await server.pause();
    const rejected = [
      assert.rejects(client.publish('c', 'x'), pulse.DisconnectedError), assert.rejects(client.ping(), pulse.PulseError),
    ];
    await restart();
    await Promise.all(rejected);
  });

  it('rejects publications meanwhile, or queues them up to a bound', async () => {
    const strict = await clients.connect();
    const patient = await clients.connect({ offlineQueue: 3, offlineQueueBytes: 100 });
    const { heard } = await hear(patient, 'later');
    const { port } = server;
    const closed = [next(strict, 'close'), next(patient, 'close')];
    await server.kill();
    await Promise.all(closed);
    await assert.rejects(strict.publish('later', 'x'), pulse.NotConnectedError);
    const abort = new AbortController();
    const queued = ['1', '2', '3'].map((text, i) => patient.publish('later', text, i === 1 ? { signal: abort.signal } : {}));
    await assert.rejects(patient.publish('later', '4'), pulse.BackpressureError);
    abort.abort(new Error('no longer'));
    await assert.rejects(queued[1], /no longer/);
    await assert.rejects(patient.publish('later', 'x'.repeat(99)), pulse.BackpressureError);
    const fourth = patient.publish('later', '4');
    server = await Server.start({ host: kHost, port });
    await Promise.all([queued[0], queued[2], fourth]);
    await until(() => heard.length === 3);
    assert.deepEqual(heard.map((m) => m.text()), ['1', '3', '4']);
    // What still waits at the end is told so.
    const again = next(patient, 'close');
    await server.kill();
    await again;
    const last = patient.publish('later', 'never');
    patient.close();
    await assert.rejects(last, pulse.ClosedError);
    server = await Server.start({ host: kHost, port });
  });

  it('comes back over and over, without a limit', async () => {
    const client = await clients.connect();
    const { heard } = await hear(client, 'again');
    for (let i = 0; i < 5; ++i) {
      const back = next(client, 'open');
      await restart();
      await back;
      await client.publish('again', `${i}`);
    }
    await until(() => heard.length === 5);
    assert.deepEqual(heard.map((m) => m.text()), ['0', '1', '2', '3', '4']);
  });

  it('notices a server that hangs without a word', async () => {
    const client = await clients.connect({ heartbeatMs: 30, pongTimeoutMs: 60 });
    const closed = next(client, 'close');
    await server.pause();
    try {
      assert.ok((await closed).error instanceof pulse.TimeoutError);
    } finally {
      server.goOn();
    }
    await next(client, 'open');
    // And leaves one in peace that answers.
    const closes = [];
    client.on('close', (close) => closes.push(close));
    for (let i = 0; i < 10; ++i) await client.ping();
    assert.deepEqual(closes, []);
  });

  it('gives up where it is told to, and says why', async () => {
    const { port } = server;
    await server.kill();
    const never = clients.make({ reconnect: false });
    await assert.rejects(never.connect(), (error) => error instanceof pulse.DisconnectedError && /ECONNREFUSED/.test(error.message));
    const thrice = clients.make({ reconnect: { ...kSoon, maxAttempts: 2 } });
    const closes = [];
    thrice.on('close', ({ retryInMs }) => closes.push(retryInMs === undefined));
    await assert.rejects(thrice.connect(), pulse.DisconnectedError);
    assert.deepEqual(closes, [false, false, true]);
    server = await Server.start({ host: kHost, port });
  });

  it('stops connecting when its signal aborts', async () => {
    const silent = createServer(() => {});
    silent.listen(0, kHost);
    await once(silent, 'listening');
    const address = `ws://${kHost}:${silent.address().port}/ws`;
    try {
      const client = clients.make({}, address);
      await assert.rejects(client.connect({ signal: AbortSignal.timeout(30) }), { name: 'TimeoutError' });
      assert.equal(client.state, 'closed');
      // A server that accepts and says nothing is an attempt that failed.
      const patient = clients.make({ connectTimeoutMs: 30, reconnect: false }, address);
      await assert.rejects(patient.connect(), pulse.TimeoutError);
    } finally {
      silent.close();
    }
  });

  it('does not wait when it is told that the network is back', async () => {
    const client = await clients.connect({ reconnect: { baseMs: 3_600_000, capMs: 3_600_000, random: () => 0.99 } });
    const closed = next(client, 'close');
    await restart();
    assert.ok((await closed).retryInMs > 3_000_000);
    const opened = next(client, 'open');
    client.hurry();
    await opened;
  });

  it('leaves no timer and no socket behind: the process ends by itself', async () => {
    const program = fileURLToPath(new URL('support/short_life.mjs', import.meta.url));
    for (const how of ['close', 'refused', 'waiting', 'unsubscribed']) {
      const child = spawn(process.execPath, [program, server.address, how], { stdio: ['ignore', 'pipe', 'inherit'] });
      let out = '';
      child.stdout.on('data', (text) => { out += text; });
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
      const [code] = await once(child, 'close');
      clearTimeout(timer);
      assert.deepEqual([how, code, out], [how, 0, 'done\n']);
    }
  });
});

describe('the wait between attempts', () => {
  it('is anything from nothing to a bound that doubles up to a cap', async () => {
    const { Backoff } = await inside('backoff');
    const longest = new Backoff({ baseMs: 100, capMs: 1000, random: () => 1 - 2 ** -53 });
    assert.deepEqual(Array.from({ length: 6 }, () => longest.next()), [99, 199, 399, 799, 999, 999]);
    longest.reset();
    assert.equal(longest.next(), 99);
    const shortest = new Backoff({ random: () => 0 });
    assert.equal(shortest.next(), 0);
    const many = new Backoff({ baseMs: 100, capMs: 100 });
    const waits = Array.from({ length: 1000 }, () => many.next());
    assert.ok(waits.every((wait) => wait >= 0 && wait < 100));
    // Spread over the whole interval: each tenth of it gets its share.
    for (let i = 0; i < 10; ++i) assert.ok(waits.filter((wait) => Math.floor(wait / 10) === i).length > 50);
  });

  it('is no number after the last attempt', async () => {
    const { Backoff } = await inside('backoff');
    const backoff = new Backoff({ maxAttempts: 2 });
    assert.deepEqual([backoff.next(), backoff.next(), backoff.next()].map((wait) => typeof wait), ['number', 'number', 'undefined']);
    assert.throws(() => new Backoff({ baseMs: -1 }), RangeError);
  });

  it('grows while connections are short, and is a first one after one that lasted', async () => {
    const server = await Server.start({ host: kHost });
    // Drops each connection as soon as it is open.
    const bounds = [];
    const client = new Clients(server.address).make({ reconnect: { baseMs: 16, capMs: 1000, stableMs: 3_600_000, random: () => 0.5 } });
    client.on('close', ({ retryInMs }) => bounds.push(retryInMs));
    const { port } = server;
    await client.connect();
    await server.kill();
    await until(() => bounds.length >= 3);
    assert.deepEqual(bounds.slice(0, 3), [8, 16, 32]);
    const again = await Server.start({ host: kHost, port });
    await client.connect();
    const count = bounds.length;
    await again.kill();
    await until(() => bounds.length > count);
    // Open for an instant is no sign that all is well.
    assert.equal(bounds[count], Math.min(500, 8 * 2 ** count));
    client.close();
  });
});
