// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A Pulse server, Roblox's Open Cloud as tests/mock-open-cloud has it, two game servers in Luau VMs, and a page.
// Ends on Ctrl-C, and everything with it. `make demo-roblox` builds what it needs.
import { fileURLToPath } from 'node:url';

import { packageFolder } from '../../tests/roblox/support/package.mjs';
import { Stage } from '../../tests/roblox/support/stage.mjs';
import { startPageHost } from './page_host.mjs';

const kNames = ['Game server 1', 'Game server 2'];

const ended = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, resolve);
});

const host = await startPageHost(packageFolder);
// What Open Cloud takes in earnest: one to two seconds, in order.
const stage = await Stage.start({ network: { minDelayMs: 1000, maxDelayMs: 2000 } });
try {
  await stage.ask('PATCH', stage.path, { name: 'Demo', origins: [host.origin] });
  const scriptPath = fileURLToPath(new URL('game.luau', import.meta.url));
  const games = [];
  for (const name of kNames) {
    const game = await stage.addGame({ scriptPath, listenTo: [], onPrint: (text) => console.log(`[${name}] ${text}`) });
    games.push({ name, jobId: game.jobId });
  }
  host.tell({ serverUrl: stage.server.url, token: stage.webToken, universe: String(stage.universe), servers: games });
  console.log(`
Type a message and see it reach two game servers:   ${host.origin}/
The operator's page:                                ${stage.server.url}/
The operator's key:                                 ${stage.adminKey}

Ctrl-C ends it.`);
  await ended;
} finally {
  await host.stop();
  await stage.stop();
}
process.exit(0);
