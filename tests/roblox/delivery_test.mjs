// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Each way a message can go, and each way a game server can receive.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { onStage } from './support/stage.mjs';
import { hears, numbers, until } from './support/wait.mjs';

test('a web client reaches every game server, by HTTP and by WebSocket', onStage({}, async (stage) => {
  const games = [await stage.addGame(), await stage.addGame(), await stage.addGame({ luau: 'transport = "messaging",' })];
  const { universe, connection } = await stage.addWeb();
  const raw = await stage.addSocket();

  await universe.send({ topic: 'chat', message: { text: 'by HTTP' } });
  await connection.publish({ topic: 'chat', message: { text: 'by WebSocket' } });
  raw.send('{"topic":"chat","message":{"text":"as the original"}}');
  await until(() => raw.frames.length > 0);
  assert.deepEqual(raw.frames, ['{"success":true}']);

  for (const game of games) {
    await hears(() => game.messages('chat'), [{ text: 'by HTTP' }, { text: 'by WebSocket' }, { text: 'as the original' }]);
    assert.ok(game.heard().every(({ from }) => from === undefined));
  }
}));

test('a message for one game server reaches that one', onStage({}, async (stage) => {
  const [one, two, three] = [await stage.addGame(), await stage.addGame({ luau: 'transport = "messaging",' }), await stage.addGame()];
  const { universe, connection } = await stage.addWeb();
  await universe.send({ topic: 'kick', message: 1, serverId: one.jobId });
  await connection.publish({ topic: 'kick', message: 2, serverId: two.jobId });
  await universe.send({ topic: 'end', message: 'all' });
  // Topics of their own, so of no order among each other.
  await until(() => one.heard().length === 2 && two.heard().length === 2);
  assert.deepEqual([one.messages("kick"), one.messages("end")], [[1], ["all"]]);
  assert.deepEqual([two.messages("kick"), two.messages("end")], [[2], ["all"]]);
  await hears(() => three.messages(), ['all']);
}));

test('a game server reaches the web, and the web knows which one spoke', onStage({}, async (stage) => {
  const [one, two] = [await stage.addGame(), await stage.addGame()];
  const { heard } = await stage.addWeb('score.*');
  const raw = await stage.addSocket();
  await one.run('pulse.Send("score.red", { points = 1 }) pulse.Send("other", 0)');
  await until(() => heard.length === 1);
  await two.run('pulse:Send("score.blue", { points = 2 }, { destination = "server" })');
  await hears(() => heard, [
    { topic: 'score.red', message: { points: 1 }, from: one.jobId },
    { topic: 'score.blue', message: { points: 2 }, from: two.jobId },
  ]);
  await until(() => raw.frames.length === 3);
  assert.deepEqual(raw.frames, ['{"topic":"score.red","message":{"points":1}}', '{"topic":"other","message":0}',
    '{"topic":"score.blue","message":{"points":2}}']);
  assert.equal(await one.value('pulse.SendAsync("score.end", 3)'), true);
}));

test('game servers reach each other within the game', onStage({}, async (stage) => {
  const [one, two, three] = [await stage.addGame(), await stage.addGame(), await stage.addGame()];
  await one.run('pulse.Send("party", "all", { destination = "roblox" })');
  await one.run(`pulse.Send("party", "you", { destination = "roblox", serverId = "${three.jobId}" })`);
  await until(() => three.heard().length === 2);
  await hears(() => two.heard(), [{ topic: 'party', message: 'all', from: one.jobId }]);
  assert.deepEqual(three.messages().sort(), ['all', 'you']);
  assert.deepEqual(one.messages(), [], 'no echo');
}));

test('a game server without MessagingService reaches the others by the server', onStage({}, async (stage) => {
  const [one, two] = [await stage.addGame({ messagingEnabled: false }), await stage.addGame()];
  assert.equal(await one.value('pulse.SendAsync("party", "hello", { destination = "roblox" })'), true);
  await hears(() => two.messages(), ['hello']);
}));

test('a hybrid game server is woken, polls while there is something, and sleeps again', onStage({}, async (stage) => {
  const game = await stage.addGame();
  await until(async () => !(await game.stats()).isPolling, 'it sleeps');
  const { universe } = await stage.addWeb();
  const before = (await game.stats()).polls;
  await universe.send({ topic: 'a', message: 0 });
  await hears(() => game.messages(), [0]);
  assert.ok((await stage.mock.log()).some(({ message }) => message.startsWith('P1W ')), 'a wake was published');
  // While it polls, nothing has to be published for it.
  await until(async () => (await game.stats()).polls > before, 'it polls');
  const published = (await stage.mock.log()).length;
  for (const number of numbers(30)) await universe.send({ topic: 'a', message: number });
  await hears(() => game.messages(), [0, ...numbers(30)]);
  const later = (await stage.mock.log()).length;
  assert.ok(later - published <= 2, `${later - published} publishes for 30 messages`);
}));

