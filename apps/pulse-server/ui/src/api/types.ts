// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the server answers. Universe ids are text: 64 bits do not fit a JavaScript number.

export type KeyState =
  'valid' | 'unknown' | 'missing_scope' | 'wrong_universe' | 'expired' | 'rejected' | 'unreadable';

export type Slot = 0 | 1;
export type Mode = 'v0' | 'v1' | 'both' | 'auto';
export type Right = 'web.read' | 'web.send' | 'game.send' | 'game.poll' | 'admin';

/** Messages per second, averaged over the last second, ten seconds and minute. */
export interface Rates { '1s': number; '10s': number; '60s': number }

export interface UniverseKey {
  slot: Slot;
  active: boolean;
  fingerprint: string;
  state: KeyState;
  checkedAt: string | null;
  expiresAt: string | null;
  usedAt: string | null;
  warning: string | null;
}

export interface Universe {
  id: string;
  name: string;
  mode: Mode;
  prefix: string;
  shards: number;
  /** Some game servers have no HTTP, and cannot say that they are there. */
  silentServers: boolean;
  createdAt: string;
  /** What the server has stored of it cannot be read; its settings are defaults. */
  damaged: boolean;
  keys: UniverseKey[];
  origins: string[];
  webClients: number;
  gameServers: number;
  players: number;
  /** From game servers. */
  in: Rates;
  /** To game servers. */
  out: Rates;
  queue: { messages: number; bytes: number; oldestMs: number };
  quota: { used: number; factor: number; limitPerMinute: number };
  throttled: number;
  errors: number;
  circuitOpen: boolean;
}

export interface Topic { topic: string; in: number; out: number; messages: number }

export interface Stats extends Universe {
  topics: Topic[];
  drops: Record<string, number>;
  statuses: Record<string, number>;
  retries: number;
  coalesced: number;
  framesPerMinute: number;
  messagesPerFrame: number;
  /** In the answer to a request. */
  history?: { stepMs: number; in: number[]; out: number[] };
  /** In the live stream: when, in milliseconds of the epoch. */
  t?: number;
}

export interface Overview {
  version: string;
  uptimeMs: number;
  connections: number;
  channels: number;
  subscriptions: number;
  deliveriesPerSecond: number;
  publishesPerSecond: number;
  p99Ms: number;
  drops: number;
  memoryBytes: number;
  queuedBytes: number;
  loops: number;
  /** The rooms' pages are beside this one. */
  rooms: boolean;
  history?: { stepMs: number; deliveries: number[]; connections: number[] };
  t?: number;
}

export interface GameServer {
  server: string;
  place: string;
  version: number;
  players: number;
  caps: string[];
  lastSeenMs: number;
  transport: 'messaging' | 'poll' | 'hybrid' | 'stream';
}

export interface Token {
  id: string;
  label: string;
  rights: Right[];
  universes: string[];
  createdAt: string;
  expiresAt: string | null;
  state: 'valid' | 'expired';
  lastUsedAt: string | null;
}

export interface NewToken { label: string; rights: Right[]; expiresIn: number | null }

export interface UniverseSettings {
  name?: string;
  mode?: Mode;
  prefix?: string;
  shards?: number;
  silentServers?: boolean;
  origins?: string[];
}

export interface Outgoing {
  topic: string;
  message?: unknown;
  serverId?: string;
  destination: 'roblox' | 'server';
}

/** An answer as it came, for the reader of the test-send dialog. */
export interface RawAnswer { status: number; body: string; ms: number }
