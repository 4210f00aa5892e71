// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The native client against the real server, on a connection that holds.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';

import { Server } from '../browser/support/server.mjs';
import { Clients, hear } from './support/clients.mjs';
import { pulse } from './support/package.mjs';
import { next, until } from './support/wait.mjs';

const kSettings = `
[limits]
max_message_size = 65536
max_subscriptions_per_connection = 20
`;

describe('the native client', { timeout: 120_000 }, () => {
  let server;
  let clients;
  before(async () => {
    server = await Server.start({ settings: kSettings });
    clients = new Clients(server.address);
  });
  afterEach(() => clients.closeAll());
  after(() => server?.stop());

  it('connects, is told its name, and closes', async () => {
    const client = clients.make();
    const states = [];
    client.on('state', (state) => states.push(state));
    const opened = next(client, 'open');
    assert.equal(client.state, 'closed');
    await Promise.all([client.connect(), client.connect()]);
    assert.match(client.connectionId, /^conn_/);
    assert.deepEqual(await opened, { connectionId: client.connectionId, reconnected: false });
    const closed = next(client, 'close');
    client.close(4000, 'enough');
    assert.equal((await closed).retryInMs, undefined);
    assert.deepEqual(states, ['connecting', 'open', 'closed']);
    assert.equal(client.connectionId, undefined);
    // And begins anew.
    await client.connect();
    assert.equal(client.state, 'open');
  });

  it('publishes text, bytes and JSON, with and without an event, to its own subscription too', async () => {
    const alice = await clients.connect();
    const bob = await clients.connect();
    const [a, b] = [await hear(alice, 'chat'), await hear(bob, 'chat')];
    await alice.publish('chat', 'Grüße');
    await alice.publish('chat', new Uint8Array([0, 255]), { event: 'raw' });
    await alice.publish('chat', { n: [1, null] }, { event: 'state' });
    await alice.publish('chat', pulse.pack({ deep: 1 }));
    await until(() => b.heard.length === 4 && a.heard.length === 4);
    const [text, raw, json, packed] = b.heard;
    assert.equal(text.text(), 'Grüße');
    assert.equal(text.event, undefined);
    assert.deepEqual([raw.event, [...raw.payload]], ['raw', [0, 255]]);
    assert.deepEqual([json.event, json.json()], ['state', { n: [1, null] }]);
    assert.deepEqual(pulse.unpack(packed.payload), { deep: 1 });
    assert.throws(() => raw.text(), pulse.ProtocolError);
    assert.ok(b.heard.every(({ channel, gap }) => channel === 'chat' && gap === undefined));
  });

  it('shares one subscription on the wire among several, and leaves with the last', async () => {
    const client = await clients.connect();
    const sent = [];
    client.on('frame', ({ direction, frame }) => { if (direction === 'out') sent.push(frame.type); });
    const [first, second] = [await hear(client, 'shared'), await hear(client, 'shared')];
    await client.publish('shared', '1');
    await until(() => first.heard.length === 1 && second.heard.length === 1);
    await first.subscription.unsubscribe();
    assert.equal(first.subscription.active, false);
    await client.publish('shared', '2');
    await until(() => second.heard.length === 2);
    await second.subscription.unsubscribe();
    // The ack of an unsubscribe is the last that is heard of a channel.
    await client.publish('shared', '3');
    await client.ping();
    assert.deepEqual([first.heard.length, second.heard.length], [1, 2]);
    assert.deepEqual(sent, ['subscribe', 'publish', 'publish', 'unsubscribe', 'publish', 'ping']);
  });

  it('subscribes again while it is still leaving', async () => {
    const client = await clients.connect();
    const { subscription } = await hear(client, 'back');
    const left = subscription.unsubscribe();
    const again = await hear(client, 'back');
    await left;
    await client.publish('back', 'x');
    await until(() => again.heard.length === 1);
  });

  it('is read with for await, which unsubscribes when it is left', async () => {
    const client = await clients.connect();
    const subscription = client.subscribe('loop');
    await subscription.ready;
    for (const text of ['a', 'b', 'c']) await client.publish('loop', text);
    const read = [];
    for await (const message of subscription) {
      read.push(message.text());
      if (read.length === 3) break;
    }
    assert.deepEqual(read, ['a', 'b', 'c']);
    assert.equal(subscription.active, false);
  });

  it('ends a loop when its signal aborts, and when the client closes', async () => {
    const client = await clients.connect();
    const abort = new AbortController();
    const loops = [client.subscribe('one', { signal: abort.signal }), client.subscribe('two')].map(async (subscription) => {
      let count = 0;
      for await (const _ of subscription) if (++count === 1 && subscription.channel === 'one') abort.abort();
      return count;
    });
    await client.publish('one', 'x');
    assert.equal(await loops[0], 1);
    client.close();
    assert.equal(await loops[1], 0);
  });

  it('tells a loop that is too slow, or counts what it drops, as it is asked to', async () => {
    const client = await clients.connect();
    const strict = client.subscribe('flood', { maxQueued: 3 });
    const oldest = client.subscribe('flood', { maxQueued: 3, overflow: 'drop-oldest' });
    const newest = client.subscribe('flood', { maxQueued: 3, overflow: 'drop-newest' });
    await strict.ready;
    for (let i = 0; i < 5; ++i) await client.publish('flood', `${i}`);
    await client.ping();
    const take = async (subscription, count) => {
      const read = [];
      for await (const message of subscription) if (read.push(message.text()) === count) break;
      return read;
    };
    const read = [];
    await assert.rejects(async () => {
      for await (const message of strict) read.push(message.text());
    }, pulse.OverflowError);
    assert.deepEqual(read, ['0', '1', '2']);
    assert.equal(strict.active, false);
    assert.deepEqual([oldest.dropped, newest.dropped], [2, 2]);
    assert.deepEqual(await take(oldest, 3), ['2', '3', '4']);
    assert.deepEqual(await take(newest, 3), ['0', '1', '2']);
  });

  it('lets a listener fail without harm to the others', async () => {
    const client = await clients.connect();
    const heard = [];
    const thrown = [];
    // What throws in a listener is reported as uncaught, which here would fail the test.
    const original = globalThis.queueMicrotask;
    globalThis.queueMicrotask = (task) => original(() => { try { task(); } catch (error) { thrown.push(error.message); } });
    try {
      const subscription = client.subscribe('listeners', () => { throw new Error('mine'); });
      subscription.on('message', (message) => heard.push(message.text()));
      await subscription.ready;
      await client.publish('listeners', 'x');
      await until(() => heard.length === 1 && thrown.length === 1);
    } finally {
      globalThis.queueMicrotask = original;
    }
    assert.deepEqual(thrown, ['mine']);
  });

  it('rejects with the class that belongs to the server\'s code', async () => {
    const client = await clients.connect();
    const refused = (promise, type, code) => assert.rejects(promise, (error) => {
      assert.ok(error instanceof type && error instanceof pulse.ServerError && error instanceof pulse.PulseError, error);
      assert.equal(error.code, code);
      return true;
    });
    const reserved = client.subscribe('$reserved');
    await refused(reserved.ready, pulse.InvalidChannelError, pulse.ErrorCode.InvalidChannel);
    assert.equal(reserved.active, false);
    await assert.rejects(async () => { for await (const _ of reserved); }, pulse.InvalidChannelError);
    const { subscription } = await hear(client, 'room');
    await refused(subscription.presence().update('x'), pulse.NotSubscribedError, pulse.ErrorCode.NotSubscribed);
    await refused(client.publish('room', new Uint8Array(65_537)), pulse.PayloadTooLargeError, pulse.ErrorCode.PayloadTooLarge);
    // A publication without ack is refused as well; only, nobody waits for that.
    const said = next(client, 'error');
    await client.publish('room', new Uint8Array(65_537), { ack: false });
    assert.equal((await said).code, pulse.ErrorCode.PayloadTooLarge);
    assert.equal(client.state, 'open');
  });

  it('rejects what cannot be sent at all, and goes on', async () => {
    const client = await clients.connect();
    await assert.rejects(client.publish('c', undefined), TypeError);
    await assert.rejects(client.publish('c', new Uint8Array(17 << 20), { ack: true }), pulse.BackpressureError);
    const large = await clients.connect({ maxBufferedBytes: 1 << 30 });
    await assert.rejects(large.publish('c', new Uint8Array(17 << 20)), RangeError);
    await large.publish('c', 'still here');
  });

  it('stops waiting when a signal aborts or time is up', async () => {
    const client = await clients.connect();
    await assert.rejects(client.publish('c', 'x', { signal: AbortSignal.abort(new Error('before')) }), /before/);
    const abort = new AbortController();
    const published = client.publish('c', 'x', { signal: abort.signal });
    abort.abort(new Error('meanwhile'));
    await assert.rejects(published, /meanwhile/);
    await server.pause();
    try {
      await assert.rejects(client.publish('c', 'x', { timeoutMs: 30 }), pulse.TimeoutError);
    } finally {
      server.goOn();
    }
    assert.ok(await client.ping() > 0);
  });

  it('bounds what waits to be sent and to be answered, and tells when there is room', async () => {
    const client = await clients.connect({ maxBufferedBytes: 200_000, maxPendingRequests: 8 });
    const payload = new Uint8Array(60_000);
    await server.pause();
    try {
      let refused;
      for (let i = 0; i < 1000 && !refused; ++i) {
        await client.publish('bulk', payload, { ack: false }).catch((error) => { refused = error; });
        await new Promise(setImmediate);
      }
      assert.ok(refused instanceof pulse.BackpressureError, 'the kernel takes some, this client not without end');
      assert.ok(client.bufferedAmount <= 200_000);
    } finally {
      server.goOn();
    }
    await client.drained();
    assert.ok(client.bufferedAmount <= 100_000);
    const settled = await Promise.allSettled(Array.from({ length: 9 }, (_, i) => client.publish('bulk', `${i}`)));
    assert.deepEqual(settled.map(({ status }) => status), [...Array(8).fill('fulfilled'), 'rejected']);
    assert.ok(settled[8].reason instanceof pulse.BackpressureError);
    await client.publish('bulk', 'room again');
  });

  it('keeps the order of 5,000 publications, many to a message', async () => {
    const client = await clients.connect();
    const listener = await clients.connect();
    const { heard } = await hear(listener, 'order');
    for (let i = 0; i < 5000; ++i) await client.publish('order', `${i}`, { ack: i % 100 === 0 });
    await until(() => heard.length === 5000);
    assert.ok(heard.every((message, i) => message.text() === `${i}`));
  });

  it('rejects publications without a connection', async () => {
    const client = clients.make();
    await assert.rejects(client.publish('c', 'x'), pulse.NotConnectedError);
    await assert.rejects(client.ping(), pulse.NotConnectedError);
  });

  it('says what to do where there is no WebSocket', { skip: 'WebSocket' in globalThis }, () => {
    assert.throws(() => new pulse.PulseClient(server.address), /npm install ws/);
  });

  it('says so when the address asks for JSON', async () => {
    const client = clients.make({}, `${server.address}?format=json`);
    await assert.rejects(client.connect(), pulse.ProtocolError);
    assert.equal(client.state, 'closed');
  });

  it('refuses an address that is none, at once', async () => {
    await assert.rejects(clients.make({}, 'nonsense').connect(), { name: 'SyntaxError' });
  });

  describe('presence', () => {
    const member = ({ connectionId, data }) => [connectionId, data];

    it('shows who joins, changes and leaves, with their data', async () => {
      const [alice, bob] = [await clients.connect(), await clients.connect()];
      const a = (await hear(alice, 'room')).subscription.presence();
      const bSubscription = (await hear(bob, 'room')).subscription;
      const b = bSubscription.presence();
      const events = [];
      for (const event of ['join', 'update', 'leave']) a.on(event, (m) => events.push([event, ...member(m)]));

      assert.deepEqual((await a.join({ name: 'Alice' })).map(member), [[alice.connectionId, { name: 'Alice' }]]);
      const list = await b.join({ name: 'Bob', tags: ['x', null, 1.5] });
      assert.deepEqual(list.map(member).sort(), [
        [alice.connectionId, { name: 'Alice' }], [bob.connectionId, { name: 'Bob', tags: ['x', null, 1.5] }],
      ].sort());
      assert.ok(list.every(({ joinedAt, lastSeen }) => joinedAt > 1e12 && lastSeen >= joinedAt));
      await b.update({ name: 'Robert' });
      assert.deepEqual(b.members.get(bob.connectionId).data, { name: 'Robert' });
      await until(() => events.length === 2);
      assert.deepEqual(a.members.get(bob.connectionId).data, { name: 'Robert' });
      await b.leave();
      await until(() => events.length === 3);
      assert.deepEqual(events, [
        ['join', bob.connectionId, { name: 'Bob', tags: ['x', null, 1.5] }], ['update', bob.connectionId, { name: 'Robert' }],
        ['leave', bob.connectionId, { name: 'Robert' }],
      ]);
      assert.deepEqual((await b.list()).map(member), [[alice.connectionId, { name: 'Alice' }]]);
      assert.equal(b.joined, false);
      assert.equal(a.joined, true);
      await bSubscription.unsubscribe();
      await assert.rejects(b.join(), pulse.ClosedError);
    });

    it('notices those whose connection ends', async () => {
      const [alice, bob] = [await clients.connect(), await clients.connect()];
      const a = (await hear(alice, 'gone')).subscription.presence();
      await (await hear(bob, 'gone')).subscription.presence().join();
      assert.deepEqual([...(await a.list())].map(member), [[bob.connectionId, null]]);
      const left = next(a, 'leave');
      const name = bob.connectionId;
      bob.close();
      assert.equal((await left).connectionId, name);
      assert.equal(a.members.size, 0);
    });

    it('refuses data that is not JSON-like before anything is sent', async () => {
      const client = await clients.connect();
      const presence = (await hear(client, 'data')).subscription.presence();
      await assert.rejects(presence.join(new Uint8Array(1)), TypeError);
      await presence.join('fine');
    });

    it('waits for the subscription it stands on', async () => {
      const client = clients.make();
      const joined = client.subscribe('early', () => {}).presence().join(1);
      await client.connect();
      assert.equal((await joined).length, 1);
    });
  });
});

