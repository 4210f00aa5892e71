// SPDX-License-Identifier: MIT OR Apache-2.0
//
// `make demo-roblox` as a person sees it: a message goes from the page to two game servers and back.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import readline from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { require } from './support/package.mjs';

const { chromium } = require('playwright-core');
const kDemo = fileURLToPath(new URL('../../examples/roblox-demo/demo.mjs', import.meta.url));
const lines = [];
let demo, ended, browser, pageUrl, operatorUrl, operatorKey;

before(async () => {
  demo = spawn('setpriv', ['--pdeathsig', 'TERM', process.execPath, '--liftoff-only', kDemo], { stdio: ['ignore', 'pipe', 'inherit'] });
  ended = once(demo, 'close');
  await new Promise((resolve, reject) => {
    readline.createInterface({ input: demo.stdout })
      .on('line', (line) => {
        lines.push(line);
        pageUrl ??= /^Type a message.* (http:\S+)$/.exec(line)?.[1];
        operatorUrl ??= /^The operator's page: +(http:\S+)$/.exec(line)?.[1];
        operatorKey ??= /^The operator's key: +(\S+)$/.exec(line)?.[1];
        if (/^Ctrl-C/.test(line)) resolve();
      })
      .on('close', () => reject(new Error(`the demo ended: ${lines.join('\n')}`)));
  });
  browser = await chromium.launch({
    executablePath: process.env.PULSE_TEST_CHROMIUM, headless: true,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update',
      '--disable-sync', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
  });
});
after(async () => {
  await browser?.close();
  if (demo.exitCode === null) demo.kill('SIGKILL');
  await ended;
});

async function openPage(url) {
  const page = await browser.newPage();
  const complaints = [];
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.stack}`));
  await page.goto(url);
  return { page, complaints };
}

test('what is typed arrives in both game servers and comes back', async () => {
  const { page, complaints } = await openPage(pageUrl);
  await page.getByRole('status').filter({ hasText: 'Connected' }).waitFor();
  await page.getByLabel('Message', { exact: true }).fill('<b>hello</b>');
  await page.getByRole('button', { name: 'Send' }).click();
  const row = page.getByRole('row').filter({ hasText: '<b>hello</b>' });
  await row.getByText(/^heard, and answered after \d+ ms$/).nth(1).waitFor();

  await page.getByLabel('To').selectOption('Game server 2 only');
  await page.getByLabel('Message', { exact: true }).fill('you alone');
  await page.getByLabel('Message', { exact: true }).press('Enter');
  const second = page.getByRole('row').filter({ hasText: 'you alone' });
  await second.getByText(/^heard/).waitFor();
  assert.match((await second.getByRole('cell').allTextContents()).join('|'), /^you alone\|–\|heard/);

  assert.deepEqual(complaints, []);
  await page.close();
  for (const line of ['[Game server 1] web: <b>hello</b>', '[Game server 2] web: <b>hello</b>', '[Game server 2] web: you alone']) {
    assert.ok(lines.includes(line), line);
  }
  assert.ok(!lines.includes('[Game server 1] web: you alone'));
});

test("the operator's page is where it says, and the key opens it", async () => {
  const answer = await fetch(operatorUrl);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('content-type'), /^text\/html/);
  const login = await fetch(`${operatorUrl}ui/login`, {
    method: 'POST', headers: { 'content-type': 'application/json', origin: operatorUrl.replace(/\/$/, '') },
    body: JSON.stringify({ apiKey: operatorKey }),
  });
  assert.equal(login.status, 200);
});

test('Ctrl-C ends all of it', async () => {
  demo.kill('SIGINT');
  const [code] = await ended;
  assert.equal(code, 0, lines.join('\n'));
  await assert.rejects(fetch(pageUrl));
  await assert.rejects(fetch(operatorUrl));
});
