// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a game's script sees: construction, Send, Subscribe, Flush, Stats, Destroy, closing.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Scene } from './harness/scene.mjs';
import { World } from './harness/world.mjs';
import { ServerModel } from './harness/server_model.mjs';

test('the sketch of the original runs, called with dots', async () => {
  const world = new World();
  const model = new ServerModel(world);
  // As the original's README has it, typing error included; a comma is added, without which it is not Luau.
  const vm = await world.addServer({ script: `
location = { of = { pulse = { client = script.Parent.PulseClient } } }
topic, message, pritn = "test", "hello world", print
local PulseClient = require(location.of.pulse.client)

local pulse = PulseClient.new({
    serverUrl = "https://your-pulse-server",
    apiKey = "your-api-key",
})

pulse.Subscribe("test", function(message)
    pritn(message)
end)

pulse.Send(topic, message, {
    destination = "server", -- default, can be "roblox" for server-server comms.
    serverId = "optional-server-id" -- only needed if destination is "roblox". more useful when you are the server.
})` });
  await world.advance(5);
  assert.deepEqual(model.received, [['test', 'hello world']]);
  assert.equal(model.requests[0].origin, 'https://your-pulse-server');
  assert.equal(model.requests[0].headers.authorization, 'Bearer your-api-key');
  model.push('test', 'hello game');
  await world.advance(40);
  assert.deepEqual(vm.output, ['hello game']);
  assert.deepEqual([...vm.errors, ...vm.violations], []);
  await world.destroy();
});

test('methods are called with a dot or a colon', async () => {
  const scene = await Scene.create();
  await scene.run(`
local got = {}
local one = pulse.Subscribe("a", function(message) emit({ topic = "a", message = message }) end)
local two = pulse:Subscribe("a", function(message) emit({ topic = "a", message = message + 1 }) end)
emit({ pulse.Send("t", 1), (pulse:Send("t", 2)), pulse.Stats().queued, pulse:Stats().queued })
one.Disconnect()
one:Disconnect()
emit({ one.Connected, two.Connected })
`);
  assert.deepEqual(scene.vm.events, [[true, true, 2, 2], [false, true]]);
  await scene.advance(5);
  scene.model.push('a', 10);
  await scene.advance(40);
  assert.deepEqual(scene.messages(), [11]);
  await scene.end();
});

test('a Secret is sent as it is, and never printed', async () => {
  const world = new World();
  const model = new ServerModel(world);
  const vm = await world.addServer({ apiKey: 'plt_secret', script: `
local Pulse = require(script.Parent.PulseClient)
local secret = game:GetService("HttpService"):GetSecret("pulse")
local pulse = Pulse.new({ serverUrl = "https://pulse.example.com/", apiKey = secret })
pulse.Send("t", 1)
print(tostring(secret))` });
  await world.advance(2);
  assert.equal(model.of('batch')[0].headers.authorization, 'Bearer plt_secret');
  assert.equal(model.of('batch')[0].path, '/universe/2745313133/batch');
  assert.deepEqual(vm.output, ['Secret(...)']);
  assert.deepEqual([...vm.errors, ...vm.violations], []);
  await world.destroy();
});

test('options that cannot work are refused at once', async () => {
  const scene = await Scene.create();
  const refused = async (options) => {
    const answer = await scene.value(`{ pcall(Pulse.new, ${options}) }`);
    assert.equal(answer[0], false, options);
    return answer[1];
  };
  assert.match(await refused('{ serverUrl = "https://h:22" }'), /port/);
  assert.match(await refused('{ serverUrl = "https://h:1194" }'), /port/);
  assert.match(await refused('{ serverUrl = "ftp://h" }'), /address/);
  assert.match(await refused('{ serverUrl = "https://h", transport = "pigeon" }'), /transport/);
  assert.match(await refused('{ serverUrl = "https://h", httpBudget = 0 }'), /httpBudget/);
  assert.match(await refused('{ serverUrl = "https://h", topicPublishLimit = "many" }'), /topicPublishLimit/);
  assert.match(await refused('{ serverUrl = "https://h", onError = "warn" }'), /onError/);
  assert.match(await refused('nil'), /options/);
  await scene.end();
  const client = new World();
  const vm = await client.addServer({ isClient: true, script: `
print(select(2, pcall(require(script.Parent.PulseClient).new, { serverUrl = "https://h" })))` });
  assert.match(vm.output[0], /runs on the server/);
  await client.destroy();
});

