// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Mesa's conversations on the test application: what the original does, and what it promises.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

import { run } from './support/conversation.mjs';
import { slowed } from './support/heartbeats.mjs';
import { MesaAdapter } from './support/mesa.mjs';

/** Each has processes of its own, and most of it is waiting. */
const kAtOnce = Number(process.env.PULSE_TEST_AT_ONCE ?? 8);
const kTimeoutMs = 150_000;
const patience = Number(process.env.PULSE_TEST_PATIENCE ?? 10);
const isChosen = new RegExp(process.env.PULSE_TEST_ONLY ?? '');
const files = ['mesa.json', 'mesa_more.json'];
const conversations = files.flatMap((file) => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')));

describe('the files', () => {
  it('has a name of its own and known needs for each conversation', () => {
    assert.equal(new Set(conversations.map(({ name }) => name)).size, conversations.length);
    for (const { name, needs = [] } of conversations) for (const need of needs) assert.equal(need, 'redis', name);
  });
});

/** Sending a hundred megabytes holds this process up, and with it whoever is timed. */
const isHeavy = ({ steps }) => steps.some((step) => 'send_repeat' in step);

function hold(chosen) {
  // Slow ones first: the others go on beside them.
  const sorted = [...chosen].sort((a, b) => Number(b.slow ?? false) - Number(a.slow ?? false));
  for (const conversation of sorted.filter(({ name }) => isChosen.test(name))) {
    it(conversation.name, { timeout: kTimeoutMs }, async () => {
      await run(slowed(conversation, patience), await MesaAdapter.for(conversation, patience), { patience });
    });
  }
}

describe('conversations about Mesa', { concurrency: kAtOnce }, () => hold(conversations.filter((one) => !isHeavy(one))));
describe('heavy conversations about Mesa', () => hold(conversations.filter(isHeavy)));
