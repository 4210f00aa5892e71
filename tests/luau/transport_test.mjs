// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The ways in which messages come: hints and polls (hybrid), polls alone, MessagingService alone, streams.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { GameServerVm } from './harness/game_server_vm.mjs';
import { clientFolder } from './harness/packages.mjs';
import { Scene } from './harness/scene.mjs';

test('hybrid sleeps without traffic, wakes for a hint, polls while traffic lasts, and sleeps again', async () => {
  const scene = await Scene.listening('t');
  const polls = () => scene.model.of('poll').length;
  const asleep = polls();
  await scene.advance(120);
  assert.equal(polls(), asleep);
  assert.ok(scene.model.requests.filter((one) => one.at > scene.world.now - 60).length <= 5);
  for (let n = 1; n <= 3; ++n) scene.model.push('t', n);
  scene.model.wake();
  await scene.advance(3);
  assert.deepEqual(scene.messages(), [1, 2, 3]);
  scene.model.push('t', 4);
  await scene.advance(0.5); // as fast as a poll now
  assert.deepEqual(scene.messages(), [1, 2, 3, 4]);
  await scene.advance(30);
  const after = polls();
  await scene.advance(60);
  assert.equal(polls(), after);
  assert.equal((await scene.stats()).isPolling, false);
  scene.model.wake(); // nothing new up to there: no need to ask
  await scene.advance(5);
  assert.equal(polls(), after);
  await scene.end();
});

test('hybrid gets even what no hint came for, with its heartbeat', async () => {
  const scene = await Scene.listening('t');
  scene.world.carry = () => null;
  scene.model.push('t', 'unannounced');
  scene.model.wake();
  await scene.advance(35);
  assert.deepEqual(scene.messages(), ['unannounced']);
  await scene.end();
});

test('an upload brings messages back', async () => {
  const scene = await Scene.listening('t');
  scene.model.push('t', 'down');
  await scene.run('pulse.Send("up", 1)');
  await scene.advance(1);
  assert.deepEqual(scene.messages(), ['down']);
  await scene.end();
});

test('one who polls hears once what is also published; equal messages are not confused', async () => {
  const scene = await Scene.listening('t', 'transport = "poll"');
  const both = (message) => {
    scene.model.push('t', message);
    scene.model.batch('pulse.b0', [['t', message]]);
  };
  both({ n: 1, text: 'tick' });
  both('tick');
  both('tick');
  await scene.advance(3);
  scene.model.wake();
  await scene.advance(5);
  both('tick');
  scene.model.push('t', 'poll only');
  await scene.advance(40);
  assert.deepEqual(scene.messages().map((one) => one.text ?? one).sort(), ['poll only', 'tick', 'tick', 'tick', 'tick']);
  assert.ok((await scene.stats()).duplicates >= 4);
  await scene.end();
});

test('one who polls fetches nothing that its answers bring', async () => {
  const scene = await Scene.listening('t', 'transport = "poll"');
  scene.model.blobs.set('large', '["t","large"]');
  scene.model.push('t', 'large');
  scene.model.publish('pulse.b0', 'G', '13', '["t","large"]');
  await scene.advance(5);
  assert.deepEqual(scene.messages(), ['large']);
  assert.deepEqual(scene.model.requests.filter((one) => one.path.includes('/blob/')), []);
  assert.equal((await scene.stats()).duplicates, 1);
  await scene.end();
});

test('poll goes on all the time; other servers speak by MessagingService all the same', async () => {
  const scene = await Scene.listening('t', 'transport = "poll"');
  scene.model.push('t', 1);
  await scene.advance(0.5);
  assert.deepEqual(scene.messages(), [1]);
  scene.world.publish('pulse.b1', 'P1B game01 1\n[["t",2,{"f":"job-2"}]]');
  await scene.advance(2);
  assert.deepEqual(scene.messages(), [1, 2]);
  const before = scene.model.of('poll').length;
  await scene.advance(60);
  assert.ok(scene.model.of('poll').length - before <= 4);
  scene.model.push('t', 'for others', { s: 'job-2' });
  scene.model.push('t', 'for us', { s: 'job-1', f: 'job-2', t: 5000 });
  await scene.advance(1);
  const last = scene.vm.events.at(-1);
  assert.deepEqual([last.message, last.from, last.sentAt, last.seq], ['for us', 'job-2', 5, 3]);
  await scene.end();
});

