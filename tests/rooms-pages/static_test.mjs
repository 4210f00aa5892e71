// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What can be said of the demo pages without a browser.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const kBuilt = process.env.PULSE_TEST_UI;
const kBundle = path.join(kBuilt, 'rooms');
const kBundler = fileURLToPath(new URL('../../apps/pulse-server/rooms-ui/bundle.mjs', import.meta.url));

const filesOf = (folder) => readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
  (entry.isDirectory() ? filesOf(path.join(folder, entry.name)) : [path.join(folder, entry.name)]));

describe('the bundle of demo pages', () => {
  it('has nothing in line that its policy forbids, and names no other host', () => {
    const files = filesOf(kBundle);
    assert.equal(files.filter((file) => file.endsWith('.html')).length, 5);
    for (const file of files) {
      const text = readFileSync(file, 'utf8').replaceAll(/http:\/\/www\.w3\.org\/[\w/.]*/g, ''); // names of XML namespaces
      assert.doesNotMatch(text, /https?:\/\/|wss?:\/\//, file);
      assert.doesNotMatch(text, /\beval\(|new Function\(|@import|innerHTML|insertAdjacentHTML|document\.write/, file);
      if (file.endsWith('.html')) assert.doesNotMatch(text, /<style|<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|\{\{/, file);
    }
  });

  it('comes out the same each time', () => {
    const again = mkdtempSync(path.join(process.env.PULSE_TEST_NODE_FOLDER, 'again-'));
    try {
      execFileSync(process.execPath, [kBundler, kBuilt, again]);
      const contents = (folder) => Object.fromEntries(filesOf(folder).map((file) => [path.relative(folder, file), readFileSync(file, 'utf8')]));
      assert.deepEqual(contents(again), contents(kBundle));
    } finally {
      rmSync(again, { recursive: true });
    }
  });
});
