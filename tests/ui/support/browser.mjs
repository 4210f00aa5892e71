// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Chromium, and the operator's page in one of its tabs.
import { createRequire } from 'node:module';

import { logIn } from './http.mjs';
import { holdForSuite, WatchedPage } from './watched_page.mjs';

const require = createRequire(`${process.env.PULSE_TEST_NODE_FOLDER}/package.json`);
const { chromium } = require('playwright-core');

export function launchBrowser() {
  return chromium.launch({
    executablePath: process.env.PULSE_TEST_CHROMIUM,
    headless: true,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
  });
}

/** What Chromium says of any answer that is not 2xx: for tests that ask for one. */
export const kAnswered = (status) => new RegExp(`^error: Failed to load resource: .* status of ${status}`);
export const kBroken = /^error: Failed to load resource: net::ERR_/;

export class Tab extends WatchedPage {
  #target;

  /** At `hash`; further options are those of a playwright context: viewport, colorScheme, … */
  static async open(browser, target, hash = '', options = {}) {
    const tab = new Tab();
    tab.#target = target;
    await tab.watch(browser, target.baseUrl, options);
    await tab.page.addInitScript(() => {
      window.layoutShift = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.layoutShift += entry.value;
      }).observe({ type: 'layout-shift', buffered: true });
    });
    if (options.isLoggedIn !== false) await tab.#logInByCookie();
    await tab.goto(hash);
    return tab;
  }

  async #logInByCookie() {
    const [pair] = (await logIn(this.#target)).split(';');
    const [name, value] = pair.split('=');
    await this.page.context().addCookies([{ name, value, url: this.#target.baseUrl, httpOnly: true, sameSite: 'Strict' }]);
  }

  goto(hash) { return this.page.goto(`${this.#target.baseUrl}/${hash}`); }

  heading(name) { return this.page.getByRole('heading', { name, exact: true, level: 1 }); }
  link(name) { return this.page.getByRole('link', { name, exact: true }); }
  row(name) { return this.page.getByRole('row').filter({ hasText: name }); }
  get dialog() { return this.page.getByRole('dialog'); }
  /** Of the open dialog. */
  action(name) { return this.dialog.getByRole('button', { name, exact: true }); }
  toast(text) { return this.page.getByRole('log', { name: 'Messages' }).getByText(text); }
  state(text) { return this.page.locator('.top-bar [role=status]').filter({ hasText: text }); }

  /** What has the focus, as a screen reader would name it. */
  focused() {
    return this.page.evaluate(() => {
      const element = document.activeElement;
      return element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent;
    });
  }

  async closed() { await this.dialog.waitFor({ state: 'hidden' }); }
}

/** A file's suite: one browser, one target, both ended whatever happens. */
export function fixture({ before, after }, startTarget) {
  const held = {};
  holdForSuite({ before, after }, async () => {
    held.target = await startTarget();
    held.browser = await launchBrowser();
  }, () => [held.browser?.close(), held.target?.stop()]);
  /** `target`: another than the suite's. */
  held.open = (hash, { target = held.target, ...options } = {}) => Tab.open(held.browser, target, hash, options);
  return held;
}
