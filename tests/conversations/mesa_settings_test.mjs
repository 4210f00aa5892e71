// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The keys of [mesa]: what clients and Redis see of each, which no other key may do in its place. mesa_server_test.mjs
// has the rest of them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { kWithinMs, next, open, readiness, sign, until, untilSaid, withServer } from './support/mesa_server.mjs';
import { Redis } from './support/redis.mjs';

const kTimeoutMs = 60_000;
const kSecret = 'a secret that nobody guesses';
const kExpiry = Math.floor(Date.now() / 1000) + 600;

/** The name of a file in `folder` that has `text`, as TOML. */
function fileWith(folder, name, text) {
  writeFileSync(join(folder, name), `${text}\n`, { mode: 0o600 });
  return JSON.stringify(join(folder, name));
}

async function greeted(port) {
  const client = await open(port);
  const hello = await next(client);
  assert.equal(hello.op, 10);
  return { client, hello };
}

const present = (client, token) => client.send(JSON.stringify({ op: 2, d: { token } }));

/** Opcode 22, or what it is closed with instead. */
async function outcome(client) {
  const frame = await client.read(kWithinMs).catch(() => undefined);
  return frame === undefined ? (await client.closed(kWithinMs)).code : frame.value.op;
}

const kClaims = { sub: 'ada', exp: kExpiry };
const kTokens = {
  plain: sign(kClaims, kSecret),
  eternal: sign({ sub: 'ada' }, kSecret),
  issued: sign({ ...kClaims, iss: 'us' }, kSecret),
  aimed: sign({ ...kClaims, aud: ['them', 'us'] }, kSecret),
};
const kGood = { plain: 22, eternal: 1008, issued: 22, aimed: 22 };

/** Each token by itself. */
async function judge(port) {
  const judged = {};
  for (const [name, token] of Object.entries(kTokens)) {
    const { client } = await greeted(port);
    present(client, token);
    judged[name] = await outcome(client);
    client.end();
  }
  return judged;
}

/** What there is to see of the switches: of the answer to a login, of Redis, and of who hears what is for everybody. */
async function observe(port, redis) {
  const { client: nobody, hello } = await greeted(port);
  const { client: ada } = await greeted(port);
  present(ada, kTokens.issued);
  const answer = await next(ada);
  const online = await redis.ask(['SMEMBERS', 'connected_clients']);
  const say = (n) => redis.ask(['PUBLISH', 'ws', JSON.stringify({ message: { op: 0, d: n }, recipients: ['*'] })]);
  await say(1);
  assert.deepEqual(await next(ada), { op: 0, d: 1 });
  // One loop serves both: what nobody has not been sent by now does not come.
  present(nobody, `${kTokens.issued}x`);
  present(nobody, kTokens.issued);
  const heard = await nobody.read(kWithinMs).catch(() => undefined);
  const isHeard = heard?.value.op === 0;
  const refused = isHeard ? await outcome(nobody) : heard?.value.op ?? await outcome(nobody);
  for (const client of [nobody, ada]) client.end();
  return { hello: hello.d, user: answer, online, nobodyHears: isHeard, afterRefusal: refused };
}

const kSeen = {
  hello: { c_authentication_timeout: 10000, rules: ['sends_user_object'] },
  user: { op: 22, d: { ...kClaims, iss: 'us' } },
  online: ['ada'], nobodyHears: false, afterRefusal: 1008,
};

/** One key each, and all that it changes. */
const kSwitches = [
  ['', {}],
  ['authentication_required = false', { nobodyHears: true }],
  ['store_connected_users = false', { online: [] }],
  ['send_user_object = false', { hello: { c_authentication_timeout: 10000, rules: [] }, user: { op: 22, d: {} } }],
  ['disconnect_on_fail = false', { afterRefusal: 22 }],
  ['authentication_timeout_ms = 21000', { hello: { ...kSeen.hello, c_authentication_timeout: 21000 } }],
  ['authentication_timeout_ms = 0', { hello: { rules: ['sends_user_object'] } }],
  ['heartbeat = true\nheartbeat_interval_ms = 22000', { hello: { ...kSeen.hello, c_heartbeat_interval: 22000 } }],
  ['reconnect = true\nreconnect_interval_ms = 23', { hello: { ...kSeen.hello, c_reconnect_interval: 23 } }],
];

const kJudgements = [
  ['', kGood],
  ['jwt_requires_expiry = false', { ...kGood, eternal: 22 }],
  ['jwt_issuer = "us"', { ...kGood, plain: 1008, aimed: 1008 }],
  ['jwt_audience = "us"', { ...kGood, plain: 1008, issued: 1008 }],
];

