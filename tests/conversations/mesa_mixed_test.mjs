// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The original's processes (npm's @cryb/mesa) and ours on one Redis, which neither of them can tell.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';

import { run } from './support/conversation.mjs';
import { countBeats, heartbeatsFor, kBeatsOfASilentClient } from './support/heartbeats.mjs';
import { App, MesaAdapter } from './support/mesa.mjs';
import { freePort, Redis } from './support/redis.mjs';

const kAtOnce = Number(process.env.PULSE_TEST_AT_ONCE ?? 4);
const kTimeoutMs = 150_000;
const patience = Number(process.env.PULSE_TEST_PATIENCE ?? 10);
const isChosen = new RegExp(process.env.PULSE_TEST_ONLY ?? '');
const read = (file) => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'));

function hold(name, conversation, originals) {
  if (!isChosen.test(name)) return;
  it(name, { timeout: kTimeoutMs }, async () => {
    await run(conversation, await MesaAdapter.for(conversation, patience, { originals }), { patience });
  });
}

/** Names of the processes of a conversation, with their kinds. */
function processesOf({ steps }) {
  const all = new Map();
  for (const step of steps) {
    for (const kind of ['server', 'dispatcher', 'portal']) if (step[kind] !== undefined) all.set(step[kind], kind);
  }
  return all;
}

/** Who may be the original: the servers or the others; of several servers each one alone. */
function castsOf(conversation) {
  const all = [...processesOf(conversation)];
  const servers = all.filter(([, kind]) => kind === 'server').map(([name]) => name);
  const others = all.filter(([, kind]) => kind !== 'server').map(([name]) => name);
  if (servers.length > 1) return servers.map((server) => [server]);
  return others.length > 0 ? [servers, others] : [];
}

describe('the original and ours on one Redis', { concurrency: kAtOnce }, () => {
  for (const conversation of read('mesa_mixed.json')) {
    const names = [...processesOf(conversation).keys()];
    hold(conversation.name, conversation, names.filter((name) => name.startsWith('their')));
  }
  const observed = [...read('mesa.json'), ...read('mesa_more.json')]
    .filter(({ basis, needs = [] }) => basis === 'observed' && needs.includes('redis'));
  for (const conversation of observed) {
    for (const originals of castsOf(conversation)) {
      hold(`${conversation.name}, where ${originals.join(' and ')} is the original's`, conversation, originals);
    }
  }
});

describe("the original's client at our server", () => {
  const { Client, Message } = createRequire(`${process.env.PULSE_TEST_NODE_FOLDER}/package.json`)('@cryb/mesa');
  let redis;
  before(async () => { redis = await Redis.start(); });
  after(() => redis.stop());

  async function start(options) {
    const app = new App('server', { redis: redis.url, ...options }, {});
    await app.ready();
    return app;
  }

  /** Connected, with everything it says kept in `got`. */
  async function connect(port) {
    const client = new Client(`ws://127.0.0.1:${port}/`, { autoConnect: false });
    client.got = [];
    client.on('message', ({ opcode, data, type, sequence }) => client.got.push({ opcode, data, type, sequence }));
    client.on('error', () => {});
    await client.connect();
    return client;
  }
  /** As once() of node:events, but attempts that fail on the way do not count. */
  const next = (client, event) => new Promise((resolve) => { client.once(event, (...values) => resolve(values)); });
  /** It comes back even after its own disconnect(), and cannot be told not to. */
  function end(client) {
    clearInterval(client.reconnectionInterval);
    if (client.ws) client.disconnect();
    client.on('disconnected', () => setImmediate(() => clearInterval(client.reconnectionInterval)));
  }
  async function until(what, isSo) {
    const deadline = Date.now() + 1000 * patience;
    while (!isSo()) {
      assert.ok(Date.now() < deadline, what);
      await new Promise((resolve) => { setTimeout(resolve, 10); });
    }
  }

  it('authenticates, is answered, and answers heartbeats', { timeout: kTimeoutMs }, async () => {
    const port = await freePort();
    const app = await start({ port, heartbeat: heartbeatsFor(patience) });
    const client = await connect(port);
    const beats = countBeats(client.ws);
    try {
      assert.deepEqual(await client.authenticate({ id: 'A' }), { id: 'A', name: 'NA' });
      client.send(new Message(0, { x: 1 }, 'ECHO'));
      await until('the echo', () => client.got.length === 1);
      assert.deepEqual(client.got[0], { opcode: 0, data: { x: 1 }, type: 'ECHO', sequence: undefined });
      let isClosed = false;
      client.on('disconnected', () => { isClosed = true; });
      await until('more beats than a silent one gets', () => isClosed || beats.count > kBeatsOfASilentClient);
      assert.equal(isClosed, false);
    } finally {
      end(client);
      await app.end();
    }
  });

  it('comes back to a server that was restarted, and is sent what was kept', { timeout: kTimeoutMs }, async () => {
    const options = { port: await freePort(), reconnect: { enabled: true, interval: 100 }, sync: { enabled: true } };
    let app = await start(options);
    const client = await connect(options.port);
    try {
      await client.authenticate({ id: 'R' });
      const left = next(client, 'disconnected');
      app.kill('SIGTERM');
      const [code, , { willAttemptReconnect }] = await left;
      assert.deepEqual([code, willAttemptReconnect], [1001, true]);
      await app.expectExit(0, 1000 * patience);
      const back = next(client, 'connected');
      app = await start(options);
      app.tell({ send: { op: 0, d: { n: 1 }, t: 'KEPT' }, to: ['R'] });
      const [how] = await back;
      assert.equal(how.isAutomaticReconnection, true);
      // It may have come back before the message was kept; either way it is there, once.
      await client.authenticate({ id: 'R' });
      await until('what was kept', () => client.got.length > 0);
      assert.deepEqual(client.got.map(({ data, type }) => ({ data, type })), [{ data: { n: 1 }, type: 'KEPT' }]);
    } finally {
      end(client);
      await app.end();
    }
  });

  it('does not trip over any set of rules', { timeout: kTimeoutMs }, async () => {
    const port = await freePort();
    const app = await start({ port, authentication: { sendUserObject: false, timeout: 0 }, options: { storeMessages: true } });
    const client = await connect(port);
    try {
      assert.deepEqual(await client.authenticate({ id: 'S' }), {});
      client.send(new Message(0, {}, 'ECHO_DIRECT'));
      await until('the echo', () => client.got.length === 1);
      await until('what it keeps itself', () => client.messages.received.length === 1);
    } finally {
      end(client);
      await app.end();
    }
  });
});
