// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From game server to game server by MessagingService: the frames, byte for byte, and Roblox's limits.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Scene } from './harness/scene.mjs';

const escaped = (text) => Buffer.byteLength(JSON.stringify(text)) - 2;
const parts = (text) => text.match(/^P1(\w) ([a-z0-9]{6}) (\d+)(?: ([^\n]*))?\n(.*)$/s).slice(1);

test('messages are published as batches to the shard of their topic, in order', async () => {
  const scene = await Scene.create();
  // Shards by 32-bit FNV-1a, as the server has it: "a" 0xe40c292c, "foo" 0xa9f37ed7.
  await scene.run(`
for n = 1, 3 do pulse.Send("a", { n = n }, { destination = "roblox" }) end
pulse.Send("a", "for one", { destination = "roblox", serverId = "job-9" })`);
  await scene.advance(3);
  const sent = scene.world.published.map((one) => [one.topic, ...parts(one.data)]);
  const epoch = sent[0][2];
  assert.deepEqual(sent, [
    [`pulse.b${0xe40c292c % 3}`, 'B', epoch, '1', undefined,
      '[["a",{"n":1},{"f":"job-1"}],[0,{"n":2},{"f":"job-1"}],[0,{"n":3},{"f":"job-1"}]]'],
    ['pulse.s.job-9', 'B', epoch, '1', undefined, '[["a","for one",{"f":"job-1"}]]']]);
  await scene.run('pulse.Send("foo", 1, { destination = "roblox" }) pulse.Send("a", 4, { destination = "roblox" })');
  await scene.advance(3);
  const later = scene.world.published.slice(2).map((one) => one.topic + parts(one.data)[2]);
  assert.deepEqual(later.sort(), [`pulse.b${0xe40c292c % 3}2`, `pulse.b${0xa9f37ed7 % 3}1`].sort());
  await scene.end();
});

test('one game server speaks to others, and to one of them; itself it does not hear', async () => {
  const scene = await Scene.listening('*');
  const second = await scene.addServer();
  const third = await scene.addServer();
  for (const vm of [second, third]) await vm.run('listen("*")');
  await scene.advance(5);
  await scene.run(`
pulse.Send("t", "all", { destination = "roblox" })
pulse.Send("t", "third", { destination = "roblox", serverId = "job-3" })
pulse.Send("t", ("\\u{1F600}\\"x"):rep(3000), { destination = "roblox" })`);
  await scene.advance(40);
  const large = '\u{1F600}"x'.repeat(3000);
  assert.deepEqual(scene.messages(), []);
  assert.ok(scene.messages(second).includes(large)); // too long for a readable difference
  const short = (vm) => scene.messages(vm).filter((one) => one !== large);
  assert.deepEqual(short(second), ['all']);
  assert.deepEqual(short(third).sort(), ['all', 'third']);
  assert.equal(second.events[0].from, 'job-1');
  for (const { data } of scene.world.published) assert.ok(escaped(data) <= 1000, `${escaped(data)}`);
  assert.ok(scene.world.published.filter((one) => one.data.startsWith('P1C')).length > 20);
  await scene.end();
});

test('a frame is as full as it may be, and no fuller', async () => {
  const scene = await Scene.create();
  await scene.run('for n = 1, 300 do pulse.Send("position", { x = n, y = "\\"" }, { destination = "roblox" }) end');
  await scene.advance(60);
  const sizes = scene.world.published.map((one) => escaped(one.data));
  assert.ok(Math.max(...sizes) <= 1000);
  assert.ok(Math.min(...sizes.slice(0, -1)) > 900, `${sizes}`);
  const items = scene.world.published.flatMap((one) => JSON.parse(parts(one.data)[4]));
  assert.deepEqual(items.map((one) => one[1].x), Array.from({ length: 300 }, (_, n) => n + 1));
  await scene.end();
});

test('compressed frames, where the game says that all can read them', async () => {
  const scene = await Scene.listening('*', 'compress = true');
  const second = await scene.addServer();
  await second.run('listen("*")');
  await scene.advance(3);
  await scene.run('for n = 1, 6 do pulse.Send("t", ("z"):rep(700), { destination = "roblox" }) end');
  await scene.advance(10);
  assert.deepEqual(scene.world.published.map((one) => one.data.slice(0, 3)), ['P1Z']);
  assert.equal(scene.messages(second).length, 6);
  await scene.end();
});

