// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The TypeScript package as it was built, and what came with it.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

assert.ok(process.env.PULSE_TEST_PACKAGE_FOLDER, 'PULSE_TEST_PACKAGE_FOLDER names the built package; use run.sh');
export const packageFolder = pathToFileURL(`${process.env.PULSE_TEST_PACKAGE_FOLDER}/`);
export const require = createRequire(new URL('package.json', packageFolder));
export const roblox = await import(new URL('dist/esm/roblox/index.js', packageFolder));
export const { WebSocket } = require('ws');
