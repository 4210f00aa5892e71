// SPDX-License-Identifier: MIT OR Apache-2.0
//
// examples/browser-client as somebody sees it who opened it: in Chromium, with the real server.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { kForeignName, launchBrowser, Tab } from './support/browser.mjs';
import { PageHost, pageFile } from './support/page_host.mjs';
import { Server } from './support/server.mjs';

const kConnectionRefused = /^error: WebSocket connection to 'ws:.*' failed: .*ERR_CONNECTION_REFUSED/;
const kAnswer403 = /^error: WebSocket connection to 'ws:.*' failed: .*Unexpected response code: 403/;

describe('the browser client', { timeout: 500_000 }, () => {
  let browser;
  let host;
  let server;

  // What was started has to end, whatever else fails, or this process would not.
  before(async () => {
    server = await Server.start();
    host = await PageHost.start();
    browser = await launchBrowser();
  });
  after(async () => {
    const ends = [server?.stop(), host?.stop(), browser?.close()];
    for (const { reason } of await Promise.allSettled(ends)) if (reason) throw reason;
  });

  const openFile = (options) => Tab.open(browser, pageFile(server.address), options);

  const origins = {
    'a file': () => pageFile(server.address),
    'a web server on 127.0.0.1': () => host.url(server.address),
    'a web server on localhost': () => host.url(server.address, 'localhost'),
  };
  for (const [origin, url] of Object.entries(origins)) {
    it(`opened from ${origin} talks to a second tab`, async () => {
      const alice = await Tab.open(browser, url());
      const bob = await Tab.open(browser, url());
      for (const tab of [alice, bob]) {
        await tab.connect();
        await tab.subscribe('chat:lobby');
      }
      await alice.publish('Hello, Bob');
      for (const tab of [alice, bob]) {
        assert.equal(await tab.waitForLine('in', 'Hello, Bob'),
          '{"type":"publish","channel":"chat:lobby","payload":"Hello, Bob"}');
      }
      await bob.publish('Hello, Alice');
      await alice.waitForLine('in', 'Hello, Alice');
      assert.equal(await alice.field('Message').inputValue(), '');
      await alice.close();
      await bob.close();
    });
  }

  it('opened from another host is not admitted, and says so', async () => {
    const tab = await Tab.open(browser, host.url(server.address, kForeignName));
    await tab.button('Connect').click();
    await tab.waitForStatus('Not connected: no server at this address, or it does not admit this page');
    await tab.close([kAnswer403]);
  });

  it('hears nothing of a channel after unsubscribing, and of others neither', async () => {
    const speaker = await openFile();
    const listener = await openFile();
    await speaker.connect();
    await listener.connect();
    await listener.subscribe('left');
    await listener.button('Unsubscribe').click();
    await listener.waitForLine('in', '"type":"ack","id":2');
    await listener.subscribe('stayed');
    for (const channel of ['left', 'other', 'stayed']) {
      await speaker.field('Channel').fill(channel);
      await speaker.publish(`to ${channel}`);
    }
    // One connection's requests are handled in order: the last to come is the only one.
    await listener.waitForLine('in', 'to stayed');
    assert.equal(await listener.log.locator('li.in', { hasText: '"publish"' }).count(), 1);
    await speaker.close();
    await listener.close();
  });

  it('shows errors as such', async () => {
    const tab = await openFile();
    await tab.connect();
    await tab.field('Channel').fill('$reserved');
    await tab.button('Subscribe').click();
    assert.deepEqual(JSON.parse(await tab.waitForLine('error', 'reserved')), {
      type: 'error', id: 1, code: 1002, message: "Invalid channel name: Channel names starting with '$' are reserved",
    });
    // What the client knows by itself it does not ask.
    await tab.button('Unsubscribe').click();
    await tab.waitForLine('note', 'Not subscribed to $reserved');
    await tab.close();
  });

  it('shows markup as text', async () => {
    const attack = `<img src=x onerror="alert(1)"><script>alert(2)</script>" ' & </li>`;
    const alice = await openFile();
    const bob = await openFile();
    for (const tab of [alice, bob]) {
      await tab.connect();
      await tab.subscribe('<b>bold</b>');
    }
    await alice.publish(attack);
    for (const tab of [alice, bob]) {
      assert.deepEqual(JSON.parse(await tab.waitForLine('in', 'onerror')),
        { type: 'publish', channel: '<b>bold</b>', payload: attack });
      assert.equal(await tab.log.locator('li *').count(), 0);
    }
    // Neither does the address, which comes from a link.
    const lured = await Tab.open(browser, pageFile(`"><img src=x onerror=alert(3)>`));
    await lured.button('Connect').click();
    await lured.waitForStatus("Failed to construct 'WebSocket'");
    assert.equal(await lured.page.locator('img').count(), 0);
    for (const tab of [alice, bob, lured]) await tab.close();
  });

  it('carries any character, and payloads up to the limit', async () => {
    const tab = await openFile();
    await tab.connect();
    await tab.subscribe('chat:lobby');
    const largest = 'x'.repeat(65_536);
    for (const text of ['Grüße, 世界 \u{1f600} \u2028 \\ "', largest]) {
      await tab.publish(text);
      const line = await tab.waitForLine('in', text.slice(0, 6));
      assert.equal(JSON.parse(line).payload, text);
    }
    await tab.publish(`${largest}x`);
    assert.equal(JSON.parse(await tab.waitForLine('error', 'Payload too large')).code, 1007);
    await tab.waitForStatus('Connected');
    await tab.close();
  });

  it('keeps what was typed while there is no connection', async () => {
    const tab = await openFile();
    await tab.publish('unsent');
    await tab.waitForLine('note', 'Not connected');
    assert.equal(await tab.field('Message').inputValue(), 'unsent');
    await tab.close();
  });

  it('explains itself when the address asks for JSON', async () => {
    const tab = await Tab.open(browser, pageFile(`${server.address}?format=json`));
    await tab.button('Connect').click();
    await tab.waitForStatus('The server speaks JSON here: leave format=json out of the address');
    await tab.close();
  });

  it('disconnects and connects again', async () => {
    const tab = await openFile();
    await tab.connect();
    await tab.button('Disconnect').click();
    await tab.waitForStatus('Closed (1000)');
    await tab.connect();
    await tab.close();
  });

  it('reports a server that stops or breaks, and connects again once it is back', async () => {
    // An address of its own: between two lives of this server nobody else gets the port.
    const host = '127.0.0.2';
    let mortal = await Server.start({ host });
    const { port, address } = mortal;
    const tab = await Tab.open(browser, pageFile(address));
    await tab.connect();
    await mortal.stop();
    await tab.waitForStatus('Closed (1001: Server is shutting down)');
    await tab.waitForLine('error', '"code":1010');
    await tab.button('Connect').click();
    await tab.waitForStatus('Not connected: no server at this address');

    mortal = await Server.start({ host, port });
    await tab.connect();
    await mortal.kill();
    await tab.waitForStatus('Closed (1006)');

    mortal = await Server.start({ host, port });
    await tab.connect();
    await tab.subscribe('chat:lobby');
    await tab.publish('back again');
    await tab.waitForLine('in', 'back again');
    await tab.close([kConnectionRefused]);
    await mortal.stop();
  });

  it('keeps the last 200 lines, and follows them unless scrolled back', async () => {
    const tab = await openFile();
    await tab.connect();
    await tab.subscribe('chat:lobby');
    const isAtEnd = () => tab.log.evaluate(
      (log) => log.scrollTop + log.clientHeight >= log.scrollHeight - 4);
    // Each is three lines: what was sent, its ack, what came.
    for (let i = 0; i < 80; ++i) await tab.publish(`message ${i}.`);
    await tab.waitForLine('in', 'message 79.');
    assert.equal(await tab.log.locator('li').count(), 200);
    assert.ok(await isAtEnd());
    await tab.log.evaluate((log) => { log.scrollTop = 0; });
    await tab.publish('unseen');
    await tab.waitForLine('in', 'unseen');
    assert.ok(!await isAtEnd());
    await tab.close();
  });

  for (const width of [320, 390]) {
    it(`fits a phone that is ${width} pixels wide`, async () => {
      const tab = await openFile({ viewport: { width, height: 640 }, isMobile: true, hasTouch: true });
      await tab.connect();
      await tab.subscribe('c'.repeat(256));
      await tab.publish('W'.repeat(2000));
      await tab.waitForLine('in', 'WWWW');
      for (let i = 0; i < 30; ++i) await tab.publish(`message ${i}.`);
      await tab.waitForLine('in', 'message 29.');
      assert.equal(await tab.page.evaluate(() => document.documentElement.scrollWidth), width);
      assert.ok(await tab.log.evaluate((log) => log.scrollWidth <= log.clientWidth), 'frames wrap');
      // Neither did the frames push the field away that one types into.
      const box = await tab.field('Message').boundingBox();
      assert.ok(box.y >= 0 && box.y + box.height <= 640 && box.x >= 0 && box.x + box.width <= width,
        JSON.stringify(box));
      await tab.close();
    });
  }

  for (const [colorScheme, isRight] of [['light', (l) => l > 0.8], ['dark', (l) => l < 0.1]]) {
    it(`is legible in ${colorScheme} mode`, async () => {
      const tab = await openFile({ colorScheme });
      await tab.connect();
      await tab.field('Channel').fill('$reserved');
      await tab.button('Subscribe').click();
      await tab.waitForLine('error', 'reserved');
      const { background, contrasts } = await tab.page.evaluate(measureColours);
      assert.ok(isRight(background), `the page's luminance is ${background}`);
      assert.ok(contrasts.length >= 10);
      // WCAG 2.2, success criterion 1.4.3.
      for (const { name, ratio } of contrasts) assert.ok(ratio >= 4.5, `${name}: ${ratio}`);
      await tab.close();
    });
  }
});

