// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The real server, and its demo pages in tabs of browsers that know nothing of each other.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import path from 'node:path';

import { PulseServer } from '../../support/pulse_server.mjs';
import { launchBrowser } from '../../ui/support/browser.mjs';
import { holdForSuite, WatchedPage } from '../../ui/support/watched_page.mjs';
import { startProxy } from './proxy.mjs';

const require = createRequire(`${process.env.PULSE_TEST_NODE_FOLDER}/package.json`);
const { WebSocket } = require('ws');

/** Places come from headers that a proxy sets. */
const kSettings = `
[roblox]
enabled = false
[rooms]
enabled = true
detail_headers = ["latitude=x-latitude", "longitude=x-longitude"]
trusted_proxies = ["127.0.0.1"]
`;

/** What Chromium says while there is no server. */
export const kNoServer = /^error: WebSocket connection to 'ws:.*' failed/;

export class Tab extends WatchedPage {
  #baseUrl;

  /** `options` are those of a playwright context: viewport, colorScheme, … */
  static async open(browser, baseUrl, address, options = {}) {
    const tab = new Tab();
    tab.#baseUrl = baseUrl;
    await tab.watch(browser, baseUrl, options);
    await tab.goto(address);
    return tab;
  }

  goto(address) { return this.page.goto(`${this.#baseUrl}${address}`); }

  get log() { return this.page.getByRole('log', { name: 'Messages' }); }
  connected() { return this.page.getByText('Connected', { exact: true }).waitFor(); }
  disconnected() { return this.page.getByText('Connection lost', { exact: false }).waitFor(); }

  async join(name) {
    await this.field('Your name').fill(name);
    await this.button('Join').click();
    await this.log.waitFor();
  }
  async say(text) {
    await this.field('Message').fill(text);
    await this.button('Send').click();
  }
  /** Until a line of the conversation is exactly this. */
  hears(line) {
    return this.page.waitForFunction((wanted) => [...document.querySelectorAll('#log li')].some((each) => each.textContent === wanted), line);
  }
  lines() { return this.log.getByRole('listitem').allTextContents(); }

  /** Until the counts are these, in the order Green, Red, Purple, Orange; with the bars' lengths in percent. */
  async counts(...wanted) {
    await this.page.waitForFunction((text) => [...document.querySelectorAll('.count')].map((each) => each.textContent).join() === text, wanted.join());
    return this.page.locator('.bar').evaluateAll((bars) => bars.map((bar) => Number.parseFloat(bar.style.width)));
  }

  /** Until the line above the map says this; the pins, as [x, y], sorted. */
  async people(text) {
    await this.page.getByText(text, { exact: true }).waitFor();
    const pins = await this.page.locator('#pins circle').evaluateAll((all) =>
      all.map((each) => [Number(each.getAttribute('cx')), Number(each.getAttribute('cy'))]));
    return pins.sort((a, b) => a[0] - b[0]);
  }

  /** Nothing is wider than the window. */
  async fits() {
    const { inner, scroll } = await this.page.evaluate(() => ({ inner: innerWidth, scroll: document.documentElement.scrollWidth }));
    assert.ok(scroll <= inner, `${scroll} wide in a window of ${inner}`);
  }

  async picture(name) {
    const folder = process.env.PULSE_SCREENSHOTS;
    if (folder) await this.page.screenshot({ path: path.join(folder, `rooms-${name}.png`) });
  }
}

/** A client that is no page. */
export async function rawClient(server, room) {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/websocket?room=${encodeURIComponent(room)}`);
  await once(socket, 'message');
  return { send: (type, data) => socket.send(JSON.stringify({ type, data })), close: () => socket.close() };
}

let rooms = 0;

/** A suite: one browser and one server, both ended whatever happens. */
export function stage({ before, after }) {
  const proxies = [];
  const held = {
    async behind(headers) {
      proxies.push(await startProxy(held.server.url, headers));
      return proxies.at(-1).url;
    },
    /** A room that nobody else uses. */
    room: (name = 'room <&>') => `${name} ${++rooms}`,
    /** A page in a room, in a browser of its own; `place` is what a proxy between them says. */
    open: async (page, room, { query = {}, place, ...options } = {}) =>
      Tab.open(held.browser, place === undefined ? held.server.url : await held.behind(place), `/${page}?${new URLSearchParams({ ...(room === undefined ? {} : { room }), ...query })}`, options),
  };
  holdForSuite({ before, after }, async () => {
    held.server = await PulseServer.start({ settings: kSettings });
    held.browser = await launchBrowser();
  }, () => [held.browser?.close(), ...proxies.map((proxy) => proxy.stop()), held.server?.stop()]);
  return held;
}
