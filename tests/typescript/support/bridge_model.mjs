// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A model of the bridge's routes, as far as its web client meets them: who may, what is answered,
// in which shape. Nothing of Roblox behind it; what is sent there is kept to be looked at.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';

import { WebSocketServer } from './package.mjs';

const kRing = 100;

export class BridgeModel {
  key;
  universes = new Map();
  /** What was published to Roblox. */
  published = [];
  /** Requests to refuse next: { status, body, headers }. */
  refusals = [];
  /** Protocols and addresses that connections came with. */
  upgrades = [];
  epoch = 'e1';
  #ring = [];
  #seq = 0;
  #tickets = new Set();
  #http;
  #sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => (offered.has('pulse.v1') ? 'pulse.v1' : false) });

  static async start({ key = 'admin-key', port = 0, host = '127.0.0.1', base = '' } = {}) {
    const model = new BridgeModel();
    model.key = key;
    model.base = base;
    model.host = host;
    model.universes.set('2745313133', { valid: true, key: 'cloud' });
    model.#http = http.createServer((request, response) => void model.#route(request, response));
    model.#http.on('upgrade', (request, socket, head) => model.#upgrade(request, socket, head));
    model.#http.listen(port, host);
    await once(model.#http, 'listening');
    return model;
  }

  get port() { return this.#http.address().port; }
  get url() { return `http://${this.host}:${this.port}${this.base}`; }
  get clients() { return [...this.#sockets.clients]; }

  /** As a process that ends: no farewell, nothing kept. */
  async stop() {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#http.close();
    this.#http.closeAllConnections();
    await once(this.#http, 'close');
  }

  /** A game server speaks. */
  say(topic, message, serverId = 'job-1') {
    const item = { topic, message, serverId, seq: ++this.#seq, ts: Date.now() };
    this.#ring.push(item);
    if (this.#ring.length > kRing) this.#ring.shift();
    for (const socket of this.#sockets.clients) this.#deliver(socket, item);
  }

  #deliver(socket, { topic, message, ...extras }) {
    const { filters, isExtended } = socket.session;
    const isWanted = filters === undefined
      || [...filters].some((f) => (f.endsWith('*') ? topic.startsWith(f.slice(0, -1)) : f === topic));
    if (!isWanted) return;
    const { seq, ...rest } = extras;
    socket.send(JSON.stringify({ topic, message, ...(isExtended ? { ...rest, seq: `${this.epoch}:${seq}` } : {}) }));
  }

  async #route(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const answer = (status, body, headers = {}) => response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end(body === undefined ? '' : JSON.stringify(body));
    const refusal = this.refusals.shift();
    if (refusal) return answer(refusal.status, refusal.body, refusal.headers);
    if (request.headers.authorization !== `Bearer ${this.key}`) return answer(401, { error: 'Invalid API Key' });
    const { pathname } = new URL(request.url, this.url);
    const path = pathname.slice(this.base.length);
    const body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : undefined;
    const [, id, what] = /^\/universe\/(\d+)\/(\w+)$/.exec(path) ?? [];
    const registry = /^\/universe\/registry\/(\w+)$/.exec(path)?.[1];
    if (registry) return this.#registry(registry, body, answer);
    if (id !== undefined && !this.universes.has(id)) return answer(404, { error: 'Universe does not exist' });
    if (what === 'send') return this.#send(body, request.headers, answer);
    if (what === 'ticket') {
      const ticket = randomBytes(8).toString('hex');
      this.#tickets.add(ticket);
      return answer(200, { ticket, expiresIn: 30 });
    }
    answer(404, { error: 'Invalid path' });
  }

  #registry(action, body, answer) {
    const id = String(body?.universeId);
    const exists = this.universes.has(id);
    if (action === 'list') {
      return answer(200, Object.fromEntries([...this.universes].map(([name, { valid }]) => [
        name, { valid, clients: this.#sockets.clients.size }])));
    }
    if (action === 'add' && exists) return answer(409, { error: 'Universe already exists' });
    if (action !== 'add' && !exists) return answer(404, { error: 'Universe does not exist' });
    if (action === 'remove') this.universes.delete(id);
    else this.universes.set(id, { valid: true, key: body.openCloudApiKey, slot: body.slot });
    answer(200, { success: true });
  }

  #send({ topic, message, serverId, destination, async: isAsync, ...rest }, headers, answer) {
    if (Object.keys(rest).length > 0) return answer(400, { error: 'Unrecognized key(s) in object' });
    if (destination === 'server') this.say(topic, message);
    else this.published.push({ topic, message, serverId, idempotencyKey: headers['idempotency-key'] });
    answer(isAsync ? 202 : 200, { success: true, ...(isAsync ? { queued: true, id: '1' } : {}) });
  }

  #upgrade(request, socket, head) {
    const url = new URL(request.url, this.url);
    this.upgrades.push({ url: request.url, protocol: request.headers['sec-websocket-protocol'] });
    const refuse = (status) => socket.end(`HTTP/1.1 ${status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(/, */);
    const bearer = offered.find((name) => name.startsWith('bearer.'))?.slice('bearer.'.length);
    const isAllowed = this.#tickets.delete(url.searchParams.get('ticket')) || bearer === this.key
      || url.searchParams.get('apiKey') === this.key;
    if (!isAllowed) return refuse(401);
    const id = /^\/universe\/(\d+)\/connect$/.exec(url.pathname.slice(this.base.length))?.[1];
    if (!this.universes.has(id)) return refuse(404);
    this.#sockets.handleUpgrade(request, socket, head, (client) => {
      client.session = { filters: undefined, isExtended: false };
      client.on('message', (data, isBinary) => !isBinary && this.#frame(client, data.toString()));
      client.on('error', () => {});
    });
  }

  #frame(client, text) {
    const answer = (body) => client.send(JSON.stringify(body));
    if (text === 'ping') return client.send('pong');
    const { op, id, v, since, topics = [], ...rest } = JSON.parse(text);
    const { session } = client;
    switch (op) {
      case 'hello': return this.#hello(client, v, since);
      case 'sub':
        if (topics.length > 256) return answer({ op: 'error', id, error: 'Invalid topics' });
        if (topics.some((topic) => topic.startsWith('bad'))) return answer({ op: 'ok', id, success: false, error: 'Topic refused' });
        session.filters ??= new Set();
        for (const topic of topics) session.filters.add(topic);
        return answer({ op: 'ok', id });
      case 'unsub':
        for (const topic of topics) session.filters?.delete(topic);
        return answer({ op: 'ok', id });
      case 'ping': return answer({ op: 'pong', id });
      case 'pub':
        if (rest.topic === 'full') return answer({ op: 'ack', id, success: false, error: 'Queue full', retryAfter: 2 });
        if (rest.destination === 'server') this.say(rest.topic, rest.message);
        else this.published.push(rest);
        return answer({ op: 'ack', id, success: true });
      default: return answer({ error: 'Invalid message' });
    }
  }

  #hello(client, version, since) {
    if (version !== 1) return client.close(1002);
    client.session.isExtended = true;
    if (since !== undefined) this.#replay(client, since);
    client.send(JSON.stringify({ op: 'hello', v: 1, cursor: `${this.epoch}:${this.#seq}` }));
  }

  #replay(client, since) {
    const [epoch, seq] = since.split(':');
    const oldest = this.#ring[0]?.seq ?? this.#seq + 1;
    if (epoch !== this.epoch || Number(seq) + 1 < oldest) return client.send('{"op":"gap"}');
    // The last is repeated, as a server may that is not sure: clients drop what they have seen.
    for (const item of this.#ring) if (item.seq >= Number(seq)) this.#deliver(client, item);
  }
}
