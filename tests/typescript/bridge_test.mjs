// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The Roblox bridge's web client. With PULSE_TEST_BRIDGE_URL and PULSE_TEST_BRIDGE_KEY against that
// server, whose universe 2745313133 has to exist; else, and for all that needs a server that fails
// on demand, against the model of its routes.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';

import { BridgeModel } from './support/bridge_model.mjs';
import { kSoon } from './support/clients.mjs';
import { inside, roblox, WebSocket } from './support/package.mjs';
import { next, until } from './support/wait.mjs';

const kUniverse = 2745313133;
const { PULSE_TEST_BRIDGE_URL: kRealUrl, PULSE_TEST_BRIDGE_KEY: kRealKey } = process.env;

function connections(getPulse) {
  const open = [];
  return {
    async connect(options, id = kUniverse) {
      const connection = await getPulse().Universe(id).connect({ reconnect: kSoon, ...options });
      open.push(connection);
      return connection;
    },
    closeAll() { for (const connection of open.splice(0)) connection.close(); },
  };
}

describe('the bridge\'s client, with any server', { timeout: 60_000 }, () => {
  let model;
  let pulse;
  const { connect, closeAll } = connections(() => pulse);
  before(async () => {
    if (!kRealUrl) model = await BridgeModel.start();
    pulse = new roblox.Pulse({ serverUrl: kRealUrl ?? model.url, apiKey: kRealKey ?? model.key, WebSocket });
  });
  afterEach(closeAll);
  after(() => model?.stop());

  it('hears what is sent to the web, by topic, and as the original has it', async () => {
    const universe = pulse.Universe(kUniverse);
    const { ws, subscribe, close } = await universe.connect();
    assert.equal(ws.readyState, 1);
    const heard = [];
    const unsubscribe = subscribe('test', (message) => heard.push(message));
    const inOrder = await connect();
    const all = [];
    inOrder.subscribe('*', (message, { topic }) => all.push([topic, message]));
    await inOrder.publish({ topic: 'ready', message: 0, destination: 'server' });
    await until(() => all.length === 1);
    await universe.send({ topic: 'other', message: 'not for us', destination: 'server' });
    await universe.send({ topic: 'test', message: { text: 'hello world' }, destination: 'server' });
    await until(() => heard.length === 1);
    assert.deepEqual(heard, [{ text: 'hello world' }]);
    unsubscribe();
    await universe.send({ topic: 'test', message: 'unheard', destination: 'server' });
    await until(() => all.length === 4);
    assert.deepEqual(all.slice(1), [['other', 'not for us'], ['test', { text: 'hello world' }], ['test', 'unheard']]);
    assert.equal(heard.length, 1);
    close();
  });

  it('filters by prefix', async () => {
    const connection = await connect();
    const heard = [];
    connection.subscribe('match.*', (message, info) => heard.push([info.topic, message]));
    connection.subscribe('match.end', (message) => heard.push(message));
    for (const topic of ['chat', 'match', 'match.start', 'match.end']) {
      await connection.publish({ topic, message: topic, destination: 'server' });
    }
    await until(() => heard.length === 3);
    assert.deepEqual(heard, [['match.start', 'match.start'], 'match.end', ['match.end', 'match.end']]);
  });

  it('rejects a wrong key and an unknown universe with their status', async () => {
    const stranger = new roblox.Pulse({ serverUrl: kRealUrl ?? model.url, apiKey: 'wrong', WebSocket });
    const refused = (promise, status) => assert.rejects(promise, (error) => (
      error instanceof roblox.BridgeError && error.status === status && error.retryAfter === undefined));
    await refused(stranger.Universe(kUniverse).connect(), 401);
    await refused(stranger.Universe(kUniverse).send({ topic: 't', message: 1 }), 401);
    await refused(stranger.registry.list(), 401);
    await refused(pulse.Universe('999').connect(), 404);
    await refused(pulse.Universe('999').send({ topic: 't', message: 1 }), 404);
  });

  it('lists the registry', async () => {
    const list = await pulse.registry.list();
    assert.equal(typeof list[kUniverse].valid, 'boolean');
    assert.equal(typeof list[kUniverse].clients, 'number');
  });

  it('comes in with a ticket', async () => {
    const guest = new roblox.Pulse({ serverUrl: kRealUrl ?? model.url, apiKey: kRealKey ?? model.key, auth: 'ticket', WebSocket });
    const connection = await guest.Universe(kUniverse).connect();
    connection.close();
  });
});