test('a poll that times out is made shorter, and the server hears of it', async () => {
  const scene = await Scene.create('transport = "poll"');
  scene.model.script.push((request) => (request.path.endsWith('/poll') && request.query.wait > 12 ? { error: 'Timedout', delay: 15 } : undefined));
  await scene.run('listen("t")');
  await scene.advance(100);
  assert.ok(scene.model.of('poll').at(-1).query.wait <= 12);
  assert.ok(scene.model.of('hello').at(-1).body.pollTimeouts >= 1);
  await scene.end();
});

test('a server that started anew is noticed: what was missed is said, the rest goes on', async () => {
  const scene = await Scene.listening('t', 'transport = "poll"');
  scene.model.epoch = 'ring02';
  scene.model.log = [];
  scene.model.push('t', 'new life');
  await scene.advance(40);
  assert.deepEqual(scene.messages(), ['new life']);
  assert.equal(scene.errors('gap').length, 1);
  scene.model.push('t', 'next');
  await scene.advance(1);
  assert.deepEqual(scene.messages(), ['new life', 'next']);
  await scene.end();
});

test('losses, repeats and another order by MessagingService cost nothing where there is HTTP', async () => {
  const scene = await Scene.listening('t');
  scene.model.tellsHeads = true;
  let dice = 7;
  const random = () => { dice = (dice * 1103515245 + 12345) % 2147483648; return dice / 2147483648; };
  scene.world.carry = () => {
    if (random() < 0.3) return null;
    return random() < 0.2 ? [1 + random(), 1 + random()] : [1 + random()];
  };
  for (let n = 0; n < 200; ++n) {
    scene.model.batch(`pulse.b${n % 3}`, [['t', n]]);
    await scene.advance(0.4);
  }
  await scene.advance(70);
  assert.deepEqual(scene.messages().sort((a, b) => a - b), Array.from({ length: 200 }, (_, n) => n));
  await scene.end();
});

test('one whom MessagingService does not reach says that it polls, and that it listens once it does', async () => {
  const scene = await Scene.create('', { messagingEnabled: false });
  await scene.run('listen("t")');
  await scene.advance(5);
  assert.equal(scene.model.of('hello').at(-1).body.transport, 'poll');
  await scene.vm.set('messagingEnabled', true);
  await scene.advance(40);
  assert.equal(scene.model.of('hello').at(-1).body.transport, 'hybrid');
  await scene.end();
});

test('the same message again, once with an answer and once by a frame, is two messages', async () => {
  const scene = await Scene.listening('t');
  scene.model.push('t', 'tick');
  scene.model.wake();
  await scene.advance(5);
  scene.model.batch('pulse.b1', [['t', 'tick']]);
  await scene.advance(5);
  assert.deepEqual(scene.messages(), ['tick', 'tick']);
  await scene.end();
});

test('in both forms at once, envelopes are left to those who know no frames', async () => {
  const scene = await Scene.create('transport = "messaging"');
  scene.model.hello.mode = 'both';
  await scene.run('listen("*")');
  await scene.advance(3);
  scene.world.publish('pulse', '{"topic":"t","message":1}');
  scene.model.batch('pulse.b0', [['t', 1]]);
  await scene.advance(3);
  assert.deepEqual(scene.messages(), [1]);
  await scene.end();
});

test('Studio streams under a name of its own, and polls where streams do not work', async () => {
  const scene = await Scene.create('', { isStudio: true });
  const streams = [];
  scene.world.stream = (vm, id, request) => {
    streams.push(request);
    scene.world.after(0.1, () => vm.streamEvent(id, 'Opened', 200, ''));
    scene.world.after(1, () => vm.streamEvent(id, 'MessageReceived', 'id: ring01:7\ndata: {"topic":"t","message":{"a":1},"opts":{"f":"job-9"}}'));
    scene.world.after(2, () => vm.streamEvent(id, 'MessageReceived', '{"topic":"t","message":2}'));
    scene.world.after(2.5, () => vm.streamEvent(id, 'MessageReceived', 'event: gap\ndata: {}'));
    scene.world.after(3, () => vm.streamEvent(id, 'Closed'));
  };
  await scene.run('listen("t")');
  await scene.advance(5);
  const serverId = await scene.value('pulse.ServerId');
  assert.match(serverId, /^studio-[0-9a-f-]{36}$/);
  assert.deepEqual(scene.messages().slice(0, 2), [{ a: 1 }, 2]);
  assert.equal(scene.vm.events.find((one) => 'topic' in one).from, 'job-9');
  assert.equal(scene.errors('gap').length, 1);
  assert.equal(streams[0].url, `https://pulse.example.com/universe/2745313133/stream?server=${serverId}`);
  assert.equal(streams[0].headers.authorization, 'Bearer test-key');
  assert.match(streams[1].url, /&since=ring01%3A7$/);
  await scene.end();
  const refused = await Scene.create('', { isStudio: true, streamsRefused: true });
  await refused.run('listen("t")');
  await refused.advance(3);
  refused.model.push('t', 'polled');
  await refused.advance(1);
  assert.deepEqual(refused.messages(), ['polled']);
  assert.equal(refused.errors('stream').length, 1);
  await refused.end();
});

