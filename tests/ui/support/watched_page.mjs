// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A page in a tab of its own, watched for what nobody should find there: complaints in the console (violations of the
// content security policy among them), dialogs, and requests and sockets to other hosts.
import assert from 'node:assert/strict';

export class WatchedPage {
  page;
  #complaints = [];
  #elsewhere = [];

  /** Nothing is loaded yet. `options` are those of a playwright context: viewport, colorScheme, … */
  async watch(browser, baseUrl, options = {}) {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(30_000);
    this.page = await context.newPage();
    this.page.on('console', (message) => this.#complaints.push(`${message.type()}: ${message.text()}`));
    this.page.on('pageerror', (error) => this.#complaints.push(`uncaught: ${error.stack}`));
    this.page.on('dialog', (dialog) => {
      this.#complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    const { host } = new URL(baseUrl);
    const note = (url) => { if (new URL(url).host !== host) this.#elsewhere.push(url); };
    this.page.on('request', (request) => note(request.url()));
    this.page.on('websocket', (socket) => note(socket.url()));
    await this.page.addInitScript(() => document.addEventListener('securitypolicyviolation', (event) =>
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`)));
  }

  /** Closes the tab. Nothing may have been said to the console but what one of `expected` matches. */
  async close(expected = []) {
    await this.page.evaluate(() => {});
    await this.page.context().close();
    assert.deepEqual(this.#complaints.filter((text) => !expected.some((pattern) => pattern.test(text))), []);
    assert.deepEqual(this.#elsewhere, [], 'the page asks other hosts');
  }

  button(name) { return this.page.getByRole('button', { name, exact: true }); }
  field(name) { return this.page.getByLabel(name, { exact: true }); }
}

/** A suite's browser and what it looks at: `start` makes it, `ends` tells how all of it ends, whatever happens. */
export function holdForSuite({ before, after }, start, ends) {
  before(start);
  after(async () => {
    for (const { reason } of await Promise.allSettled(ends())) if (reason) throw reason;
  });
}
