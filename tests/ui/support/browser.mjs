// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Chromium, and the page in one of its tabs, watched for what nobody should find there: complaints in
// the console (violations of the content security policy among them) and requests to other hosts.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

import { logIn } from './http.mjs';

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

export class Tab {
  page;
  #target;
  #complaints = [];
  #elsewhere = [];

  /** At `hash`; further options are those of a playwright context: viewport, colorScheme, … */
  static async open(browser, target, hash = '', options = {}) {
    const tab = new Tab();
    tab.#target = target;
    const context = await browser.newContext(options);
    context.setDefaultTimeout(30_000);
    tab.page = await context.newPage();
    tab.page.on('console', (message) => tab.#complaints.push(`${message.type()}: ${message.text()}`));
    tab.page.on('pageerror', (error) => tab.#complaints.push(`uncaught: ${error.stack}`));
    tab.page.on('dialog', (dialog) => {
      tab.#complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    tab.page.on('request', (request) => {
      if (!request.url().startsWith(target.baseUrl)) tab.#elsewhere.push(request.url());
    });
    await tab.page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) =>
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
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

  /** Closes the tab. Nothing may have been said to the console but what one of `expected` matches. */
  async close(expected = []) {
    await this.page.evaluate(() => {});
    await this.page.context().close();
    const unexpected = this.#complaints.filter((text) => !expected.some((pattern) => pattern.test(text)));
    assert.deepEqual(unexpected, []);
    assert.deepEqual(this.#elsewhere, [], 'the page asks other hosts');
  }

  button(name) { return this.page.getByRole('button', { name, exact: true }); }
  field(name) { return this.page.getByLabel(name, { exact: true }); }
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
  before(async () => {
    held.target = await startTarget();
    held.browser = await launchBrowser();
  });
  after(async () => {
    const ends = await Promise.allSettled([held.browser?.close(), held.target?.stop()]);
    for (const { reason } of ends) if (reason) throw reason;
  });
  /** `target`: another than the suite's. */
  held.open = (hash, { target = held.target, ...options } = {}) => Tab.open(held.browser, target, hash, options);
  return held;
}
