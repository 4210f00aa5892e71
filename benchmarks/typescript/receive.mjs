// SPDX-License-Identifier: MIT OR Apache-2.0
//
//   receive.mjs PACKAGE SERVER [MESSAGES] [REPETITIONS] [json]
//
// One Node process receives MESSAGES of 64 B (defaults 200,000 and 5 repetitions) from a
// pulse-server that it starts: with the client built in PACKAGE, and with `ws` and
// @msgpack/msgpack doing the same by hand. They take turns; a third process publishes, 64 frames to
// a WebSocket message. Figures: CPU of the receiver per message, and messages per second; ratios are
// paired within a repetition, median (least..most). `json`: the figures of each repetition instead
// of a table, for run/typescript.py, which keeps the record.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';

const [folder, binary, messages = '200000', repetitions = '5', role, address] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const { WebSocket } = require('ws');
const { decode, encode } = require('@msgpack/msgpack');
const { PulseClient, encodeFrame } = await import(pathToFileURL(`${folder}/dist/esm/index.js`).href);
const kCount = Number(messages);
const kChannel = 'bench:receive';
// How far the publisher may be ahead: a receiver that lags by 16 MiB would be closed.
const kAhead = 32_768;
const kReportEvery = 4096;
const kDrainMs = 20_000;

async function publish() {
  const socket = new WebSocket(address);
  await once(socket, 'open');
  const frame = Buffer.from(encodeFrame({ type: 'publish', channel: kChannel, payload: new Uint8Array(64) }));
  const batch = Buffer.concat(Array(64).fill(frame));
  let isDone = false;
  socket.on('close', (code, reason) => {
    if (isDone) return;
    console.error(`the server closed the publisher: ${code} ${reason}`);
    process.exit(1);
  });
  let received = 0;
  process.on('message', (count) => { received = count; });
  for (let sent = 0; sent < kCount; sent += 64) {
    while (sent - received > kAhead) await new Promise((resolve) => setTimeout(resolve, 1));
    if (socket.bufferedAmount > 1 << 18) await new Promise((resolve) => setTimeout(resolve, 1));
    socket.send(batch);
    await new Promise(setImmediate);
  }
  isDone = true;
  socket.close();
  process.disconnect();
}

/** Each calls `each` with a message's payload; resolves, once subscribed, with what ends it. */
const kReceivers = {
  async pulse(url, each) {
    const client = new PulseClient(url, { WebSocket });
    const subscription = client.subscribe(kChannel, (message) => each(message.payload));
    await client.connect();
    await subscription.ready;
    return () => client.close();
  },
  async 'ws + @msgpack/msgpack'(url, each) {
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    await once(socket, 'open');
    const body = encode({ type: 'subscribe', id: 1, channel: kChannel });
    const frame = Buffer.alloc(4 + body.length);
    frame.writeUInt32BE(body.length);
    frame.set(body, 4);
    const subscribed = new Promise((resolve) => {
      socket.onmessage = ({ data }) => {
        // A server sends one frame in a message.
        const { type, channel, payload } = decode(new Uint8Array(data, 4));
        if (type === 'publish' && channel === kChannel) each(payload);
        else if (type === 'ack') resolve();
      };
    });
    socket.send(frame);
    await subscribed;
    return () => socket.close();
  },
};

async function measure(receiver, url) {
  let count = 0;
  let bytes = 0;
  let done;
  const all = new Promise((resolve) => { done = resolve; });
  let publisher;
  const end = await receiver(url, (payload) => {
    bytes += payload.length;
    // The last batch may be more than what is left.
    if (++count === kCount) done();
    else if (count % kReportEvery === 0 && publisher.connected) {
      publisher.send(count, () => {}); // which may be over by now
    }
  });
  publisher = spawn(process.execPath, [fileURLToPath(import.meta.url), folder, binary, messages, '1', 'publish', url], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  // It may well be gone before everything it sent has been read.
  const published = once(publisher, 'close');
  const cpu = process.cpuUsage();
  const start = performance.now();
  const stopped = published.then(async ([code]) => {
    // What it sent arrives within moments, or never.
    await new Promise((resolve) => setTimeout(resolve, code === 0 ? kDrainMs : 0).unref());
    throw new Error(`the publisher ended with ${code}, ${count} of ${kCount} messages received`);
  });
  stopped.catch(() => {});
  await Promise.race([all, stopped]);
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - start) / 1000;
  if (bytes !== count * 64) throw new Error(`${bytes} bytes`);
  const [code] = await published;
  if (code !== 0) throw new Error(`the publisher ended with ${code}`);
  end();
  return { cpu: (user + system) / kCount, rate: kCount / seconds };
}

const spread = (values, digits) => {
  const sorted = [...values].sort((a, b) => a - b);
  const [middle, least, most] = [sorted[sorted.length >> 1], sorted[0], sorted.at(-1)].map((value) => value.toFixed(digits));
  return `${middle} (${least}..${most})`;
};

async function main() {
  const data = mkdtempSync(path.join(os.tmpdir(), 'pulse-bench-'));
  const server = spawn(binary, ['--host', '127.0.0.1', '--port', '0'],
    { cwd: data, stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env.PATH, PULSE_METRICS_PORT: '0' } });
  try {
    const port = await new Promise((resolve) => {
      readline.createInterface({ input: server.stdout }).on('line', (line) => {
        const event = JSON.parse(line);
        if (event.event === 'listening') resolve(event.address.split(':').at(-1));
      });
    });
    const results = Object.fromEntries(Object.keys(kReceivers).map((name) => [name, []]));
    // The first of each warms up.
    for (let i = 0; i <= Number(repetitions); ++i) {
      for (const [name, receiver] of Object.entries(kReceivers)) {
        const result = await measure(receiver, `ws://127.0.0.1:${port}/ws`);
        if (i > 0) results[name].push(result);
      }
    }
    if (role === 'json') {
      console.log(JSON.stringify(results));
      return;
    }
    const base = Object.values(results).at(-1);
    console.log('| receiver | CPU ratio | rate ratio | CPU us/message | k messages/s |\n| --- | --- | --- | --- | --- |');
    for (const [name, list] of Object.entries(results)) {
      console.log(`| ${name} | ${spread(list.map(({ cpu }, i) => cpu / base[i].cpu), 2)} | ${spread(list.map(({ rate }, i) => rate / base[i].rate), 2)} | `
        + `${spread(list.map(({ cpu }) => cpu), 2)} | ${spread(list.map(({ rate }) => rate / 1000), 0)} |`);
    }
  } finally {
    server.kill();
    await once(server, 'close');
    rmSync(data, { recursive: true });
  }
}

await (role === 'publish' ? publish() : main());
