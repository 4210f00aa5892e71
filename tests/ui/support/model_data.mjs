// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the model server shows: universes with figures that swing the same way in every run.

const kDay = 86_400_000;

/** A number in [0, 1) out of two others, always the same. */
function noise(seed, n) {
  const x = Math.sin(seed * 127.1 + n * 311.7) * 43758.5453;
  return x - Math.floor(x);
}

/** Around `mean`, slow waves and some grain, never below zero. */
export function wave(mean, seed, second) {
  const slow = Math.sin(second / 41 + seed) * 0.22 + Math.sin(second / 13 + seed * 2) * 0.09;
  return Math.max(0, mean * (1 + slow + (noise(seed, second) - 0.5) * 0.12));
}

const round = (n, digits = 1) => Math.round(n * 10 ** digits) / 10 ** digits;
const rates = (mean, seed, second) => ({
  '1s': round(wave(mean, seed, second)),
  '10s': round(wave(mean, seed, Math.floor(second / 3))),
  '60s': round(wave(mean, seed, Math.floor(second / 20))),
});

export function iso(offsetMs, now = Date.now()) {
  return new Date(now + offsetMs).toISOString();
}

export function key(slot, more = {}) {
  return {
    slot, active: true, fingerprint: '1a2b3c4d', state: 'valid', checkedAt: iso(-240_000),
    expiresAt: iso(200 * kDay + 3_600_000), usedAt: null, warning: null, ...more,
  };
}

/** A registered universe; `load` is what its figures swing around. */
export function universe(id, more = {}) {
  return {
    id, name: '', mode: 'auto', prefix: 'pulse', shards: 3, silentServers: false, createdAt: iso(-90 * kDay), origins: [],
    keys: [key(0)], servers: [], tokens: [], topics: [],
    load: { in: 0, out: 0, webClients: 0, used: 0, queue: 0, throttled: 0, errors: 0, factor: 1 },
    circuitOpen: false, ...more,
  };
}

function servers(n, place) {
  return Array.from({ length: n }, (_, i) => {
    const hex = (k, length) => Math.floor(noise(k, i) * 16 ** length).toString(16).padStart(length, '0');
    return {
      server: `${hex(1, 8)}-${hex(2, 4)}-4${hex(3, 3)}-a${hex(4, 3)}-${hex(5, 6)}${hex(6, 6)}`,
      place, version: 418, players: 4 + Math.floor(noise(7, i) * 28), caps: ['v1', 'z', 'http', 'poll'],
      lastSeenMs: Math.floor(noise(8, i) * 28_000), transport: i % 7 === 3 ? 'poll' : i % 11 === 5 ? 'messaging' : 'hybrid',
    };
  });
}

const token = (id, label, rights, universe, more = {}) => ({
  id, label, rights, universes: [universe], createdAt: iso(-40 * kDay), expiresAt: null, lastUsedAt: iso(-12_000), ...more,
});

/** What the tests and the pictures begin with. */
export function sampleUniverses() {
  return [
    universe('2745313133', {
      name: 'Harbour Tycoon', origins: ['https://play.example.org'],
      keys: [key(0), key(1, { active: false, fingerprint: '9f0c77e1', state: 'unknown', checkedAt: null, expiresAt: null })],
      load: { in: 412, out: 36, webClients: 1284, used: 0.46, queue: 18, throttled: 0, errors: 0, factor: 1 },
      servers: servers(24, '6872265039'),
      topics: [['chat.global', 0.44, 0.2], ['match.score', 0.21, 0], ['economy.trade', 0.15, 0.02], ['presence', 0.11, 0],
        ['admin.notice', 0, 0.05], ['leaderboard.weekly', 0.05, 0.4], ['telemetry', 0.04, 0], ['event.fireworks', 0, 0.33]],
      tokens: [
        token('k7m2', 'Game servers, production', ['game.send', 'game.poll'], '2745313133'),
        token('p3xa', 'Website', ['web.read', 'web.send'], '2745313133', { expiresAt: iso(61 * kDay) }),
        token('z9qd', 'Nightly report', ['web.read'], '2745313133', { expiresAt: iso(-3 * kDay), lastUsedAt: iso(-4 * kDay) }),
        token('a1ce', 'Deployment', ['admin'], '2745313133', { expiresAt: iso(300 * kDay), lastUsedAt: null }),
      ],
    }),
    universe('4483381587', {
      name: 'Skyline Racers', keys: [key(0, { fingerprint: 'c41e90ab', expiresAt: iso(9 * kDay + 3_600_000) })],
      load: { in: 128, out: 88, webClients: 312, used: 0.81, queue: 240, throttled: 14, errors: 0, factor: 0.75 },
      servers: servers(9, '9921043877'), topics: [['race.position', 0.7, 0.4], ['lobby', 0.3, 0.6]],
    }),
    universe('1190235582', {
      name: 'Museum of Moss', keys: [key(0, { fingerprint: '77d3021f', expiresAt: null })],
      load: { in: 3.4, out: 0.3, webClients: 17, used: 0.03, queue: 0, throttled: 0, errors: 0, factor: 1 },
      servers: servers(2, '3310458812'), topics: [['guestbook', 1, 1]],
    }),
    universe('6035872082', {
      name: 'Orbit Arena', keys: [key(0, { fingerprint: '0b5517c8', state: 'rejected', checkedAt: iso(-70_000) })],
      load: { in: 54, out: 0, webClients: 96, used: 0, queue: 1312, throttled: 0, errors: 87, factor: 1 },
      servers: servers(5, '5540921177'), circuitOpen: true, topics: [['round', 1, 0]],
    }),
    universe('3826587512', {
      keys: [key(0, { fingerprint: 'e2290d4f', state: 'unknown', checkedAt: null, expiresAt: null })],
    }),
  ];
}

