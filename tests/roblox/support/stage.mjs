// SPDX-License-Identifier: MIT OR Apache-2.0
//
// All there is: the server, the mock Open Cloud behind it, game servers, web clients; and their end.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { Game } from './game.mjs';
import { roblox, WebSocket } from './package.mjs';
import { BridgeServer, MockCloud } from './processes.mjs';
import { until } from './wait.mjs';

const kGameRights = ['game.send', 'game.poll'];
/** Comes back at once: what is tested is that it does, not how long it waits. */
const kSoon = { baseMs: 20, capMs: 100 };

export class Stage {
  games = [];
  #connections = [];
  universe = 2745313133;
  cloudKey = 'open-cloud-key';
  adminKey = randomBytes(24).toString('base64url');

  /** `mode` as in the registry. */
  static async start({ mode = 'v1', settings, network = { minDelayMs: 20, maxDelayMs: 60 } } = {}) {
    const stage = new Stage();
    stage.mock = await MockCloud.start();
    try {
      await stage.mock.network(network);
      await stage.mock.putKey(stage.cloudKey, [stage.universe]);
      stage.server = await BridgeServer.start({ adminKey: stage.adminKey, cloudUrl: stage.mock.url, settings });
      await stage.ask('POST', '/universe/registry/add',
        { universeId: String(stage.universe), openCloudApiKey: stage.cloudKey, mode });
      stage.gameToken = await stage.token(kGameRights);
      stage.webToken = await stage.token(['web.read', 'web.send']);
    } catch (error) {
      await stage.stop();
      throw error;
    }
    return stage;
  }

  /** An administrator's request; what it answered. */
  async ask(method, path, body, status = [200, 201]) {
    const answer = await fetch(this.server.url + path, {
      method,
      headers: { authorization: `Bearer ${this.adminKey}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    assert.ok([status].flat().includes(answer.status), `${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }
  /** A web client's POST to send, with more in it than the package says. */
  async send(message, statuses, headers = {}) {
    const answer = await fetch(`${this.server.url}${this.path}/send`, {
      method: 'POST', headers: { authorization: `Bearer ${this.webToken}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ destination: 'roblox', ...message }),
    });
    const text = await answer.text();
    assert.ok([statuses].flat().includes(answer.status), `send: ${answer.status} ${text}`);
    return { status: answer.status, body: JSON.parse(text) };
  }
  get path() { return `/universe/${this.universe}`; }
  async token(rights) {
    return (await this.ask('POST', `${this.path}/tokens`, { label: rights.join(' '), rights, expiresIn: null })).token;
  }
  figures() { return this.ask('GET', this.path); }
  async liveServers() { return (await this.ask('GET', `${this.path}/servers`)).servers; }

  /** A game server that the bridge knows, unless it cannot say hello. */
  async addGame(options = {}) {
    const game = await Game.start({
      universeId: this.universe, serverUrl: this.server.url, mockUrl: this.mock.url, apiKey: this.gameToken, ...options,
    });
    this.games.push(game);
    if (options.httpEnabled !== false && options.isKnown !== false) {
      await until(async () => (await this.liveServers()).some((one) => one.server === game.jobId), 'the bridge knows the game server');
    }
    if (options.messagingEnabled !== false && (options.listenTo ?? ['*']).length > 0) {
      await until(async () => (await game.stats()).hasMessaging, 'the game server has subscribed');
    }
    return game;
  }

  pulse(apiKey = this.webToken, options = {}) {
    return new roblox.Pulse({ serverUrl: this.server.url, apiKey, WebSocket, ...options });
  }
  /** A web client with the package, and what it hears. */
  async addWeb(topic = '*') {
    const universe = this.pulse().Universe(this.universe);
    const connection = await universe.connect({ reconnect: kSoon });
    this.#connections.push(connection);
    const heard = [];
    connection.subscribe(topic, (message, info) => heard.push({ topic: info.topic, message, from: info.serverId }));
    return { universe, connection, heard, messages: () => heard.map((one) => one.message) };
  }
  /** A web client with nothing but a WebSocket, as the original's: frames are texts. */
  async addSocket(query = `apiKey=${this.webToken}`, options = {}) {
    const socket = new WebSocket(`${this.server.url.replace('http', 'ws')}${this.path}/connect?${query}`, options);
    const frames = [];
    socket.on('message', (data) => frames.push(String(data)));
    this.#connections.push({ close: () => socket.terminate() });
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return { socket, frames, send: (text) => socket.send(text) };
  }

  /** Neither of Roblox's limits was exceeded, by whomever; no script failed. Then all ends. */
  async end({ violations = 0 } = {}) {
    const seen = (await this.mock.stats()).violations;
    const broken = this.games.flatMap(({ vm }) => [...vm.violations, ...vm.errors]);
    await this.stop();
    assert.equal(seen.total, violations, JSON.stringify(seen));
    assert.deepEqual(broken, []);
  }
  async stop() {
    for (const connection of this.#connections) connection.close();
    for (const { vm } of this.games) await vm.destroy();
    const ends = await Promise.allSettled([this.server?.stop(), this.mock.stop()]);
    for (const { reason } of ends) if (reason) throw reason;
  }
}

/** A test with a stage of its own, which ends whatever happens. */
export function onStage(options, body) {
  return async () => {
    const stage = await Stage.start(options);
    let result;
    try {
      result = await body(stage);
    } catch (error) {
      await stage.end().catch(() => {});
      throw error;
    }
    await stage.end(result);
  };
}
