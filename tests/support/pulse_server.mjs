// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The real pulse-server, with a folder and an environment of its own. Both outlive a restart.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { environment, Program } from './program.mjs';

const kSettings = '[server]\nthreads = 1\nclose_spread_ms = 0\n[metrics]\nport = 0\n';

const portOf = (address) => Number(address.split(':').at(-1));

export class PulseServer {
  #binary;
  #folder;
  #env;
  #program;
  #port = 0;

  /** `settings` is TOML; `env` adds to the environment. Resolves once it listens, on a free port. */
  static async start({ binary = process.env.PULSE_TEST_SERVER, settings = '', env = {} } = {}) {
    assert.ok(binary, 'PULSE_TEST_SERVER names the server to test');
    const server = new this();
    server.#binary = binary;
    server.#folder = mkdtempSync(path.join(tmpdir(), 'pulse-test-'));
    writeFileSync(path.join(server.#folder, 'pulse.toml'), kSettings + settings);
    server.#env = environment(server.#folder, { PULSE_LOGGING_FORMAT: 'json', ...env });
    try {
      await server.launch();
    } catch (error) {
      await server.#program.end('SIGKILL');
      rmSync(server.#folder, { recursive: true });
      throw error;
    }
    return server;
  }

  /** Again at the port it had: clients come back. */
  async launch() {
    this.#program = new Program(this.#binary, ['--port', String(this.#port)], { cwd: this.#folder, env: this.#env });
    const address = await this.#program.listening((line) => {
      const event = JSON.parse(line);
      return event.event === 'listening' ? event.address : undefined;
    });
    this.#port = portOf(address);
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

  /** Ends in order and begins again. */
  async restart() {
    await this.terminate();
    await this.launch();
  }

  async stop() {
    try {
      await this.terminate();
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }
}
