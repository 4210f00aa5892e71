// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What goes wrong on the way, and what becomes of messages then.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { onStage } from './support/stage.mjs';
import { ascending, hears, numbers, until } from './support/wait.mjs';

const kListens = { luau: 'transport = "messaging",' };
/** On a real topic each, of three. */
const kTopics = ['a', 'c', 'g'];

/** All numbers up to `last`, each once. */
async function hearsOnce(game, last) {
  await until(() => game.heard().length >= last, () => JSON.stringify(game.messages()));
  assert.deepEqual(ascending(game.messages()), numbers(last));
}

test('losses, repeats and another order in MessagingService are repaired for those with HTTP', onStage({}, async (stage) => {
  const games = [await stage.addGame(kListens), await stage.addGame(kListens), await stage.addGame()];
  const { universe } = await stage.addWeb();
  await universe.send({ topic: 'a', message: 0 });
  for (const game of games) await hears(() => game.messages(), [0]);
  await stage.mock.network({ loss: 0.3, duplicate: 0.3, reorder: 0.3, minDelayMs: 20, maxDelayMs: 400, seed: 7 });
  for (const number of numbers(60)) await universe.send({ topic: `a${number % 5}`, message: number });
  // What comes later shows what is missing. (A loss with nothing after it shows at the next hello.)
  await stage.mock.network({ loss: 0, duplicate: 0, reorder: 0 });
  for (const number of numbers(5, 61)) await universe.send({ topic: `a${number % 5}`, message: number });
  for (const game of games) {
    await until(() => game.heard().length > 65, () => `${ascending(game.messages())} of 65`);
    assert.deepEqual(ascending(game.messages()), [0, ...numbers(65)]);
    assert.deepEqual(game.errors(), []);
  }
  const { deliveries } = await stage.mock.stats();
  assert.ok(deliveries.lost > 0 && deliveries.duplicated > 0, JSON.stringify(deliveries));
}));

// Three topics on three real ones, so that each takes some of the faults: five in a row end a publish.
test('a publish that goes wrong is repeated, however it does; nothing is lost or doubled', onStage({}, async (stage) => {
  const game = await stage.addGame(kListens);
  await stage.mock.faults(['429+retry:1', '500', 'reset+delivered', 'truncated', 'reset', 'html']);
  // Asynchronous, and with time: the attempts may take longer than a synchronous answer waits.
  const send = (number) => stage.send({ topic: kTopics[number % 3], message: number, async: true, ttl: 60 }, 202);
  await Promise.all(numbers(9).map(send));
  const played = async () => (await stage.mock.log()).filter(({ scripted }) => scripted).map(({ status }) => status);
  await until(async () => (await played()).length === 6, 'the script is played');
  assert.deepEqual(await played(), [429, 500, 0, 200, 0, 502]);
  // One more on each real topic, where nothing overtakes; and what came twice has come.
  await Promise.all(numbers(3, 10).map(send));
  await hearsOnce(game, 12);
  await until(async () => (await game.stats()).duplicates >= 2, 'what was delivered without an answer came again');
  await hearsOnce(game, 12);
  const { retries, statuses } = await stage.ask('GET', `${stage.path}/stats`);
  assert.ok(retries >= 3, `${retries} retries`);
  assert.ok(statuses['429'] >= 1 && statuses['502'] >= 1, JSON.stringify(statuses));
}));

test('who waits for Roblox longer than the answer does asks again with the same key, and hears how it ended', onStage({}, async (stage) => {
  const game = await stage.addGame(kListens);
  // Delivered, but answered after the five seconds that a send waits; meanwhile others are repeated.
  await stage.mock.faults(['slow:7000', 'reset', 'html', 'reset+delivered']);
  const refusals = [];
  const insist = async (number) => {
    const message = { topic: kTopics[number % 3], message: number, ttl: 60 };
    for (;;) {
      const { status, body } = await stage.send(message, [200, 504], { 'idempotency-key': `message ${number}` });
      if (status === 200) return body;
      refusals.push(number);
      await sleep(100);
    }
  };
  const first = insist(1);
  await until(async () => (await stage.mock.log()).length > 0, 'the first is on its way');
  const answers = await Promise.all([first, ...numbers(5, 2).map(insist)]);
  assert.ok(answers.every(({ success }) => success === true), JSON.stringify(answers));
  assert.ok(refusals.includes(1), 'the first was answered 504');
  await hearsOnce(game, 6);
  // Long afterwards it is still the same message.
  assert.equal((await insist(1)).success, true);
  await insist(7);
  await hearsOnce(game, 7);
}));

