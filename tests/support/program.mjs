// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program under test: a process that ends with this one, and that says on a line where it listens.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import readline from 'node:readline';

const kDeadlineMs = 30_000;
const kSanitizers = ['ASAN_OPTIONS', 'LSAN_OPTIONS', 'TSAN_OPTIONS', 'UBSAN_OPTIONS'];

/** What a program shall see of our environment: nothing that configures it, but `added`. */
export function environment(home, added = {}) {
  const kept = kSanitizers.filter((name) => process.env[name] !== undefined);
  return { HOME: home, PATH: '/usr/bin:/bin', ...Object.fromEntries(kept.map((name) => [name, process.env[name]])), ...added };
}

export class Program {
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

  /** Reads what it says, to its end since a full pipe would stop it. `addressOf(line)`: the address, or undefined. */
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

  /** Resolves to [code, signal] once it has ended; one that does not end in time is killed. */
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
