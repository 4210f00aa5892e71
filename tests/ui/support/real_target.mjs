// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The real server with a stand-in for Open Cloud, and life in its universes: what PULSE_UI_START names to run
// the page's tests against pulse-server. The environment says which programs:
//
//   PULSE_TEST_SERVER       pulse-server
//   PULSE_TEST_OPEN_CLOUD   mock-open-cloud
//   PULSE_UI_WARM_UP        seconds of traffic before the first test, for pictures
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { startCloud, startServer, untilReady } from './process.mjs';
import { Traffic } from './traffic.mjs';

const kGoodKey = 'good-open-cloud-key';
const kDay = 86_400_000;

/** What lives in the registry. A share is one of a game's messages. */
const kShapes = [
  {
    id: '2745313133', name: 'Harbour Tycoon', place: '6872265039', servers: 24, players: 18, clients: 48, perSecond: 64, fromWeb: 4,
    topics: [['chat.global', 0.4], ['match.score', 0.22], ['economy.trade', 0.16], ['presence', 0.12], ['leaderboard.weekly', 0.06], ['telemetry', 0.04]],
    toGame: [['admin.notice'], ['event.fireworks'], ['chat.global'], ['leaderboard.weekly']],
  },
  {
    id: '4483381587', name: 'Skyline Racers', place: '9921043877', servers: 9, players: 11, clients: 16, perSecond: 21, fromWeb: 2,
    topics: [['race.position', 0.7], ['lobby', 0.3]], toGame: [['lobby'], ['race.position']], expiresInDays: 9,
  },
  {
    id: '1190235582', name: 'Museum of Moss', place: '3310458812', servers: 2, players: 6, clients: 3, perSecond: 2, fromWeb: 0,
    topics: [['guestbook', 1]], toGame: [['guestbook']],
  },
  { id: '3826587512', name: '', servers: 0, clients: 0, perSecond: 0, fromWeb: 0, topics: [], toGame: [] },
];

/** A client of JSON over HTTP that wants 2xx. */
export function asker(baseUrl, adminKey) {
  return async (method, at, body) => {
    const answer = await fetch(baseUrl + at, {
      method, headers: { 'content-type': 'application/json', ...(adminKey && { authorization: `Bearer ${adminKey}` }) },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${at}: ${answer.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  };
}

async function populate(ask, cloud, shape) {
  const key = `key-of-${shape.id}`;
  await cloud('PUT', '/control/keys', { key, owner: shape.id, name: shape.name || 'nameless',
    scopes: [{ universes: [shape.id], operations: ['publish'] }],
    ...(shape.expiresInDays && { expires: new Date(Date.now() + shape.expiresInDays * kDay + kDay / 24).toISOString() }) });
  await cloud('PUT', `/control/universes/${shape.id}`, { servers: shape.servers, players: shape.players ?? 0 });
  await ask('POST', '/universe/registry/add', { universeId: shape.id, openCloudApiKey: key, name: shape.name });
  const token = async (label, rights, expiresIn = null) =>
    (await ask('POST', `/universe/${shape.id}/tokens`, { label, rights, expiresIn })).token;
  return {
    game: await token('Game servers, production', ['game.send', 'game.poll']),
    web: await token('Website', ['web.read', 'web.send'], 61 * kDay / 1000),
  };
}

/** A server without life in it, and its own Open Cloud. */
export async function startBareTarget() {
  const folder = mkdtempSync(path.join(tmpdir(), 'pulse-ui-'));
  const cloud = await startCloud(folder);
  const environment = {
    PULSE_STORE_ENABLED: 'true', PULSE_STORE_PATH: path.join(folder, 'pulse.db'), PULSE_ROBLOX_OPEN_CLOUD_URL: cloud.found };
  let server;
  try {
    server = await startServer({ folder, environment });
    await untilReady(server);
  } catch (error) {
    await Promise.allSettled([server?.stop(), cloud.stop()]);
    throw error;
  }
  const adminKey = readFileSync(path.join(folder, 'data/roblox-admin.key'), 'utf8').trim();
  const askCloud = asker(cloud.found);
  await askCloud('PUT', '/control/keys', { key: kGoodKey, owner: '1', scopes: [{ universes: ['*'], operations: ['publish'] }] });
  return {
    baseUrl: server.found, adminKey, goodKey: kGoodKey, badKey: 'bad-open-cloud-key', folder,
    ask: asker(server.found, adminKey), cloud: askCloud, cloudUrl: cloud.found,
    /** The server ends, and the next one, with what it kept, is not there before `meanwhile` is over. */
    async restart(meanwhile) {
      const last = server;
      server = undefined;
      await last.stop();
      await meanwhile();
      server = await startServer({ folder, environment, port: new URL(last.found).port });
      await untilReady(server);
    },
    async stop() {
      const ends = await Promise.allSettled([server?.stop(), cloud.stop()]);
      rmSync(folder, { recursive: true, force: true });
      for (const { reason } of ends) if (reason) throw reason;
    },
  };
}

export async function startTarget() {
  const target = await startBareTarget();
  const lives = [];
  const stop = async () => {
    await Promise.all(lives.map((life) => life.stop()));
    await target.stop();
    for (const { failure } of lives) if (failure) throw failure;
  };
  try {
    for (const shape of kShapes) {
      lives.push(await Traffic.start(target, shape, await populate(target.ask, target.cloud, shape)));
    }
    await sleep(Number(process.env.PULSE_UI_WARM_UP ?? 0) * 1000);
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
  return { ...target, sample: { id: kShapes[0].id, name: kShapes[0].name }, stop };
}
