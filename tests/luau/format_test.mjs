// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Form and syntax of all Luau here. (No type checker is to be had from npm.)
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { bundle, kBundle } from '../../clients/luau/build.mjs';
import { clientFolder, createLuauState, root, stylua } from './harness/packages.mjs';

const check = (config, ...paths) => {
  const { status, stdout, stderr } = spawnSync(process.execPath,
    [stylua, '--check', '--syntax', 'Luau', '-f', config, ...paths], { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
};

test('StyLua has nothing to change', () => {
  check(join(clientFolder, 'stylua.toml'), kBundle, join(clientFolder, 'example'), join(root, 'tests', 'luau', 'harness', 'roblox'));
  check(join(clientFolder, 'src', 'stylua.toml'), join(clientFolder, 'src'));
});

test('the one file is what the parts make', () => {
  assert.ok(readFileSync(kBundle, 'utf8') === bundle(), 'node clients/luau/build.mjs');
});

test('the client is strict, one file, and asks for no other', async () => {
  const source = readFileSync(kBundle, 'utf8');
  assert.match(source, /^--!strict\n-- SPDX-License-Identifier: MIT OR Apache-2.0\n/);
  assert.doesNotMatch(source.replaceAll(/--.*$/gm, ''), /\brequire\b/);
  const state = await createLuauState({});
  state.loadstring(source, 'PulseClient', true);
  state.loadstring(readFileSync(join(clientFolder, 'example', 'GameServer.server.luau'), 'utf8'), 'example', true);
});
