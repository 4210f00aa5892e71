// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Mesa's fault table: three servers with two clients each send to everybody, and a dispatcher to one who is offline, while
// something breaks and is there again. Then the checker compares what each client got with what was sent, and Redis has to
// know exactly who is connected. In short here; PULSE_CHAOS_SECONDS, which `make chaos` sets, lets each fault go on for so long.
//
//   server killed           SIGKILL; its clients go to another one
//   server stopped          SIGSTOP of a server
//   Redis restarted         its memory is gone
//   Redis paused            SIGSTOP, longer than the servers wait for an answer
//   connections cut         all of one server to Redis, again and again
//   connections swallowed   one server's words get nowhere, and nobody says so
//   subscriptions cut       Redis ends the subscriptions of all, again and again
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { check, checkKept } from './support/mesa_checker.mjs';
import { kWithinMs, next, Stage, until } from './support/mesa_stage.mjs';

const chaosSeconds = process.env.PULSE_CHAOS_SECONDS;
const kTimeoutMs = 150_000 + 1000 * Number(chaosSeconds ?? 0);
const kSendEveryMs = 5;
/** Longer than servers wait for an answer. */
const kShortMs = 1500;
const faultMs = chaosSeconds === undefined ? kShortMs : 1000 * Number(chaosSeconds);
const isChosen = new RegExp(process.env.PULSE_TEST_ONLY ?? '');
const kServers = ['s0', 's1', 's2'];

/** Servers and clients, what they were told, and what came. */
class Scene {
  stage;
  servers = {};
  proxies = {};
  clients = [];
  sent = {};
  killed = [];
  #said = Object.fromEntries(kServers.map((name) => [name, {}]));
  #phase = 'before';
  #doubtful = [];
  #keptCount = 0;
  #isSending = true;
  #sending;

  static async set(stage) {
    const scene = new Scene();
    scene.stage = stage;
    for (const name of kServers) {
      scene.proxies[name] = await stage.proxy();
      scene.servers[name] = await stage.app('server', { sync: { enabled: true } }, scene.proxies[name]);
      scene.sent[name] = [];
    }
    scene.dispatcher = await stage.app('dispatcher', { sync: { enabled: true } });
    for (const name of kServers) for (const i of [0, 1]) await scene.#join(name, `${name}-${i}`);
    scene.#sending = scene.#sendOn();
    await scene.#settle();
    scene.#begin('while');
    // What was sent before has come by then.
    await scene.#settle();
    return scene;
  }

  /** The next phase; what servers have said until now belongs to the one before. */
  #begin(phase) {
    for (const name of kServers) {
      const before = Object.values(this.#said[name]).reduce((sum, count) => sum + count, 0);
      this.#said[name][this.#phase] = this.servers[name].eventsOf('server_error').length - before;
    }
    this.#phase = phase;
  }

  async #join(server, id) {
    const story = { name: id, server, since: this.#phase, isLeft: false, got: [], last: {} };
    const socket = await this.stage.client(this.servers[server], id, ({ t, d }) => {
      if (t === 'ALL') {
        story.got.push(d);
        story.last[d.from] = d.n;
      }
      return t !== 'ALL';
    });
    this.clients.push(story);
    return socket;
  }

  get #living() { return kServers.filter((name) => !this.killed.includes(name)); }

  #sendOnce() {
    for (const name of this.#living) {
      const n = this.sent[name].length;
      this.sent[name].push(this.#phase);
      this.servers[name].tell({ send: { op: 0, d: { from: name, n }, t: 'ALL' } });
    }
  }

  async #sendOn() {
    while (this.#isSending) {
      this.#sendOnce();
      if (this.#phase === 'while') this.dispatcher.tell({ dispatch: { op: 0, d: { n: this.#keptCount++ }, t: 'KEPT' }, to: ['away'] });
      await sleep(kSendEveryMs);
    }
  }

  /** Until everybody who is there gets what every server sends from now on. */
  async #settle() {
    const beginning = Object.fromEntries(this.#living.map((name) => [name, this.sent[name].length]));
    const lacks = () => this.clients.filter(({ isLeft }) => !isLeft).flatMap(({ name, last }) => this.#living
      .filter((from) => !(last[from] >= beginning[from]))
      .map((from) => `${name} gets nothing of ${from}`));
    await until(() => lacks().join(', '), () => lacks().length === 0, 3 * kWithinMs);
  }

  /** As its clients see it: they are gone, and come again elsewhere. */
  async kill(name, to) {
    this.servers[name].kill('SIGKILL');
    this.killed.push(name);
    for (const story of this.clients) if (story.server === name) story.isLeft = true;
    for (const i of [0, 1]) await this.#join(to, `${name}-${i}-again`);
  }