test('a key that Roblox refuses stops the universe; a new one starts it, and no client notices', onStage({}, async (stage) => {
  const game = await stage.addGame(kListens);
  const { universe, connection } = await stage.addWeb();
  const raw = await stage.addSocket();
  let closes = 0;
  connection.on('close', () => { ++closes; });
  await universe.send({ topic: 'a', message: 1 });
  await stage.mock.putKey(stage.cloudKey, [stage.universe], { enabled: false });
  await assert.rejects(universe.send({ topic: 'a', message: 2 }), (error) => [502, 503].includes(error.status));
  await assert.rejects(universe.send({ topic: 'a', message: 3 }), { status: 503 });
  assert.equal((await stage.figures()).circuitOpen, true);
  raw.send('{"topic":"a","message":4}');
  await until(() => raw.frames.length === 1);
  assert.ok(JSON.parse(raw.frames[0]).error);

  await stage.mock.putKey('another key', [stage.universe]);
  await stage.ask('POST', '/universe/registry/update', { universeId: stage.universe, openCloudApiKey: 'another key' });
  await until(async () => !(await stage.figures()).circuitOpen);
  await connection.publish({ topic: 'a', message: 5 });
  raw.send('{"topic":"a","message":6}');
  await hears(() => game.messages(), [1, 5, 6]);
  await until(() => raw.frames.length === 2);
  assert.equal(raw.frames[1], '{"success":true}');
  assert.equal(closes, 0);
  assert.equal(raw.socket.readyState, raw.socket.OPEN);
}));

for (const how of ['terminate', 'kill']) {
  test(`the server starts anew (${how}): the registry is there, clients come back by themselves`, onStage({}, async (stage) => {
    const games = [await stage.addGame(), await stage.addGame(kListens)];
    const web = await stage.addWeb('a');
    await web.universe.send({ topic: 'a', message: 'before' });
    await games[0].run('pulse.Send("a", "up before")');
    for (const game of games) await hears(() => game.messages(), ['before']);
    await hears(web.messages, ['up before']);

    const reopened = new Promise((resolve) => { web.connection.once('open', resolve); });
    await stage.server[how]();
    // Said while nobody listens; its batch is repeated until somebody does.
    for (const game of games) await game.run('pulse.Send("a", "up meanwhile", { ttl = 60 })');
    await stage.server.launch();
    assert.deepEqual(await reopened, { reconnected: true });
    assert.equal(web.connection.state, 'open');

    await hears(web.messages, ['up before', 'up meanwhile', 'up meanwhile']);
    await until(async () => (await stage.liveServers()).length === 2, 'the game servers have said hello again');
    await web.universe.send({ topic: 'a', message: 'after' });
    for (const game of games) await hears(() => game.messages(), ['before', 'after']);
  }));
}

test("Roblox's limits, should they change, are settings; so is how long a poll is held", onStage({
  settings: '[roblox]\nquota_universe = 100\nquota_universe_server = 50\npoll_wait = "5s"\n',
}, async (stage) => {
  await stage.addGame();
  assert.equal((await stage.figures()).quota.limitPerMinute, 150);
  const answer = await fetch(`${stage.server.url}${stage.path}/hello`, {
    method: 'POST', headers: { authorization: `Bearer ${stage.gameToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ server: stage.games[0].jobId, caps: ['v1', 'http'] }),
  });
  assert.equal((await answer.json()).poll.wait, 5);
}));

test('a token without the right to play ends all HTTP of a game server, once and for all', onStage({}, async (stage) => {
  const game = await stage.addGame({ apiKey: 'plt_no_such_token', listenTo: [], isKnown: false });
  await game.run('listen("*") pulse.Send("a", 1)');
  await until(() => game.errors('auth').length > 0);
  await until(async () => (await game.stats()).httpStopped !== undefined);
  assert.equal(game.errors('auth').length, 1);
}));
