// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Stands in for pulse-server where the page is tested: the same routes, answers, cookies and checks
// of origin, with figures that swing the same way in every run, and means to make things go wrong.
// It also serves the page, with the headers that the real one sends.
//
// By itself: node model-server.mjs PAGE [PORT]   (the key is "operator-key")
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

import { iso, key, overviewOf, sampleUniverses, statsOf, universe, viewOf } from './support/model_data.mjs';

export const kAdminKey = 'operator-key';
export const kPagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const kAttemptsPerMinute = 5;
const kRights = ['web.read', 'web.send', 'game.send', 'game.poll', 'admin'];
const kTypes = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };

class Refusal extends Error {
  constructor(status, text, headers = {}) {
    super(text);
    Object.assign(this, { status, headers });
  }
}
const ok = { success: true };
const sha = (text) => createHash('sha256').update(text).digest('hex');

export class ModelServer {
  /** Every request that was not a GET, as "METHOD path", with what it carried. */
  changes = [];
  universes = sampleUniverses();
  /** Set to true, streams are refused. */
  refusesStreams = false;
  #server;
  #files = new Map();
  #sessions = new Set();
  #attempts = 0;
  #streams = new Set();
  #failures = new Map();
  #second = Math.floor(Date.now() / 1000);
  #startedAt = Math.floor(Date.now() / 1000);
  #timer;

