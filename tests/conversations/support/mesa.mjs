// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The Mesa protocol, for conversation.mjs: servers, dispatchers and portals as processes of the standard test
// application (docs/protocol/mesa.md), told what to do and telling what happens in lines of JSON, and a Redis.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

import { BadConversation, match, Mismatch } from './matcher.mjs';
import { freePort, Redis } from './redis.mjs';

const kStartMs = 30_000;
const kEventMs = 1000;
const kNoEventMs = 200;
const kExitMs = 5000;

/** Something that grows, and whoever waits for it to. */
class Awaited {
  #waiting = new Set();

  wake() { for (const check of [...this.#waiting]) check(); }

  /** Resolves to what `find` finds, or to undefined when the time is over. */
  until(find, ms) {
    return new Promise((resolve) => {
      let timer;
      const check = (isOver = false) => {
        const found = find();
        if (found === undefined && !isOver) return;
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve(found);
      };
      this.#waiting.add(check);
      timer = setTimeout(() => check(true), ms);
      check();
    });
  }
}

const kOurs = [process.env.PULSE_TEST_MESA_APP];
const kOriginal = [process.execPath, fileURLToPath(new URL('original_mesa.cjs', import.meta.url))];

/** A process of the test application, ours or the original's. */
export class App {
  #process;
  #awaited = new Awaited();
  #events = [];
  #ready;
  #exit;
  errors = '';

  constructor(kind, options, app, { isOriginal = false } = {}) {
    this.#process = spawn('setpriv', ['--pdeathsig', 'KILL', ...(isOriginal ? kOriginal : kOurs), kind,
      JSON.stringify(options), JSON.stringify(app)]);
    this.#process.on('error', (error) => { this.errors += error.message; });
    this.#process.stdin.on('error', () => {});
    this.#process.stderr.setEncoding('utf8').on('data', (text) => { this.errors += text; });
    this.#process.on('exit', (code, signal) => { this.#exit = { code, signal }; this.#awaited.wake(); });
    readline.createInterface({ input: this.#process.stdout }).on('line', (line) => {
      const said = JSON.parse(line);
      if (said.ready !== undefined) this.#ready = said.ready;
      if (said.ev !== undefined) this.#events.push(said.ev);
      this.#awaited.wake();
    });
  }

  async ready() {
    const found = await this.#awaited.until(() => this.#ready ?? this.#exit, kStartMs);
    if (this.#ready === undefined) throw new Mismatch('', `it does not start: ${JSON.stringify(found)} ${this.errors}`);
    return this.#ready;
  }

  tell(command) { this.#process.stdin.write(`${JSON.stringify(command)}\n`); }

  #take(name) {
    const at = this.#events.findIndex(({ event }) => event === name);
    return at < 0 ? undefined : this.#events.splice(at, 1)[0];
  }

  async expectEvent(expected, memory, ms) {
    const event = await this.#awaited.until(() => this.#take(expected.event), ms);
    if (event === undefined) throw new Mismatch('', `no ${expected.event} within ${ms} ms ${this.errors}`);
    match(expected, event, memory);
  }

  /** Those of that name that have come, and are not taken yet. */
  eventsOf(name) { return this.#events.filter(({ event }) => event === name); }

  async expectNoEvent(name) {
    const event = await this.#awaited.until(() => this.#take(name), kNoEventMs);
    if (event !== undefined) throw new Mismatch('', `there is ${JSON.stringify(event)}`);
  }

  expectAlive() {
    if (this.#exit !== undefined) throw new Mismatch('', `it ended: ${JSON.stringify(this.#exit)} ${this.errors}`);
  }

  async expectExit(status, ms) {
    const exit = await this.#awaited.until(() => this.#exit, ms);
    if (exit === undefined) throw new Mismatch('', 'it does not end');
    if (exit.code !== status) throw new Mismatch('', `it ended with ${exit.code ?? exit.signal} ${this.errors}`);
  }

  kill(signal) { this.#process.kill(signal); }

  async end() {
    if (this.#exit !== undefined || this.#process.pid === undefined) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }
}

const sorted = (value) => (Array.isArray(value) ? [...value].sort() : value);

export class MesaAdapter {
  memory = {};
  steps;
  #apps = new Map();
  #ports = new Map();
  #redis;
  #published = new Awaited();
  #patience;
  #originals = new Set();

  /** `conversation` decides whether there is a Redis; `originals` are the names of processes that are the original's. */
  static async for({ needs = [] }, patience = 1, { originals = [] } = {}) {
    const adapter = new MesaAdapter();
    adapter.#patience = patience;
    adapter.#originals = new Set(originals);
    if (needs.includes('redis')) {
      adapter.#redis = await Redis.start();
      adapter.#redis.onPublished = () => adapter.#published.wake();
      adapter.memory.redis = adapter.#redis.url;
    }
    return adapter;
  }

  constructor() {
    const who = ['server', 'dispatcher', 'portal'];
    const tell = (command) => (step, { memory }) => this.#app(step).tell(memory.fill(command(step)));
    const only = ({ to, excluding }) => ({ ...(to === undefined ? {} : { to }), ...(excluding === undefined ? {} : { excluding }) });
    this.steps = {
      start: { with: [...who, 'app'], run: (step, context) => this.#start(step, context) },
      send: { with: ['server', 'to', 'excluding'], run: tell((step) => ({ send: step.send, ...only(step) })) },
      dispatch: { with: ['dispatcher', 'to', 'excluding'], run: tell((step) => ({ dispatch: step.dispatch, ...only(step) })) },
      dispatch_many: {
        with: ['dispatcher', 'to', 'excluding'], run: tell((step) => ({ dispatch_many: step.dispatch_many, ...only(step) })),
      },
      event: { with: ['dispatcher', 'to', 'excluding'], run: tell((step) => ({ event: step.event, ...only(step) })) },
      close: { with: ['server'], run: tell(() => ({ close: true })) },
      stop: { with: who, run: (step) => this.#app(step).kill(step.stop) },
      kill: { with: who, run: (step) => this.#app(step).kill('SIGKILL') },
      expect_event: {
        with: who,
        run: (step, { memory }) => this.#app(step).expectEvent(step.expect_event, memory, kEventMs * this.#patience),
      },
      expect_no_event: { with: who, run: (step) => this.#app(step).expectNoEvent(step.expect_no_event) },
      expect_alive: { with: who, run: (step) => this.#app(step).expectAlive() },
      expect_exit: { with: who, run: (step) => this.#app(step).expectExit(step.expect_exit, kExitMs * this.#patience) },
      redis: { with: ['expect'], run: (step, context) => this.#ask(step, context) },
      clear_channels: { run: () => { this.#redis.published.length = 0; } },
      channel: { with: ['expect', 'expect_none'], run: (step, context) => this.#hear(step, context) },
    };
  }

  #app({ server, dispatcher, portal }) {
    const app = this.#apps.get(server ?? dispatcher ?? portal);
    if (app === undefined) throw new BadConversation(`${server ?? dispatcher ?? portal} was never started`);
    return app;
  }

  async #start(step, { memory }) {
    const kind = ['server', 'dispatcher', 'portal'].find((one) => step[one] !== undefined);
    const name = step[kind];
    await this.#apps.get(name)?.end();
    const options = memory.fill(step.start);
    const app = { ...memory.fill(step.app ?? {}) };
    if (kind === 'server') {
      // One that comes back comes back where it was.
      if (!this.#ports.has(name)) this.#ports.set(name, await freePort());
      options.port = this.#ports.get(name);
    } else {
      app.redis = this.#redis.url;
    }
    const started = new App(kind, options, app, { isOriginal: this.#originals.has(name) });
    this.#apps.set(name, started);
    const id = await started.ready();
    if (kind === 'portal') memory.set(`${name}_id`, id);
  }

  async #ask({ redis, expect }, { memory }) {
    const command = memory.fill(redis).map((part) => (typeof part === 'object' ? JSON.stringify(part) : part));
    const answer = await this.#redis.ask(command);
    if (expect !== undefined) match(expect, sorted(answer), memory);
  }

  async #hear({ channel, expect, expect_none: ms }, { memory }) {
    const { published } = this.#redis;
    const take = () => {
      const at = published.findIndex((one) => one.channel === channel);
      return at < 0 ? undefined : published.splice(at, 1)[0];
    };
    const found = await this.#published.until(take, ms ?? kEventMs * this.#patience);
    if (ms !== undefined) {
      if (found !== undefined) throw new Mismatch('', `there is ${found.text}`);
      return;
    }
    if (found === undefined) throw new Mismatch('', `nothing on ${channel}`);
    match(expect, JSON.parse(found.text), memory);
  }

  #address(name) {
    const port = this.#ports.get(name ?? [...this.#ports.keys()][0]);
    if (port === undefined) throw new BadConversation('no server was started');
    return `127.0.0.1:${port}`;
  }

  target({ open: { server, path = '/', protocols } }) { return { url: `ws://${this.#address(server)}${path}`, protocols }; }
  request({ http: { server, path, method = 'GET' } }) { return { url: `http://${this.#address(server)}${path}`, method }; }
  outgoing(value) { return value; }

  async end() {
    await Promise.all([...this.#apps.values()].map((app) => app.end()));
    await this.#redis?.stop();
  }
}
