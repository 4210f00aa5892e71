// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is seen: live figures, and how the page looks in every size and scheme.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';

import { fixture, kAnswered, kBroken } from './support/browser.mjs';
import { faintTexts } from './support/contrast.mjs';
import { isModel, startTarget } from './support/target.mjs';

const kModelOnly = { skip: !isModel };
const kDesktop = { width: 1440, height: 900 };
const kPhone = { width: 390, height: 844 };

describe('the page', { timeout: 500_000 }, () => {
  const held = fixture({ before, after }, startTarget);
  beforeEach(() => held.target.model?.reset());

  const views = () => {
    const { id } = held.target.sample;
    return ['#/', '#/universes', ...['', '/servers', '/tokens', '/keys', '/settings'].map((at) => `#/universes/${id}${at}`)];
  };
  /** With its figures there. */
  const settle = async (tab) => {
    await tab.page.locator('h1').waitFor();
    await tab.page.waitForFunction(() => document.querySelector('[aria-busy=true]') === null);
    await tab.page.evaluate(() => Promise.allSettled(document.getAnimations().filter((a) => a.effect.getTiming().iterations === 1).map((a) => a.finished)));
  };

  it('is live: figures change by themselves, from one stream', async () => {
    const tab = await held.open('#/');
    await tab.state('Live').waitFor();
    const figure = tab.page.locator('.figure').filter({ hasText: 'Deliveries/s' }).locator('.value');
    const first = await figure.innerText();
    await tab.page.waitForFunction((was) => [...document.querySelectorAll('.figure')]
      .some((f) => f.textContent.includes('Deliveries/s') && !f.textContent.includes(was)), first);
    const label = await tab.page.getByRole('img', { name: /^Deliveries per second/ }).getAttribute('aria-label');
    assert.match(label, /Deliveries\/s: [\d,.]+ now, [\d,.]+ at most/);
    if (isModel) assert.equal(held.target.model.streamCount, 1);
    await tab.goto(`#/universes/${held.target.sample.id}`);
    await tab.page.getByRole('img', { name: /^Messages per second/ }).waitFor();
    await tab.page.waitForFunction(() => document.querySelector('canvas').getContext('2d')
      .getImageData(0, 0, 600, 300).data.some((byte) => byte !== 0));
    if (isModel) assert.equal(held.target.model.streamCount, 1);
    await tab.close();
  });

  it('says when the stream breaks, comes back by itself and has what it missed', kModelOnly, async () => {
    const { model } = held.target;
    const tab = await held.open('#/universes');
    await tab.state('Live').waitFor();
    model.refusesStreams = true;
    model.dropStreams();
    await tab.state('Reconnecting…').waitFor();
    assert.equal(await tab.row('Harbour Tycoon').count(), 1, 'what was known stays on the screen');
    model.universes[0].name = 'Renamed meanwhile';
    model.refusesStreams = false;
    await tab.state('Live').waitFor();
    await tab.row('Renamed meanwhile').waitFor();
    await tab.close([kBroken, kAnswered(503)]);
  });

  it('does not take a registry that cannot be read for an empty one', kModelOnly, async () => {
    const { model } = held.target;
    const before = model.universes;
    const breakDown = () => {
      model.failWith('GET /universe/registry', { status: 503, error: 'The registry is not loaded yet' });
      model.universes = [];
    };
    const repair = () => {
      model.failWith('GET /universe/registry', null);
      model.universes = before;
    };
    const tab = await held.open('#/universes');
    await tab.row('Harbour Tycoon').waitFor();
    breakDown();
    model.dropStreams();
    await tab.page.getByText('What you see is older').waitFor();
    assert.equal(await tab.row('Harbour Tycoon').count(), 1, 'what was known stays on the screen');
    await tab.page.reload();
    await tab.page.getByRole('alert').filter({ hasText: 'The registry is not loaded yet. The page keeps asking' }).waitFor();
    repair();
    await tab.row('Harbour Tycoon').waitFor();
    await tab.page.getByText('The registry is not loaded yet').waitFor({ state: 'hidden' });
    await tab.close([kAnswered(503), kBroken]);
  });

  it('keeps its place over a reload, and goes back as one went', async () => {
    const { id, name } = held.target.sample;
    const tab = await held.open(`#/universes/${id}/keys`);
    await tab.heading(name).waitFor();
    await tab.page.reload();
    await tab.page.getByRole('region', { name: 'Slot 1', exact: true }).waitFor();
    await tab.link('Settings').click();
    await tab.field('Topic prefix').waitFor();
    assert.equal(await tab.page.title(), `Universe ${id}, settings · Pulse`);
    await tab.page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Overview' }).click();
    await tab.heading('Overview').waitFor();
    assert.equal(await tab.focused(), 'Overview');
    await tab.page.goBack();
    await tab.field('Topic prefix').waitFor();
    await tab.page.goBack();
    await tab.page.getByRole('region', { name: 'Slot 1', exact: true }).waitFor();
    await tab.close();
  });

  it('leads to the pages of the rooms where they are served', async () => {
    const tab = await held.open('#/');
    await tab.link('Rooms').waitFor();
    assert.equal(await tab.link('Rooms').evaluate((link) => link.href), `${held.target.baseUrl}/rooms`);
    await tab.close();
  });

  for (const colorScheme of ['light', 'dark']) {
    it(`is readable in the ${colorScheme} scheme, on a desktop and on a phone`, async () => {
      for (const viewport of [kDesktop, kPhone]) {
        const tab = await held.open('', { colorScheme, viewport });
        for (const view of views()) {
          await tab.goto(view);
          await settle(tab);
          assert.deepEqual(await tab.page.evaluate(faintTexts), [], view);
        }
        for (const [view, opener] of [['#/universes', 'Add universe'], [views()[2], 'Remove'], [views()[2], 'Send test message']]) {
          await tab.goto(view);
          await tab.button(opener).click();
          await settle(tab);
          assert.deepEqual(await tab.page.evaluate(faintTexts), [], opener);
          await tab.page.keyboard.press('Escape');
          await tab.closed();
        }
        await tab.close();
      }
    });
  }

  it('fits every width without scrolling sideways', async () => {
    const tab = await held.open();
    for (const width of [320, 390, 768, 1024, 1440, 2200]) {
      await tab.page.setViewportSize({ width, height: 800 });
      for (const view of views()) {
        await tab.goto(view);
        await settle(tab);
        const over = await tab.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(over <= 0, `${view} at ${width}: ${over} px too wide`);
      }
    }
    await tab.close();
  });

  it('holds still while its figures change', async () => {
    const tab = await held.open('#/');
    await settle(tab);
    await tab.state('Live').waitFor();
    for (const view of [views()[0], views()[1], views()[2]]) {
      await tab.goto(view);
      await settle(tab);
      await tab.page.evaluate(() => { window.layoutShift = 0; });
      const seen = await tab.page.locator('#main').innerText();
      await tab.page.waitForFunction((was) => document.getElementById('main').innerText !== was, seen);
      assert.ok(await tab.page.evaluate(() => window.layoutShift) < 0.01, view);
    }
    await tab.close();
  });

  it('does not move for those who do not want that', async () => {
    const tab = await held.open('#/', { reducedMotion: 'reduce' });
    await tab.state('Live').waitFor();
    const [duration, times] = await tab.page.locator('.live-dot').evaluate((dot) =>
      [getComputedStyle(dot).animationDuration, getComputedStyle(dot).animationIterationCount]);
    assert.ok(parseFloat(duration) < 0.001);
    assert.equal(times, '1');
    await tab.close();
  });

  it('tells every control by name, and shows where the focus is', async () => {
    for (const view of [views()[1], ...views().slice(4)]) {
      const tab = await held.open(view);
      await settle(tab);
      const nameless = await tab.page.evaluate(() => [...document.querySelectorAll('button, a, input, select, textarea')]
        .filter((e) => e.checkVisibility() && !e.getAttribute('aria-label') && !e.labels?.length && e.textContent.trim() === '')
        .map((e) => e.outerHTML));
      assert.deepEqual(nameless, [], view);
      const unseen = await tab.page.evaluate(async () => {
        const found = [];
        for (const e of document.querySelectorAll('#app button, #app a, #app input')) {
          if (e.disabled) continue;
          e.focus({ focusVisible: true });
          if (parseFloat(getComputedStyle(e).outlineWidth) < 2 || getComputedStyle(e).outlineStyle === 'none') found.push(e.outerHTML);
        }
        return found;
      });
      assert.deepEqual(unseen, [], view);
      await tab.close();
    }
  });

  it('has its picture taken', { skip: process.env.PULSE_SCREENSHOTS === undefined }, async () => {
    const folder = path.resolve(process.env.PULSE_SCREENSHOTS);
    mkdirSync(folder, { recursive: true });
    const { id } = held.target.sample;
    const pictures = [
      ['overview-light', '#/', 'light', { width: 1280, height: 790 }],
      ['universes-dark', '#/universes', 'dark', { width: 1280, height: 500 }],
      ['universe-light', `#/universes/${id}`, 'light', { width: 1280, height: 800 }],
      ['universe-dark', `#/universes/${id}`, 'dark', { width: 1280, height: 800 }],
      ['universes-phone', '#/universes', 'light', kPhone],
      ['universe-phone', `#/universes/${id}`, 'dark', kPhone],
    ];
    for (const [name, view, colorScheme, viewport] of pictures) {
      const tab = await held.open(view, { colorScheme, viewport, deviceScaleFactor: 1.5 });
      await settle(tab);
      await tab.state('Live').waitFor();
      await tab.page.screenshot({ path: path.join(folder, `ui-${name}.png`), animations: 'disabled' });
      await tab.close();
    }
  });
});
