// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The rooms' conversations on the real server. rooms.json is what clients of the original saw or were promised;
// rooms_more.json holds the rules of the protocol that it leaves out.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';

import { run } from './support/conversation.mjs';
import { RoomsAdapter } from './support/rooms.mjs';
import { startRoomsServer } from './support/rooms_server.mjs';

/** Most of a conversation is waiting for silence: many fit into the time of one. */
const kAtOnce = 24;
const kFiles = ['rooms.json', 'rooms_more.json'];
const kTimeoutMs = 150_000;
const kNeeds = ['fresh-server', 'counter-as-string', 'counter-as-number'];
const patience = Number(process.env.PULSE_TEST_PATIENCE ?? 10);

const read = (file) => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'));
const isAlone = ({ needs = [], steps }) => needs.includes('fresh-server') || steps.some((step) => 'restart' in step);
const keyOf = ({ needs = [] }) => (needs.includes('counter-as-number') ? 'counter-as-number' : 'counter-as-string');

const shared = new Map();
function sharedServer(conversation) {
  const need = keyOf(conversation);
  if (!shared.has(need)) shared.set(need, startRoomsServer([need]));
  return shared.get(need);
}

async function hold(conversation) {
  if (!isAlone(conversation)) return run(conversation, new RoomsAdapter(await sharedServer(conversation)), { patience });
  const server = await startRoomsServer([keyOf(conversation)]);
  try {
    // `url` stays: a server comes back where it was.
    await run(conversation, new RoomsAdapter(server, { isShared: false }), { patience });
  } finally {
    await server.stop();
  }
}

// They stop in order, or this fails.
after(async () => { for (const server of shared.values()) await (await server).stop(); });

const files = kFiles.map((file) => [file, read(file)]);

describe('the files', () => {
  for (const [file, conversations] of files) {
    it(`${file} has a name of its own and known needs for each conversation`, () => {
      assert.equal(new Set(conversations.map(({ name }) => name)).size, conversations.length);
      for (const { name, needs = [] } of conversations) for (const need of needs) assert.ok(kNeeds.includes(need), `${name}: ${need}`);
    });
  }
});

describe('conversations about rooms', { concurrency: kAtOnce }, () => {
  // Slow ones first: the others go on beside them.
  const conversations = files.flatMap(([, each]) => each).sort((a, b) => Number(b.slow ?? false) - Number(a.slow ?? false));
  for (const conversation of conversations) {
    it(conversation.name, { timeout: kTimeoutMs }, () => hold(conversation));
  }
});
