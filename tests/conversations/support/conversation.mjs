// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Runs one conversation: its steps, in order. What they are is in README.md.
//
// An adapter says what is particular to a protocol:
//
//   target({ open, memory })     { url, headers, protocols, deflate } of an `open` step
//   request({ http, memory })    { url, method, headers, body } of an `http` step
//   outgoing(value)              what `send` sends for this value, variables filled in
//   isKept(frame, conversation)  whether a frame is for the conversation, or is skipped
//   memory                       values that are known from the start: { redis: … }
//   steps                        more kinds of steps, by the key that names them: the server's own, dispatchers, …
//                                each { with: [further keys], run(step, { conversation, memory, withinMs }) }
//   end()                        after the last step, also of a failed conversation
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { bodyOf, checkCloseCode, Client, headersOf } from './client.mjs';
import { BadConversation, match, matchSet, Memory, Mismatch } from './matcher.mjs';

const kWithinMs = 1000;
const kCloseMs = 5000;
const kSettleMs = 2000;

const kConversationKeys = ['name', 'basis', 'note', 'steps', 'needs', 'server', 'slow', 'pings'];
const expectsSomething = (step) => Object.keys(step).some((key) => key.startsWith('expect'));

/** The steps with `client`, by the key that names them. */
const kClientSteps = {
  open: { with: ['expect_headers', 'expect_status', 'expect_body'], run: open },
  send: { run: (client, { send }, { adapter, memory }) => client.send(JSON.stringify(adapter.outgoing(memory.fill(send)))) },
  send_text: { run: (client, { send_text: text }, { memory }) => client.send(String(memory.fill(text))) },
  send_binary: {
    run: (client, { send_binary: text }, { memory }) => client.send(Buffer.from(memory.fill(text)), { isBinary: true }),
  },
  send_repeat: { run: sendRepeat },
  expect: { with: ['within_ms', 'at_ms'], run: expectFrame },
  expect_text: { with: ['within_ms'], run: expectText },
  expect_set: { with: ['within_ms'], run: expectSet },
  expect_none: { run: expectNone },
  expect_close: {
    with: ['within_ms'],
    run: async (client, { expect_close: codes, within_ms: ms }, { memory, within }) => {
      const { code } = await client.closed(within(ms));
      if (!Array.isArray(codes)) return match(codes, code, memory);
      if (!codes.includes(code)) throw new Mismatch('', `closed with ${code}, not with ${codes.join(' or ')}`);
    },
  },
  close: { with: ['reason'], run: (client, { close, reason = '' }) => client.close(checkCloseCode(close), reason, kCloseMs) },
  drop: { run: (client) => client.drop() },
};

/** The others that every protocol has. */
const kSteps = {
  wait_ms: {
    // A wait lets arrive what others sent before; on a busy machine it takes more than time.
    run: ({ wait_ms: ms }, { clients }) =>
      Promise.all([sleep(ms), ...[...clients.values()].map((client) => client.settle(kSettleMs))]),
  },
  http: { with: ['expect_status', 'expect_body', 'expect_json', 'expect_headers'], run: request },
};

async function open(_, step, { adapter, memory, clients, conversation }) {
  if (clients.get(step.client)?.isOpen) throw new BadConversation(`${step.client} is open already`);
  const target = await adapter.target({ open: memory.fill(step.open), memory });
  const { client, status, headers, body, refusal } =
    await Client.open(target, (frame) => adapter.isKept?.(frame, conversation) ?? true);
  clients.set(step.client, client);
  match(step.expect_status ?? 101, status, memory, '.status');
  if (step.expect_headers !== undefined) match({ '...': 1, ...step.expect_headers }, headers, memory, '.headers');
  if (step.expect_body !== undefined) match(step.expect_body, body, memory, '.body');
  const isAwaited = Array.isArray(target.protocols) && step.expect_headers?.['sec-websocket-protocol'] === '<absent>';
  if (refusal !== undefined && !isAwaited) throw new Mismatch('', refusal);
}

function sendRepeat(client, { send_repeat: { template, char, count } }, { adapter, memory }) {
  const text = JSON.stringify(adapter.outgoing(memory.fill(template)));
  if (!text.includes('@@')) throw new BadConversation('the template has no @@');
  client.send(text.replace('@@', () => char.repeat(count)));
}

