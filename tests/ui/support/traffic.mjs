// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A universe's life on a real server: game servers that say hello, send batches and poll, and web
// clients on WebSockets that listen and now and then write to the game.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { wave } from './model_data.mjs';
import { WebSocket } from './websocket.mjs';

const kTickMs = 100;
const kDeadlineMs = 20_000;
const jobId = (universe, n) => `${universe.slice(-8).padStart(8, '0')}-0000-4000-8000-${String(n).padStart(12, '0')}`;

/** AbortSignal.any(), which Node 18 does not have. */
function either(a, b) {
  const both = new AbortController();
  for (const signal of [a, b]) {
    if (signal.aborted) both.abort(signal.reason);
    signal.addEventListener('abort', () => both.abort(signal.reason), { once: true, signal: both.signal });
  }
  return both.signal;
}

export class Traffic {
  #server;
  #shape;
  #tokens;
  #sockets = [];
  #batches = 0;
  #owed = 0;
  #countedAt = performance.now();
  #stopping = new AbortController();
  #loops = [];

  /** `shape`: { id, servers, players, clients, topics: [[name, share], …], perSecond, fromWeb }. Resolves once
   *  every server is known and every client is connected. */
  static async start(server, shape, tokens) {
    const traffic = new Traffic();
    traffic.#server = server;
    traffic.#shape = shape;
    traffic.#tokens = tokens;
    for (let n = 0; n < shape.servers; n++) await traffic.#hello(n);
    await Promise.all(Array.from({ length: shape.clients }, () => traffic.#connect()));
    traffic.#loops = [traffic.#every(kTickMs, () => traffic.#batch()), traffic.#every(15_000, () => traffic.#heartbeat())];
    if (shape.fromWeb > 0) traffic.#loops.push(traffic.#every(1000 / shape.fromWeb, () => traffic.#write()));
    if (shape.servers > 0) traffic.#loops.push(traffic.#poll());
    return traffic;
  }

  async stop() {
    this.#stopping.abort();
    for (const socket of this.#sockets) socket.close();
    await Promise.all(this.#loops);
  }

  /** Repeats, also over requests that fail: servers restart. */
  async #every(ms, work) {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await work().catch((error) => { if (!signal.aborted) this.failure ??= error; });
      await sleep(ms, undefined, { signal }).catch(() => {});
    }
  }

  async #ask(method, path, token, body) {
    const answer = await fetch(`${this.#server.baseUrl}/universe/${this.#shape.id}${path}`, {
      method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body), signal: either(this.#stopping.signal, AbortSignal.timeout(kDeadlineMs * 2)),
    });
    const text = await answer.text();
    // 429: as many as Roblox takes. Everything else is a fault of the test or the server.
    assert.ok(answer.ok || answer.status === 429, `${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  }

  #hello(n) {
    const { id, players, place } = this.#shape;
    return this.#ask('POST', '/hello', this.#tokens.game, {
      server: jobId(id, n), place: Number(place), version: 418, players: Math.max(1, Math.round(wave(players, n, n))),
      caps: n % 5 === 3 ? ['v1', 'http', 'poll'] : ['v1', 'z', 'http', 'poll'], shards: 3, published: 0,
      transport: n % 7 === 3 ? 'poll' : n % 11 === 5 ? 'messaging' : 'hybrid',
    });
  }

  async #heartbeat() {
    for (let n = 0; n < this.#shape.servers; n++) await this.#hello(n);
  }

  async #batch() {
    const { id, servers, topics, perSecond } = this.#shape;
    const now = performance.now();
    this.#owed += wave(perSecond, id.length, Math.floor(Date.now() / 1000)) * (now - this.#countedAt) / 1000;
    this.#countedAt = now;
    if (servers === 0 || this.#owed < 1) return;
    const msgs = [];
    for (; this.#owed >= 1; this.#owed -= 1) {
      let left = Math.random();
      const [topic] = topics.find(([, share]) => (left -= share) <= 0) ?? topics[0];
      msgs.push([topic, { at: Date.now(), text: 'Wind from the west, calm water' }]);
    }
    const n = this.#batches++;
    const server = jobId(id, n % servers);
    await this.#ask('POST', '/batch', this.#tokens.game, { server, batch: `${server}-${n}`, msgs: msgs.slice(0, 256) });
  }

  async #poll() {
    const server = jobId(this.#shape.id, 3 % this.#shape.servers);
    let cursor = '';
    await this.#every(50, async () => {
      const answer = await this.#ask('GET', `/poll?server=${server}&wait=20${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, this.#tokens.game);
      cursor = answer?.cursor ?? cursor;
    });
  }

  async #write() {
    const { toGame, id } = this.#shape;
    const [topic] = toGame[this.#batches % toGame.length];
    await this.#ask('POST', '/send', this.#tokens.web, { topic, message: { text: 'Ahoy', id }, destination: 'roblox', async: true });
  }

  #connect() {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`${this.#server.baseUrl.replace('http', 'ws')}/universe/${this.#shape.id}/connect`,
        ['pulse.v1', `bearer.${this.#tokens.web}`]);
      const timer = setTimeout(() => reject(new Error('a web client is not let in')), kDeadlineMs);
      socket.onopen = () => { clearTimeout(timer); this.#sockets.push(socket); resolve(); };
      socket.onerror = ({ error }) => { clearTimeout(timer); reject(error ?? new Error('a web client breaks')); };
    });
  }
}
