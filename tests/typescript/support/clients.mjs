// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Clients that end with the test that made them.
import { pulse, WebSocket } from './package.mjs';
import { next } from './wait.mjs';

/** Comes back at once: what is tested is that it does, not how long it waits. */
export const kSoon = { baseMs: 20, capMs: 50 };

export class Clients {
  #clients = [];

  constructor(address) {
    this.address = address;
  }

  make(options = {}, address = this.address) {
    const client = new pulse.PulseClient(address, { WebSocket, reconnect: kSoon, ...options });
    this.#clients.push(client);
    return client;
  }

  async connect(options, address) {
    const client = this.make(options, address);
    await client.connect();
    return client;
  }

  closeAll() {
    for (const client of this.#clients.splice(0)) client.close();
  }
}

/** A subscription that is in force, and what it hears. */
export async function hear(client, channel) {
  const heard = [];
  const subscription = client.subscribe(channel, (message) => heard.push(message));
  await subscription.ready;
  return { heard, subscription, next: () => next(subscription, 'message') };
}
