// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A Roblox game server: a Luau VM with Roblox's services around it.
//
//   const vm = new GameServerVm({ scriptPath, universeId, jobId, serverUrl, apiKey, mockUrl, realTime: true });
//   await vm.start();          // runs the script; vm.output, vm.errors, vm.violations, vm.events
//   await vm.shutdown();       // as Roblox ends a server: BindToClose, then gone
//
// In real time, requests go to real addresses and MessagingService is the mock Open Cloud at `mockUrl`.
// Otherwise a World moves the clock, answers requests and carries messages.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { clientFolder, createLuauState, fzstd } from './packages.mjs';
import { RealBackend } from './real_backend.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const mocks = ['scheduler', 'json', 'config', 'http_service', 'messaging_service', 'services'];
const configSource = 'host.config = host.json.decode(host_config)\nhost.services = {}';

function sourceOf(name) {
  if (name === 'config') return configSource;
  return readFileSync(join(here, 'roblox', `${name}.luau`), 'utf8');
}

export class GameServerVm {
  #options;
  #state;
  #host;
  #backend;
  #turn = Promise.resolve();
  #closed;

  output = [];
  errors = [];
  /** Broken rules of Roblox: limits, forms of calls. Nothing the client does may put one here. */
  violations = [];
  /** What the script gave to emit(). */
  events = [];
  nextDue = -1;

  constructor(options) {
    this.#options = {
      universeId: 2745313133, placeId: 1818, players: 0, serverUrl: undefined, apiKey: 'test-key',
      httpEnabled: true, messagingEnabled: true, hasEncoding: true, longestTimeout: 60,
      modulePath: join(clientFolder, 'PulseClient.luau'), ...options,
    };
    this.jobId = this.#options.jobId ?? '';
    this.universeId = String(this.#options.universeId);
  }