describe('authentication', { timeout: 60_000 }, () => {
  let server;
  let clients;
  before(async () => {
    server = await Server.start({ settings: '[auth]\ntokens = ["right"]\n' });
    clients = new Clients(server.address);
  });
  afterEach(() => clients.closeAll());
  after(() => server?.stop());

  it('sends a token before anything else', async () => {
    const client = clients.make({ token: 'right' });
    const subscription = client.subscribe('c', () => {});
    await client.connect();
    await subscription.ready;
    await client.publish('c', 'x');
  });

  it('rejects for good when the token is refused', async () => {
    const client = clients.make({ token: 'wrong' });
    const subscription = client.subscribe('c');
    await assert.rejects(client.connect(), pulse.UnauthorizedError);
    assert.equal(client.state, 'closed');
    await assert.rejects(subscription.ready, pulse.UnauthorizedError);
    await assert.rejects(async () => { for await (const _ of subscription); }, pulse.UnauthorizedError);
  });

  it('asks a function for each connection, and once more when its token is refused', async () => {
    const asked = [];
    const client = clients.make({
      token: async ({ refused, signal }) => {
        assert.ok(signal instanceof AbortSignal);
        asked.push(refused?.code);
        return asked.length === 1 ? 'stale' : 'right';
      },
    });
    await client.connect();
    await client.publish('c', 'x');
    assert.deepEqual(asked, [undefined, 1003]);
    const stubborn = clients.make({ token: () => 'wrong' });
    await assert.rejects(stubborn.connect(), pulse.UnauthorizedError);
  });

  it('tries again when the function fails, which is not the server refusing', async () => {
    let asked = 0;
    const client = clients.make({
      token: () => {
        if (++asked < 3) throw new Error('no token today');
        return 'right';
      },
    });
    await client.connect();
    assert.equal(asked, 3);
  });

  it('rejects requests of who has none', async () => {
    const client = await clients.connect();
    await assert.rejects(client.publish('c', 'x'), pulse.UnauthorizedError);
    await assert.rejects(client.subscribe('c').ready, pulse.UnauthorizedError);
  });
});
