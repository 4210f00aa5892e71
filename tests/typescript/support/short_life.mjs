// SPDX-License-Identifier: MIT OR Apache-2.0
//
//   short_life.mjs ADDRESS close|refused|waiting|unsubscribed
//
// Uses the client, closes it, and has nothing more to do: the process has to end.
import { pulse, WebSocket } from './package.mjs';

const [address, how] = process.argv.slice(2);
const elsewhere = 'ws://127.0.0.1:9/ws';
const client = new pulse.PulseClient(how === 'close' || how === 'unsubscribed' ? address : elsewhere, {
  WebSocket, offlineQueue: 10, reconnect: how === 'refused' ? false : { baseMs: 3_600_000, capMs: 3_600_000 },
});

if (how === 'refused') {
  await client.connect().catch(() => {});
} else if (how === 'waiting') {
  client.connect().catch(() => {});
  await new Promise((resolve) => client.once('close', resolve));
  client.publish('c', 'x', { timeoutMs: 3_600_000 }).catch(() => {});
  client.close();
} else {
  const subscription = client.subscribe('c', () => {});
  await client.connect();
  await subscription.presence().join();
  await client.publish('c', 'x', { timeoutMs: 3_600_000, signal: new AbortController().signal });
  await subscription.unsubscribe();
  client.close();
}
console.log('done');
