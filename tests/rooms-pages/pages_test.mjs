// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the demo pages do, two of them at a time.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { faintTexts } from '../ui/support/contrast.mjs';
import { kNoServer, rawClient, stage } from './support/stage.mjs';

const held = stage({ before, after });
const closed = (...tabs) => Promise.all(tabs.map((tab) => tab.close()));
const kPhone = { viewport: { width: 360, height: 740 }, hasTouch: true };
const kMunich = { place: { 'x-latitude': '48.14', 'x-longitude': '11.58' } };
const kSantiago = { place: { 'x-latitude': '-33.45', 'x-longitude': '-70.67' } };

describe('the chat page', () => {
  it('carries messages both ways, signed with name and suffix', async () => {
    const room = held.room('harbour');
    const ann = await held.open('chat', room);
    await ann.join('Ann');
    const bob = await held.open('chat', room, kPhone);
    await bob.join('Bob');
    await ann.say('Hello, Bob');
    await bob.hears('Ann#1: Hello, Bob');
    await bob.say('Hello, Ann');
    await ann.hears('Bob#2: Hello, Ann');
    assert.deepEqual(await ann.lines(), ['Ann#1: Hello, Bob', 'Bob#2: Hello, Ann']);
    assert.equal(await ann.field('Message').inputValue(), '', 'what was sent leaves the field');
    await bob.picture('chat');
    await closed(ann, bob);
  });

  it('shows markup as the text that it is', async () => {
    const room = held.room();
    const name = '<img src=x onerror=alert(1)>&amp;';
    const ann = await held.open('chat', room);
    await ann.join(name);
    await ann.say('<script>alert(2)</script><b>bold</b>');
    await ann.hears(`${name}#1: <script>alert(2)</script><b>bold</b>`);
    assert.equal(await ann.page.locator('#log img, #log b, #log script, #self img').count(), 0);
    await ann.close();
  });

  it('calls who has no name anonymous, and shows a message that is no text as JSON', async () => {
    const room = held.room();
    const ann = await held.open('chat', room);
    await ann.join('Ann');
    const raw = await rawClient(held.server, room);
    raw.send('chat', 'psst');
    await ann.hears('anonymous: psst');
    raw.send('chat', { a: [1] });
    await ann.hears('anonymous: {"a":[1]}');
    raw.send('chat');
    await ann.hears('anonymous: ');
    raw.close();
    await ann.close();
  });

  it('knows who it is after it was loaded again, and who its address says', async () => {
    const room = held.room();
    const ann = await held.open('chat', room);
    await ann.join('Ann');
    const id = await ann.page.evaluate((name) => sessionStorage.getItem(`${name}_session`), room);
    assert.match(id, /^[0-9a-f-]{36}$/);
    await ann.page.reload();
    await ann.log.waitFor();
    assert.equal(await ann.page.locator('#self').textContent(), 'Ann#1');
    const other = await held.open('chat', room, { query: { session: id } });
    await other.log.waitFor();
    await other.say('I am Ann, too');
    await ann.hears('Ann#1: I am Ann, too');
    await closed(ann, other);
  });

  it('comes back after the server did, as the same user, and hears again', async () => {
    const room = held.room();
    const [ann, bob] = [await held.open('chat', room), await held.open('chat', room)];
    await ann.join('Ann');
    await bob.join('Bob');
    const self = await bob.page.locator('#self').textContent();
    await held.server.terminate();
    await Promise.all([ann.disconnected(), bob.disconnected()]);
    await ann.say('nobody hears this');
    assert.equal(await ann.field('Message').inputValue(), 'nobody hears this', 'what could not be sent stays in the field');
    await held.server.launch();
    await Promise.all([ann.connected(), bob.connected()]);
    // Who is back first would speak to itself.
    await bob.say('Back?');
    await bob.hears(`${self}: Back?`);
    await ann.page.waitForFunction(() => !document.getElementById('chat').hidden);
    await ann.say('Back!');
    await bob.hears('Ann#1: Back!');
    await Promise.all([ann.close([kNoServer]), bob.close([kNoServer])]);
  });

  it('is used with the keyboard alone', async () => {
    const ann = await held.open('chat', held.room());
    await ann.connected();
    await ann.field('Your name').focus();
    await ann.page.keyboard.type('Ann');
    await ann.page.keyboard.press('Enter');
    await ann.log.waitFor();
    // The field has the focus then.
    await ann.page.keyboard.type('typed');
    await ann.page.keyboard.press('Enter');
    await ann.hears('Ann#1: typed');
    await ann.close();
  });
});

