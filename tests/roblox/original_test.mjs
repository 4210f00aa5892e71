// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What was written for the original works: its TypeScript client's calls, corrected only where they
// contradict its own server (the path of send, the bearer of the registry), and the sketch of a game's script.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { WebSocket } from './support/package.mjs';
import { onStage } from './support/stage.mjs';
import { hears, until } from './support/wait.mjs';

/** As the original's client does it; the admin's key is the one key there was. */
class OriginalClient {
  constructor(serverUrl, apiKey) {
    this.serverUrl = serverUrl;
    this.apiKey = apiKey;
  }

  async call(method, path, body) {
    const answer = await fetch(this.serverUrl + path, {
      method, headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${this.apiKey}` },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return [answer.status, await answer.json()];
  }
  send(universe, message) { return this.call('POST', `/universe/${universe}/send`, message); }

  connect(universe) {
    const ws = new WebSocket(`${this.serverUrl.replace('http', 'ws')}/universe/${universe}/connect?apiKey=${this.apiKey}`);
    const subscribe = (topic, callback, errorCallback) => ws.on('message', (data) => {
      const frame = JSON.parse(String(data));
      const isMessage = Object.keys(frame).every((key) => ['topic', 'message'].includes(key)) && 'topic' in frame;
      if (!isMessage) errorCallback?.(frame.error);
      else if (frame.topic === topic) callback(frame.message);
    });
    return { ws, subscribe };
  }
}

test("the original's TypeScript client finds what it knows", onStage({ mode: 'v0' }, async (stage) => {
  const game = await stage.addGame();
  const client = new OriginalClient(stage.server.url, stage.adminKey);
  const { ws, subscribe } = client.connect(stage.universe);
  const heard = [];
  const errors = [];
  subscribe('test', (message) => heard.push(message), (error) => errors.push(error));
  await new Promise((resolve) => { ws.once('open', resolve); });

  assert.deepEqual(await client.send(stage.universe, { topic: 'test', message: 'hello world', destination: 'roblox' }),
    [200, { success: true }]);
  await hears(() => game.messages(), ['hello world']);
  const [published] = await stage.mock.log();
  assert.deepEqual([published.topic, published.message], ['pulse', '{"topic":"test","message":"hello world"}']);

  assert.deepEqual(await client.send(stage.universe, { topic: 'test', message: { to: 'the web' }, destination: 'server' }),
    [200, { success: true }]);
  assert.deepEqual(await client.send(stage.universe, { topic: 'other', message: 0, destination: 'server' }), [200, { success: true }]);
  await game.run('pulse.Send("test", "from the game")');
  await hears(() => heard, [{ to: 'the web' }, 'from the game']);

  ws.send(JSON.stringify({ topic: 'a', message: 1, serverId: game.jobId }));
  ws.send(JSON.stringify({ topic: 'a', message: 1, destination: 'roblox' }));
  ws.send('not JSON');
  await until(() => errors.length === 3);
  assert.deepEqual(errors.filter(Boolean).sort(), ['Invalid message', "Unrecognized key(s) in object: 'destination'"]);
  assert.ok(errors.includes(undefined), 'the acknowledgement, which it takes for an error');
  await hears(() => game.messages('a'), [1]);
  assert.equal((await client.send(stage.universe, { topic: 'a', destination: 'elsewhere' }))[0], 400);

  ws.removeAllListeners('message');
  const pong = new Promise((resolve) => { ws.once('message', (data) => resolve(String(data))); });
  ws.send('ping');
  assert.equal(await pong, 'pong');
  ws.terminate();
}));

test("the original's registry calls", onStage({}, async (stage) => {
  const client = new OriginalClient(stage.server.url, stage.adminKey);
  const registry = (what, body) => client.call('POST', `/universe/registry/${what}`, body);
  await stage.mock.putKey('second key', [77, 78]);
  assert.deepEqual(await registry('add', { universeId: 77, openCloudApiKey: 'second key' }), [200, { success: true }]);
  assert.deepEqual(await registry('add', { universeId: '77', openCloudApiKey: 'second key' }), [409, { error: 'Universe already exists' }]);
  assert.deepEqual(await registry('add', { universeId: 78, openCloudApiKey: 'wrong' }), [400, { error: 'Invalid Open Cloud API Key' }]);
  assert.deepEqual(await client.call('GET', '/universe/registry/list'),
    [200, { 77: { valid: true, clients: 0 }, [stage.universe]: { valid: true, clients: 0 } }]);
  assert.deepEqual(await registry('update', { universeId: 77, openCloudApiKey: 'second key' }), [200, { success: true }]);
  assert.deepEqual(await registry('remove', { universeId: 77 }), [200, { success: true }]);
  assert.deepEqual(await registry('remove', { universeId: 77 }), [404, { error: 'Universe does not exist' }]);
  assert.deepEqual(await stage.mock.log(), [], 'no game hears of any of this');
}));

test("the sketch of a game's script runs as it was written", onStage({ mode: 'auto' }, async (stage) => {
  const script = `
    local PulseClient = require(game:GetService("ReplicatedStorage").PulseClient)
    local pulse = PulseClient.new({
      serverUrl = "${stage.server.url}",
      apiKey = "${stage.gameToken}",
    })
    pulse.Subscribe("test", function(message) emit({ topic = "test", message = message }) end)
    pulse.Send("test", { from = "the game" })
    pulse.Send("test", "to the web", { destination = "server" })
    pulse.Send("test", "to all", { destination = "roblox" })
    function toOne(serverId) pulse.Send("test", "to one", { destination = "roblox", serverId = serverId }) end`;
  const web = await stage.addWeb('test');
  const other = await stage.addGame();
  const { jobId, ...game } = await stage.addGame({ script, listenTo: [] });
  await hears(web.messages, [{ from: 'the game' }, 'to the web']);
  assert.ok(web.heard.every(({ from }) => from === jobId));
  await hears(() => other.messages(), ['to all']);
  await game.vm.run(`toOne("${other.jobId}")`);
  await hears(() => other.messages(), ['to all', 'to one']);
  await web.universe.send({ topic: 'test', message: 'from the web' });
  await until(() => game.vm.events.some(({ message }) => message === 'from the web'));
}));
