// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Chromium, and the example page in one of its tabs, watched for what nobody should find there.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

// Installed into the build folder, where `import` does not look.
const require = createRequire(`${process.env.PULSE_TEST_NODE_FOLDER}/package.json`);
const { chromium } = require('playwright-core');

/** A name that leads to this machine and yet is not a loopback address to anybody who reads it. */
export const kForeignName = 'pulse.example';

export function launchBrowser() {
  return chromium.launch({
    executablePath: process.env.PULSE_TEST_CHROMIUM,
    headless: true,
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
      `--host-resolver-rules=MAP ${kForeignName} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, ` +
          'EXCLUDE 127.0.0.2, EXCLUDE localhost',
    ],
  });
}

/** One tab. Every wait is for a condition and fails at playwright's own deadline of 30 s. */
export class Tab {
  page;
  #complaints = [];
  #requests = [];

  /** Further options are those of a playwright context: viewport, colorScheme, … */
  static async open(browser, url, options = {}) {
    const tab = new Tab();
    const context = await browser.newContext(options);
    tab.page = await context.newPage();
    tab.page.on('console', (message) => tab.#complaints.push(`${message.type()}: ${message.text()}`));
    tab.page.on('pageerror', (error) => tab.#complaints.push(`uncaught: ${error}`));
    tab.page.on('dialog', (dialog) => {
      tab.#complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    tab.page.on('request', (request) => tab.#requests.push(request.url()));
    await tab.page.goto(url);
    return tab;
  }

  /** Closes the tab; nothing said to the console but `expected`, nothing loaded but its own script. */
  async close(expected = []) {
    // There and back: what the page said before has arrived then.
    await this.page.evaluate(() => {});
    await this.page.context().close();
    assert.equal(this.#complaints.length, expected.length, this.#complaints.join('\n'));
    expected.forEach((pattern, i) => assert.match(this.#complaints[i], pattern));
    const [page, ...loaded] = this.#requests;
    assert.deepEqual(loaded, [new URL('pulse.js', page).href.split('?')[0]], 'what the page loads');
  }

  button(name) { return this.page.getByRole('button', { name, exact: true }); }
  field(name) { return this.page.getByLabel(name, { exact: true }); }
  get log() { return this.page.getByLabel('Frames', { exact: true }); }

  /** Until the status line reads so. */
  async waitForStatus(text) {
    await this.page.getByRole('status').filter({ hasText: text }).waitFor();
  }

  /** The first line of this kind (in, out, error, note) that contains `text`, once it is there. */
  async waitForLine(kind, text) {
    const line = this.log.locator(`li.${kind}`).filter({ hasText: text }).first();
    await line.waitFor();
    return line.textContent();
  }

  async connect() {
    await this.button('Connect').click();
    await this.waitForStatus(/^Connected/);
    await this.waitForLine('in', '"type":"connected"');
  }

  async subscribe(channel) {
    await this.field('Channel').fill(channel);
    await this.button('Subscribe').click();
    await this.page.waitForFunction(isAnswered, { type: 'subscribe', channel });
  }

  async publish(text) {
    await this.field('Message').fill(text);
    await this.field('Message').press('Enter');
  }
}

/** In the page: whether the last such request has its ack. */
function isAnswered({ type, channel }) {
  const frames = [...document.querySelectorAll('#log li:not(.note)')].map((line) => ({
    out: line.classList.contains('out'), ...JSON.parse(line.textContent) }));
  const sent = frames.filter((f) => f.out && f.type === type && f.channel === channel).at(-1);
  return sent && frames.some((f) => !f.out && f.type === 'ack' && f.id === sent.id);
}
