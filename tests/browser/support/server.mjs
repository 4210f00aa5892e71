// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The real pulse-server, with a folder and an environment of its own, as tests/support's
// ServerProcess has it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

const kDeadlineMs = 30_000;
const kSettings = `
[server]
threads = 2
close_spread_ms = 0
[metrics]
port = 0
`;

/** What the server shall see of our environment: nothing that configures it. */
function cleanEnvironment(home) {
  const environment = { HOME: home, PATH: '/usr/bin:/bin' };
  for (const name of ['ASAN_OPTIONS', 'LSAN_OPTIONS', 'TSAN_OPTIONS', 'UBSAN_OPTIONS']) {
    if (process.env[name] !== undefined) environment[name] = process.env[name];
  }
  return environment;
}

export class Server {
  #process;
  #folder;
  #errors = '';
  #ended;
  #port;
  #host;

  /** Resolves once it listens; port 0 takes any free one. `settings` is further TOML. */
  static async start({ host = '127.0.0.1', port = 0, settings = '' } = {}) {
    const server = new Server();
    await server.#launch(host, port, settings);
    return server;
  }

  get port() { return this.#port; }
  /** What the page's address field wants. */
  get address() { return `ws://${this.#host}:${this.#port}/ws`; }

  /** As a machine that hangs: it is silent until it goes on, and nobody is told. */
  async pause() {
    this.#process.kill('SIGSTOP');
    // The signal is one thing; that the last thread has stopped is another.
    const tasks = `/proc/${this.#process.pid}/task`;
    const isStopped = (task) => / T /.test(readFileSync(`${tasks}/${task}/stat`, 'utf8').split(')').at(-1));
    while (!readdirSync(tasks).every(isStopped)) await new Promise(setImmediate);
  }
  goOn() { this.#process.kill('SIGCONT'); }

  async #launch(host, port, settings) {
    const binary = process.env.PULSE_TEST_SERVER;
    assert.ok(binary, 'PULSE_TEST_SERVER names the server to test');
    this.#host = host;
    this.#folder = mkdtempSync(path.join(tmpdir(), 'pulse-browser-'));
    writeFileSync(path.join(this.#folder, 'pulse.toml'), kSettings + settings);
    // setpriv: not to outlive a test that crashed.
    this.#process = spawn(
      'setpriv', ['--pdeathsig', 'KILL', binary, '--host', host, '--port', String(port)],
      { cwd: this.#folder, env: cleanEnvironment(this.#folder), stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process.stderr.setEncoding('utf8').on('data', (text) => { this.#errors += text; });
    this.#ended = once(this.#process, 'close');
    // Nobody awaits it before the end.
    this.#ended.catch(() => {});
    try {
      this.#port = await this.#listeningPort();
    } catch (error) {
      this.#process.kill('SIGKILL');
      rmSync(this.#folder, { recursive: true });
      throw error;
    }
  }

  /** Reads the log, to its end since a full pipe would stop the server, for the port it took. */
  #listeningPort() {
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`the server ${why}: ${this.#errors}`));
      const timer = setTimeout(fail, kDeadlineMs, 'does not listen');
      this.#process.once('error', (error) => fail(`does not start (${error.message})`));
      readline.createInterface({ input: this.#process.stdout })
        .on('line', (line) => {
          const event = JSON.parse(line);
          if (event.event !== 'listening') return;
          clearTimeout(timer);
          resolve(Number(event.address.split(':').at(-1)));
        })
        .on('close', () => {
          clearTimeout(timer);
          fail('ended');
        });
    });
  }

  /** SIGTERM, and nothing but a clean end is accepted: neither a status nor a word on stderr. */
  async stop() {
    const [code, signal] = await this.#end('SIGTERM');
    assert.deepEqual({ code, signal, errors: this.#errors }, { code: 0, signal: null, errors: '' });
  }

  /** As a machine that loses power: connections break without a farewell. */
  async kill() { await this.#end('SIGKILL'); }

  async #end(signal) {
    this.#process.kill(signal);
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), kDeadlineMs);
    try {
      return await this.#ended;
    } finally {
      clearTimeout(timer);
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }
}
