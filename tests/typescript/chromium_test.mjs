// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The package in a browser: its own WebSocket and fetch, which are not Node's.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { launchBrowser } from '../browser/support/browser.mjs';
import { Server } from '../browser/support/server.mjs';
import { BridgeModel } from './support/bridge_model.mjs';
import { kFolder, require } from './support/package.mjs';

const kHost = '127.0.0.2';

describe('in Chromium', { timeout: 120_000 }, () => {
  let browser;
  let server;
  let host;
  let page;
  before(async () => {
    const { build } = require('esbuild');
    const cwd = fileURLToPath(kFolder);
    const { outputFiles: [{ text }] } = await build({
      stdin: { contents: "export * from '@pulse/client'; export * as roblox from '@pulse/client/roblox';", resolveDir: cwd },
      absWorkingDir: cwd, bundle: true, format: 'esm', write: false,
    });
    host = createServer((request, response) => {
      const isScript = request.url === '/client.js';
      response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' }).end(isScript ? text : '<title>client</title>');
    });
    host.listen(0, '127.0.0.1');
    await once(host, 'listening');
    server = await Server.start({ host: kHost });
    browser = await launchBrowser();
    page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${host.address().port}/`);
  });
  after(async () => {
    host?.close();
    host?.closeAllConnections();
    const ends = [server?.stop(), browser?.close()];
    for (const { reason } of await Promise.allSettled(ends)) if (reason) throw reason;
  });

  it('subscribes, publishes, joins, and comes back after a restart', async () => {
    await page.evaluate(async (address) => {
      const { PulseClient } = await import('/client.js');
      const client = new PulseClient(address, { reconnect: { baseMs: 20, capMs: 50 } });
      window.test = { client, heard: [], opened: 0 };
      client.on('open', () => { ++window.test.opened; });
      const subscription = client.subscribe('room', (message) => window.test.heard.push([message.text(), message.gap !== undefined]));
      await client.connect();
      await subscription.ready;
      const members = await subscription.presence().join({ name: 'page' });
      if (members.length !== 1 || members[0].data.name !== 'page') throw new Error(JSON.stringify(members));
      await client.publish('room', 'Grüße');
      if (!(await client.ping() > 0)) throw new Error('no ping');
    }, server.address);
    await page.waitForFunction(() => window.test.heard.length === 1);
    const { port } = server;
    await server.kill();
    await page.waitForFunction(() => window.test.client.state !== 'open');
    server = await Server.start({ host: kHost, port });
    await page.waitForFunction(() => window.test.opened === 2);
    const members = await page.evaluate(async () => {
      const { client } = window.test;
      await client.publish('room', new TextEncoder().encode('back'));
      return (await client.subscribe('room', () => {}).presence().list()).map(({ data }) => data);
    });
    assert.deepEqual(members, [{ name: 'page' }]);
    await page.waitForFunction(() => window.test.heard.length === 2);
    assert.deepEqual(await page.evaluate(() => window.test.heard), [['Grüße', false], ['back', true]]);
    const state = await page.evaluate(async () => {
      window.test.client.close();
      return window.test.client.state;
    });
    assert.equal(state, 'closed');
  });

  it('rejects with the server\'s code, and reads in a loop', async () => {
    const seen = await page.evaluate(async (address) => {
      const { PulseClient, InvalidChannelError } = await import('/client.js');
      const client = new PulseClient(address);
      await client.connect();
      const refused = await client.subscribe('$reserved').ready.catch((error) => error);
      const subscription = client.subscribe('loop');
      await subscription.ready;
      for (let i = 0; i < 100; ++i) void client.publish('loop', { i }, { event: 'step' });
      let sum = 0;
      for await (const message of subscription) {
        const { i } = message.json();
        sum += i;
        if (i === 99) break;
      }
      client.close();
      return { sum, isTyped: refused instanceof InvalidChannelError, code: refused.code };
    }, server.address);
    assert.deepEqual(seen, { sum: 4950, isTyped: true, code: 1002 });
  });

  it('reaches the bridge with its key in the handshake, and resumes', async () => {
    const model = await BridgeModel.start();
    try {
      await page.evaluate(async ({ serverUrl, apiKey }) => {
        const { roblox } = await import('/client.js');
        const connection = await new roblox.Pulse({ serverUrl, apiKey }).Universe(2745313133).connect({ reconnect: { baseMs: 20, capMs: 50 } });
        window.bridge = { connection, heard: [] };
        connection.subscribe('t', (message) => window.bridge.heard.push(message));
        await connection.publish({ topic: 't', message: 'own', destination: 'server' });
      }, { serverUrl: model.url, apiKey: model.key });
      assert.deepEqual(model.upgrades, [{ url: '/universe/2745313133/connect?v=1', protocol: 'pulse.v1, bearer.admin-key' }]);
      for (const client of model.clients) client.terminate();
      model.say('t', 'meanwhile');
      await page.waitForFunction(() => window.bridge.heard.length === 2);
      assert.deepEqual(await page.evaluate(() => window.bridge.heard), ['own', 'meanwhile']);
      await page.evaluate(() => window.bridge.connection.close());
    } finally {
      await model.stop();
    }
  });
});
