// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What an operator does: look after universes, keys and tokens, and send a test message.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';

import { fixture, kAnswered } from './support/browser.mjs';
import { universe } from './support/model_data.mjs';
import { isModel, startTarget } from './support/target.mjs';

const kModelOnly = { skip: !isModel };

describe('the registry', { timeout: 500_000 }, () => {
  const held = fixture({ before, after }, startTarget);
  beforeEach(() => held.target.model?.reset());
  /** What the page asked the model to change. */
  const changes = () => held.target.model.changes;

  async function add(tab, id, key, name) {
    await tab.button('Add universe').click();
    await tab.field('Universe id').fill(id);
    await tab.field('Open Cloud API key').fill(key);
    await tab.field('Name (optional)').fill(name);
    await tab.action('Add universe').click();
  }

  it('shows each universe with the state of its key and its traffic', kModelOnly, async () => {
    const tab = await held.open('#/universes');
    await tab.row('Skyline Racers').waitFor();
    const cells = async (name) => (await tab.row(name).locator('th, td').allInnerTexts()).map((t) => t.replace(/\s+/g, ' ').trim());
    const [name, key, , servers, inRate, outRate, queue, quota, throttled, errors] = await cells('Skyline Racers');
    assert.equal(name, 'Skyline Racers 4483381587');
    assert.equal(key, 'Valid c41e90ab expires in 9 days');
    assert.match(servers, /^9 \d+ players$/);
    assert.match(inRate, /^\d+(\.\d)?$/);
    assert.match(outRate, /^\d+(\.\d)?$/);
    assert.match(queue, /^\d+ since [\d.]+ s$/);
    assert.match(quota, /^\d+ %$/);
    assert.equal(throttled, '14');
    assert.equal(errors, '0');
    assert.match((await cells('Orbit Arena'))[1], /^Rejected 0b5517c8/);
    assert.match((await cells('3826587512'))[1], /^Not checked e2290d4f no expiry/);
    const bar = tab.page.getByRole('meter', { name: 'Quota of Skyline Racers in use' });
    assert.ok(Number(await bar.getAttribute('aria-valuenow')) > 40);
    await tab.close();
  });

  it('sorts by any column and finds by name or id', kModelOnly, async () => {
    const { model } = held.target;
    model.universes.push(...['500', '600'].map((id) => universe(id, { name: `More ${id}` })));
    const tab = await held.open('#/universes');
    const names = () => tab.page.locator('tbody th a').allInnerTexts();
    await tab.row('More 500').waitFor();
    assert.deepEqual(await names(), [...await names()].sort());
    await tab.button('Errors').click();
    assert.equal((await names())[0], 'Orbit Arena');
    assert.equal(await tab.page.locator('th[aria-sort=descending]').textContent(), 'Errors↓');
    await tab.button('Universe').click();
    await tab.button('Universe').click();
    assert.equal((await names())[0], 'Universe 3826587512');
    await tab.field('Filter by name or id').fill('MOSS');
    assert.deepEqual(await names(), ['Museum of Moss']);
    await tab.field('Filter by name or id').fill('119023');
    assert.deepEqual(await names(), ['Museum of Moss']);
    await tab.field('Filter by name or id').fill('nothing like it');
    await tab.page.getByText('No universe matches').waitFor();
    await tab.close();
  });

  it('adds a universe, and says what is wrong before and after asking', async () => {
    const { goodKey, badKey, sample } = held.target;
    const tab = await held.open('#/universes');
    await add(tab, '12x', '', '');
    assert.equal(await tab.field('Universe id').getAttribute('aria-invalid'), 'true');
    await tab.dialog.getByText('A universe id is a number').waitFor();
    await tab.dialog.getByText('Without a key nothing can be published').waitFor();
    await tab.field('Universe id').fill(sample.id);
    await tab.field('Open Cloud API key').fill(goodKey);
    await tab.action('Add universe').click();
    await tab.dialog.getByRole('alert').filter({ hasText: 'Universe already exists' }).waitFor();
    await tab.field('Universe id').fill('9007199254740993');
    await tab.field('Open Cloud API key').fill(badKey);
    await tab.action('Add universe').click();
    await tab.dialog.getByRole('alert').filter({ hasText: 'Invalid Open Cloud API Key' }).waitFor();
    await tab.field('Open Cloud API key').fill(goodKey);
    await tab.field('Name (optional)').fill('Big number');
    await tab.action('Add universe').click();
    await tab.closed();
    await tab.toast('Universe 9007199254740993 is added').waitFor();
    // One more than a JavaScript number holds: the id went through as text.
    await tab.row('9007199254740993').filter({ hasText: 'Big number' }).waitFor();
    assert.ok(!(await tab.page.content()).includes(goodKey), 'the key is still in the page');

    await tab.button('Remove Big number').click();
    await tab.action('Remove universe').click();
    await tab.closed();
    await tab.row('9007199254740993').waitFor({ state: 'hidden' });
    await tab.close([kAnswered(409), kAnswered(400)]);
  });

  it('adds a universe with nothing but the keyboard', async () => {
    const { goodKey, sample } = held.target;
    const tab = await held.open('#/universes');
    await tab.row(sample.name).waitFor();
    const { keyboard } = tab.page;
    await keyboard.press('Tab');
    assert.equal(await tab.focused(), 'Skip to the content');
    await keyboard.press('Enter');
    await keyboard.press('Tab');
    assert.equal(await tab.focused(), 'Add universe');
    await keyboard.press('Enter');
    assert.equal(await tab.focused(), 'Universe id');
    await keyboard.press('Escape');
    await tab.closed();
    assert.equal(await tab.focused(), 'Add universe');
    await keyboard.press('Enter');
    await keyboard.type('77001');
    await keyboard.press('Tab');
    assert.equal(await tab.focused(), 'Open Cloud API key');
    await keyboard.type(goodKey);
    await keyboard.press('Tab');
    await keyboard.type('By hand');
    // Around the dialog and back: the focus stays inside.
    const seen = [];
    for (let i = 0; i < 8; i++) {
      await keyboard.press('Tab');
      seen.push(await tab.page.evaluate(() =>
        document.activeElement === document.body || document.activeElement.closest('dialog') !== null));
    }
    assert.ok(seen.every(Boolean));
    await tab.field('Name (optional)').focus();
    await keyboard.press('Enter');
    await tab.row('By hand').waitFor();
    await tab.closed();
    assert.equal(await tab.focused(), 'Add universe');
    if (isModel) {
      assert.deepEqual(changes(), [{ at: 'POST /universe/registry/add',
        body: { universeId: '77001', openCloudApiKey: goodKey, name: 'By hand' } }]);
    }
    await tab.close();
  });

  it('removes a universe only when told twice, and keeps the focus in the page', kModelOnly, async () => {
    const tab = await held.open('#/universes');
    await tab.button('Remove Orbit Arena').click();
    await tab.dialog.getByText('waiting messages will be lost').waitFor();
    await tab.action('Cancel').click();
    await tab.closed();
    assert.deepEqual(changes(), []);
    await tab.button('Remove Orbit Arena').click();
    await tab.action('Remove universe').click();
    await tab.closed();
    await tab.row('Orbit Arena').waitFor({ state: 'hidden' });
    assert.equal(await tab.focused(), 'Universes');
    await tab.close();
  });

  it('rotates a key: other slot, check, activate, remove the old one', kModelOnly, async () => {
    const tab = await held.open('#/universes');
    await tab.button('Rotate the key of Museum of Moss').click();
    await tab.heading('Museum of Moss').waitFor();
    const slot = (n) => tab.page.getByRole('region', { name: `Slot ${n}`, exact: true });
    const inSlot = (n, name) => slot(n).getByRole('button', { name, exact: true });
    const step = () => tab.page.locator('li[aria-current=step]').innerText();
    assert.match(await step(), /^Make a new key/);
    await inSlot(2, 'Put a key here').click();
    await tab.field('New Open Cloud API key').fill('bad-first');
    await tab.action('Store key').click();
    await slot(2).getByText('Not checked').waitFor();
    await slot(2).getByText('Standby').waitFor();
    assert.match(await step(), /^Check it/);
    await inSlot(2, 'Check now').click();
    await slot(2).getByText('Missing scope').waitFor();
    await inSlot(2, 'Replace').click();
    await tab.field('New Open Cloud API key').fill('better');
    await tab.action('Store key').click();
    await slot(2).getByText('Not checked').waitFor();
    await inSlot(2, 'Check now').click();
    await slot(2).getByText('Valid', { exact: true }).waitFor();
    assert.match(await step(), /^Activate it/);
    await inSlot(2, 'Activate').click();
    await slot(2).getByText('In use').waitFor();
    assert.equal(await inSlot(2, 'Remove').count(), 0);
    await inSlot(1, 'Remove').click();
    await tab.action('Remove key').click();
    await slot(1).getByText('Room for the next key').waitFor();
    assert.deepEqual(changes().map(({ at, body }) => [at, body?.slot]), [
      ['POST /universe/registry/update', 1], ['POST /universe/1190235582/probe', undefined],
      ['POST /universe/registry/update', 1], ['POST /universe/1190235582/probe', undefined],
      ['POST /universe/1190235582/key/activate', 1], ['POST /universe/1190235582/key/remove', 0],
    ]);
    assert.ok(!(await tab.page.content()).includes('better'));
    await tab.close();
  });

  it('says what a test message will do, sends it and shows the answer', kModelOnly, async () => {
    const tab = await held.open('#/universes/2745313133');
    await tab.button('Send test message').click();
    const says = (text) => tab.dialog.getByText(text).waitFor();
    await says(/Publishes 23 bytes of text under topic “?test”? to all 24 live game servers of Harbour Tycoon/);
    await tab.field('Topic').fill('');
    await tab.action('Send message').click();
    await says('A message needs a topic');
    await tab.field('Topic').fill('ü'.repeat(65));
    await tab.action('Send message').click();
    await says('A topic has at most 128 bytes; this has 130');
    await tab.field('Topic').fill('chat');
    await tab.field('Content').selectOption('JSON');
    await tab.action('Send message').click();
    await says('This is not JSON');
    await tab.field('Message').fill('{"n":[1,null]}');
    await tab.field('Only to this server (optional)').fill('abc');
    await says(/to one game server of Harbour Tycoon/);
    await tab.action('Send message').click();
    await says('The server accepted it');
    await tab.field('Web clients').check();
    await says(/Passes 14 bytes of JSON under topic “?chat”? to [\d,]+ connected web clients .* no quota is used/);
    await tab.field('Content').selectOption('None');
    await tab.action('Send message').click();
    await says('{"success":true}');
    assert.deepEqual(changes().map(({ body }) => body), [
      { topic: 'chat', destination: 'roblox', serverId: 'abc', message: { n: [1, null] } },
      { topic: 'chat', destination: 'server' },
    ]);
    await tab.page.keyboard.press('Escape');
    await tab.closed();
    await tab.goto('#/universes/6035872082');
    await tab.heading('Orbit Arena').waitFor();
    await tab.button('Send test message').click();
    await tab.action('Send message').click();
    await says('The server did not accept it');
    await says('Open Cloud API Key rejected');
    await tab.close([kAnswered(503)]);
  });

  it('makes tokens that are shown once, and revokes them', async () => {
    const { sample } = held.target;
    const tab = await held.open(`#/universes/${sample.id}/tokens`);
    await tab.button('Create token').click();
    await tab.action('Create token').click();
    await tab.dialog.getByText('Say where it is used').waitFor();
    await tab.field('Label').fill('From the test');
    await tab.dialog.getByRole('checkbox', { name: 'web.read' }).check();
    await tab.dialog.getByText('A token inside a game may leak').waitFor();
    await tab.dialog.getByRole('checkbox', { name: 'game.send' }).uncheck();
    await tab.dialog.getByRole('checkbox', { name: 'game.poll' }).uncheck();
    await tab.field('Lifetime').selectOption('7 days');
    await tab.action('Create token').click();
    const secret = await tab.field('New token').inputValue();
    assert.match(secret, /^plt_[^_]+_.{20,}/);
    await tab.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await tab.action('Copy').click();
    await tab.dialog.getByText('Copied').waitFor();
    assert.equal(await tab.page.evaluate(() => navigator.clipboard.readText()), secret);
    await tab.action('Done').click();
    await tab.closed();
    const row = tab.row('From the test');
    await row.waitFor();
    assert.match((await row.innerText()).replace(/\s+/g, ' '), /web\.read in 6 days never/);
    assert.ok(!(await tab.page.content()).includes(secret), 'the secret is still in the page');
    await tab.button('Revoke From the test').click();
    await tab.action('Revoke token').click();
    await row.waitFor({ state: 'hidden' });
    await tab.close();
  });

  it('changes only the settings that were changed', kModelOnly, async () => {
    const tab = await held.open('#/universes/2745313133/settings');
    assert.ok(await tab.button('Save settings').isDisabled());
    await tab.field('Shards').fill('9');
    await tab.field('Allowed origins').fill('https://play.example.org\nhttps://a.example/path');
    await tab.button('Save settings').click();
    await tab.page.getByText('A number from 1 to 8').waitFor();
    await tab.page.getByText('“https://a.example/path” is no origin').waitFor();
    await tab.field('Shards').fill('4');
    await tab.field('Allowed origins').fill(' https://play.example.org\n\nhttps://a.example:8443 ');
    await tab.page.getByRole('radio', { name: 'Both' }).check();
    await tab.button('Save settings').click();
    await tab.toast('The settings are saved').waitFor();
    assert.deepEqual(changes(), [{ at: 'PATCH /universe/2745313133',
      body: { mode: 'both', shards: 4, origins: ['https://play.example.org', 'https://a.example:8443'] } }]);
    assert.ok(await tab.button('Save settings').isDisabled());
    await tab.close();
  });

  it('lists the live game servers', async () => {
    const tab = await held.open(`#/universes/${held.target.sample.id}/servers`);
    await tab.page.getByText(/^[\d,]+ live servers?$/).waitFor();
    const rows = await tab.page.locator('tbody tr').allInnerTexts();
    assert.ok(rows.length > 0);
    for (const row of rows) assert.match(row, /ago/);
    await tab.close();
  });

  it('shows names, topics, labels and errors as text, whatever they contain', kModelOnly, async () => {
    const { model } = held.target;
    const evil = '<img src=x onerror=alert(1)><script>alert(2)</script>&lt;b&gt;"\'';
    const [first] = model.universes;
    first.name = evil;
    first.topics = [[evil, 1, 1], ['javascript:alert(3)', 1, 0]];
    first.keys[0].warning = evil;
    first.keys[0].fingerprint = evil;
    first.tokens[0].label = evil;
    first.servers[0].server = evil;
    first.servers[0].caps = [evil];
    model.failWith('POST /universe/2745313133/send', { status: 502, error: evil });
    const tab = await held.open('#/universes');
    const isText = async (place) => {
      await tab.page.getByText(evil, { exact: false }).first().waitFor();
      assert.equal(await tab.page.locator('img, #app script').count(), 0, place);
    };
    await isText('registry');
    for (const section of ['', '/servers', '/tokens', '/keys', '/settings']) {
      await tab.goto(`#/universes/2745313133${section}`);
      await isText(section);
    }
    await tab.button('Send test message').click();
    await tab.action('Send message').click();
    await tab.dialog.getByText(JSON.stringify({ error: evil })).waitFor();
    await tab.page.keyboard.press('Escape');
    model.failWith('POST /universe/registry/remove', { status: 500, error: evil });
    await tab.button('Remove').click();
    await tab.action('Remove universe').click();
    await tab.dialog.getByRole('alert').getByText(evil).waitFor();
    await isText('dialog');
    await tab.close([kAnswered(502), kAnswered(500)]);
  });

  it('says so when there is nothing, and when something cannot be had', kModelOnly, async () => {
    const { model } = held.target;
    model.universes = [];
    const tab = await held.open('#/universes');
    await tab.page.getByText('No universe yet').waitFor();
    await tab.goto('#/universes/123');
    await tab.page.getByText('This universe is not registered').waitFor();
    await tab.goto('#/');
    await tab.page.getByText('No universe yet').waitFor();
    await tab.goto('#/no/such/place');
    await tab.heading('Not found').waitFor();
    model.reset();
    for (const [section, path, empty] of [['servers', 'servers', 'No live game server'], ['tokens', 'tokens', 'No tokens yet']]) {
      model.failWith(`GET /universe/3826587512/${path}`, { status: 500, error: 'Out of order' });
      await tab.goto(`#/universes/3826587512/${section}`);
      await tab.page.getByRole('alert').filter({ hasText: 'Out of order' }).waitFor();
      model.failWith(`GET /universe/3826587512/${path}`, null);
      await tab.button('Try again').click();
      await tab.page.getByText(empty).waitFor();
    }
    await tab.goto('#/universes/3826587512');
    await tab.page.getByText('No messages in the last minute').waitFor();
    await tab.close([kAnswered(404), kAnswered(500)]);
  });
});
