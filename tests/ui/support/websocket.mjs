// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A WebSocket for Node versions that have none of their own, or not unless asked.
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.PULSE_TEST_NODE_FOLDER}/package.json`);

export const WebSocket = globalThis.WebSocket ?? require('ws');