for (const [page, type] of [['poll', 'poll'], ['ephemeral', 'ephemeralPoll']]) {
  describe(`the ${page} page`, () => {
    it('shows the bars of all votes to everybody', async () => {
      const room = held.room();
      const [a, b] = [await held.open(page, room), await held.open(page, room)];
      await Promise.all([a.connected(), b.connected()]);
      await a.button('Green').click();
      assert.deepEqual(await b.counts(1, 0, 0, 0), [100, 0, 0, 0]);
      await b.button('Red').click();
      assert.deepEqual(await a.counts(1, 1, 0, 0), [100, 100, 0, 0]);
      await a.button('Red').click();
      assert.deepEqual(await b.counts(0, 2, 0, 0), [0, 100, 0, 0]);
      assert.equal(await a.button('Red').getAttribute('aria-pressed'), 'true');
      assert.equal(await a.button('Green').getAttribute('aria-pressed'), 'false');
      await b.page.getByText('2 votes', { exact: true }).waitFor();
      // Answers that are no choice are not shown; those that are count against the longest.
      const raw = await rawClient(held.server, room);
      raw.send(type, { id: 'fav_color', answer: '<b>Blue</b>' });
      raw.send(type, { id: 'other', answer: 'Green' });
      raw.send(type, { id: 'fav_color', answer: 'Orange' });
      assert.deepEqual(await b.counts(0, 2, 0, 1), [0, 100, 0, 50]);
      raw.close();
      await closed(a, b);
    });

    it('is told what was voted before it came', async () => {
      const room = held.room();
      const raw = await rawClient(held.server, room);
      raw.send(type, { id: 'fav_color', answer: 'Purple' });
      const a = await held.open(page, room);
      await a.counts(0, 0, 1, 0);
      raw.close();
      await a.close();
    });

    it('is used with the keyboard alone', async () => {
      const a = await held.open(page, held.room());
      await a.connected();
      await a.button('Purple').focus();
      await a.page.keyboard.press('Space');
      await a.counts(0, 0, 1, 0);
      await a.page.keyboard.press('Tab');
      await a.page.keyboard.press('Enter');
      await a.counts(0, 0, 0, 1);
      await a.close();
    });
  });
}

describe('votes of who has left', () => {
  it('stay in a poll', async () => {
    const room = held.room();
    const [a, b] = [await held.open('poll', room), await held.open('poll', room)];
    await Promise.all([a.connected(), b.connected()]);
    await b.button('Red').click();
    await a.counts(0, 1, 0, 0);
    await b.close();
    await a.button('Green').click();
    await a.counts(1, 1, 0, 0);
    await a.close();
  });

  it('go from an ephemeral poll', async () => {
    const room = held.room();
    const [a, b] = [await held.open('ephemeral', room), await held.open('ephemeral', room)];
    await Promise.all([a.connected(), b.connected()]);
    await a.button('Green').click();
    await b.button('Red').click();
    await a.counts(1, 1, 0, 0);
    await b.close();
    await a.counts(1, 0, 0, 0);
    await a.close();
  });

  it('are cast again in an ephemeral poll by who comes back, and are still there in the other', async () => {
    const room = held.room();
    const [a, b] = [await held.open('ephemeral', room), await held.open('poll', room)];
    await Promise.all([a.connected(), b.connected()]);
    await a.button('Green').click();
    await b.button('Orange').click();
    await Promise.all([a.counts(1, 0, 0, 0), b.counts(0, 0, 0, 1)]);
    await held.server.terminate();
    await Promise.all([a.disconnected(), b.disconnected()]);
    await held.server.launch();
    const c = await held.open('ephemeral', room);
    await c.counts(1, 0, 0, 0);
    await Promise.all([a.connected(), b.connected()]);
    const d = await held.open('poll', room);
    await d.counts(0, 0, 0, 1);
    await Promise.all([a.close([kNoServer]), b.close([kNoServer]), c.close(), d.close()]);
  });
});