  async finish(what, { losesKept = false } = {}) {
    await this.#settle();
    // Those that Redis still counts on old connections are none; from then on everything has to arrive.
    const { redis } = this.stage;
    const ids = this.clients.filter(({ isLeft }) => !isLeft).map(({ name }) => name).sort();
    const listening = async () => (await redis.ask(['PUBSUB', 'NUMSUB', 'ws']))[1];
    await until('all listen', async () => await listening() === this.#living.length);
    await this.#settle();
    this.#begin('after');
    await sleep(200);
    await this.#settle();
    this.#isSending = false;
    await this.#sending;
    const isThere = ({ last, isLeft }) => isLeft || this.#living.every((from) => last[from] === this.sent[from].length - 1);
    await until('the last ones arrive', () => this.clients.every(isThere));

    this.#begin('over');
    const { problems, deliveries, missing } = check({ sent: this.sent, said: this.#said, killed: this.killed, clients: this.clients });
    if (!losesKept) problems.push(...await this.#finishKept());

    await until('Redis knows who is connected, and nobody else', async () => {
      const online = (await redis.ask(['SMEMBERS', 'connected_clients'])).sort();
      return JSON.stringify(online) === JSON.stringify(ids) && await redis.ask(['GET', 'connected_clients_count']) === String(ids.length) &&
        await redis.ask(['HLEN', 'mesa_connections']) === ids.length && await redis.ask(['SCARD', 'mesa_replicas']) === this.#living.length;
    }, 3 * kWithinMs);
    const sent = Object.values(this.sent).reduce((sum, { length }) => sum + length, 0);
    console.log(`chaos: mesa: ${what}: ${sent} sent, ${deliveries} delivered, ${missing} missing where they may, ` +
      `${this.#keptCount} to be kept, ${this.#doubtful.length} of these in doubt, ${problems.length} problems`);
    assert.deepEqual(problems, []);
  }

  /** Who was away comes, gets what was kept, and leaves. */
  async #finishKept() {
    const end = this.#keptCount;
    this.dispatcher.tell({ dispatch: { op: 0, d: { n: end }, t: 'KEPT' }, to: ['away'] });
    await until('the last one is kept', async () =>
      (await this.stage.redis.ask(['HGET', 'undelivered_messages', 'away']) ?? '').includes(`"n":${end}}`));
    this.#doubtful = this.dispatcher.eventsOf('error').map(({ d }) => d.n);
    const got = [];
    const away = await this.stage.client(this.servers.s0, 'away', ({ t }) => t !== 'ALL');
    for (let sequence = 1; got.at(-1) !== end; sequence++) {
      const { d, s } = await next(away);
      assert.equal(s, sequence);
      got.push(d.n);
    }
    await until('all of it has gone', async () => await this.stage.redis.ask(['HLEN', 'undelivered_messages']) === 0);
    away.drop();
    return checkKept({ count: end + 1, doubtful: this.#doubtful, got });
  }
}

function fault(what, body, options) {
  if (!isChosen.test(what)) return;
  it(what, { timeout: kTimeoutMs }, async () => {
    const stage = await Stage.set();
    try {
      const scene = await Scene.set(stage);
      await body(scene);
      await scene.finish(what, options);
    } finally {
      await stage.end();
    }
  });
}

/** Again and again, for as long as a fault goes on. */
async function repeatedly(everyMs, action) {
  const end = Date.now() + faultMs;
  while (Date.now() < end) {
    await action();
    await sleep(everyMs);
  }
}

describe('chaos: Mesa', { concurrency: 1 }, () => {
  fault('server killed', async (scene) => {
    await scene.kill('s1', 's0');
    await sleep(faultMs);
  });

  fault('server stopped', async (scene) => {
    scene.servers.s1.kill('SIGSTOP');
    await sleep(faultMs);
    scene.servers.s1.kill('SIGCONT');
  });

  fault('Redis restarted', async ({ stage: { redis } }) => {
    await redis.stop();
    await sleep(faultMs);
    await redis.restart();
  }, { losesKept: true });

  fault('Redis paused', async ({ stage: { redis } }) => {
    redis.pause();
    await sleep(faultMs);
    redis.resume();
  });

  fault('connections cut', async ({ proxies }) => {
    await repeatedly(70, () => proxies.s2.cut());
  });

  fault('connections swallowed', async ({ proxies }) => {
    proxies.s2.swallow();
    await sleep(faultMs);
    proxies.s2.cut();
  });

  fault('subscriptions cut', async ({ stage: { redis } }) => {
    // Those of the servers: ours has a pattern.
    await repeatedly(150, async () => {
      const list = (await redis.ask(['CLIENT', 'LIST', 'TYPE', 'pubsub'])).split('\n');
      for (const line of list) {
        const id = /^id=(\d+)/.exec(line)?.[1];
        if (id !== undefined && / psub=0 /.test(line)) await redis.ask(['CLIENT', 'KILL', 'ID', id]);
      }
    });
  });
});