test('what cannot be sent is answered with a reason, never raised', async () => {
  const scene = await Scene.create();
  const reason = async (call) => {
    const answer = await scene.value(`{ pulse.Send(${call}) }`);
    assert.equal(answer[0], false, call);
    return answer[1];
  };
  assert.match(await reason('nil, 1'), /topic/);
  assert.match(await reason('"", 1'), /topic/);
  assert.match(await reason('("x"):rep(129), 1'), /128 bytes/);
  assert.match(await reason('"a\\nb", 1'), /control/);
  assert.match(await reason('"\\xff", 1'), /UTF-8/);
  assert.match(await reason('"t", "\\xff"'), /UTF-8/);
  assert.match(await reason('"t", print'), /JSON has no function/);
  assert.match(await reason('"t", { 1, nil, 3 }'), /without holes/);
  assert.match(await reason('"t", { 1, a = 2 }'), /keys that are not strings/);
  assert.match(await reason('"t", (function() local t = {} t.t = t return t end)()'), /nested/);
  assert.match(await reason('"t", 1, { destination = "moon" }'), /destination/);
  assert.match(await reason('"t", 1, { destination = "roblox", serverId = "../x" }'), /serverId/);
  assert.match(await reason('"t", 1, { ttl = "1" }'), /ttl/);
  assert.match(await reason('"t", 1, 5'), /options/);
  assert.match(await reason('"t", ("x"):rep(300000)'), /too large/);
  assert.match(await reason('"t", ("x"):rep(70000), { destination = "roblox" }'), /too large/);
  await scene.end();
});

test('values reach the server as JSON means them', async () => {
  const scene = await Scene.create();
  await scene.run(`
pulse.Send("t", {})
pulse.Send("t", Pulse.object())
pulse.Send("t", { list = {}, map = Pulse.object({}), null = Pulse.null })
pulse.Send("t", { 1, Pulse.null, 3 })
pulse.Send("t", nil)
pulse.Send("t", { 0/0, 1/0, -1/0 })
pulse.Send("t", { 2^53 - 1, 2^53, 1e300, 0.1, -0.5, 1/3, 12345678901 })
pulse.Send("t", "\\"\\\\\\n\\0\\u{1F600}\\u{7f}")
pulse.Send("t", { b = 1, a = { true, false } })`);
  await scene.advance(2);
  const [request] = scene.model.of('batch');
  const texts = request.text.slice(request.text.indexOf('"msgs":') + 7, -1);
  assert.equal(texts, '[["t",[]],["t",{}],["t",{"list":[],"map":{},"null":null}],["t",[1,null,3]],["t",null],'
    + '["t",[null,null,null]],["t",[9007199254740991,9007199254740992,1e+300,0.1,-0.5,0.33333333333333331,12345678901]],'
    + '["t","\\"\\\\\\n\\u0000\u{1F600}\u007f"],["t",{"a":[true,false],"b":1}]]');
  assert.equal((await scene.stats()).nonFinite, 3);
  await scene.end();
});

test('callbacks by topic, prefix and star; one that fails does not hurt the others', async () => {
  const scene = await Scene.create();
  await scene.run(`
pulse.Subscribe("match.1", function() error("boom") end)
listen("match.*")
listen("*")
pulse.Subscribe("match.1", function(message, info) task.wait(1) emit({ topic = info.topic, message = "late" }) end)
`);
  await scene.advance(3);
  scene.model.push('match.1', 'a');
  scene.model.push('matches', 'b');
  await scene.advance(40);
  assert.deepEqual(scene.messages().sort(), ['a', 'a', 'b', 'late']);
  assert.equal(scene.errors('callback').length, 1);
  assert.match(scene.errors('callback')[0].detail, /match\.1: .*boom/s);
  assert.equal((await scene.stats()).callbackErrors, 1);
  await scene.end();
});

