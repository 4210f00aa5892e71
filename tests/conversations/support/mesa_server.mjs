// SPDX-License-Identifier: MIT OR Apache-2.0
//
// pulse-server with Mesa, and what its tests ask of it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from './client.mjs';

export const kWithinMs = 10_000;
/** For a server with sanitizers, on a machine that runs all tests at once. */
const kStartMs = 30_000;

/** Asks again until `holds()`; `found()` says what there was instead. */
export async function until(what, holds, found = () => '', ms = kWithinMs) {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `not within ${ms} ms: ${what}; ${found()}`);
    await sleep(20);
  }
}

/** The log comes by another way than the clients' frames. */
export async function untilSaid(said, what) {
  await until(`the log has ${what}`, () => what.test(said()), said);
}

/** { status, body }; nobody there is status 0. */
export async function readiness(port) {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`, { headers: { connection: 'close' } });
    return { status: answer.status, body: await answer.text() };
  } catch {
    return { status: 0, body: '' };
  }
}

/** The ports that a server has chosen, by its log: { port, own, metrics }; undefined before it has told all. */
function portsTold(said) {
  const ports = { listening: [], metrics_listening: [] };
  for (const line of said.split('\n').slice(0, -1)) {
    if (!line.startsWith('{')) continue;
    const { event, address } = JSON.parse(line);
    if (event in ports) ports[event].push(Number(address.slice(address.lastIndexOf(':') + 1)));
  }
  const [[port, own], [metrics]] = [ports.listening, ports.metrics_listening];
  return own && metrics ? { port, own, metrics } : undefined;
}

/**
 * A server with `settings` (TOML, or a function of its folder that gives it) behind what every one of them has. Ends
 * with `body`, which gets its ports: of the main listener, of one that is all Mesa's, and of the metrics.
 */
export async function withServer(settings, body, { threads = 2 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'pulse-mesa-'));
  const file = join(folder, 'pulse.toml');
  const text = typeof settings === 'function' ? settings(folder) : settings;
  writeFileSync(file, `[server]\nport = 0\nthreads = ${threads}\n[metrics]\nport = 0\n[roblox]\nenabled = false\n` +
    `[store]\nengine = "memory"\n${text}\n[[listener]]\nport = 0\nmount = { "*" = "mesa" }\n`);
  const server = spawn('setpriv', ['--pdeathsig', 'KILL', process.env.PULSE_TEST_SERVER, '--config', file],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const output of [server.stdout, server.stderr]) output.setEncoding('utf8').on('data', (piece) => { said += piece; });
  const ended = once(server, 'close');
  try {
    await until('it is ready', async () => {
      const ports = portsTold(said);
      return server.exitCode !== null || (ports && (await readiness(ports.port)).status === 200);
    }, () => said, kStartMs);
    assert.equal(server.exitCode, null, said);
    await body({ ...portsTold(said), said: () => said });
  } finally {
    server.kill('SIGTERM');
    const [code] = await ended;
    rmSync(folder, { recursive: true });
    assert.equal(code, 0, said);
  }
}

export async function open(port, path = '/mesa') {
  const { client, status } = await Client.open({ url: `ws://127.0.0.1:${port}${path}` }, () => true);
  assert.equal(status, 101, path);
  return client;
}

export const next = async (client) => (await client.read(kWithinMs)).value;

/** A token, signed with HS256. */
export function sign(claims, secret) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}