test('a topic spread over all shards arrives in order', async () => {
  const scene = await Scene.create();
  const second = await scene.addServer();
  await second.run('listen("s")');
  await scene.advance(3);
  scene.world.carry = ({ topic }) => [topic.endsWith('b0') ? 1.1 : 1];
  await scene.run('for n = 1, 30 do pulse.Send("s", n, { destination = "roblox", spread = true }) end');
  await scene.advance(10);
  assert.deepEqual(scene.messages(second), Array.from({ length: 30 }, (_, n) => n + 1));
  assert.equal(new Set(scene.world.published.map((one) => one.topic)).size, 3);
  await scene.end();
});

test('envelopes for receivers that know no frames', async () => {
  const scene = await Scene.listening('*', 'frames = "v0"');
  await scene.run(`
pulse.Send("test", "hello world", { destination = "roblox" })
pulse.Send("test", { a = 1 }, { destination = "roblox", serverId = "job-2" })
emit({ pulse.Send("test", ("x"):rep(990), { destination = "roblox" }) })`);
  await scene.advance(5);
  assert.deepEqual(scene.world.published.map((one) => [one.topic, one.data]), [
    ['pulse', '{"topic":"test","message":"hello world"}'],
    ['pulse', '{"topic":"test","message":{"a":1},"serverId":"job-2"}']]);
  assert.deepEqual(scene.messages(), []); // its own
  assert.deepEqual(scene.vm.events, [[false, 'too large']]);
  await scene.end();
});

test('where MessagingService does not work, the server publishes', async () => {
  const scene = await Scene.create('', { messagingEnabled: false });
  await scene.run('listen("*") emit({ pulse.SendAsync("t", 1, { destination = "roblox", ttl = 60 }) })');
  await scene.advance(60);
  assert.deepEqual(scene.model.received, [{ topic: 't', message: 1, destination: 'roblox' }]);
  assert.deepEqual(scene.vm.events.filter(Array.isArray), [[true]]);
  assert.equal(scene.errors('messaging').length, 2); // listening and publishing, once each
  // It goes on listening, at ever longer intervals, and polls meanwhile.
  scene.model.push('t', 'polled');
  await scene.advance(5);
  assert.deepEqual(scene.messages(), ['polled']);
  await scene.vm.set('messagingEnabled', true);
  await scene.advance(60);
  assert.equal(scene.vm.topics.size, 5);
  await scene.end();
});

test('a publish that failed is repeated with the same number', async () => {
  const scene = await Scene.create();
  await scene.vm.set('messagingEnabled', false);
  await scene.run('pulse.Send("t", 1, { destination = "roblox" })');
  await scene.advance(0.5);
  await scene.vm.set('messagingEnabled', true);
  await scene.run('pulse.Send("t", 2, { destination = "roblox" })');
  await scene.advance(10);
  assert.deepEqual(scene.world.published.map((one) => [parts(one.data)[2], JSON.parse(parts(one.data)[4]).length]),
    [['1', 1], ['2', 1]]);
  await scene.end();
});

test('ten minutes of flood break no limit of Roblox: requests, publishes, deliveries, sizes', async () => {
  const scene = await Scene.listening('*');
  // Everything at once: web and game traffic, large ones, a server that pushes all the time.
  await scene.run(`
task.spawn(function()
	local n = 0
	while true do
		for _ = 1, 15 do
			n += 1
			pulse.Send("web", { n = n, text = "some words" })
			pulse.Send("topic" .. n % 7, { n = n, text = "some more words" }, { destination = "roblox" })
		end
		pulse.Send("one", n, { destination = "roblox", serverId = "job-" .. n % 5 })
		task.wait(0.5)
	end
end)`);
  const counts = [];
  for (let minute = 0; minute < 10; ++minute) {
    for (let n = 0; n < 60; ++n) {
      scene.model.push('down', n);
      await scene.advance(1);
    }
    counts.push(scene.model.requests.filter((one) => one.at > scene.world.now - 60).length);
  }
  assert.ok(Math.max(...counts) <= 300, `${counts}`);
  const times = scene.model.requests.map((one) => one.at);
  for (let i = 300; i < times.length; ++i) assert.ok(times[i] - times[i - 300] > 60 - 0.1);
  for (const { data } of scene.world.published) assert.ok(escaped(data) <= 1000);
  assert.ok(scene.world.published.length > 1000 && scene.world.published.length < 10 * 480);
  const stats = await scene.stats();
  assert.ok(stats.sent > 15_000, `${stats.sent}`);
  assert.equal(scene.messages().filter((one) => typeof one === 'number').length, 600);
  assert.ok(stats.queued <= 1000);
  await scene.end();
});
