// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The package as programs use it, for the compiler to check against the built types.
import { PulseClient, type Gap, type Member, type Message, ServerError } from '@pulse/client';
import { BridgeError, Pulse, type RegistryEntry } from '@pulse/client/roblox';
import { WebSocket } from 'ws';

interface User { name: string }
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
function holds<T extends true>(): T | undefined { return undefined; }

export async function native(): Promise<void> {
  // The constructor of `ws` fits as it is.
  const client = new PulseClient('ws://localhost/ws', {
    WebSocket, token: async ({ refused, signal }) => `${refused?.message}${signal.aborted}`, reconnect: { baseMs: 1 },
  });
  const platform = new PulseClient(new URL('ws://localhost/ws'), { WebSocket: globalThis.WebSocket });
  const off: () => void = client.on('gap', (gap) => { holds<Equal<typeof gap, Gap>>(); });
  client.once('close', ({ retryInMs }) => { holds<Equal<typeof retryInMs, number | undefined>>(); });
  // @ts-expect-error No such event.
  client.on('gaps', () => {});
  // @ts-expect-error Milliseconds are a number.
  new PulseClient('ws://localhost/ws', { ackTimeoutMs: '1 s' });
  for await (const message of client.subscribe('c', { overflow: 'drop-oldest' })) holds<Equal<typeof message, Message>>();
  const presence = client.subscribe('c', (message) => message.json<User>().name).presence<User>();
  const members: Member<User>[] = await presence.join({ name: 'x' });
  // @ts-expect-error Not a User.
  await presence.update({ nom: 'x' });
  try {
    await client.publish('c', { any: members }, { ack: false, event: 'e', signal: AbortSignal.timeout(1) });
  } catch (error) {
    if (error instanceof ServerError) { const code: number = error.code; void code; }
  }
  off();
  platform.close();
}

export async function bridge(): Promise<void> {
  const pulse = new Pulse({ serverUrl: 'https://pulse.example', apiKey: 'key', WebSocket });
  const universe = pulse.Universe(2745313133);
  const { subscribe, ws } = await universe.connect();
  const off: () => void = subscribe<User>('c', (user, { serverId }) => { holds<Equal<typeof serverId, string | undefined>>(); void user.name; });
  await universe.send({ topic: 'c', message: 'x' }).catch((error: unknown) => {
    if (error instanceof BridgeError) { const wait: number | undefined = error.retryAfter; void wait; }
  });
  // @ts-expect-error No such destination.
  await universe.send({ topic: 'c', destination: 'nowhere' });
  const list: Record<string, RegistryEntry> = await pulse.registry.list();
  off();
  void [list, ws?.readyState];
}