describe('The keys of [mesa]', { concurrency: 4 }, () => {
  it('each switch does its own work, with a Redis and a secret from files', { timeout: 2 * kTimeoutMs }, async () => {
    for (const [keys, difference] of kSwitches) {
      const redis = await Redis.start();
      try {
        await withServer((folder) => `[mesa]\nredis_url_file = ${fileWith(folder, 'redis.url', redis.url)}\nauthentication = "jwt"\n` +
          `jwt_secret_file = ${fileWith(folder, 'jwt.key', kSecret)}\n${keys}`, async ({ port }) => {
          assert.deepEqual(await observe(port, redis), { ...kSeen, ...difference }, keys);
        }, { threads: 1 });
      } finally {
        await redis.stop();
      }
    }
  });

  it('tokens are judged by issuer, audience and expiry, each by its own key', { timeout: kTimeoutMs }, async () => {
    for (const [keys, wanted] of kJudgements) {
      await withServer((folder) => `[mesa]\nauthentication = "jwt"\njwt_secret_file = ${fileWith(folder, 'jwt.key', kSecret)}\n${keys}`,
        async ({ port }) => assert.deepEqual(await judge(port), wanted, keys));
    }
  });

  it('who does not answer is closed after so many heartbeats, who does not log in after the time-out', { timeout: kTimeoutMs }, async () => {
    await withServer(`[mesa]\nauthentication = "jwt"\njwt_secret = "${kSecret}"\nheartbeat = true\nheartbeat_interval_ms = 250\n` +
      'heartbeat_max_attempts = 2\nauthentication_timeout_ms = 2000', async ({ port }) => {
      const { client: silent } = await greeted(port);
      const { client: idle } = await greeted(port);
      const since = performance.now();
      present(silent, kTokens.plain);
      const answering = (async () => {
        let beats = 0;
        for (;;) {
          const frame = await idle.read(kWithinMs).catch(() => undefined);
          if (frame === undefined) return beats;
          assert.equal(frame.value.op, 1);
          beats++;
          if (idle.isOpen) idle.send('{"op":11}');
        }
      })();
      assert.equal((await next(silent)).op, 22);
      for (const d of [{}, { tries: 1, max: 2 }, { tries: 2, max: 2 }]) assert.deepEqual(await next(silent), { op: 1, d });
      assert.equal((await silent.closed(kWithinMs)).code, 1005);
      assert.ok(performance.now() - since >= 3 * 250, 'one interval after the other');
      assert.ok(await answering > 0, 'there are beats for others');
      assert.equal((await idle.closed(kWithinMs)).code, 1008);
    });
  });

  it('kept messages come at their interval', { timeout: kTimeoutMs }, async () => {
    const redis = await Redis.start();
    const kept = [1, 2, 3].map((d) => ({ op: 0, d }));
    try {
      await redis.ask(['HSET', 'undelivered_messages', 'ada', JSON.stringify(kept)]);
      await withServer((folder) => `[mesa]\nredis_url_file = ${fileWith(folder, 'redis.url', redis.url)}\nauthentication = "jwt"\n` +
        `jwt_secret = "${kSecret}"\nsync = true\nredelivery_interval_ms = 300`, async ({ port }) => {
        const { client } = await greeted(port);
        const since = performance.now();
        present(client, kTokens.plain);
        assert.equal((await next(client)).op, 22);
        for (const [i, message] of kept.entries()) assert.deepEqual(await next(client), { ...message, s: i + 1 });
        const took = performance.now() - since;
        // Every other time here is three seconds or more.
        assert.ok(took >= 3 * 300 && took < 6000, `${took} ms`);
        client.end();
      });
    } finally {
      await redis.stop();
    }
  });

  it('a message may have just so many bytes', { timeout: kTimeoutMs }, async () => {
    const padded = (bytes) => {
      const text = JSON.stringify({ op: 2, d: { token: kTokens.plain, pad: '' } });
      return text.replace('"pad":""', `"pad":"${'x'.repeat(bytes - text.length)}"`);
    };
    await withServer(`[mesa]\nauthentication = "jwt"\njwt_secret = "${kSecret}"\nmax_message_bytes = 2048`, async ({ port }) => {
      for (const [bytes, wanted] of [[2048, 22], [2049, 1009]]) {
        const { client } = await greeted(port);
        client.send(padded(bytes));
        assert.equal(await outcome(client), wanted, `${bytes} bytes`);
        client.end();
      }
    });
  });

  it('the key for the webhook comes from its file', { timeout: kTimeoutMs }, async () => {
    const said = [];
    const hook = http.createServer((request, response) => {
      said.push(request.headers.authorization);
      request.resume();
      response.end('{"id":"ada"}');
    }).listen(0, '127.0.0.1');
    await once(hook, 'listening');
    try {
      await withServer((folder) => `[mesa]\nauthentication = "webhook"\nwebhook_url = "http://127.0.0.1:${hook.address().port}/"\n` +
        `jwt_secret = "${kSecret}"\nwebhook_key_file = ${fileWith(folder, 'hook.key', 'from the file')}`, async ({ port }) => {
        const { client } = await greeted(port);
        client.send('{"op":2,"d":{}}');
        assert.deepEqual(await next(client), { op: 22, d: {} });
        client.end();
      });
      assert.deepEqual(said, ['Bearer from the file']);
    } finally {
      hook.close();
      hook.closeAllConnections();
    }
  });
});

describe('Mesa and /readyz', () => {
  it('says while Redis is away that it is, and that it is back', { timeout: kTimeoutMs }, async () => {
    const redis = await Redis.start();
    try {
      await withServer(`[mesa]\nredis_url = "${redis.url}"`, async ({ port, metrics, said }) => {
        const isUp = async () => /^pulse_mesa_bus_up (\d)$/m.exec(await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text())?.[1];
        const becomes = async (status, body) => {
          let now;
          await until(`${status}`, async () => { now = await readiness(port); return now.status === status; }, () => JSON.stringify(now));
          assert.match(now.body, body);
        };
        await becomes(200, /^ready\n$/);
        assert.equal(await isUp(), '1');
        assert.doesNotMatch(said(), /mesa_redis_down/);

        await redis.stop();
        await becomes(503, /mesa: Redis cannot be reached/);
        assert.equal(await isUp(), '0');
        await untilSaid(said, /mesa_redis_down/);
        // It is alive all the same, and serves who comes.
        assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
        (await greeted(port)).client.end();

        await redis.restart();
        await becomes(200, /^ready\n$/);
        assert.equal(await isUp(), '1');
        await untilSaid(said, /mesa_redis_up/);
      });
    } finally {
      await redis.stop();
    }
  });
});