async function expectFrame(client, { expect, within_ms: ms, at_ms: at }, { memory, within, patience }) {
  const frame = await client.read(within(ms));
  match(expect, frame.value, memory);
  if (at === undefined) return;
  const [low, high] = at;
  const latest = low + (high - low) * patience;
  if (frame.sinceAskedMs < low || frame.atMs > latest) {
    throw new Mismatch('', `it came ${Math.round(frame.atMs)} ms after the open, not ${low} to ${latest} ms`);
  }
}

async function expectText(client, { expect_text: expected, within_ms: ms }, { memory, within }) {
  match(expected, (await client.read(within(ms))).text, memory);
}

async function expectSet(client, { expect_set: expected, within_ms: ms }, { memory, within }) {
  const frames = [];
  while (frames.length < expected.length) frames.push((await client.read(within(ms))).value);
  matchSet(expected, frames, memory);
}

async function expectNone(client, { expect_none: ms }, { clients }) {
  // Silence proves something once the server has read what it could answer.
  await Promise.all([...clients.values()].map((one) => one.settle(kSettleMs)));
  await client.beSilent(ms);
}

async function request(step, { adapter, memory }) {
  const { url, body, ...options } = await adapter.request({ http: memory.fill(step.http), memory });
  const sent = http.request(url, { agent: false, ...options });
  const response = await new Promise((resolve, reject) => {
    sent.on('response', resolve).on('error', reject).end(body);
  }).catch((error) => { throw new Mismatch('', `no answer: ${error.message || error.code}`); });
  const text = await bodyOf(response);
  if (step.expect_status !== undefined) match(step.expect_status, response.statusCode, memory, '.status');
  if (step.expect_headers !== undefined) match({ '...': 1, ...step.expect_headers }, headersOf(response), memory, '.headers');
  if (step.expect_body !== undefined) match(step.expect_body, text, memory, '.body');
  if (step.expect_json === undefined) return;
  let parsed;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new Mismatch('.body', `${text.slice(0, 200)} is not JSON`);
  }
  match(step.expect_json, parsed, memory, '.body');
}

/** The entry of `kinds` that `step` is, having no key that would be passed over. */
function kindOf(step, kinds, more = []) {
  const names = Object.keys(step).filter((key) => Object.hasOwn(kinds, key));
  // `expect` of a request, `close` of an event: the key that comes first names the step.
  const name = names[0];
  if (name === undefined) throw new BadConversation(`which step is ${JSON.stringify(step)}?`);
  const allowed = [name, ...more, ...(kinds[name].with ?? [])];
  const strange = Object.keys(step).filter((key) => !allowed.includes(key));
  if (strange.length > 0) throw new BadConversation(`${name} has no ${strange.join(', ')}`);
  return kinds[name];
}

async function runStep(step, context) {
  if (step.client === undefined) {
    await kindOf(step, { ...kSteps, ...context.adapter.steps }).run(step, context);
    return;
  }
  const kind = kindOf(step, kClientSteps, ['client']);
  const client = context.clients.get(step.client);
  if (client === undefined && kind !== kClientSteps.open) throw new BadConversation(`${step.client} was never opened`);
  await kind.run(client, step, context);
}

/** Throws BadConversation where this could be no conversation, or one that no server can fail. */
export function check(conversation) {
  const strange = Object.keys(conversation).filter((key) => !kConversationKeys.includes(key));
  if (strange.length > 0) throw new BadConversation(`a conversation has no ${strange.join(', ')}`);
  if (typeof conversation.name !== 'string' || !Array.isArray(conversation.steps)) {
    throw new BadConversation('a conversation has a name and steps');
  }
  if (!conversation.steps.some(expectsSomething)) throw new BadConversation('nothing is expected');
}

/**
 * `patience` stretches the time in which something has to come, for slow builds and busy machines; not that in
 * which nothing may come, nor that before which it is too early.
 */
export async function run(conversation, adapter, { patience = 1 } = {}) {
  check(conversation);
  const context = {
    adapter, conversation, clients: new Map(), memory: new Memory(Object.entries(adapter.memory ?? {})),
    within: (ms = kWithinMs) => ms * patience, patience,
  };
  try {
    for (const [i, step] of conversation.steps.entries()) {
      try {
        await runStep(step, context);
      } catch (error) {
        error.message = `step ${i + 1}, ${JSON.stringify(step).slice(0, 400)}\n    ${error.message}`;
        throw error;
      }
    }
  } finally {
    for (const client of context.clients.values()) client.end();
    await adapter.end?.();
  }
}
