// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the measurements of Mesa have in common: processes, what they cost, and clients that count bytes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import readline from 'node:readline';

const kPageBytes = 4096;
const kHelloEnd = Buffer.from(']}}');
const kConnectAtOnce = 50;

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** A message whose data has so many bytes, and the length of the frame in which a client gets it. */
export function messageOf(bytes) {
  const message = { op: 0, d: { x: 'x'.repeat(bytes) }, t: 'T' };
  const payloadBytes = Buffer.byteLength(JSON.stringify(message));
  return { message, frameBytes: payloadBytes + (payloadBytes < 126 ? 2 : 4) };
}

/** Seconds of CPU time, of all threads, and bytes of resident memory. */
export function cost(pid) {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  }
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return { seconds: nanoseconds / 1e9, bytes: Number(fields[21]) * kPageBytes };
}

export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** A server that takes lines of JSON, once it has said that it is ready. */
export async function start(command, args) {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = readline.createInterface({ input: child.stdout });
  await once(lines, 'line');
  lines.on('line', () => {});
  return child;
}

/** Ours, on `port`, without authentication. */
export const startOurs = (port, options = {}) =>
  start(process.env.MESA_TEST_APP, ['server', JSON.stringify({ port, ...options }), '{"auth":false}']);

export async function kill(child) {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** A socket that has been greeted; `received` gets the length of what comes then. */
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

/** So many clients of one server, and the bytes that they have got together. */
export class Crowd {
  sockets = [];
  onData = () => {};
  #bytes = 0;
  #wanted = 0;
  #arrived = () => {};

  static async of(count, port) {
    const crowd = new Crowd();
    const received = (bytes) => crowd.#receive(bytes);
    for (let i = 0; i < count; i += kConnectAtOnce) {
      const some = Array.from({ length: Math.min(kConnectAtOnce, count - i) }, () => connect(port, received));
      crowd.sockets.push(...await Promise.all(some));
    }
    return crowd;
  }

  #receive(bytes) {
    this.#bytes += bytes;
    this.onData();
    if (this.#bytes >= this.#wanted) this.#arrived();
  }

  /** Resolves when all have got `bytes` more; `send` is called meanwhile. */
  async afterAll(bytes, send) {
    this.#wanted += bytes * this.sockets.length;
    const all = new Promise((resolve) => { this.#arrived = resolve; });
    send();
    await all;
  }

  end() { for (const socket of this.sockets) socket.destroy(); }
}