test('a stream that fails three times is given up for polls', async () => {
  const scene = await Scene.create('', { isStudio: true });
  scene.world.stream = (vm, id) => scene.world.after(0.1, () => vm.streamEvent(id, 'Error', 502, 'Bad gateway'));
  await scene.run('listen("t")');
  await scene.advance(30);
  scene.model.push('t', 'polled');
  await scene.advance(1);
  assert.deepEqual(scene.messages(), ['polled']);
  assert.equal((await scene.stats()).transport, 'poll');
  await scene.end();
});

test('without HTTP, game servers still speak with one another; without either, nothing breaks', async () => {
  const scene = await Scene.listening('*', '', { httpEnabled: false });
  const second = await scene.addServer('', { httpEnabled: false });
  await second.run('listen("*") pulse.Send("t", "hi", { destination = "roblox" })');
  await scene.advance(5);
  assert.deepEqual(scene.messages(), ['hi']);
  assert.deepEqual(scene.errors().map((one) => one.error), ['http']);
  await scene.vm.set('messagingEnabled', false);
  await scene.run('pulse.Send("t", "hi", { destination = "roblox" }) pulse.Send("t", 1)');
  await scene.advance(120);
  assert.deepEqual([...new Set(scene.errors().map((one) => one.error))].sort(), ['expired', 'http', 'messaging']);
  await scene.end();
});

test('a game server in real time: over sockets, with MessagingService from the control interface', async () => {
  const asked = [];
  let queue = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (data) => { text += data; });
    request.on('end', () => {
      const { pathname, searchParams } = new URL(request.url, 'http://h');
      asked.push(`${request.method} ${pathname}`);
      const answer = (body, status = 200) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      };
      if (pathname.endsWith('/messages')) {
        const after = Number(searchParams.get('after'));
        const reply = () => answer({ messages: queue.filter((one) => one.n > after), after: queue.at(-1)?.n ?? after });
        if (queue.some((one) => one.n > after)) reply();
        else setTimeout(reply, 100);
      } else if (pathname.endsWith('/topics/pulse.b0')) {
        queue = [{ n: 1, topic: 'pulse.b0', data: 'P1B abc123 1\n[["chat",{"text":"from the web","user":"Ann"}]]', sent: 1 }];
        answer({});
      } else if (pathname.endsWith('/batch')) {
        const { msgs } = JSON.parse(text);
        asked.push(...msgs);
        answer({ success: true, accepted: msgs.length, down: [], cursor: 'ring01:0' });
      } else if (pathname.endsWith('/poll')) setTimeout(() => { response.writeHead(204); response.end(); }, 200);
      else answer({ epoch: 'srv001' });
    });
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const url = `http://127.0.0.1:${server.address().port}`;
  const vm = new GameServerVm({
    scriptPath: join(clientFolder, 'example', 'GameServer.server.luau'), universeId: 42, jobId: 'job-real',
    serverUrl: url, apiKey: 'k', mockUrl: url, realTime: true, players: 2 });
  try {
    await vm.start();
    const deadline = Date.now() + 20_000;
    const isDone = () => vm.output.some((line) => line.includes('from the web')) && asked.some((one) => Array.isArray(one));
    while (!isDone() && Date.now() < deadline) await new Promise((resolve) => { setTimeout(resolve, 20); });
    assert.ok(isDone(), vm.output.join('\n') + asked.join('\n'));
    await vm.shutdown();
    assert.ok(asked.includes('POST /universe/42/bye'));
    assert.ok(asked.includes('PUT /control/universes/42/servers/job-real'));
    assert.ok(asked.includes('DELETE /control/universes/42/servers/job-real'));
    assert.deepEqual([...vm.violations, ...vm.errors], []);
  } finally {
    await vm.destroy();
    server.closeAllConnections();
    server.close();
  }
});

test('the example is the one that the guide shows', () => {
  const guide = readFileSync(join(clientFolder, '..', '..', 'docs', 'guides', 'roblox.md'), 'utf8');
  const example = readFileSync(join(clientFolder, 'example', 'GameServer.server.luau'), 'utf8');
  const shown = guide.match(/```luau\n(-- SPDX[^]*?)```/)[1];
  assert.equal(shown, example);
});
