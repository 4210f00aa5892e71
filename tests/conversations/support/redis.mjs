// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A Redis of a conversation's own, and what it takes to ask it and to listen to it.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const kStartMs = 20_000;

/** What the kernel gives to who asks for any port begins here; below it nobody takes one by chance. */
function firstEphemeralPort() {
  try {
    return Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
  } catch {
    return 32_768;
  }
}

/** For what has to be told its port, and may come back there: free now, and left alone by everybody else. */
export async function freePort() {
  for (;;) {
    const port = randomInt(10_000, Math.max(firstEphemeralPort(), 20_000));
    const server = net.createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue;  // somebody's
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** One value from the front of `bytes`: [value, length], or undefined while it is not whole. */
function parse(bytes, at = 0) {
  const end = bytes.indexOf('\r\n', at);
  if (end < 0) return undefined;
  const line = bytes.toString('utf8', at + 1, end);
  let next = end + 2;
  switch (String.fromCharCode(bytes[at])) {
    case '+': return [line, next];
    case '-': return [new Error(line), next];
    case ':': return [Number(line), next];
    case '$': {
      const length = Number(line);
      if (length < 0) return [null, next];
      if (bytes.length < next + length + 2) return undefined;
      return [bytes.toString('utf8', next, next + length), next + length + 2];
    }
    case '*': {
      const values = [];
      for (let i = 0; i < Number(line); i++) {
        const value = parse(bytes, next);
        if (value === undefined) return undefined;
        values.push(value[0]);
        next = value[1];
      }
      return [values, next];
    }
    default: throw new Error(`Redis says ${line}`);
  }
}

class Link {
  #socket;
  #bytes = Buffer.alloc(0);
  #onValue;

  static async open(port, onValue) {
    const link = new Link();
    link.#onValue = onValue;
    link.#socket = net.connect(port, '127.0.0.1');
    link.#socket.on('data', (data) => link.#take(data)).on('error', () => {});
    await once(link.#socket, 'connect');
    return link;
  }

  send(parts) {
    const texts = parts.map((part) => Buffer.from(String(part)));
    this.#socket.write(Buffer.concat([
      Buffer.from(`*${texts.length}\r\n`),
      ...texts.flatMap((text) => [Buffer.from(`$${text.length}\r\n`), text, Buffer.from('\r\n')]),
    ]));
  }

  end() { this.#socket.destroy(); }

  #take(data) {
    this.#bytes = Buffer.concat([this.#bytes, data]);
    for (let found = parse(this.#bytes); found !== undefined; found = parse(this.#bytes)) {
      this.#bytes = this.#bytes.subarray(found[1]);
      this.#onValue(found[0]);
    }
  }
}

export class Redis {
  #process;
  #commands;
  #listener;
  #answers = [];
  /** { channel, text } of everything that is published. */
  published = [];
  onPublished = () => {};

  static async start() {
    const redis = new Redis();
    redis.port = await freePort();
    await redis.restart();
    return redis;
  }

  /** Where it was, and empty. Not while it runs. */
  async restart() {
    const binary = process.env.PULSE_TEST_REDIS ?? 'redis-server';
    this.#process = spawn('setpriv', ['--pdeathsig', 'KILL', binary, '--port', String(this.port), '--bind', '127.0.0.1',
      '--save', '', '--appendonly', 'no', '--dir', '/tmp'], { stdio: 'ignore', env: { PATH: `${process.env.PATH}:/usr/sbin` } });
    this.#process.on('error', () => {});
    this.#answers = [];
    const deadline = Date.now() + kStartMs;
    for (;;) {
      try {
        this.#commands = await Link.open(this.port, (value) => this.#answers.shift()?.(value));
        break;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await sleep(20);
      }
    }
    const subscribed = new Promise((resolve) => {
      Link.open(this.port, ([kind, , channel, text]) => {
        if (kind === 'psubscribe') return resolve();
        this.published.push({ channel, text });
        return this.onPublished();
      }).then((link) => { this.#listener = link; link.send(['PSUBSCRIBE', '*']); });
    });
    await subscribed;
  }

  /** Neither answers nor ends, as a machine that is overloaded. */
  pause() { this.#process.kill('SIGSTOP'); }
  resume() { this.#process.kill('SIGCONT'); }

  get url() { return `redis://127.0.0.1:${this.port}`; }

  async ask(command) {
    const answer = await new Promise((resolve) => { this.#answers.push(resolve); this.#commands.send(command); });
    if (answer instanceof Error) throw answer;
    return answer;
  }

  async stop() {
    this.#commands?.end();
    this.#listener?.end();
    const ended = once(this.#process, 'close');
    this.#process.kill('SIGKILL');
    await ended;
  }
}
