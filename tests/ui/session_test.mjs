// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Getting in and out, and what keeps others from it.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';

import { fixture, kAnswered, kBroken } from './support/browser.mjs';
import { logIn } from './support/http.mjs';
import { isModel, startTarget } from './support/target.mjs';

const kOut = { isLoggedIn: false };

describe('the session', { timeout: 500_000 }, () => {
  const held = fixture({ before, after }, startTarget);
  beforeEach(() => held.target.model?.reset());
  const post = (path, headers, body = {}) => fetch(held.target.baseUrl + path,
    { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  const newSession = () => logIn(held.target);

  it('begins with the right key and no other', async () => {
    const tab = await held.open('', kOut);
    await tab.heading('Log in to Pulse').waitFor();
    assert.equal(await tab.focused(), 'API key');
    await tab.button('Log in').click();
    await tab.page.getByRole('alert').filter({ hasText: 'Enter the API key' }).waitFor();
    await tab.field('API key').fill('something else');
    await tab.button('Log in').click();
    await tab.page.getByRole('alert').filter({ hasText: 'Invalid API Key' }).waitFor();
    await tab.field('API key').fill(held.target.adminKey);
    await tab.field('API key').press('Enter');
    await tab.heading('Overview').waitFor();
    assert.equal(await tab.page.title(), 'Overview · Pulse');
    await tab.close([kAnswered(401)]);
  });

  it('is not to be guessed: after too many attempts one has to wait, and sees how long', { skip: !isModel }, async () => {
    const tab = await held.open('', kOut);
    for (let i = 0; i < 6; i++) {
      await tab.field('API key').fill(`guess ${i}`);
      const answered = tab.page.waitForResponse('**/ui/login');
      await tab.button('Log in').click();
      await answered;
    }
    await tab.page.getByRole('alert').filter({ hasText: 'Too many attempts. You can try again in' }).waitFor();
    assert.ok(await tab.button('Log in').isDisabled());
    await tab.field('API key').press('Enter');
    assert.equal(await tab.heading('Log in to Pulse').count(), 1);
    await tab.close([kAnswered(401), kAnswered(429)]);
  });

  it('ends with log out, also for the tab that comes back', async () => {
    const tab = await held.open('#/universes');
    await tab.heading('Universes').waitFor();
    await tab.button('Log out').click();
    await tab.heading('Log in to Pulse').waitFor();
    await tab.page.reload();
    await tab.heading('Log in to Pulse').waitFor();
    await tab.close();
  });

  it('when it ends on the server, the page says so and goes on where it was', { skip: !isModel }, async () => {
    const tab = await held.open(`#/universes/${held.target.sample.id}/tokens`);
    await tab.row('Website').waitFor();
    held.target.model.endSessions();
    await tab.page.getByText('Your session has ended').waitFor();
    await tab.field('API key').fill(held.target.adminKey);
    await tab.button('Log in').click();
    await tab.row('Website').waitFor();
    await tab.close([kAnswered(401), kBroken]);
  });

  it('does not survive in the page when the server cannot be reached', { skip: !isModel }, async () => {
    held.target.model.failWith('GET /ui/session', { status: 0 });
    const tab = await held.open('', kOut);
    await tab.page.getByRole('alert').filter({ hasText: 'The server cannot be reached' }).waitFor();
    held.target.model.failWith('GET /ui/session', null);
    await tab.button('Try again').click();
    await tab.heading('Log in to Pulse').waitFor();
    await tab.close([kBroken]);
  });

  it('is a cookie that scripts and other sites do not get', async () => {
    const cookie = await newSession();
    assert.match(cookie, /^pulse\.session=[A-Za-z0-9_-]{22,}/);
    assert.match(cookie, /HttpOnly/i);
    assert.match(cookie, /SameSite=Strict/i);
    assert.match(cookie, /Path=\//i);
    assert.ok(!cookie.includes(held.target.adminKey));
    const tab = await held.open();
    assert.equal(await tab.page.evaluate(() => document.cookie), '');
    assert.deepEqual(await tab.page.evaluate(() => [{ ...localStorage }, { ...sessionStorage }]), [{}, {}]);
    await tab.close();
  });

  it('is never one that somebody else chose', async () => {
    const chosen = 'pulse.session=chosen-by-somebody-else';
    const { baseUrl, adminKey } = held.target;
    const answer = await post('/ui/login', { origin: baseUrl, cookie: chosen }, { apiKey: adminKey });
    assert.ok(!answer.headers.get('set-cookie').includes('chosen-by-somebody-else'));
    const asked = await fetch(`${baseUrl}/ui/session`, { headers: { cookie: chosen } });
    assert.deepEqual(await asked.json(), { session: false });
  });

  it('does nothing at the wish of another site', async () => {
    const cookie = (await newSession()).split(';')[0];
    for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }, {}]) {
      const answer = await post('/universe/registry/remove', { cookie, ...headers }, { universeId: held.target.sample.id });
      assert.equal(answer.status, 403, JSON.stringify(headers));
      assert.deepEqual(await answer.json(), { error: 'Origin not allowed' });
    }
    const listed = await fetch(`${held.target.baseUrl}/universe/registry`, { headers: { cookie } });
    assert.ok((await listed.json()).universes.some(({ id }) => id === held.target.sample.id));
  });

  it('cannot be framed, and the page runs only what came with it', async () => {
    const { headers } = await fetch(`${held.target.baseUrl}/`);
    assert.equal(headers.get('x-frame-options'), 'DENY');
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.match(headers.get('content-security-policy'), /frame-ancestors 'none'/);
    const tab = await held.open();
    await tab.heading('Overview').waitFor();
    const ran = await tab.page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.head.append(script);
      const image = document.createElement('div');
      image.innerHTML = '<img src=/nowhere onerror="window.ran = true">';
      document.body.append(image);
      return new Promise((resolve) => setTimeout(() => resolve(window.ran === true), 50));
    });
    assert.equal(ran, false);
    await tab.close([/^error: policy: /, /Content Security Policy/, kAnswered(401), kAnswered(404)]);
  });

  it('shows nothing of the server to who is not logged in', async () => {
    const { baseUrl, sample } = held.target;
    for (const path of ['/ui/overview', '/ui/events', '/universe/registry', `/universe/${sample.id}`,
      `/universe/${sample.id}/stats`, `/universe/${sample.id}/tokens`, `/universe/${sample.id}/servers`]) {
      const answer = await fetch(baseUrl + path, { headers: { cookie: 'pulse.session=x' } });
      assert.equal(answer.status, 401, path);
      await answer.body?.cancel();
    }
  });
});
