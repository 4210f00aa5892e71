// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What tests of Mesa under faults are played on: processes, clients, a Redis and ways to it.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from './client.mjs';
import { App } from './mesa.mjs';
import { Proxy } from './proxy.mjs';
import { freePort, Redis } from './redis.mjs';

export const kWithinMs = 1000 * Number(process.env.PULSE_TEST_PATIENCE ?? 10);

export const next = async (client) => (await client.read(kWithinMs)).value;

export async function until(what, isSo, ms = kWithinMs) {
  const deadline = Date.now() + ms;
  while (!await isSo()) {
    assert.ok(Date.now() < deadline, typeof what === 'function' ? what() : what);
    await sleep(20);
  }
}

/** All that is on it ends with it. */
export class Stage {
  #apps = [];
  #clients = [];
  #proxies = [];

  static async set() {
    const stage = new Stage();
    stage.redis = await Redis.start();
    return stage;
  }

  async proxy() {
    const proxy = await Proxy.to(this.redis.port);
    this.#proxies.push(proxy);
    return proxy;
  }

  /** `at` is a Redis or a way to one. */
  async app(kind, options = {}, at = this.redis) {
    const port = await freePort();
    const redis = { host: '127.0.0.1', port: at.port, commandTimeout: 500 };
    const app = new App(kind, { port, redis, ...options }, { redis });
    app.port = port;
    this.#apps.push(app);
    await app.ready();
    return app;
  }

  /** One that has been greeted, and has logged in if there is an `id`; `isRead` says what it has to read. */
  async client(server, id, isRead = () => true) {
    const { client, status } = await Client.open({ url: `ws://127.0.0.1:${server.port}/` }, isRead);
    assert.equal(status, 101);
    this.#clients.push(client);
    assert.equal((await next(client)).op, 10);
    if (id === undefined) return client;
    client.send(JSON.stringify({ op: 2, d: { id } }));
    assert.equal((await next(client)).op, 22);
    return client;
  }

  async end() {
    this.redis.resume();
    for (const client of this.#clients) client.end();
    await Promise.all(this.#apps.map((app) => app.end()));
    await Promise.all(this.#proxies.map((proxy) => proxy.end()));
    await this.redis.stop();
  }
}