/** In the page: its luminance, and the contrast of every element that has text of its own. */
function measureColours() {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  // Painted, so that any notation of a colour and any transparency comes out as bytes.
  const paint = (...colours) => {
    for (const colour of colours) {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    return canvas.getImageData(0, 0, 1, 1).data.slice(0, 3);
  };
  const luminance = (rgb) => [...rgb]
    .map((byte) => byte / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);

  // What a system colour is depends on the scheme of the element that asks.
  const probe = document.body.appendChild(document.createElement('div'));
  probe.style.backgroundColor = 'Canvas';
  const base = getComputedStyle(probe).backgroundColor;
  probe.remove();

  const backgrounds = (element) => (element === null
    ? [base]
    : [...backgrounds(element.parentElement), getComputedStyle(element).backgroundColor]);
  const hasText = (element) => element.value
    || [...element.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim());
  const contrasts = [...document.body.querySelectorAll('*:not(script)')].filter(hasText)
    .map((element) => {
      const behind = backgrounds(element);
      const [dark, light] = [
        luminance(paint(...behind)), luminance(paint(...behind, getComputedStyle(element).color)),
      ].sort((a, b) => a - b);
      return { name: `${element.localName} ${element.className}`, ratio: (light + 0.05) / (dark + 0.05) };
    });
  return { background: luminance(paint(...backgrounds(document.body))), contrasts };
}