describe('the bridge\'s client, with the model', { timeout: 60_000 }, () => {
  // An address of its own, and a path: nothing of a server's address is dropped.
  const kPlace = { host: '127.0.0.4', base: '/deep/bridge' };
  let model;
  let pulse;
  const { connect, closeAll } = connections(() => pulse);
  before(async () => {
    model = await BridgeModel.start(kPlace);
    pulse = new roblox.Pulse({ serverUrl: `${model.url}/`, apiKey: model.key, WebSocket });
  });
  afterEach(closeAll);
  after(() => model.stop());

  const restart = async (epoch = model.epoch) => {
    const { port } = model;
    await model.stop();
    model = await BridgeModel.start({ ...kPlace, port });
    model.epoch = epoch;
  };

  it('shows its key in the handshake, never in the address', async () => {
    await connect();
    assert.deepEqual(model.upgrades.at(-1), {
      url: '/deep/bridge/universe/2745313133/connect?v=1', protocol: 'pulse.v1,bearer.admin-key' });
    const { key } = model;
    try {
      // One that no header could carry is exchanged.
      model.key = 'base64+/==';
      const other = new roblox.Pulse({ serverUrl: model.url, apiKey: model.key, WebSocket });
      (await other.Universe(kUniverse).connect()).close();
      assert.match(model.upgrades.at(-1).url, /\?v=1&ticket=[0-9a-f]+$/);
      const old = new roblox.Pulse({ serverUrl: model.url.replace('http', 'ws'), apiKey: model.key, auth: 'query', WebSocket });
      (await old.Universe(kUniverse).connect()).close();
      assert.match(model.upgrades.at(-1).url, /\?v=1&apiKey=base64%2B%2F%3D%3D$/);
    } finally {
      model.key = key;
    }
  });

  it('keeps scheme, port and path of any server\'s address', async () => {
    const { Http } = await inside('roblox/http');
    const at = (url) => {
      const server = new Http(url, 'k', 0, fetch);
      return [server.url('/p'), server.socketUrl('/p')];
    };
    assert.deepEqual(at('https://h'), ['https://h/p', 'wss://h/p']);
    assert.deepEqual(at('http://h:8080/a/'), ['http://h:8080/a/p', 'ws://h:8080/a/p']);
    assert.deepEqual(at('wss://h:1/a?b#c'), ['https://h:1/a/p', 'wss://h:1/a/p']);
    assert.deepEqual(at('ws://u:p@h'), ['http://h/p', 'ws://h/p']);
    assert.throws(() => at('ftp://h'), TypeError);
    assert.throws(() => new roblox.Pulse({ serverUrl: 'http://h', apiKey: '' }), TypeError);
  });

  it('refuses ids that are none', () => {
    for (const id of [1.5, -1, 2 ** 53, 'x', '', '1/../2', NaN]) assert.throws(() => pulse.Universe(id), TypeError);
    assert.equal(pulse.Universe('18446744073709551615').id, '18446744073709551615');
    assert.equal(pulse.Universe(7n).id, '7');
  });

  it('sends to game servers unless told otherwise, and passes all options on', async () => {
    model.published.length = 0;
    const universe = pulse.Universe(kUniverse);
    await universe.send({ topic: 'a', message: [1] });
    await universe.send({ topic: 'b', serverId: 'job', destination: 'roblox' }, { idempotencyKey: 'once', async: true });
    const connection = await connect();
    await connection.publish({ topic: 'c', message: null, serverId: 'job', ttl: 5, key: 'k' });
    assert.deepEqual(model.published, [
      { topic: 'a', message: [1], serverId: undefined, idempotencyKey: undefined },
      { topic: 'b', message: undefined, serverId: 'job', idempotencyKey: 'once' },
      { topic: 'c', message: null, destination: 'roblox', serverId: 'job', ttl: 5, key: 'k' },
    ]);
  });

  it('manages the registry', async () => {
    const { registry } = pulse;
    await registry.add(42, 'key');
    await assert.rejects(registry.add('42', 'key'), { status: 409, message: 'Universe already exists' });
    await registry.update(42, 'newer', { slot: 1 });
    assert.deepEqual(model.universes.get('42'), { valid: true, key: 'newer', slot: 1 });
    assert.deepEqual(Object.keys(await registry.list()), ['42', '2745313133']);
    await registry.remove(42);
    await assert.rejects(registry.remove(42), { status: 404 });
    await assert.rejects(registry.update(42, 'key'), { status: 404 });
  });

  it('tells what was wrong: status, Retry-After, and what Roblox said', async () => {
    const universe = pulse.Universe(kUniverse);
    const send = () => universe.send({ topic: 't', message: 1 });
    model.refusals.push(
      { status: 429, body: { error: 'Queue full' }, headers: { 'retry-after': '7' } },
      { status: 502, body: { error: 'Roblox refused', roblox: { status: 403, code: 'PERMISSION_DENIED' } } },
      { status: 503, headers: { 'retry-after': new Date(Date.now() + 60_000).toUTCString() } },
      { status: 302, headers: { location: 'http://127.0.0.1:9/' } });
    await assert.rejects(send(), { name: 'PulseBridgeError', status: 429, retryAfter: 7, message: 'Queue full' });
    await assert.rejects(send(), { status: 502, roblox: { status: 403, code: 'PERMISSION_DENIED' } });
    await assert.rejects(send(), (error) => error.status === 503 && error.retryAfter > 50 && error.retryAfter <= 60);
    await assert.rejects(send(), { kind: 'Network' });
    await assert.rejects(universe.send({ topic: 't' }, { signal: AbortSignal.abort(new Error('mine')) }), /mine/);
    const connection = await connect();
    await assert.rejects(connection.publish({ topic: 'full', message: 1 }), { kind: 'Bridge', message: 'Queue full', retryAfter: 2 });
  });

  it('gives up on a server that does not answer in time', async () => {
    const slow = new roblox.Pulse({
      serverUrl: model.url, apiKey: model.key, WebSocket, timeoutMs: 20,
      fetch: (_, { signal }) => new Promise((_, reject) => { signal.addEventListener('abort', () => reject(signal.reason)); }),
    });
    await assert.rejects(slow.Universe(1).send({ topic: 't' }), roblox.TimeoutError);
  });

  it('asks for the topics it wants only, and hears refusals', async () => {
    const connection = await connect();
    const heard = [];
    const errors = [];
    const off = connection.subscribe('a', (message) => heard.push(message));
    connection.subscribe('bad', () => {}, (error) => errors.push(error.message));
    await until(() => errors.length === 1);
    assert.deepEqual(errors, ['Topic refused']);
    const raw = [];
    connection.on('message', ({ topic }) => raw.push(topic));
    model.say('b', 1);
    model.say('a', 2, 'job-9');
    await until(() => heard.length === 1);
    assert.deepEqual(raw, ['a']);
    off();
    await connection.publish({ topic: 'x', message: 1 });
    model.say('a', 3);
    await connection.publish({ topic: 'x', message: 1 });
    assert.deepEqual(raw, ['a']);
  });

  it('knows who spoke, when, and in which order', async () => {
    const connection = await connect();
    const infos = [];
    connection.subscribe('who', (_, info) => infos.push(info));
    await connection.publish({ topic: 'x', message: 1 });
    model.say('who', 1, 'job-7');
    await until(() => infos.length === 1);
    assert.deepEqual({ ...infos[0], seq: typeof infos[0].seq, ts: infos[0].ts > 1e12 }, {
      topic: 'who', serverId: 'job-7', seq: 'string', ts: true });
  });

  it('keeps subscriptions over lost connections and resumes where it was, each message once', async () => {
    const connection = await connect();
    const heard = [];
    const gaps = [];
    connection.subscribe('t', (message) => heard.push(message));
    connection.on('gap', (gap) => gaps.push(gap));
    await connection.publish({ topic: 'x', message: 1 });
    model.say('t', 'before');
    await until(() => heard.length === 1);
    for (let round = 0; round < 6; ++round) {
      const [closed, opened] = [next(connection, 'close'), next(connection, 'open')];
      const { ws } = connection;
      for (const client of model.clients) client.terminate();
      const { retryInMs } = await closed;
      assert.ok(retryInMs <= 50);
      model.say('t', `meanwhile ${round}`);
      assert.deepEqual(await opened, { reconnected: true });
      assert.notEqual(connection.ws, ws);
      model.say('t', `after ${round}`);
      await until(() => heard.length === 3 + 2 * round);
    }
    assert.deepEqual(heard.slice(0, 5), ['before', 'meanwhile 0', 'after 0', 'meanwhile 1', 'after 1']);
    assert.equal(new Set(heard).size, 13);
    assert.deepEqual(gaps, []);
  });

  it('resumes where it began when nothing has come yet', async () => {
    const connection = await connect();
    const heard = [];
    const gaps = [];
    connection.subscribe('t', (message) => heard.push(message));
    connection.on('gap', (gap) => gaps.push(gap));
    const [closed, opened] = [next(connection, 'close'), next(connection, 'open')];
    for (const client of model.clients) client.terminate();
    await closed;
    model.say('t', 'meanwhile');
    await opened;
    await until(() => heard.length === 1);
    assert.deepEqual([heard, gaps], [['meanwhile'], []]);
  });

  it('subscribes to many topics again', async () => {
    const connection = await connect();
    const heard = [];
    const errors = [];
    connection.on('error', (error) => errors.push(error));
    for (let n = 0; n < 600; ++n) connection.subscribe(`many ${n}`, (message) => heard.push(message));
    await connection.publish({ topic: 'x', message: 1 });
    const opened = next(connection, 'open');
    for (const client of model.clients) client.terminate();
    await opened;
    for (const n of [0, 255, 256, 599]) model.say(`many ${n}`, n);
    await until(() => heard.length === 4);
    assert.deepEqual([heard, errors], [[0, 255, 256, 599], []]);
  });

  it('tells when messages are lost for good', async () => {
    const connection = await connect();
    const heard = [];
    connection.subscribe('t', (message) => heard.push(message));
    await connection.publish({ topic: 'x', message: 1 });
    model.say('t', 1);
    await until(() => heard.length === 1);
    const gaps = [];
    connection.on('gap', (gap) => gaps.push(gap));
    const opened = next(connection, 'open');
    await restart('e2');
    await opened;
    await until(() => gaps.length > 0);
    // A new epoch counts from the beginning, and is not taken for what was seen.
    model.say('t', 2);
    await until(() => heard.length === 2);
    assert.deepEqual(heard, [1, 2]);
    assert.equal(gaps.length, 1);
    assert.ok(gaps[0].from <= gaps[0].until);
  });

  it('ends for good when the key is taken away', async () => {
    const connection = await connect();
    const closes = [];
    connection.on('close', (close) => closes.push(close));
    const { key } = model;
    model.key = 'another';
    try {
      for (const client of model.clients) client.terminate();
      await until(() => connection.state === 'closed');
    } finally {
      model.key = key;
    }
    assert.equal(closes.at(-1).error.status, 401);
    await assert.rejects(connection.publish({ topic: 't', message: 1 }), roblox.NotConnectedError);
  });

  it('stops when its signal aborts, and when it cannot connect in time', async () => {
    const universe = pulse.Universe(kUniverse);
    const nowhere = new roblox.Pulse({ serverUrl: 'http://127.0.0.1:9', apiKey: 'k', WebSocket });
    await assert.rejects(nowhere.Universe(1).connect({ reconnect: false }), roblox.DisconnectedError);
    await assert.rejects(nowhere.Universe(1).connect({ reconnect: kSoon, signal: AbortSignal.timeout(30) }), { name: 'TimeoutError' });
    await assert.rejects(universe.connect({ signal: AbortSignal.abort(new Error('no')) }), /no/);
  });

  it('survives frames that are none', async () => {
    const connection = await connect();
    const errors = [];
    connection.on('error', (error) => errors.push(error.kind));
    const [client] = model.clients;
    for (const text of ['pong', '{', '[]', '1', 'null', '{"op":"later"}', '{"op":"ok","id":99}', '{"error":"bad"}', '{"topic":1}']) client.send(text);
    client.send(Buffer.from([1]));
    await connection.publish({ topic: 'x', message: 1 });
    assert.deepEqual(errors, ['Protocol', 'Protocol', 'Protocol', 'Bridge', 'Protocol']);
  });
});
