// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The web's side of the Roblox bridge.
import { type WebSocketConstructor, webSocketConstructor } from '../websocket.js';
import { Connection, type ConnectOptions } from './connection.js';
import { type CallOptions, Http, type UniverseId, universeName } from './http.js';
import { Registry } from './registry.js';

export interface PulseOptions {
  /** The bridge's address, with its port and path: `https://pulse.example:8443/bridge`. */
  serverUrl: string | URL;
  /** The admin's key, or a token with the rights that are needed. Keep an admin's out of pages. */
  apiKey: string;
  /** For Node before 22: `WebSocket` of the package `ws`. */
  WebSocket?: WebSocketConstructor;
  /**
   * How a WebSocket shows its key. `'protocol'`: in Sec-WebSocket-Protocol, where only ends see it;
   * `'ticket'`: exchanged for one that holds once, for keys with characters no header name has, and
   * to learn the status of a refusal in a browser; `'query'`: in the address, where logs see it, for
   * servers that know nothing else. Default: `'protocol'` if the key allows it, else `'ticket'`.
   */
  auth?: 'protocol' | 'ticket' | 'query';
  /** For an HTTP request. Default 15,000. */
  timeoutMs?: number;
  /** Default: the platform's. */
  fetch?: typeof fetch;
}

export interface SendMessage {
  topic: string;
  /** Any JSON value. */
  message?: unknown;
  /** The JobId of the one game server it is for. */
  serverId?: string;
  /** `"roblox"`, the default: game servers; `"server"`: the web clients of this universe. */
  destination?: 'roblox' | 'server';
}

export interface SendOptions extends CallOptions {
  /** A repeated send with the same key is carried out once. */
  idempotencyKey?: string;
  /** Resolves once the bridge has queued it, instead of once Roblox has accepted it. */
  async?: boolean;
}

/** RFC 7230: what a sub-protocol's name may consist of. */
const kHeaderToken = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 *     const pulse = new Pulse({ serverUrl: 'https://pulse.example', apiKey });
 *     const { subscribe } = await pulse.Universe(2745313133).connect();
 *     subscribe('chat', (message) => console.log(message));
 */
export class Pulse {
  readonly registry: Registry;
  readonly #options: PulseOptions;
  readonly #http: Http;

  constructor(options: PulseOptions) {
    if (!options.apiKey) throw new TypeError('apiKey is missing');
    this.#options = options;
    // Called bare: a browser's fetch wants no other `this`.
    const fetcher = options.fetch ?? ((input: RequestInfo | URL, init?: RequestInit) => fetch(input, init));
    this.#http = new Http(options.serverUrl, options.apiKey, options.timeoutMs ?? 15_000, fetcher);
    this.registry = new Registry(this.#http);
  }

  /** One universe of this bridge. */
  Universe(id: UniverseId): Universe {
    return new Universe(universeName(id), this.#http, this.#options);
  }
}

export class Universe {
  readonly #http: Http;
  readonly #options: PulseOptions;

  /** @internal */
  constructor(readonly id: string, http: Http, options: PulseOptions) {
    this.#http = http;
    this.#options = options;
  }

  /**
   * Opens the universe's WebSocket. Resolves once the server has answered on it; from then on it
   * comes back by itself, with its subscriptions and without a limit. Rejects when the key or the
   * universe is refused.
   */
  connect(options: ConnectOptions = {}): Promise<Connection> {
    const { apiKey } = this.#options;
    const path = `/universe/${this.id}/connect`;
    const auth = this.#options.auth ?? (kHeaderToken.test(apiKey) ? 'protocol' : 'ticket');
    const target = async (): Promise<{ url: string; protocols?: string[] }> => {
      // v=1: nothing comes before our hello, so that what is replayed and what comes live do not overlap.
      const url = `${this.#http.socketUrl(path)}?v=1`;
      switch (auth) {
        case 'protocol': return { url, protocols: ['pulse.v1', `bearer.${apiKey}`] };
        case 'query': return { url: `${url}&apiKey=${encodeURIComponent(apiKey)}` };
        case 'ticket': return { url: `${url}&ticket=${encodeURIComponent((await this.ticket()).ticket)}` };
      }
    };
    return new Connection({ WebSocket: webSocketConstructor(this.#options.WebSocket), target }, options).open();
  }

  /** Sends over HTTP; resolves once Roblox (or, for `"server"`, the bridge) has accepted it. */
  async send({ topic, message, serverId, destination = 'roblox' }: SendMessage, options: SendOptions = {}): Promise<void> {
    const { idempotencyKey, async: isAsync, headers, ...call } = options;
    // JSON leaves out what is undefined.
    await this.#http.call('POST', `/universe/${this.id}/send`, { topic, message, serverId, destination, async: isAsync }, {
      ...call,
      headers: { ...headers, ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }) },
    });
  }

  /** A way in for one connection within the next seconds, to be given to a page without a key. */
  ticket(options?: CallOptions): Promise<{ ticket: string; expiresIn: number }> {
    return this.#http.call('POST', `/universe/${this.id}/ticket`, undefined, options);
  }
}