test('Send never yields, SendAsync waits for the answer', async () => {
  const scene = await Scene.create();
  scene.model.script.push({ status: 400, body: { error: 'no' } });
  scene.model.script.unshift((request) => (request.path.endsWith('/hello') ? { body: {} } : undefined));
  await scene.run(`
emit({ pulse.SendAsync("t", 1) })
emit({ pulse.SendAsync("t", 2) })
emit({ pulse.SendAsync("t", 3, { destination = "roblox" }) })`);
  assert.deepEqual(scene.vm.events, []);
  await scene.advance(5);
  const answers = scene.vm.events.filter(Array.isArray);
  assert.deepEqual(answers, [[false, 'HTTP 400: no'], [true], [true]]);
  assert.equal(scene.errors('rejected').length, 1);
  await scene.end();
});

test('a newer message with the same key takes the place of one that waits', async () => {
  const scene = await Scene.create();
  await scene.run(`
pulse.Send("score", 1, { key = "k" })
pulse.Send("other", 2, { key = "k" })
pulse.Send("score", 3, { key = "k" })
pulse.Send("score", 4)`);
  await scene.advance(2);
  assert.deepEqual(scene.model.received, [['score', 3], ['other', 2], ['score', 4]]);
  assert.equal((await scene.stats()).coalesced, 1);
  await scene.end();
});

test('a full queue drops the oldest low priority, and refuses when there is none', async () => {
  const scene = await Scene.create('queueLimit = 3');
  const answers = await scene.value(`{
	(pulse.Send("t", 1, { priority = "low" })), (pulse.Send("t", 2)), (pulse.Send("t", 3, { priority = "low" })),
	(pulse.Send("t", 4)), (pulse.Send("t", 5)), (pulse.Send("t", 6)) }`);
  assert.deepEqual(answers, [true, true, true, true, true, false]);
  await scene.advance(2);
  assert.deepEqual(scene.model.received.map((one) => one[1]), [2, 4, 5]);
  assert.equal((await scene.stats()).dropped, 3);
  await scene.end();
});

test('a closing server sends what waits and says bye, within five seconds', async () => {
  const scene = await Scene.listening('chat');
  await scene.run('for n = 1, 250 do pulse.Send("t", n) end');
  const before = scene.world.now;
  await scene.vm.shutdown();
  assert.ok(scene.world.now - before < 5);
  assert.equal(scene.model.received.length, 250);
  assert.deepEqual(scene.model.of('bye').map((one) => one.body), [{ server: 'job-1' }]);
  await scene.end();
});

test('a closing server does not wait longer than five seconds for a server that does not answer', async () => {
  const scene = await Scene.listening('chat');
  scene.model.script.push(() => ({ error: 'Timedout', delay: 30 }));
  await scene.run('pulse.Send("t", 1)');
  const before = scene.world.now;
  await scene.vm.shutdown();
  assert.ok(scene.world.now - before <= 5.1, `${scene.world.now - before}`);
  await scene.end();
});

test('Flush waits until all is sent; after Destroy nothing happens any more', async () => {
  const scene = await Scene.listening('chat', 'flushInterval = 10');
  await scene.run('pulse.Send("t", 1) emit({ pulse.Flush() })');
  await scene.advance(1);
  assert.deepEqual(scene.vm.events, [[true]]);
  assert.deepEqual(scene.model.received, [['t', 1]]);
  await scene.run('pulse.Send("t", 2) pulse.Destroy() pulse:Destroy() emit({ pulse.Send("t", 3) })');
  assert.deepEqual(scene.vm.events[1], [false, 'closed']);
  await scene.advance(5);
  assert.deepEqual(scene.model.received, [['t', 1], ['t', 2]]);
  assert.equal(scene.model.of('bye').length, 1);
  const requests = scene.model.requests.length;
  assert.equal(scene.vm.topics.size, 0);
  scene.model.push('chat', 'x');
  await scene.advance(120);
  assert.equal(scene.model.requests.length, requests);
  assert.deepEqual(scene.messages(), []);
  await scene.end();
});

test('without onError, what goes wrong is a warning', async () => {
  const world = new World();
  const vm = await world.addServer({ httpEnabled: false, script: `
local pulse = require(script.Parent.PulseClient).new({ serverUrl = "https://h", apiKey = "k" })
pulse.Send("t", 1)` });
  await world.advance(20);
  assert.match(vm.output[0], /warning: \[Pulse\] http: Http requests are not enabled/);
  assert.match(vm.output[1], /warning: \[Pulse\] expired: 1 messages/);
  await world.destroy();
});
