// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What Mesa costs over a Redis: one server sends to everybody, the clients are at another one. Deliveries per second of each
// server's CPU time beside those of a server that is alone, in turns; commands of Redis for each message; and, one message at
// a time, how much later it arrives than from a server that is alone, beside a round trip to Redis.
//
//   MESA_TEST_APP=… node cluster.mjs [--clients 1000] [--messages 1000] [--bytes 64] [--rounds 3] [--in-flight 16] [--single 200]
//
// Redis, two servers and the clients share the machine: the CPU figures hold on two cores, those of time on four or more.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { parseArgs } from 'node:util';

import { cost, Crowd, freePort, kill, median, messageOf, startOurs } from './support.mjs';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '1000' }, messages: { type: 'string', default: '1000' },
    bytes: { type: 'string', default: '64' }, rounds: { type: 'string', default: '3' },
    'in-flight': { type: 'string', default: '16' }, single: { type: 'string', default: '200' },
  },
});
const clients = Number(values.clients);
const messages = Number(values.messages);
const rounds = Number(values.rounds);
const inFlight = Number(values['in-flight']);
const single = Number(values.single);
const { message, frameBytes } = messageOf(Number(values.bytes));
const line = `${JSON.stringify({ send: message })}\n`;
const kWarmUp = 20;
const kRoundTrips = 1000;

class Redis {
  #child;
  #socket;

  static async start() {
    const redis = new Redis();
    redis.port = await freePort();
    redis.#child = spawn('setpriv', ['--pdeathsig', 'KILL', 'redis-server', '--port', String(redis.port), '--bind', '127.0.0.1', '--save', ''],
      { stdio: 'ignore', env: { PATH: `${process.env.PATH}:/usr/sbin` } });
    for (;;) {
      redis.#socket = net.connect(redis.port, '127.0.0.1');
      const isUp = await once(redis.#socket, 'connect').then(() => true, () => false);
      if (isUp) break;
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
    redis.#socket.setNoDelay(true).setEncoding('utf8');
    return redis;
  }

  get pid() { return this.#child.pid; }

  /** For answers of one piece. */
  async ask(command) {
    const answer = once(this.#socket, 'data');
    this.#socket.write(`${command}\r\n`);
    return (await answer)[0];
  }

  async published() { return Number(/cmdstat_publish:calls=(\d+)/.exec(await this.ask('INFO commandstats'))?.[1] ?? 0); }
  async commands() { return Number(/total_commands_processed:(\d+)/.exec(await this.ask('INFO stats'))?.[1]); }

  async roundTripMs() {
    const times = [];
    for (let i = 0; i < kRoundTrips; i++) {
      const began = performance.now();
      await this.ask('PING');
      times.push(performance.now() - began);
    }
    return median(times);
  }

  async end() {
    this.#socket.destroy();
    await kill(this.#child);
  }
}

/** Milliseconds until a message is with half of the clients, one message at a time. */
async function latencyMs(sender, crowd) {
  const times = [];
  for (let i = 0; i < kWarmUp + single; i++) {
    let began;
    crowd.onData = () => { if (i >= kWarmUp) times.push(performance.now() - began); };
    await crowd.afterAll(frameBytes, () => {
      began = performance.now();
      sender.stdin.write(line);
    });
  }
  crowd.onData = () => {};
  return median(times);
}

async function send(count, sender, crowd) {
  for (let sent = 0; sent < count; sent += inFlight) {
    const now = Math.min(inFlight, count - sent);
    await crowd.afterAll(now * frameBytes, () => sender.stdin.write(line.repeat(now)));
  }
}

async function measure(kind) {
  const redis = kind === 'cluster' ? await Redis.start() : undefined;
  const options = redis === undefined ? {} : { redis: { host: '127.0.0.1', port: redis.port } };
  const port = await freePort();
  const receiver = await startOurs(port, options);
  const sender = redis === undefined ? receiver : await startOurs(await freePort(), options);
  try {
    const crowd = await Crowd.of(clients, port);
    await send(kWarmUp * inFlight, sender, crowd);
    const before = [receiver, sender].map(({ pid }) => cost(pid).seconds);
    const redisBefore = redis && { seconds: cost(redis.pid).seconds, published: await redis.published(), commands: await redis.commands() };
    await send(messages, sender, crowd);
    const used = [receiver, sender].map(({ pid }, i) => cost(pid).seconds - before[i]);
    const result = { kind, deliveries_per_cpu_second: Math.round(clients * messages / used[0]) };
    if (redis !== undefined) {
      // The two questions about it are commands, too.
      const commands = await redis.commands() - redisBefore.commands - 1;
      result.sender_cpu_us_per_message = Number((used[1] * 1e6 / messages).toFixed(1));
      result.redis_cpu_us_per_message = Number(((cost(redis.pid).seconds - redisBefore.seconds) * 1e6 / messages).toFixed(1));
      result.publish_commands_per_message = Number(((await redis.published() - redisBefore.published) / messages).toFixed(3));
      result.commands_per_message = Number((commands / messages).toFixed(3));
      result.round_trip_ms = Number((await redis.roundTripMs()).toFixed(3));
    }
    result.p50_ms = Number((await latencyMs(sender, crowd)).toFixed(3));
    crowd.end();
    return result;
  } finally {
    await kill(receiver);
    if (sender !== receiver) await kill(sender);
    await redis?.end();
  }
}

const results = [];
for (let round = 0; round < rounds; round++) {
  for (const kind of ['alone', 'cluster']) {
    const result = await measure(kind);
    results.push(result);
    console.log(JSON.stringify(result));
  }
}
const of = (kind, key) => median(results.filter((one) => one.kind === kind).map((one) => one[key]));
console.log(JSON.stringify({
  clients, messages, bytes: Number(values.bytes), in_flight: inFlight,
  receiving_node_ratio: Number((of('cluster', 'deliveries_per_cpu_second') / of('alone', 'deliveries_per_cpu_second')).toFixed(3)),
  publish_commands_per_message: of('cluster', 'publish_commands_per_message'),
  commands_per_message: of('cluster', 'commands_per_message'),
  added_p50_ms_over_round_trip: Number((of('cluster', 'p50_ms') - of('alone', 'p50_ms') - of('cluster', 'round_trip_ms')).toFixed(3)),
}));
