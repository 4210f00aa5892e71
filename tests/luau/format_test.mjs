// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Form and syntax of all Luau here. (No type checker is to be had from npm.)
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { clientFolder, createLuauState, root, stylua } from './harness/packages.mjs';

const check = (...folders) => spawnSync(process.execPath, [
  stylua, '--check', '--syntax', 'Luau', '-f', join(clientFolder, 'stylua.toml'), ...folders], { encoding: 'utf8' });

test('StyLua has nothing to change', () => {
  const { status, stdout, stderr } = check(clientFolder, join(root, 'tests', 'luau', 'harness', 'roblox'));
  assert.equal(status, 0, stdout + stderr);
});

test('the client is strict, one file, and asks for no other', async () => {
  const source = readFileSync(join(clientFolder, 'PulseClient.luau'), 'utf8');
  assert.match(source, /^--!strict\n-- SPDX-License-Identifier: MIT OR Apache-2.0\n/);
  assert.doesNotMatch(source.replaceAll(/--.*$/gm, ''), /\brequire\b/);
  const state = await createLuauState({});
  state.loadstring(source, 'PulseClient', true);
  state.loadstring(readFileSync(join(clientFolder, 'example', 'GameServer.server.luau'), 'utf8'), 'example', true);
});
