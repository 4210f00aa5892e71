// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One to many through the server's own send: deliveries per second of the server's CPU time, ours and the original's in
// turns, and what an idle client costs in memory.
//
//   node fanout.mjs [--clients 1000] [--messages 300] [--bytes 64] [--rounds 3] [--in-flight 16]
//
// MESA_TEST_APP  our test application        MESA_FOLDER  where npm has installed @cryb/mesa (run.sh does)
//
// Clients are plain sockets that count bytes: every frame has one length. Messages are handed over so many at a time, and
// the next ones when all clients have them, so that no backlog is measured. One at a time measures the kernel: a send for
// each client and message, whoever calls it.
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

import { cost, Crowd, freePort, kill, median, messageOf, start, startOurs } from './support.mjs';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '1000' }, messages: { type: 'string', default: '300' },
    bytes: { type: 'string', default: '64' }, rounds: { type: 'string', default: '3' },
    'in-flight': { type: 'string', default: '16' },
  },
});
const clients = Number(values.clients);
const messages = Number(values.messages);
const rounds = Number(values.rounds);
const inFlight = Number(values['in-flight']);
const { message, frameBytes } = messageOf(Number(values.bytes));

const startOriginal = (port) => start(process.execPath, [fileURLToPath(new URL('original.cjs', import.meta.url)), JSON.stringify({ port })]);

async function measure(kind) {
  const port = await freePort();
  const server = await (kind === 'ours' ? startOurs(port) : startOriginal(port));
  try {
    const before = cost(server.pid);
    const crowd = await Crowd.of(clients, port);
    const idle = cost(server.pid);
    const line = `${JSON.stringify({ send: message })}\n`;
    const began = performance.now();
    for (let sent = 0; sent < messages; sent += inFlight) {
      const count = Math.min(inFlight, messages - sent);
      await crowd.afterAll(count * frameBytes, () => server.stdin.write(line.repeat(count)));
    }
    const seconds = (performance.now() - began) / 1000;
    const used = cost(server.pid).seconds - idle.seconds;
    crowd.end();
    return {
      kind, deliveries_per_cpu_second: Math.round(clients * messages / used),
      deliveries_per_second: Math.round(clients * messages / seconds),
      bytes_per_idle_client: Math.round((idle.bytes - before.bytes) / clients),
    };
  } finally {
    await kill(server);
  }
}

const results = [];
for (let round = 0; round < rounds; round++) {
  for (const kind of ['original', 'ours']) {
    const result = await measure(kind);
    results.push(result);
    console.log(JSON.stringify(result));
  }
}
const of = (kind) => median(results.filter((one) => one.kind === kind).map((one) => one.deliveries_per_cpu_second));
const ratio = of('ours') / of('original');
console.log(JSON.stringify({ clients, messages, bytes: Number(values.bytes), in_flight: inFlight, ratio: Number(ratio.toFixed(2)) }));
