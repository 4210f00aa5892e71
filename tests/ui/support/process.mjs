// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Programs of the project that a test runs, and ends.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const kDeadlineMs = 30_000;

/** What a program shall see of our environment: nothing that configures it. */
function cleanEnvironment(folder, more) {
  const environment = { HOME: folder, PATH: '/usr/bin:/bin', ...more };
  for (const name of ['ASAN_OPTIONS', 'LSAN_OPTIONS', 'TSAN_OPTIONS', 'UBSAN_OPTIONS']) {
    if (process.env[name] !== undefined) environment[name] = process.env[name];
  }
  return environment;
}

export class Program {
  #process;
  #errors = '';
  #ended;

  /** Runs `binary` in `folder` until a line of its output makes `find` answer something: `found`. */
  static async start({ binary, options, folder, environment = {}, find }) {
    const program = new Program();
    // setpriv: not to outlive a test that crashed.
    program.#process = spawn('setpriv', ['--pdeathsig', 'KILL', binary, ...options],
      { cwd: folder, env: cleanEnvironment(folder, environment), stdio: ['ignore', 'pipe', 'pipe'] });
    program.#process.stderr.setEncoding('utf8').on('data', (text) => { program.#errors += text; });
    program.#ended = once(program.#process, 'close');
    program.#ended.catch(() => {}); // nobody awaits it before the end
    try {
      program.found = await program.#await(binary, find);
    } catch (error) {
      program.#process.kill('SIGKILL');
      throw error;
    }
    return program;
  }

  /** Reads to the end, since a full pipe would stop the program. */
  #await(binary, find) {
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${binary} ${why}: ${this.#errors}`));
      const timer = setTimeout(fail, kDeadlineMs, 'does not get ready');
      this.#process.once('error', (error) => fail(`does not start (${error.message})`));
      readline.createInterface({ input: this.#process.stdout })
        .on('line', (line) => {
          const found = find(line);
          if (found === undefined) return;
          clearTimeout(timer);
          resolve(found);
        })
        .on('close', () => {
          clearTimeout(timer);
          fail('ended');
        });
    });
  }

  /** SIGTERM, and nothing but a clean end is accepted: neither a status nor a word on stderr. */
  async stop() {
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), kDeadlineMs);
    const [code, signal] = await this.#ended;
    clearTimeout(timer);
    assert.deepEqual({ code, signal, errors: this.#errors }, { code: 0, signal: null, errors: '' });
  }
}

/** pulse-server on `port`, or a free one; `found` is its address. */
export function startServer({ folder, environment, port = 0 }) {
  const binary = process.env.PULSE_TEST_SERVER;
  assert.ok(binary, 'PULSE_TEST_SERVER names the server to test');
  return Program.start({
    binary, folder, options: ['--host', '127.0.0.1', '--port', String(port)],
    environment: { PULSE_LOGGING_FORMAT: 'json', PULSE_METRICS_PORT: '0', ...environment },
    find: (line) => {
      const { event, address } = JSON.parse(line);
      return event === 'listening' ? `http://${address}` : undefined;
    },
  });
}

/** It listens before it has read what it keeps, the registry among it. */
export async function untilReady(server) {
  const end = Date.now() + kDeadlineMs;
  for (;;) {
    const answer = await fetch(`${server.found}/readyz`);
    const text = await answer.text();
    if (answer.ok) return;
    assert.ok(Date.now() < end, `not ready: ${text}`);
    await sleep(20);
  }
}

/** Roblox Open Cloud; `found` is its address. */
export function startCloud(folder) {
  const binary = process.env.PULSE_TEST_OPEN_CLOUD;
  assert.ok(binary, 'PULSE_TEST_OPEN_CLOUD names the stand-in for Open Cloud');
  return Program.start({ binary, folder, options: ['--port', '0'],
    find: (line) => / listening on (http:\S+)/.exec(line)?.[1] });
}
