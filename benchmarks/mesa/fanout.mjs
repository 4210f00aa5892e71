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
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { parseArgs } from 'node:util';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

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
const kTicksPerSecond = 100;

const text = (bytes) => ({ op: 0, d: { x: 'x'.repeat(bytes) }, t: 'T' });
const payloadBytes = Buffer.byteLength(JSON.stringify(text(Number(values.bytes))));
const frameBytes = payloadBytes + (payloadBytes < 126 ? 2 : 4);
const kHelloEnd = Buffer.from(']}}');

/** Seconds of CPU time and bytes of resident memory. */
function cost(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  const pages = Number(fields[21]);
  return { seconds: (Number(fields[11]) + Number(fields[12])) / kTicksPerSecond, bytes: pages * 4096 };
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function start(kind, port) {
  const options = JSON.stringify({ port });
  const process_ = kind === 'ours'
    ? spawn(process.env.MESA_TEST_APP, ['server', options, '{"auth":false}'], { stdio: ['pipe', 'pipe', 'inherit'] })
    : spawn(process.execPath, [fileURLToPath(new URL('original.cjs', import.meta.url)), options], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = readline.createInterface({ input: process_.stdout });
  await once(lines, 'line');
  lines.on('line', () => {});
  return process_;
}

function connect(port, received) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'));
    let greeting = Buffer.alloc(0);
    let isGreeted = false;
    socket.on('error', reject).on('data', (data) => {
      if (isGreeted) return received(data.length);
      greeting = Buffer.concat([greeting, data]);
      if (!greeting.includes(kHelloEnd)) return undefined;
      isGreeted = true;
      return resolve(socket);
    });
  });
}

async function measure(kind) {
  const port = await freePort();
  const server = await start(kind, port);
  try {
    let bytes = 0;
    let wanted = 0;
    let arrived = () => {};
    const received = (n) => { bytes += n; if (bytes >= wanted) arrived(); };
    const before = cost(server.pid);
    const sockets = [];
    for (let i = 0; i < clients; i += 50) {
      sockets.push(...await Promise.all(Array.from({ length: Math.min(50, clients - i) }, () => connect(port, received))));
    }
    const idle = cost(server.pid);
    const line = `${JSON.stringify({ send: text(Number(values.bytes)) })}\n`;
    const began = performance.now();
    for (let sent = 0; sent < messages; sent += inFlight) {
      const count = Math.min(inFlight, messages - sent);
      wanted += count * clients * frameBytes;
      const all = new Promise((resolve) => { arrived = resolve; });
      server.stdin.write(line.repeat(count));
      await all;
    }
    const seconds = (performance.now() - began) / 1000;
    const used = cost(server.pid).seconds - idle.seconds;
    for (const socket of sockets) socket.destroy();
    return {
      kind, deliveries_per_cpu_second: Math.round(clients * messages / Math.max(used, 1 / kTicksPerSecond)),
      deliveries_per_second: Math.round(clients * messages / seconds),
      bytes_per_idle_client: Math.round((idle.bytes - before.bytes) / clients),
    };
  } finally {
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
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
const median = (kind, key) => results.filter((one) => one.kind === kind).map((one) => one[key]).sort((a, b) => a - b)[Math.floor(rounds / 2)];
const ratio = median('ours', 'deliveries_per_cpu_second') / median('original', 'deliveries_per_cpu_second');
console.log(JSON.stringify({ clients, messages, bytes: Number(values.bytes), in_flight: inFlight, ratio: Number(ratio.toFixed(2)) }));
