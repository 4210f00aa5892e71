// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What only the real server can show: that what the operator does in the page happens, at Roblox, in
// other windows and to those who are connected.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { fixture, kAnswered, kBroken } from './support/browser.mjs';
import { logIn } from './support/http.mjs';
import { startServer, untilReady } from './support/process.mjs';
import { asker, startBareTarget } from './support/real_target.mjs';
import { WebSocket } from './support/websocket.mjs';

const kJob = '0f5c2b1e-0000-4000-8000-000000000001';
const kMarkup = '<img src=x onerror=alert(1)><script>alert(2)</script>&lt;b&gt;"\'';
const kDeadlineMs = 20_000;

/** The first answer of `ask` that `is` likes. */
async function eventually(ask, is) {
  const end = Date.now() + kDeadlineMs;
  for (;;) {
    const answer = await ask();
    if (is(answer)) return answer;
    assert.ok(Date.now() < end, `in vain: ${is} of ${JSON.stringify(answer)}`);
    await sleep(50);
  }
}

describe('the page of the real server', { timeout: 500_000 }, () => {
  const held = fixture({ before, after }, startBareTarget);
  let universes = 100;
  /** A universe of its own for each test, with a key that is its own. */
  const register = async (name) => {
    const { ask, cloud } = held.target;
    const id = String(++universes);
    const key = (n) => `key-${n}-of-${id}`;
    const scopes = (universe) => [{ universes: [universe], operations: ['publish'] }];
    for (const n of [1, 2]) await cloud('PUT', '/control/keys', { key: key(n), owner: id, scopes: scopes(id) });
    await cloud('PUT', '/control/keys', { key: key('elsewhere'), owner: id, scopes: scopes('99') });
    await ask('POST', '/universe/registry/add', { universeId: id, openCloudApiKey: key(1), name });
    return { id, key, path: `/universe/${id}` };
  };
  const published = async (id) => (await held.target.cloud('GET', '/control/log?after=0')).log.filter(({ universe }) => String(universe) === id);
  const gameServer = async ({ path: at }) => {
    const { token } = await held.target.ask('POST', `${at}/tokens`, { label: 'game', rights: ['game.send', 'game.poll'], expiresIn: null });
    const ask = asker(held.target.baseUrl, token);
    await ask('POST', `${at}/hello`, { server: kJob, place: 7, version: 1, players: 3, caps: ['v1', 'http', 'poll'], shards: 3, published: 0 });
    let batches = 0;
    return { token, send: (...msgs) => ask('POST', `${at}/batch`, { server: kJob, batch: `${kJob}-${++batches}`, msgs }) };
  };
  const figure = (tab, label) => tab.page.locator('.figure').filter({ has: tab.page.getByText(label, { exact: true }) }).locator('.value');

  it('shows game servers, messages and web clients as they come', async () => {
    const universe = await register('Comings');
    const tab = await held.open(`#/universes/${universe.id}`);
    await tab.page.getByText('No messages in the last minute').waitFor();
    assert.equal(await figure(tab, 'Game servers').innerText(), '0');
    const game = await gameServer(universe);
    await figure(tab, 'Game servers').getByText('1', { exact: true }).waitFor();
    const { token } = await held.target.ask('POST', `${universe.path}/tokens`, { label: 'web', rights: ['web.read'], expiresIn: null });
    const client = new WebSocket(`${held.target.baseUrl.replace('http', 'ws')}${universe.path}/connect`, ['pulse.v1', `bearer.${token}`]);
    await new Promise((resolve, reject) => { client.onopen = resolve; client.onerror = reject; });
    await figure(tab, 'Web clients').getByText('1', { exact: true }).waitFor();
    const heard = new Promise((resolve) => { client.onmessage = ({ data }) => resolve(JSON.parse(data)); });
    await game.send(['score', { red: 3 }]);
    assert.deepEqual(await heard, { topic: 'score', message: { red: 3 } });
    await tab.row('score').waitFor();
    client.close();
    await figure(tab, 'Web clients').getByText('0', { exact: true }).waitFor();
    await tab.close();
  });

  it('publishes a test message to Roblox, and says what Roblox said', async () => {
    const universe = await register('Publishing');
    await held.target.cloud('PUT', `/control/universes/${universe.id}`, { servers: 1, players: 1 });
    const tab = await held.open('#/universes');
    await tab.button('Send a test message to Publishing').click();
    await tab.field('Topic').fill('from.the.page');
    await tab.field('Message').fill('Ahoy "there"');
    await tab.action('Send message').click();
    await tab.dialog.getByText('The server accepted it').waitFor();
    await tab.dialog.getByText('{"success":true}').waitFor();
    const [first, ...more] = await published(universe.id);
    assert.deepEqual(more, []);
    assert.equal(first.status, 200);
    assert.deepEqual(JSON.parse(first.message), { topic: 'from.the.page', message: 'Ahoy "there"' });
    await held.target.cloud('PUT', '/control/keys', { key: universe.key(1), owner: universe.id, enabled: false,
      scopes: [{ universes: [universe.id], operations: ['publish'] }] });
    await tab.action('Send message').click();
    await tab.dialog.getByText('The server did not accept it').waitFor();
    await tab.page.keyboard.press('Escape');
    await tab.closed();
    await tab.row('Publishing').getByText('Rejected').waitFor();
    await tab.close([kAnswered(502), kAnswered(503)]);
  });

  it('passes a test message to web clients, and Roblox hears nothing', async () => {
    const universe = await register('Passing');
    const { token } = await held.target.ask('POST', `${universe.path}/tokens`, { label: 'web', rights: ['web.read'], expiresIn: null });
    const client = new WebSocket(`${held.target.baseUrl.replace('http', 'ws')}${universe.path}/connect`, ['pulse.v1', `bearer.${token}`]);
    await new Promise((resolve, reject) => { client.onopen = resolve; client.onerror = reject; });
    const heard = new Promise((resolve) => { client.onmessage = ({ data }) => resolve(JSON.parse(data)); });
    const tab = await held.open(`#/universes/${universe.id}`);
    await tab.button('Send test message').click();
    await tab.field('Web clients').check();
    await tab.field('Content').selectOption('JSON');
    await tab.field('Message').fill('{"n":[1,null]}');
    await tab.action('Send message').click();
    await tab.dialog.getByText('The server accepted it').waitFor();
    assert.deepEqual(await heard, { topic: 'test', message: { n: [1, null] } });
    assert.deepEqual(await published(universe.id), []);
    client.close();
    await tab.close();
  });

  it('rotates a key without a message lost', async () => {
    const universe = await register('Turning');
    const tab = await held.open(`#/universes/${universe.id}/keys`);
    const slot = (n) => tab.page.getByRole('region', { name: `Slot ${n}`, exact: true });
    const inSlot = (n, name) => slot(n).getByRole('button', { name, exact: true });
    const step = (text) => tab.page.locator('li[aria-current=step]').filter({ hasText: text }).waitFor();
    const send = () => held.target.ask('POST', `${universe.path}/send`, { topic: 't', message: 1, destination: 'roblox' });
    await send();
    await step('Make a new key');
    await inSlot(2, 'Put a key here').click();
    await tab.field('New Open Cloud API key').fill(universe.key('elsewhere'));
    await tab.action('Store key').click();
    await tab.dialog.getByRole('alert').filter({ hasText: 'The key is for other universes than this one' }).waitFor();
    await tab.field('New Open Cloud API key').fill(universe.key(2));
    await tab.action('Store key').click();
    await tab.closed();
    await slot(2).getByText('Standby').waitFor();
    await slot(2).getByText('Valid', { exact: true }).waitFor();
    await step('Activate it');
    await inSlot(1, 'Check now').click();
    await tab.toast('Slot 1: Roblox accepts this key').waitFor();
    await inSlot(2, 'Activate').click();
    await slot(2).getByText('In use').waitFor();
    await step('remove the old key');
    // Roblox takes only the new one now.
    await held.target.cloud('PUT', '/control/keys', { key: universe.key(1), owner: universe.id, enabled: false,
      scopes: [{ universes: [universe.id], operations: ['publish'] }] });
    await send();
    await inSlot(1, 'Remove').click();
    await tab.action('Remove key').click();
    await slot(1).getByText('Room for the next key').waitFor();
    assert.deepEqual((await published(universe.id)).map(({ status }) => status), [200, 200]);
    await tab.close([kAnswered(400)]);
  });

  it('makes tokens that work, and do not once revoked', async () => {
    const universe = await register('Doors');
    const tab = await held.open(`#/universes/${universe.id}/tokens`);
    await tab.button('Create token').click();
    await tab.field('Label').fill('Reader');
    for (const [right, isWanted] of [['web.read', true], ['game.send', false], ['game.poll', false]]) {
      await tab.dialog.getByRole('checkbox', { name: right }).setChecked(isWanted);
    }
    await tab.action('Create token').click();
    const token = await tab.field('New token').inputValue();
    await tab.action('Done').click();
    const attempt = () => fetch(`${held.target.baseUrl}${universe.path}/ticket`, { method: 'POST', headers: { authorization: `Bearer ${token}` } })
      .then(({ status }) => status);
    assert.equal(await attempt(), 200);
    await tab.button('Revoke Reader').click();
    await tab.action('Revoke token').click();
    await tab.row('Reader').waitFor({ state: 'hidden' });
    await eventually(attempt, (status) => status === 401);
    await tab.close();
  });

  it('changes settings that game servers are then told', async () => {
    const universe = await register('Tuning');
    const tab = await held.open(`#/universes/${universe.id}/settings`);
    await tab.field('Name').fill('Tuned');
    await tab.field('Shards').fill('4');
    await tab.field('Topic prefix').fill('pulse2');
    await tab.field('Allowed origins').fill('https://play.example.org');
    await tab.button('Save settings').click();
    await tab.toast('The settings are saved').waitFor();
    await tab.heading('Tuned').waitFor();
    const { origins, shards, prefix } = await held.target.ask('GET', universe.path);
    assert.deepEqual({ origins, shards, prefix }, { origins: ['https://play.example.org'], shards: 4, prefix: 'pulse2' });
    const preflight = await fetch(`${held.target.baseUrl}${universe.path}/send`, { method: 'OPTIONS',
      headers: { origin: 'https://play.example.org', 'access-control-request-method': 'POST' } });
    assert.equal(preflight.headers.get('access-control-allow-origin'), 'https://play.example.org');
    await tab.close();
  });

  it('removes a universe with all that is in it, in every window', async () => {
    const universe = await register('Going');
    const { token } = await gameServer(universe);
    const other = await held.open('#/universes');
    await other.row('Going').waitFor();
    const watching = await held.open(`#/universes/${universe.id}`);
    await watching.heading('Going').waitFor();
    const tab = await held.open(`#/universes/${universe.id}`);
    await tab.button('Remove').click();
    await tab.action('Remove universe').click();
    await tab.heading('Universes').waitFor();
    await tab.row('Going').waitFor({ state: 'hidden' });
    await other.row('Going').waitFor({ state: 'hidden' });
    await watching.page.getByText('This universe is not registered').waitFor();
    const answer = await fetch(`${held.target.baseUrl}${universe.path}/hello`, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: '{}' });
    assert.equal(answer.status, 401);
    await tab.close([kAnswered(404)]);
    await watching.close([kAnswered(404)]);
    await other.close();
  });

  it('waits at the address of a universe for somebody to add it', async () => {
    const { ask, goodKey } = held.target;
    const tab = await held.open('#/universes/4242');
    await tab.page.getByText('This universe is not registered').waitFor();
    await tab.state('Live').waitFor();
    await ask('POST', '/universe/registry/add', { universeId: '4242', openCloudApiKey: goodKey, name: 'Late' });
    await tab.heading('Late').waitFor();
    await gameServer({ path: '/universe/4242' });
    await figure(tab, 'Game servers').getByText('1', { exact: true }).waitFor();
    await tab.state('Live').waitFor();
    await tab.close([kAnswered(404)]);
  });

  it('shows as text whatever came through the server', async () => {
    const universe = await register(kMarkup);
    const game = await gameServer(universe);
    await held.target.ask('POST', `${universe.path}/tokens`, { label: kMarkup, rights: ['web.read'], expiresIn: null });
    await game.send([kMarkup, kMarkup], ['javascript:alert(3)', {}]);
    const tab = await held.open('#/universes');
    const isText = async (at) => {
      await tab.page.getByText(kMarkup).first().waitFor();
      assert.equal(await tab.page.locator('#app img, #app script').count(), 0, at);
    };
    await isText('registry');
    await tab.goto(`#/universes/${universe.id}`);
    await tab.page.locator('td, th').filter({ hasText: kMarkup }).waitFor();
    await tab.row('javascript:alert(3)').waitFor();
    for (const section of ['', '/servers', '/tokens', '/keys', '/settings']) {
      await tab.goto(`#/universes/${universe.id}${section}`);
      await isText(section);
    }
    await tab.button('Send test message').click();
    await tab.field('Topic').fill(kMarkup);
    await tab.field('Message').fill(kMarkup);
    await tab.action('Send message').click();
    await tab.dialog.getByText('The server accepted it').waitFor();
    await isText('dialog');
    await tab.close();
  });

  it('log out ends the session on the server, in every window and on streams that are open', async () => {
    const { target } = held;
    const first = await held.open('#/universes');
    await first.state('Live').waitFor();
    const second = await first.page.context().newPage();
    await second.goto(`${target.baseUrl}/#/`);
    await second.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
    const [{ value }] = await first.page.context().cookies();
    const cookie = `pulse.session=${value}`;
    const stream = await fetch(`${target.baseUrl}/ui/events`, { headers: { cookie } });
    assert.equal(stream.status, 200);
    await first.button('Log out').click();
    await first.heading('Log in to Pulse').waitFor();
    // The stream tells, and ends.
    let told = '';
    for await (const part of stream.body.pipeThrough(new TextDecoderStream())) told += part;
    assert.match(told, /event: overview\n/);
    assert.match(told, /event: end\n/);
    await second.getByText('Your session has ended').waitFor();
    assert.equal((await fetch(`${target.baseUrl}/universe/registry`, { headers: { cookie } })).status, 401);
    await first.close([kAnswered(401)]);
  });

  it('is not to be guessed: after too many attempts one has to wait, and sees how long', async () => {
    const tab = await held.open('', { isLoggedIn: false });
    for (let i = 0; i < 6; i++) {
      await tab.field('API key').fill(`guess ${i}`);
      const answered = tab.page.waitForResponse('**/ui/login');
      await tab.button('Log in').click();
      await answered;
    }
    await tab.page.getByRole('alert').filter({ hasText: 'Too many attempts. You can try again in' }).waitFor();
    // Who sits at another address is not kept out.
    assert.match(await logIn(held.target), /^pulse\.session=/);
    await tab.close([kAnswered(401), kAnswered(429)]);
  });

  it('says that the registry is not there while another process has the store, and has it as soon as it can', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'pulse-ui-'));
    const environment = { PULSE_STORE_ENABLED: 'true', PULSE_STORE_PATH: path.join(folder, 'pulse.db'),
      PULSE_ROBLOX_API_KEY: 'operator-key', PULSE_ROBLOX_MASTER_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64url')}`,
      PULSE_ROBLOX_OPEN_CLOUD_URL: held.target.cloudUrl };
    const running = [];
    const start = async () => {
      running.push(await startServer({ folder, environment }));
      return { baseUrl: running.at(-1).found, adminKey: 'operator-key' };
    };
    try {
      const first = await start();
      await untilReady(running[0]);
      await asker(first.baseUrl, first.adminKey)('POST', '/universe/registry/add',
        { universeId: '77', openCloudApiKey: held.target.goodKey, name: 'Kept' });
      const second = await start();
      const tabs = [];
      for (const view of ['#/', '#/universes', '#/universes/77', '#/universes/77/tokens']) {
        const tab = await held.open(view, { target: second });
        await tab.page.getByRole('alert').filter({ hasText: 'The registry is not loaded yet' }).waitFor();
        await tab.state('Live').waitFor();
        assert.equal(await tab.page.getByText('No universe yet').count(), 0, 'what cannot be read is not empty');
        tabs.push(tab);
      }
      await running.shift().stop();
      const [overview, list, one, tokens] = tabs;
      await overview.page.getByText('All well').waitFor();
      await list.row('Kept').waitFor();
      await one.heading('Kept').waitFor();
      await tokens.page.getByText('No tokens yet').waitFor();
      // 404: a stream for one universe is not opened before it is known.
      for (const tab of tabs) await tab.close([kAnswered(503), kAnswered(404)]);
    } finally {
      const ends = await Promise.allSettled(running.map((server) => server.stop()));
      rmSync(folder, { recursive: true, force: true });
      for (const { reason } of ends) if (reason) throw reason;
    }
  });

  it('says so when the server ends, and asks to log in to the next one, which knows no sessions', async () => {
    const target = await startBareTarget();
    try {
      await target.ask('POST', '/universe/registry/add', { universeId: '78', openCloudApiKey: target.goodKey, name: 'Outlives' });
      const tab = await held.open('#/universes', { target });
      await tab.row('Outlives').waitFor();
      await tab.state('Live').waitFor();
      await target.restart(async () => {
        await tab.state('Reconnecting…').waitFor();
        await tab.row('Outlives').waitFor(); // what was last known stays
      });
      await tab.heading('Log in to Pulse').waitFor();
      await tab.page.getByText('Your session has ended').waitFor();
      assert.equal(await tab.row('Outlives').count(), 0);
      await tab.field('API key').fill(target.adminKey);
      await tab.button('Log in').click();
      await tab.row('Outlives').waitFor();
      await tab.state('Live').waitFor();
      await tab.close([kBroken, kAnswered(503), kAnswered(401)]);
    } finally {
      await target.stop();
    }
  });
});