  get options() { return this.#options; }
  get isRunning() { return this.#state !== undefined; }

  /** Builds the VM and runs the script, if there is one, until it first waits. */
  async start() {
    const options = this.#options;
    this.#backend = options.backend ?? new RealBackend(this, options);
    const bytes = (base64) => Buffer.from(base64, 'base64');
    const config = {
      jobId: this.jobId, universeId: Number(options.universeId), placeId: options.placeId, players: options.players,
      serverUrl: options.serverUrl, isStudio: options.isStudio, isClient: options.isClient,
      httpEnabled: options.httpEnabled, messagingEnabled: options.messagingEnabled,
      hasEncoding: options.hasEncoding, longestTimeout: options.longestTimeout,
      streamsRefused: options.streamsRefused, secrets: { pulse: options.apiKey },
    };
    this.#state = await createLuauState({
      print: (...values) => this.#print(values.map(String).join(' ')),
      host_config: JSON.stringify(config),
      host_print: (text) => this.#print(text),
      host_error: (text) => { this.errors.push(text); },
      host_violation: (text) => { this.violations.push(text); },
      host_emit: (json) => { this.events.push(JSON.parse(json)); },
      host_epoch: () => this.#backend.epoch(),
      host_closed: () => { this.#closed?.(); },
      host_zstd: (base64) => unpackZstd(bytes(base64)),
      host_zstd_size: (base64) => zstdSize(bytes(base64)),
      host_http: (id, request, body, hasBody) => {
        this.#backend.http(id, { ...JSON.parse(request), body: hasBody ? body : undefined });
      },
      // No host function may return a promise: the whole VM would stand still until it is kept.
      host_publish: (id, topic, data) => { this.#backend.publish(id, topic, data); },
      host_subscribe: (id, topic) => { this.#backend.subscribe(id, topic); },
      host_unsubscribe: (topic) => { this.#backend.unsubscribe(topic); },
      host_stream_open: (id, request) => { this.#backend.streamOpen(id, JSON.parse(request)); },
      host_stream_close: (id) => { this.#backend.streamClose(id); },
    });
    for (const name of mocks) await this.#load(sourceOf(name), name)();
    [this.#host] = await this.#load('return host', 'host')();
    const load = this.#load(readFileSync(options.modulePath, 'utf8'), 'PulseClient');
    await this.#load('host.loadModule = ...', 'module')(load);
    if (options.hasParts) await this.#loadParts();
    await this.#backend.start?.();
    if (options.script ?? options.source) await this.run(options.script ?? options.source, 'script');
    else if (options.scriptPath) await this.run(readFileSync(options.scriptPath, 'utf8'), options.scriptPath);
    return this;
  }

  /** For require("./Json") and the like: the parts that the client is made of, each alone. */
  async #loadParts() {
    const folder = join(clientFolder, 'src');
    for (const file of readdirSync(folder).filter((one) => one.endsWith('.luau'))) {
      const name = file.slice(0, -'.luau'.length);
      await this.#load('host.addPart(...)', 'part')(name, this.#load(readFileSync(join(folder, file), 'utf8'), name));
    }
  }

  #load(source, name) { return this.#state.loadstring(source, name, true); }
  #print(text) {
    this.output.push(text);
    this.#options.onPrint?.(text);
  }

  /** One call into the VM at a time. */
  #enter(call) {
    const result = this.#turn.then(async () => {
      if (!this.#state) return undefined;
      const value = await call();
      [this.nextDue] = await this.#host.get('step')(this.#backend.now());
      this.#backend.wakeAt?.(this.nextDue);
      return value;
    });
    this.#turn = result.catch(() => {});
    return result;
  }

  /** Runs a server script as a thread of its own, until it first waits. */
  async run(source, name = 'script') {
    return this.#enter(async () => {
      const body = this.#load(source, name);
      await this.#host.get('setNow')(this.#backend.now());
      await this.#load('task.spawn(...)', 'run')(body);
    });
  }
  /** Runs what is due by now. */
  async step() { return this.#enter(async () => {}); }
  /** Ends a call that Luau waits in. */
  async complete(id, ...values) {
    return this.#enter(async () => {
      await this.#host.get('setNow')(this.#backend.now());
      await this.#host.get('complete')(id, ...values);
    });
  }
  async deliver(topic, data, sent) {
    return this.#enter(async () => {
      await this.#host.get('setNow')(this.#backend.now());
      await this.#host.get('deliver')(topic, data, sent);
    });
  }
  async streamEvent(id, event, ...values) {
    return this.#enter(() => this.#host.get('streamEvent')(id, event, ...values));
  }
  /** Changes how the world is: players, httpEnabled, messagingEnabled. */
  async set(name, value) {
    this.#options[name] = value;
    await this.#enter(() => this.#host.get('set')(name, value));
    await this.#backend.changed?.(name, value);
  }

  /** Runs BindToClose; resolves when all of it is done, or after the 30 s that Roblox gives. */
  async shutdown() {
    const closed = new Promise((resolve) => { this.#closed = resolve; });
    await this.#enter(() => this.#host.get('close')());
    await this.#backend.until(closed, 30);
    await this.destroy();
  }
  /** Gone, as when a server crashes. */
  async destroy() {
    await this.#turn;
    this.#state = undefined;
    await this.#backend?.stop?.();
  }
}

function unpackZstd(frame) {
  try {
    return Buffer.from(fzstd.decompress(frame)).toString('base64');
  } catch {
    return '';
  }
}

/** The content size that a Zstandard frame names, or -1. */
function zstdSize(frame) {
  if (frame.length < 6 || frame.readUInt32LE(0) !== 0xfd2fb528) return -1;
  const flags = frame[4];
  const isSingle = (flags & 0x20) !== 0;
  const at = 5 + (isSingle ? 0 : 1) + [0, 1, 2, 4][flags & 3];
  const bytes = [isSingle ? 1 : 0, 2, 4, 8][flags >> 6];
  if (bytes === 0 || frame.length < at + bytes) return -1;
  if (bytes === 1) return frame[at];
  if (bytes === 2) return frame.readUInt16LE(at) + 256;
  return bytes === 4 ? frame.readUInt32LE(at) : Number(frame.readBigUInt64LE(at));
}
