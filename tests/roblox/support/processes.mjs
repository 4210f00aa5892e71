// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The real pulse-server and the mock Open Cloud, each a process that ends with this one.
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';

import { environment, Program } from '../../support/program.mjs';
import { PulseServer } from '../../support/pulse_server.mjs';
import { until } from './wait.mjs';

/** pulse-server with a Roblox bridge. */
export class BridgeServer extends PulseServer {
  static start({ adminKey, cloudUrl, ...more }) {
    return super.start({
      ...more,
      env: { PULSE_ROBLOX_OPEN_CLOUD_URL: cloudUrl, ...(adminKey === undefined ? {} : { PULSE_ROBLOX_API_KEY: adminKey }) },
    });
  }

  /** Until its registry is loaded it answers 503. */
  async launch() {
    await super.launch();
    await until(async () => (await fetch(`${this.url}/readyz`)).ok, 'the server is ready');
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
