// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The universes a bridge serves, and their Open Cloud keys. Needs an admin's key.
import { type CallOptions, type Http, type UniverseId, universeName } from './http.js';

export interface RegistryEntry {
  /** Whether Roblox accepted the key when it was last asked. */
  valid: boolean;
  /** Web clients connected now. */
  clients: number;
}

export interface UpdateOptions extends CallOptions {
  /** Which of the two keys to replace. Default: the active one. */
  slot?: 0 | 1;
}

export class Registry {
  readonly #http: Http;

  /** @internal */
  constructor(http: Http) {
    this.#http = http;
  }

  /** Adds a universe; rejected with status 409 if it is there, 400 if Roblox refuses the key. */
  async add(id: UniverseId, openCloudApiKey: string, options?: CallOptions): Promise<void> {
    await this.#http.call('POST', '/universe/registry/add', { universeId: universeName(id), openCloudApiKey }, options);
  }

  async remove(id: UniverseId, options?: CallOptions): Promise<void> {
    await this.#http.call('POST', '/universe/registry/remove', { universeId: universeName(id) }, options);
  }

  /** Replaces a universe's key. */
  async update(id: UniverseId, openCloudApiKey: string, options: UpdateOptions = {}): Promise<void> {
    const { slot, ...call } = options;
    const body = { universeId: universeName(id), openCloudApiKey, ...(slot === undefined ? {} : { slot }) };
    await this.#http.call('POST', '/universe/registry/update', body, call);
  }

  /** Every universe, by id. */
  list(options?: CallOptions): Promise<Record<string, RegistryEntry>> {
    return this.#http.call('GET', '/universe/registry/list', undefined, options);
  }
}