/** U of the interface. */
export function viewOf(u, index, second) {
  const { load } = u;
  const out = load.out === 0 ? { '1s': 0, '10s': 0, '60s': 0 } : rates(load.out, index + 31, second);
  const queued = Math.round(wave(load.queue, index + 5, second));
  return {
    id: u.id, name: u.name, mode: u.mode, prefix: u.prefix, shards: u.shards, silentServers: u.silentServers, createdAt: u.createdAt, damaged: false,
    origins: u.origins, keys: u.keys.map((held) => ({ ...held })),
    webClients: Math.round(wave(load.webClients, index + 2, Math.floor(second / 4))),
    gameServers: u.servers.length, players: u.servers.reduce((sum, { players }) => sum + players, 0),
    in: rates(load.in, index, second), out,
    queue: { messages: queued, bytes: queued * 212, oldestMs: queued === 0 ? 0 : 340 + queued * 7 },
    quota: {
      used: round(Math.min(1, wave(load.used, index + 9, second)), 3), factor: load.factor,
      limitPerMinute: Math.round((400 + 200 * Math.max(1, u.servers.length)) * 0.8),
    },
    throttled: load.throttled, errors: load.errors, circuitOpen: u.circuitOpen,
  };
}

export function statsOf(u, index, second, hasHistory) {
  const view = viewOf(u, index, second);
  const { load } = u;
  const history = {
    stepMs: 1000,
    in: Array.from({ length: 300 }, (_, i) => round(wave(load.in, index, second - 299 + i))),
    out: Array.from({ length: 300 }, (_, i) => round(wave(load.out, index + 31, second - 299 + i))),
  };
  return {
    ...view,
    topics: u.topics.map(([topic, shareIn, shareOut]) => ({
      topic, in: round(view.in['60s'] * shareIn), out: round(view.out['60s'] * shareOut),
      messages: Math.round((load.in * shareIn + load.out * shareOut) * 3600),
    })),
    drops: load.queue > 1000 ? { queue_full: 4210, expired: 188 } : {},
    statuses: load.out === 0 ? (load.errors > 0 ? { 401: load.errors } : {})
      : { 200: Math.round(load.out * 611), ...(load.throttled > 0 && { 429: load.throttled }) },
    retries: load.throttled * 2, coalesced: Math.round(load.out * 12),
    framesPerMinute: round(view.out['60s'] * 60 / 21.4), messagesPerFrame: load.out === 0 ? 0 : 21.4,
    ...(hasHistory && { history }),
  };
}

export function overviewOf(universes, second, startedAt, hasHistory) {
  const deliveries = (at) => Math.round(wave(18_400, 71, at));
  const connections = (at) => Math.round(wave(3_120, 77, Math.floor(at / 5)));
  const all = universes.reduce((sum, { servers: list }) => sum + list.length, 0);
  return {
    version: '0.1.1', uptimeMs: 3 * kDay + 4 * 3_600_000 + (second - startedAt) * 1000,
    connections: connections(second), channels: 412 + all, subscriptions: 11_902,
    deliveriesPerSecond: deliveries(second), publishesPerSecond: round(wave(604, 73, second)),
    p99Ms: round(wave(1.9, 79, second), 2), drops: 0, memoryBytes: 148_300_000 + (second % 60) * 21_000,
    queuedBytes: 182_000, loops: 2, rooms: true,
    ...(hasHistory && { history: {
      stepMs: 1000,
      deliveries: Array.from({ length: 300 }, (_, i) => deliveries(second - 299 + i)),
      connections: Array.from({ length: 300 }, (_, i) => connections(second - 299 + i)),
    } }),
  };
}
