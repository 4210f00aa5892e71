// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The real pulse-server and the mock Open Cloud, each a process that ends with this one.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

import { until } from './wait.mjs';

const kDeadlineMs = 30_000;
const kSettings = '[server]\nthreads = 1\nclose_spread_ms = 0\n[metrics]\nport = 0\n';
const kSanitizers = ['ASAN_OPTIONS', 'LSAN_OPTIONS', 'TSAN_OPTIONS', 'UBSAN_OPTIONS'];

function environment(home, added) {
  const kept = kSanitizers.filter((name) => process.env[name] !== undefined);
  return { HOME: home, PATH: '/usr/bin:/bin', ...Object.fromEntries(kept.map((name) => [name, process.env[name]])), ...added };
}

/** A program that says on a line where it listens. `addressOf(line)` is that address, or undefined. */
class Program {
  #process;
  #ended;
  errors = '';
  lines = [];

  constructor(binary, options, { cwd, env }) {
    // setpriv: not to outlive a test that crashed. detached: Ctrl-C in a terminal is for whoever ends this one.
    this.#process = spawn('setpriv', ['--pdeathsig', 'KILL', binary, ...options],
      { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process.stderr.setEncoding('utf8').on('data', (text) => { this.errors += text; });
    this.#ended = once(this.#process, 'close');
    this.#ended.catch(() => {});
  }

  /** Reads what it says, to its end since a full pipe would stop it. */
  listening(addressOf) {
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${why}: ${this.lines.join('\n')} ${this.errors}`));
      const timer = setTimeout(fail, kDeadlineMs, 'it does not listen');
      this.#process.once('error', (error) => fail(`it does not start (${error.message})`));
      readline.createInterface({ input: this.#process.stdout })
        .on('line', (line) => {
          this.lines.push(line);
          const address = addressOf(line);
          if (address === undefined) return;
          clearTimeout(timer);
          resolve(address);
        })
        .on('close', () => {
          clearTimeout(timer);
          fail('it ended');
        });
    });
  }

  async end(signal) {
    this.#process.kill(signal);
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), kDeadlineMs);
    try {
      return await this.#ended;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** pulse-server in a folder of its own, which outlives a restart. */
export class BridgeServer {
  #folder;
  #env;
  #program;
  #port = 0;

  static async start({ adminKey, cloudUrl, binary = process.env.PULSE_TEST_SERVER, settings = '' }) {
    assert.ok(binary, 'PULSE_TEST_SERVER names the server to test');
    const server = new BridgeServer();
    server.binary = binary;
    server.#folder = mkdtempSync(path.join(tmpdir(), 'pulse-roblox-'));
    writeFileSync(path.join(server.#folder, 'pulse.toml'), kSettings + settings);
    server.#env = environment(server.#folder, {
      PULSE_LOGGING_FORMAT: 'json', PULSE_ROBLOX_OPEN_CLOUD_URL: cloudUrl,
      ...(adminKey === undefined ? {} : { PULSE_ROBLOX_API_KEY: adminKey }),
    });
    try {
      await server.launch();
    } catch (error) {
      await server.#program.end('SIGKILL');
      rmSync(server.#folder, { recursive: true });
      throw error;
    }
    return server;
  }

  /** Again at the port it had: clients come back. Until its registry is loaded it answers 503. */
  async launch() {
    this.#program = new Program(this.binary, ['--port', String(this.#port)], { cwd: this.#folder, env: this.#env });
    const address = await this.#program.listening((line) => {
      const event = JSON.parse(line);
      return event.event === 'listening' ? event.address : undefined;
    });
    this.#port = Number(address.split(':').at(-1));
    await until(async () => (await fetch(`${this.url}/readyz`)).ok, 'the server is ready');
  }

  get folder() { return this.#folder; }
  get url() { return `http://127.0.0.1:${this.#port}`; }
  /** All it ever said, a line each. */
  get log() { return this.#program.lines; }

  /** A clean end: neither a status nor a word on stderr. */
  async terminate() {
    const [code, signal] = await this.#program.end('SIGTERM');
    assert.deepEqual({ code, signal, errors: this.#program.errors }, { code: 0, signal: null, errors: '' });
  }
  /** As a machine that loses power. */
  async kill() { await this.#program.end('SIGKILL'); }

  async stop() {
    try {
      await this.terminate();
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }
}

/** The mock Open Cloud, and its control interface. */
export class MockCloud {
  #program;

  static async start(binary = process.env.PULSE_TEST_MOCK) {
    assert.ok(binary, 'PULSE_TEST_MOCK names the mock Open Cloud');
    const mock = new MockCloud();
    mock.#program = new Program(binary, ['--port', '0'], { cwd: tmpdir(), env: environment(tmpdir(), {}) });
    mock.url = await mock.#program.listening((line) => /listening on (http:\/\/\S+)/.exec(line)?.[1]);
    return mock;
  }

  async control(method, path, body) {
    const answer = await fetch(`${this.url}/control${path}`, {
      method, ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  putKey(key, universes, more = {}) {
    return this.control('PUT', '/keys', { key, scopes: [{ universes: universes.map(String), operations: ['publish'] }], ...more });
  }
  network(conditions) { return this.control('PUT', '/network', conditions); }
  faults(script, universe) { return this.control('POST', '/faults', { script, ...(universe ? { universe } : {}) }); }
  stats() { return this.control('GET', '/stats'); }
  async log() { return (await this.control('GET', '/log')).log; }

  async stop() {
    await this.#program.end('SIGTERM');
  }
}