describe('the live map', () => {
  it('pins everybody to their place, for as long as they are there', async () => {
    const room = held.room('harbour');
    const a = await held.open('livemap', room, kMunich);
    assert.deepEqual(await a.people('1 user in 1 place'), [[11.58, -48.14]]);
    const b = await held.open('livemap', room, kSantiago);
    const c = await held.open('livemap', room, kSantiago);
    const both = [[-70.67, 33.45], [11.58, -48.14]];
    assert.deepEqual(await a.people('3 users in 2 places'), both);
    assert.deepEqual(await b.people('3 users in 2 places'), both);
    await a.picture('livemap');
    assert.deepEqual(await a.page.getByRole('listitem').filter({ hasText: '°' }).allTextContents(),
      ['33.45° S, 70.67° W2', '48.14° N, 11.58° E1']);
    await closed(b, c);
    assert.deepEqual(await a.people('1 user in 1 place'), [[11.58, -48.14]]);
    await a.close();
  });

  it('draws the land where it is', async () => {
    const a = await held.open('livemap', held.room());
    const isLand = await a.page.evaluate((places) => {
      const land = document.querySelector('.land');
      return places.map(([latitude, longitude]) => land.isPointInFill(new DOMPoint(longitude, -latitude)));
    }, [[48, 11], [-25, 135], [40, -100], [10, 20], [-10, -55], [60, 100], [66.5, -173], [66.5, 179], [-88, 0], [-88, 179], [35, -40], [0, -150], [-30, 80], [-40, -20], [74, -170], [-16.6, 100]]);
    assert.deepEqual(isLand, [...Array(10).fill(true), ...Array(6).fill(false)]);
    await a.close();
  });

  it('has a poll of its own where its address names one, and takes no nonsense for a place', async () => {
    const room = held.room();
    const a = await held.open('livemap', room, { ...kMunich, query: { poll: 'office' } });
    const raw = await rawClient(held.server, room);
    raw.send('ephemeralPoll', { id: 'liveMap', answer: '1,1' });
    raw.send('ephemeralPoll', { id: 'office', answer: '<b>here</b>' });
    assert.deepEqual(await a.people('2 users in 2 places'), [[11.58, -48.14]]);
    raw.send('ephemeralPoll', { id: 'office', answer: '91,0' });
    raw.send('ephemeralPoll', { id: 'office', answer: '48.14,11.58' });
    await a.people('2 users in 1 place');
    raw.close();
    await a.close();
  });

  it('knows the default place of a server that knows nothing else', async () => {
    const a = await held.open('livemap', held.room());
    assert.deepEqual(await a.people('1 user in 1 place'), [[0, 0]]);
    await a.close();
  });
});

describe('all pages', () => {
  it('begin in the room "demo", and links stay in the room', async () => {
    const a = await held.open('rooms');
    assert.equal(await a.field('Room').inputValue(), 'demo');
    await a.field('Room').fill('a room & more');
    await a.button('Use this room').click();
    await a.page.waitForURL(/room=/);
    for (const name of ['Chat', 'Poll', 'Ephemeral poll', 'Live map']) {
      await a.page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
      await a.page.getByRole('heading', { name, level: 1 }).waitFor();
      await a.connected();
      assert.equal(await a.page.locator('[data-room]').textContent(), 'a room & more');
    }
    await a.goto('/poll');
    await a.connected();
    assert.equal(await a.page.locator('[data-room]').textContent(), 'demo');
    await a.close();
  });

  for (const colorScheme of ['light', 'dark']) {
    for (const [size, options] of [['desktop', { viewport: { width: 1100, height: 800 } }], ['phone', kPhone]]) {
      it(`can be read in the ${colorScheme} scheme on a ${size}`, async () => {
        const room = held.room();
        const raw = await rawClient(held.server, room);
        raw.send('poll', { id: 'fav_color', answer: 'Green' });
        for (const page of ['rooms', 'chat', 'poll', 'ephemeral', 'livemap']) {
          const tab = await held.open(page, room, { ...options, colorScheme });
          if (page !== 'rooms') await tab.connected();
          if (page === 'chat') {
            await tab.join('Ann with a name that is rather long for a small screen');
            await tab.say(`${'wide '.repeat(30)}${'w'.repeat(300)}`);
            await tab.log.getByRole('listitem').first().waitFor();
          }
          if (page === 'poll') await tab.button('Green').click();
          assert.deepEqual(await tab.page.evaluate(faintTexts), [], page);
          await tab.fits();
          await tab.picture(`${page}-${size}-${colorScheme}`);
          await tab.close();
        }
        raw.close();
      });
    }
  }

  it('name every field and button, and have one heading of the first level', async () => {
    for (const page of ['rooms', 'chat', 'poll', 'ephemeral', 'livemap']) {
      const tab = await held.open(page, held.room());
      const unnamed = await tab.page.evaluate(() => [...document.querySelectorAll('input, button')]
        .filter((each) => !(each.labels?.length > 0 || each.textContent.trim() !== '')).map((each) => each.outerHTML));
      assert.deepEqual(unnamed, []);
      assert.equal(await tab.page.getByRole('heading', { level: 1 }).count(), 1);
      await tab.close();
    }
  });
});
