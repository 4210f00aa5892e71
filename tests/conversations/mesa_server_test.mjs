// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Mesa as pulse-server has it: where it is served, who is let in, and what Redis learns.
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign as signBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { kWithinMs, next, open, sign, until, untilSaid, withServer } from './support/mesa_server.mjs';
import { Redis } from './support/redis.mjs';

const kTimeoutMs = 60_000;

describe('Mesa in pulse-server', { concurrency: 4 }, () => {
  it('is at /mesa, and on any path of a listener of its own', { timeout: kTimeoutMs }, async () => {
    await withServer('[mesa]\nheartbeat = true\nreconnect = true', async ({ port, own }) => {
      const hello = { op: 10, d: {
        c_heartbeat_interval: 10000, c_reconnect_interval: 5000, c_authentication_timeout: 10000, rules: ['sends_user_object'],
      } };
      for (const client of [await open(port, '/mesa'), await open(own, '/any/path?x=1')]) {
        assert.deepEqual(await next(client), hello);
        client.end();
      }
    });
  });

  it('asks for an upgrade where there is nothing else', { timeout: kTimeoutMs }, async () => {
    await withServer('', async ({ port, own }) => {
      for (const url of [`http://127.0.0.1:${port}/mesa`, `http://127.0.0.1:${own}/`, `http://127.0.0.1:${own}/any/path?x=1`]) {
        const answer = await fetch(url);
        assert.equal(answer.status, 426, url);
        assert.equal(await answer.text(), 'Upgrade Required', url);
      }
      assert.equal((await fetch(`http://127.0.0.1:${own}/healthz`)).status, 200);
    });
  });

  it('lets in who brings a token, and nobody else', { timeout: kTimeoutMs }, async () => {
    const secret = 'a secret that nobody guesses';
    await withServer(`[mesa]\nauthentication = "jwt"\njwt_secret = "${secret}"`, async ({ port }) => {
      const claims = { sub: 'ada', name: 'Ada', exp: Math.floor(Date.now() / 1000) + 60 };
      const ada = await open(port, '/mesa');
      assert.equal((await next(ada)).op, 10);
      ada.send(JSON.stringify({ op: 2, d: { token: sign(claims, secret) } }));
      assert.deepEqual(await next(ada), { op: 22, d: claims });
      for (const d of [{ token: sign(claims, 'another') }, { token: sign({ ...claims, exp: 1 }, secret) }, {}, { token: 5 }]) {
        const client = await open(port, '/mesa');
        await next(client);
        client.send(JSON.stringify({ op: 2, d }));
        assert.equal((await client.closed(kWithinMs)).code, 1008, JSON.stringify(d));
      }
      ada.end();
    });
  });

  it('asks an HTTP server about who comes', { timeout: kTimeoutMs }, async () => {
    const hook = http.createServer(async (request, response) => {
      let body = '';
      for await (const part of request) body += part;
      const isKnown = request.headers.authorization === 'Bearer key' && JSON.parse(body).password === 'right';
      response.writeHead(isKnown ? 200 : 403).end(JSON.stringify({ id: 7, user: { name: 'Ada' } }));
    }).listen(0, '127.0.0.1');
    await once(hook, 'listening');
    try {
      const url = `http://127.0.0.1:${hook.address().port}/`;
      await withServer(`[mesa]\nauthentication = "webhook"\nwebhook_url = "${url}"\nwebhook_key = "key"`, async ({ port }) => {
        const ada = await open(port, '/mesa');
        await next(ada);
        ada.send(JSON.stringify({ op: 2, d: { password: 'right' } }));
        assert.deepEqual(await next(ada), { op: 22, d: { name: 'Ada' } });
        const eve = await open(port, '/mesa');
        await next(eve);
        eve.send(JSON.stringify({ op: 2, d: { password: 'wrong' } }));
        assert.equal((await eve.closed(kWithinMs)).code, 1008);
        ada.end();
      });
    } finally {
      hook.close();
      hook.closeAllConnections();
    }
  });

  it('says that it is not the client when that server does not answer, and does not wait for it any more', { timeout: kTimeoutMs }, async () => {
    let answer;
    let asked = 0;
    const hook = http.createServer((request, response) => {
      asked++;
      request.resume();
      answer?.(response);
    }).listen(0, '127.0.0.1');
    await once(hook, 'listening');
    try {
      const url = `http://127.0.0.1:${hook.address().port}/`;
      await withServer(`[mesa]\nauthentication = "webhook"\nwebhook_url = "${url}"\nwebhook_timeout_ms = 1000`, async ({ port, said }) => {
        const come = async () => {
          const client = await open(port, '/mesa');
          await next(client);
          client.send(JSON.stringify({ op: 2, d: {} }));
          return client;
        };
        const codesOf = (count) => Promise.all(Array.from({ length: count }, async () => (await (await come()).closed(kWithinMs)).code));
        // Five that wait, and it is known.
        assert.deepEqual(await codesOf(5), Array(5).fill(1013));
        await untilSaid(said, /mesa_webhook_down/);
        const before = asked;
        const began = Date.now();
        assert.deepEqual(await codesOf(30), Array(30).fill(1013));
        // One each second asks whether it is back.
        assert.ok(asked - before <= 2 + (Date.now() - began) / 1000, `${asked - before} asked`);
        answer = (response) => response.writeHead(200).end('{"id":7,"user":{"name":"Ada"}}');
        const deadline = Date.now() + kWithinMs;
        for (;;) {
          const client = await come();
          const answered = await client.read(kWithinMs).catch(() => undefined);
          client.end();
          if (answered !== undefined) {
            assert.deepEqual(answered.value, { op: 22, d: { name: 'Ada' } });
            break;
          }
          assert.ok(Date.now() < deadline, 'it is not found again');
        }
        await untilSaid(said, /mesa_webhook_up/);
        for (const [status, code] of [[500, 1013], [429, 1013], [403, 1008], [404, 1008]]) {
          answer = (response) => response.writeHead(status).end();
          assert.deepEqual(await codesOf(1), [code], `${status}`);
        }
      });
    } finally {
      hook.close();
      hook.closeAllConnections();
    }
  });

  it('lets try again, is silent about users, and asks for versions and for moderation where it is told to', { timeout: kTimeoutMs }, async () => {
    const secret = 'a secret that nobody guesses';
    await withServer(`[mesa]\nauthentication = "jwt"\njwt_secret = "${secret}"\ndisconnect_on_fail = false\nsend_user_object = false\n` +
      'enforce_equal_versions = true\nversions = ["9"]\nmessages_per_second = 1\nmessages_burst = 4', async ({ port }) => {
      const hello = { op: 10, d: { c_authentication_timeout: 10000, rules: ['enforce_equal_versions'] } };
      const token = sign({ sub: 'ada', exp: Math.floor(Date.now() / 1000) + 60 }, secret);
      const ada = await open(port, '/mesa');
      assert.deepEqual(await next(ada), hello);
      ada.send(JSON.stringify({ op: 0, d: { v: '9' }, t: 'CLIENT_VERSION' }));
      ada.send(JSON.stringify({ op: 2, d: { token: `${token}x` } }));
      ada.send(JSON.stringify({ op: 2, d: { token } }));
      assert.deepEqual(await next(ada), { op: 22, d: {} });
      for (let i = 0; i < 50; i++) ada.send('{"op":0}');
      assert.equal((await ada.closed(kWithinMs)).code, 1008);
      const old = await open(port, '/mesa');
      await next(old);
      old.send(JSON.stringify({ op: 0, d: { v: '1.5.8' }, t: 'CLIENT_VERSION' }));
      assert.equal((await old.closed(kWithinMs)).code, 1002);
    });
  });

  it('verifies tokens with a public key', { timeout: kTimeoutMs }, async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const folder = mkdtempSync(join(tmpdir(), 'pulse-mesa-key-'));
    const file = join(folder, 'key.pem');
    writeFileSync(file, publicKey.export({ type: 'spki', format: 'pem' }));
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const text = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ sub: 'ada', exp: Math.floor(Date.now() / 1000) + 60 })}`;
    const good = `${text}.${signBytes('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
    // The public key is no secret: nothing signed with it as one counts.
    const forged = sign({ sub: 'ada', exp: Math.floor(Date.now() / 1000) + 60 }, publicKey.export({ type: 'spki', format: 'pem' }));
    try {
      await withServer(`[mesa]\nauthentication = "jwt"\njwt_public_key_file = "${file}"`, async ({ port }) => {
        for (const [token, isGood] of [[good, true], [forged, false]]) {
          const client = await open(port, '/mesa');
          await next(client);
          client.send(JSON.stringify({ op: 2, d: { token } }));
          if (!isGood) assert.equal((await client.closed(kWithinMs)).code, 1008);
          else assert.equal((await next(client)).op, 22);
          client.end();
        }
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('keeps for who is offline, and tells portals', { timeout: kTimeoutMs }, async () => {
    const redis = await Redis.start();
    const secret = 'a secret that nobody guesses';
    try {
      await redis.ask(['SADD', 'available_portals_pool_ex', 'P']);
      await redis.ask(['HSET', 'undelivered_messages_ex', 'ada', '[{"op":0,"d":{"n":1},"t":"KEPT"}]']);
      await withServer(`[mesa]\nredis_url = "${redis.url}"\nnamespace = "ex"\nsync = true\nportal = true\ndistribute_load = false\n` +
        `authentication = "jwt"\njwt_secret = "${secret}"`, async ({ port }) => {
        const ada = await open(port, '/mesa');
        await next(ada);
        ada.send(JSON.stringify({ op: 2, d: { token: sign({ sub: 'ada', exp: Math.floor(Date.now() / 1000) + 60 }, secret) } }));
        assert.equal((await next(ada)).op, 22);
        assert.deepEqual(await next(ada), { op: 0, d: { n: 1 }, t: 'KEPT', s: 1 });
        ada.send(JSON.stringify({ op: 0, d: { x: 1 }, t: 'T' }));
        const told = () => redis.published.filter(({ channel }) => channel === 'portal_ex').map(({ text }) => JSON.parse(text));
        await until('a portal is told', () => told().length >= 3, () => JSON.stringify(told()));
        assert.deepEqual(told(), [
          { type: 'connection', portalId: 'P' }, { type: 'authentication', clientId: 'ada', portalId: 'P' },
          { type: 'message', message: { op: 0, d: { x: 1 }, t: 'T' }, clientId: 'ada', portalId: 'P' },
        ]);
        ada.end();
      });
      assert.equal(await redis.ask(['HLEN', 'undelivered_messages_ex']), 0);
    } finally {
      await redis.stop();
    }
  });

  it('shares a Redis, and leaves nothing there', { timeout: kTimeoutMs }, async () => {
    const redis = await Redis.start();
    try {
      await withServer(`[mesa]\nredis_url = "${redis.url}"\nnamespace = "ex"`, async ({ port }) => {
        const clients = await Promise.all(Array.from({ length: 8 }, () => open(port, '/mesa')));
        for (const client of clients) await next(client);
        await redis.ask(['PUBLISH', 'ws_ex', JSON.stringify({ message: { op: 0, d: { x: 1 }, t: 'T' }, recipients: ['*'] })]);
        for (const client of clients) assert.deepEqual(await next(client), { op: 0, d: { x: 1 }, t: 'T' });
        assert.equal(await redis.ask(['GET', 'connected_clients_count_ex']), '8');
      });
      assert.equal(await redis.ask(['GET', 'connected_clients_count_ex']), '0');
      assert.deepEqual(await redis.ask(['KEYS', 'mesa_*']), []);
    } finally {
      await redis.stop();
    }
  });
});
