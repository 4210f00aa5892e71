// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The package as it was built, from the folder it was built in, and what it is tested with.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

assert.ok(process.env.PULSE_TEST_NODE_FOLDER, 'PULSE_TEST_NODE_FOLDER names the built package');
export const kFolder = pathToFileURL(`${process.env.PULSE_TEST_NODE_FOLDER}/`);
export const require = createRequire(new URL('package.json', kFolder));

/** A module of the package that it does not export. */
export const inside = (name) => import(new URL(`dist/esm/${name}.js`, kFolder));

export const pulse = await inside('index');
export const roblox = await inside('roblox/index');
export const { WebSocket, WebSocketServer } = require('ws');
export const messagePack = require('@msgpack/msgpack');

export const vectors = JSON.parse(readFileSync(
  new URL('../../conformance/vectors/native/frames.json', import.meta.url), 'utf8'));
