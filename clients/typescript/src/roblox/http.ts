// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The bridge's HTTP routes.
import { onAbort } from '../async.js';
import { PulseError, TimeoutError } from '../errors.js';
import { BridgeError, retryAfterSeconds, type RobloxRefusal } from './errors.js';

export interface CallOptions {
  signal?: AbortSignal;
  /** Default: the client's `timeoutMs`. 0 waits for ever. */
  timeoutMs?: number;
  headers?: Record<string, string>;
}

/** A universe's id. Numbers beyond 2^53 are not what they seem: give such as a string. */
export type UniverseId = number | bigint | string;

export function universeName(id: UniverseId): string {
  const name = String(id);
  if (!/^\d{1,20}$/.test(name) || (typeof id === 'number' && !Number.isSafeInteger(id))) {
    throw new TypeError(`${name} is no universe id`);
  }
  return name;
}

/** Where the bridge is, and how to speak to it. */
export class Http {
  readonly base: URL;

  constructor(
    serverUrl: string | URL, private readonly apiKey: string,
    private readonly timeoutMs: number, private readonly fetcher: typeof fetch,
  ) {
    this.base = new URL(serverUrl);
    const scheme = /^(?:http|ws)(s?):$/.exec(this.base.protocol);
    if (!scheme) throw new TypeError(`serverUrl begins with https:// or http://, not ${this.base.protocol}`);
    this.base.protocol = `http${scheme[1]}:`;
    // A scheme that a URL may not be changed to stays silently: say it anew.
    if (!this.base.protocol.startsWith('http')) this.base = new URL(String(serverUrl).replace(/^ws/i, 'http'));
    this.base.search = this.base.hash = '';
    this.base.username = this.base.password = '';
  }

  /** The address of `path`, below the server's own path. */
  url(path: string): string {
    return this.base.href.replace(/\/$/, '') + path;
  }

  /** The same for a WebSocket: TLS where the server has it, its port, its path. */
  socketUrl(path: string): string {
    return this.url(path).replace(/^http/, 'ws');
  }

  async call<T>(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<T> {
    const { signal, timeoutMs = this.timeoutMs, headers = {} } = options;
    const abort = new AbortController();
    const off = onAbort(signal, (reason) => abort.abort(reason));
    const timer = timeoutMs > 0
      ? setTimeout(() => abort.abort(new TimeoutError(`${method} ${path}`, timeoutMs)), timeoutMs)
      : undefined;
    try {
      const response = await this.fetcher(this.url(path), {
        method,
        headers: {
          authorization: `Bearer ${this.apiKey}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // The key goes nowhere but where it was meant for.
        redirect: 'error',
        signal: abort.signal,
      });
      return await answer<T>(response);
    } catch (error) {
      if (abort.signal.aborted) throw abort.signal.reason;
      if (error instanceof BridgeError) throw error;
      throw new PulseError('Network', `${method} ${path} did not reach the server`, { cause: error });
    } finally {
      clearTimeout(timer);
      off();
    }
  }
}

async function answer<T>(response: Response): Promise<T> {
  const text = await response.text();
  let body: unknown;
  try {
    body = text === '' ? undefined : JSON.parse(text);
  } catch {
    body = undefined;
    if (response.ok) throw new BridgeError('The answer is not JSON: is this a Pulse server?', response.status);
  }
  if (response.ok) return body as T;
  const { error, roblox } = (body ?? {}) as { error?: unknown; roblox?: RobloxRefusal };
  throw new BridgeError(typeof error === 'string' ? error : `HTTP ${response.status}`, response.status,
    retryAfterSeconds(response.headers.get('retry-after')), roblox);
}