  /** `page` is a folder that bundle.mjs filled; a tick is a second of the figures. */
  static async start({ page, port = 0, tickMs = 1000 }) {
    const model = new ModelServer();
    model.#load(page, '');
    model.#server = http.createServer((request, response) => void model.#answer(request, response));
    model.#server.listen(port, '127.0.0.1');
    await once(model.#server, 'listening');
    if (tickMs > 0) model.#timer = setInterval(() => model.tick(), tickMs);
    return model;
  }

  get baseUrl() { return `http://127.0.0.1:${this.#server.address().port}`; }
  get streamCount() { return this.#streams.size; }

  async stop() {
    clearInterval(this.#timer);
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  // --- What tests do to it

  /** As it was at the start, but for who is logged in. */
  reset() {
    this.universes = sampleUniverses();
    this.refusesStreams = false;
    this.#failures.clear();
    this.#attempts = 0;
    this.changes = [];
  }

  /** The next second. */
  tick() {
    this.#second += 1;
    for (const stream of this.#streams) this.#tell(stream);
  }

  dropStreams() {
    for (const stream of this.#streams) stream.response.destroy();
  }

  endSessions() {
    this.#sessions.clear();
    this.dropStreams();
  }

  /** Requests to `METHOD path` are answered so from now on; null: no longer. */
  failWith(what, answer) {
    if (answer === null) this.#failures.delete(what);
    else this.#failures.set(what, answer);
  }

  // --- Requests

  async #answer(request, response) {
    const url = new URL(request.url, 'http://model');
    try {
      const body = await read(request);
      if (this.#serveFile(request, response, url.pathname)) return;
      if (request.method === 'GET' && url.pathname === '/ui/events') return this.#stream(request, response, url);
      const failure = this.#failures.get(`${request.method} ${url.pathname}`);
      if (failure) {
        if (failure.status === 0) return request.socket.destroy();
        throw new Refusal(failure.status, failure.error, failure.headers);
      }
      const [status, answer, headers = {}] = this.#route(request, url, body);
      respond(response, status, answer, headers);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      respond(response, error.status, { error: error.message }, error.headers);
    }
  }

  #route(request, url, body) {
    const { method } = request;
    const at = `${method} ${url.pathname}`;
    if (at === 'GET /ui/session') return [200, { session: this.#isLoggedIn(request) }];
    if (method !== 'GET') this.#checkOrigin(request);
    if (at === 'POST /ui/login') return this.#logIn(parse(body));
    if (!this.#isLoggedIn(request)) throw new Refusal(401, 'Invalid API Key');
    if (method !== 'GET') this.changes.push({ at, body: body === '' ? null : parse(body) });
    switch (at) {
      case 'POST /ui/logout':
        this.#sessions.delete(sessionOf(request));
        return [200, ok, { 'set-cookie': 'pulse.session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict' }];
      case 'GET /ui/overview': return [200, overviewOf(this.universes, this.#second, this.#startedAt, true)];
      case 'GET /universe/registry': return [200, this.#registry()];
      case 'POST /universe/registry/add': return this.#add(parse(body));
      case 'POST /universe/registry/remove': return this.#remove(parse(body));
      case 'POST /universe/registry/update': return this.#update(parse(body));
    }
    const match = /^\/universe\/([1-9][0-9]{0,18})(\/.*)?$/.exec(url.pathname);
    if (match === null) throw new Refusal(404, 'Invalid path');
    const found = this.#find(match[1]);
    return this.#routeUniverse(method, match[2] ?? '', found, method === 'GET' || body === '' ? null : parse(body));
  }

  #routeUniverse(method, rest, found, body) {
    const index = this.universes.indexOf(found);
    const view = () => viewOf(found, index, this.#second);
    switch (`${method} ${rest}`) {
      case 'GET ': return [200, view()];
      case 'PATCH ': return this.#change(found, body, view);
      case 'GET /stats': return [200, statsOf(found, index, this.#second, true)];
      case 'GET /servers': return [200, { servers: found.servers }];
      case 'POST /probe':
        for (const held of found.keys) {
          if (held.state !== 'unknown') continue;
          Object.assign(held, { state: held.next ?? 'valid', expiresAt: iso(364 * 86_400_000) });
        }
        for (const held of found.keys) held.checkedAt = iso(0);
        return [200, view()];
      case 'POST /key/activate': return this.#activate(found, body);
      case 'POST /key/remove': return this.#removeKey(found, body);
      case 'GET /tokens': return [200, { tokens: found.tokens }];
      case 'POST /tokens': return this.#createToken(found, body);
      case 'POST /send': return this.#send(found, body);
    }
    const token = /^\/tokens\/([a-z0-9]+)$/.exec(rest);
    if (method !== 'DELETE' || token === null) throw new Refusal(404, 'Invalid path');
    if (!found.tokens.some(({ id }) => id === token[1])) throw new Refusal(404, 'Token does not exist');
    found.tokens = found.tokens.filter(({ id }) => id !== token[1]);
    return [200, ok];
  }

  // --- Session

  #isLoggedIn(request) { return this.#sessions.has(sessionOf(request)); }

  #checkOrigin(request) {
    const { origin, host } = request.headers;
    const isOurs = origin === undefined ? request.headers['sec-fetch-site'] === 'same-origin' : origin === `http://${host}`;
    if (!isOurs) throw new Refusal(403, 'Origin not allowed');
  }

  #logIn({ apiKey }) {
    if (this.#attempts >= kAttemptsPerMinute) throw new Refusal(429, 'Too many attempts', { 'retry-after': '42' });
    if (!apiKey) throw new Refusal(400, 'Missing API Key');
    if (apiKey !== kAdminKey) {
      this.#attempts += 1;
      throw new Refusal(401, 'Invalid API Key');
    }
    this.#attempts = 0;
    const session = randomBytes(32).toString('base64url');
    this.#sessions.add(session);
    return [200, null, { 'set-cookie': `pulse.session=${session}; Path=/; HttpOnly; SameSite=Strict` }];
  }

  // --- Registry

  #registry() { return { universes: this.universes.map((u, i) => viewOf(u, i, this.#second)) }; }

  #find(id) {
    const found = this.universes.find((u) => u.id === String(id));
    if (found === undefined) throw new Refusal(404, 'Universe does not exist');
    return found;
  }

  #add({ universeId, openCloudApiKey, name = '' }) {
    const id = String(universeId);
    if (this.universes.some((u) => u.id === id)) throw new Refusal(409, 'Universe already exists');
    if (openCloudApiKey.startsWith('bad')) throw new Refusal(400, 'Invalid Open Cloud API Key');
    this.universes.push(universe(id, { name, keys: [key(0, { fingerprint: sha(openCloudApiKey).slice(0, 8) })] }));
    return [200, ok];
  }

  #remove({ universeId }) {
    const found = this.#find(universeId);
    this.universes = this.universes.filter((u) => u !== found);
    return [200, ok];
  }

  #update({ universeId, openCloudApiKey, slot }) {
    const found = this.#find(universeId);
    const active = found.keys.find((held) => held.active);
    const target = slot ?? active.slot;
    const put = key(target, { active: active.slot === target, fingerprint: sha(openCloudApiKey).slice(0, 8),
      state: 'unknown', checkedAt: null, expiresAt: null });
    // Not part of any answer: what a probe will find.
    Object.defineProperty(put, 'next', { value: openCloudApiKey.startsWith('bad') ? 'missing_scope' : 'valid' });
    found.keys = [...found.keys.filter((held) => held.slot !== target), put].sort((a, b) => a.slot - b.slot);
    return [200, ok];
  }

  #change(found, body, view) {
    for (const name of ['name', 'mode', 'prefix', 'shards', 'origins']) {
      if (body[name] !== undefined) found[name] = body[name];
    }
    return [200, view()];
  }

  #activate(found, { slot }) {
    if (!found.keys.some((held) => held.slot === slot)) throw new Refusal(404, 'Slot is empty');
    for (const held of found.keys) held.active = held.slot === slot;
    return [200, ok];
  }

  #removeKey(found, { slot }) {
    const held = found.keys.find((one) => one.slot === slot);
    if (held === undefined) throw new Refusal(404, 'Slot is empty');
    if (held.active) throw new Refusal(409, 'The key is in use');
    found.keys = found.keys.filter((one) => one !== held);
    return [200, ok];
  }

  #createToken(found, { label, rights, expiresIn }) {
    if (!Array.isArray(rights) || !rights.every((right) => kRights.includes(right))) throw new Refusal(400, 'Invalid input');
    const id = sha(label + found.tokens.length).slice(0, 4);
    found.tokens.push({ id, label, rights, universes: [found.id], createdAt: iso(0),
      expiresAt: expiresIn === null ? null : iso(expiresIn * 1000), state: 'valid', lastUsedAt: null });
    return [201, { id, token: `plt_${id}_${sha(`secret${id}`).slice(0, 43)}` }];
  }

  #send(found, { topic, destination }) {
    if (typeof topic !== 'string') throw new Refusal(400, 'Required');
    if (destination === 'roblox' && found.circuitOpen) throw new Refusal(503, 'Open Cloud API Key rejected');
    return [200, ok];
  }

  // --- Live

  #stream(request, response, url) {
    if (!this.#isLoggedIn(request)) throw new Refusal(401, 'Invalid API Key');
    if (this.refusesStreams) throw new Refusal(503, 'Not now');
    const stream = { response, watched: url.searchParams.get('universe') };
    if (stream.watched !== null) this.#find(stream.watched);
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    this.#streams.add(stream);
    response.once('close', () => this.#streams.delete(stream));
    this.#tell(stream);
  }

  #tell({ response, watched }) {
    const event = (name, data) => response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
    const t = this.#second * 1000;
    event('overview', { ...overviewOf(this.universes, this.#second, this.#startedAt, false), t });
    event('universes', this.#registry());
    const index = this.universes.findIndex(({ id }) => id === watched);
    if (index >= 0) event('stats', { ...statsOf(this.universes[index], index, this.#second, false), t });
  }

  // --- The page

  #load(folder, below) {
    for (const entry of readdirSync(path.join(folder, below), { withFileTypes: true })) {
      const name = `${below}/${entry.name}`;
      if (entry.isDirectory()) this.#load(folder, name);
      else this.#files.set(name === '/index.html' ? '/' : name, readFileSync(path.join(folder, name)));
    }
  }

  #serveFile(request, response, pathname) {
    const file = this.#files.get(pathname);
    if (request.method !== 'GET' || file === undefined) return false;
    response.writeHead(200, {
      'content-type': kTypes[path.extname(pathname) || '.html'], 'content-encoding': 'gzip',
      'content-security-policy': kPagePolicy, 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY',
      'referrer-policy': 'same-origin', 'cross-origin-opener-policy': 'same-origin',
      'cache-control': pathname === '/' ? 'no-cache' : 'public, max-age=31536000, immutable',
    }).end(gzipSync(file));
    return true;
  }
}

function sessionOf(request) {
  return /(?:^|; )pulse\.session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
}

async function read(request) {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part;
  return text;
}

function parse(body) {
  try {
    return JSON.parse(body);
  } catch {
    throw new Refusal(400, 'Invalid JSON');
  }
}

function respond(response, status, answer, headers) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers })
    .end(JSON.stringify(answer));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [page, port = '0'] = process.argv.slice(2);
  const model = await ModelServer.start({ page, port: Number(port) });
  console.log(`${model.baseUrl}/ (the key is "${kAdminKey}")`);
}
