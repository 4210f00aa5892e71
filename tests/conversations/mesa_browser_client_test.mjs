// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The original's client for browsers (npm's mesa-js-client) at our server: with callbacks instead of events, a version
// of its own, and no return from its own disconnect().
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';

import { countBeats, heartbeatsFor, kBeatsOfASilentClient } from './support/heartbeats.mjs';
import { App } from './support/mesa.mjs';
import { freePort, Redis } from './support/redis.mjs';

const kTimeoutMs = 150_000;
const patience = Number(process.env.PULSE_TEST_PATIENCE ?? 10);
const kWithinMs = 1000 * patience;
/** What it says whatever its own version is. */
const kVersion = '1.5.3';

const require = createRequire(`${process.env.PULSE_TEST_NODE_FOLDER}/package.json`);
// It takes the browser's when it is loaded; not all of Node has one.
globalThis.WebSocket = require('ws');
const Client = require('mesa-js-client');

async function until(what, isSo) {
  const deadline = Date.now() + kWithinMs;
  while (!isSo()) {
    assert.ok(Date.now() < deadline, what);
    await new Promise((resolve) => { setTimeout(resolve, 10); });
  }
}

/** Connected, with everything it is told kept. */
async function connect(port) {
  const client = new Client(`ws://127.0.0.1:${port}/`, { autoConnect: false });
  Object.assign(client, { got: [], connections: [], ends: [] });
  client.onConnected = (how) => client.connections.push(how);
  client.onMessage = (message) => client.got.push(message);
  client.onDisconnected = (code, reason, { willAttemptReconnect }) => client.ends.push({ code, willAttemptReconnect });
  client.onError = () => {};
  await client.connect();
  return client;
}

describe("the original's client for browsers at our server", () => {
  let redis;
  let app;
  before(async () => { redis = await Redis.start(); });
  after(() => redis.stop());

  async function start(options) {
    app = new App('server', { redis: redis.url, ...options }, {});
    await app.ready();
  }
  function stage(name, body) {
    it(name, { timeout: kTimeoutMs }, async () => {
      const port = await freePort();
      let client;
      try {
        await body(port, async () => { client = await connect(port); return client; });
      } finally {
        client?.disconnect();
        await app.end();
      }
    });
  }

  stage('authenticates, is answered, and answers heartbeats', async (port, open) => {
    await start({ port, heartbeat: heartbeatsFor(patience) });
    const client = await open();
    const beats = countBeats(client.ws);
    await until('the greeting', () => client.rules.length > 0);
    assert.deepEqual(await client.authenticate({ id: 'A' }), { id: 'A', name: 'NA' });
    assert.equal(client.authenticated, true);
    client.send(0, { x: 1 }, 'ECHO');
    await until('the echo', () => client.got.length === 1);
    assert.deepEqual(client.got[0], { opcode: 0, data: { x: 1 }, type: 'ECHO' });
    await until('more beats than a silent one gets', () => client.ends.length > 0 || beats.count > kBeatsOfASilentClient);
    assert.deepEqual(client.ends, []);
  });

  stage('comes back to a server that was killed, is sent what was kept, and stays away when it leaves', async (port, open) => {
    const options = { port, reconnect: { enabled: true, interval: 100 }, sync: { enabled: true } };
    await start(options);
    const client = await open();
    await until('the greeting', () => client.rules.length > 0);
    await client.authenticate({ id: 'B' });
    app.kill('SIGKILL');
    await until('the end', () => client.ends.length > 0);
    assert.deepEqual(client.ends[0], { code: 1006, willAttemptReconnect: true });
    await start(options);
    await until('it is back', () => client.connections.length === 2);
    assert.deepEqual(client.connections[1],
      { isInitialConnection: false, isInitialSessionConnection: false, isAutomaticReconnection: true });
    // Whoever is taken for online is not kept for: the one that was killed is noticed when somebody looks.
    const isForgotten = async () => await redis.ask(['SISMEMBER', 'connected_clients', 'B']) === 0;
    const deadline = Date.now() + kWithinMs;
    while (!await isForgotten()) {
      assert.ok(Date.now() < deadline, 'what was killed is taken back');
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    for (const n of [1, 2]) app.tell({ send: { op: 0, d: { n }, t: 'KEPT' }, to: ['B'] });
    while ((await redis.ask(['HGET', 'undelivered_messages', 'B']) ?? '').includes('"n":2') === false) {
      assert.ok(Date.now() < deadline + kWithinMs, 'both are kept');
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
    await client.authenticate({ id: 'B' });
    await until('what was kept', () => client.got.length === 2);
    assert.deepEqual(client.got.map(({ data, sequence }) => [data.n, sequence]), [[1, 1], [2, 2]]);
    client.disconnect(4000);
    await until('its own end', () => client.ends.some(({ code }) => code === 4000));
    assert.equal(client.ends.at(-1).willAttemptReconnect, false);
  });

  stage('is let in with its version where that is accepted, and closed where it is not', async (port, open) => {
    await start({ port, client: { enforceEqualVersions: true, versions: [kVersion] } });
    const client = await open();
    await until('the greeting', () => client.rules.length > 0);
    assert.deepEqual(await client.authenticate({ id: 'C' }), { id: 'C', name: 'NC' });
    client.disconnect();
    await app.end();
    const other = await freePort();
    await start({ port: other, client: { enforceEqualVersions: true } });
    const refused = await connect(other);
    await until('the end', () => refused.ends.length > 0);
    assert.equal(refused.ends[0].code, 1002);
  });

  stage('keeps its messages where it is told to', async (port, open) => {
    await start({ port, options: { storeMessages: true }, authentication: { sendUserObject: false, timeout: 0 } });
    const client = await open();
    await until('the greeting', () => client.rules.length > 0);
    assert.equal(await client.authenticate({ id: 'D' }), undefined);
    client.send(0, {}, 'ECHO_DIRECT');
    await until('the echo', () => client.got.length === 1);
    assert.equal(client.messages.received.length, 1);
  });
});