test('a game server that polls needs no publish at all', onStage({}, async (stage) => {
  const game = await stage.addGame({ luau: 'transport = "poll",', messagingEnabled: false });
  const { universe } = await stage.addWeb();
  for (const number of numbers(10)) await universe.send({ topic: 'a', message: number });
  await hears(() => game.messages(), numbers(10));
  assert.deepEqual(await stage.mock.log(), []);
}));

test('in Studio a game server hears by a stream', onStage({}, async (stage) => {
  const game = await stage.addGame({ isStudio: true, isKnown: false });
  const other = await stage.addGame();
  const { universe } = await stage.addWeb();
  await until(async () => (await stage.liveServers()).some((one) => one.transport === 'stream'), 'it is known');
  const [{ server }] = (await stage.liveServers()).filter((one) => one.transport === 'stream');
  for (const number of numbers(5)) await universe.send({ topic: 'a', message: number });
  await universe.send({ topic: 'b', message: 'you', serverId: server });
  await other.run('pulse.Send("c", "from a game", { destination = "roblox" })');
  await game.run('pulse.Send("d", "my own", { destination = "roblox" })');
  await hears(() => other.messages('d'), ['my own']);
  await hears(() => game.messages('a'), numbers(5));
  await hears(() => game.messages('b'), ['you']);
  await hears(() => game.heard('c'), [{ topic: 'c', message: 'from a game', from: other.jobId }]);
  assert.deepEqual(game.messages('d'), [], 'no echo');
  const stats = await game.stats();
  assert.deepEqual([stats.transport, stats.polls], ['stream', 0]);
  assert.deepEqual(game.errors(), []);
}));

test('one without MessagingService and one without HTTP take part in the same game', onStage({}, async (stage) => {
  const silent = await stage.addGame({ messagingEnabled: false });
  const offline = await stage.addGame({ httpEnabled: false });
  // Somebody who listens: what only pollers are known to be there for is not published.
  const listener = await stage.addGame({ luau: 'transport = "messaging",' });
  await until(async () => (await stage.liveServers()).some((one) => one.server === silent.jobId && one.transport === 'poll'));
  const { universe } = await stage.addWeb();
  await universe.send({ topic: 'a', message: 'first' });
  for (const game of [silent, offline, listener]) await hears(() => game.messages(), ['first']);
  await universe.send({ topic: 'a', message: 'second', serverId: offline.jobId });
  await offline.run('pulse.Send("a", "third", { destination = "roblox" })');
  await hears(() => listener.messages(), ['first', 'third']);
  await until(() => offline.heard().length === 2);
  assert.deepEqual(offline.messages(), ['first', 'second']);
}));

test('a game that cannot say hello hears envelopes', onStage({ mode: 'auto' }, async (stage) => {
  const offline = [await stage.addGame({ httpEnabled: false }), await stage.addGame({ httpEnabled: false })];
  const { universe } = await stage.addWeb();
  await universe.send({ topic: 'a', message: ['first'] });
  await universe.send({ topic: 'b', message: 2, serverId: offline[1].jobId });
  await hears(() => offline[1].messages(), [['first'], 2]);
  await hears(() => offline[0].messages(), [['first']]);
  const [{ topic, message }] = await stage.mock.log();
  assert.deepEqual([topic, message], ['pulse', '{"topic":"a","message":["first"]}']);
}));

test('large and odd messages arrive as they were sent', onStage({}, async (stage) => {
  const games = [await stage.addGame({ luau: 'transport = "messaging",' }), await stage.addGame()];
  const { universe, messages } = await stage.addWeb();
  const odd = ['é"\\\n\u2028', '😀'.repeat(700), 'x'.repeat(20_000), { a: [1, 2.5, -3e10, true, [[]]] }, ''];
  for (const message of odd) await universe.send({ topic: 'big', message });
  for (const game of games) await hears(() => game.messages(), odd);
  await games[0].run(`local text = {} for n = 1, 9000 do text[n] = n .. "ü" end pulse.Send("back", table.concat(text))`);
  await hears(messages, [numbers(9000).map((n) => `${n}ü`).join('')]);
}));
