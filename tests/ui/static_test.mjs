// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What can be said of the page without a browser: types, size, colours, and that a build repeats.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { contrast } from './support/contrast.mjs';
import { kBundle } from './support/target.mjs';

const kSource = fileURLToPath(new URL('../../apps/pulse-server/ui/', import.meta.url));
const kPackages = process.env.PULSE_TEST_UI;
const kFolder = process.env.PULSE_TEST_NODE_FOLDER;
const kMaxFirstLoadBytes = 150 * 1024;

function files(folder, below = '') {
  return readdirSync(path.join(folder, below), { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(below, entry.name);
    return entry.isDirectory() ? files(folder, name) : [name];
  });
}

/** Colour tokens of the two schemes, by name. */
function tokens() {
  const css = readFileSync(path.join(kSource, 'src/styles/tokens.css'), 'utf8');
  const [light, dark] = css.split('@media (prefers-color-scheme: dark)');
  const of = (text) => Object.fromEntries([...text.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, hex]) => [name, hex]));
  return { light: of(light), dark: { ...of(light), ...of(dark) } };
}

describe('the bundle', () => {
  it('is well typed', () => {
    const config = JSON.parse(readFileSync(path.join(kSource, 'tsconfig.json'), 'utf8'));
    Object.assign(config.compilerOptions, { baseUrl: kPackages, typeRoots: [], paths: { '*': [path.join(kPackages, 'node_modules/*')] } });
    config.include = [path.join(kSource, 'src')];
    const file = path.join(kFolder, 'tsconfig.json');
    writeFileSync(file, JSON.stringify(config));
    const { stdout, status } = spawnSync(process.execPath,
      [path.join(kFolder, 'node_modules/typescript/lib/tsc.js'), '-p', file, '--listFilesOnly'], { encoding: 'utf8' });
    assert.equal(status, 0);
    assert.ok(stdout.includes('views/universe_keys.tsx'), 'the sources are among what is checked');
    const check = spawnSync(process.execPath, [path.join(kFolder, 'node_modules/typescript/lib/tsc.js'), '-p', file], { encoding: 'utf8' });
    assert.equal(check.stdout, '');
    assert.equal(check.status, 0);
  });

  it('loads first in less than 150 KB', () => {
    const bytes = files(kBundle).reduce((sum, name) => sum + gzipSync(readFileSync(path.join(kBundle, name)), { level: 9 }).length, 0);
    assert.ok(bytes < kMaxFirstLoadBytes, `${bytes} bytes`);
  });

  it('names no other host and has nothing in line that its policy forbids', () => {
    const page = readFileSync(path.join(kBundle, 'index.html'), 'utf8');
    assert.doesNotMatch(page, /<style|<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|https?:/);
    for (const name of files(kBundle).filter((file) => /\.(js|css)$/.test(file))) {
      const text = readFileSync(path.join(kBundle, name), 'utf8')
        .replaceAll(/http:\/\/www\.w3\.org\/[\w/.]*/g, '') // names of XML namespaces
        .replaceAll('https://example.org', '');           // what an origin looks like
      assert.doesNotMatch(text, /https?:\/\/\w|@import|url\(["']?\/\//, name);
      assert.doesNotMatch(text, /\beval\(|new Function\(/, name);
    }
  });

  it('comes out the same each time', () => {
    const again = mkdtempSync(path.join(kFolder, 'again-'));
    try {
      execFileSync(process.execPath, [path.join(kSource, 'bundle.mjs'), kPackages, path.join(again, 'bundle')]);
      const contents = (folder) => Object.fromEntries(files(folder).map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]));
      assert.deepEqual(contents(path.join(again, 'bundle')), contents(kBundle));
    } finally {
      rmSync(again, { recursive: true });
    }
  });
});

describe('the colours', () => {
  const grounds = ['ground', 'surface', 'surface-raised', 'surface-sunken'];
  // WCAG 2.2 AA: 4.5 for text (1.4.3), 3 for borders of controls, lines and bars (1.4.11).
  const wanted = [
    ...grounds.flatMap((ground) => [['text', ground, 4.5], ['text-muted', ground, 4.5]]),
    ...['surface', 'surface-raised', 'ground'].flatMap((ground) =>
      ['accent', 'good', 'warn', 'bad'].map((name) => [name, ground, 4.5])),
    ...['good', 'warn', 'bad', 'accent'].map((name) => [name, `${name}-soft`, 4.5]),
    ['on-accent', 'accent', 4.5], ['on-accent', 'accent-hover', 4.5],
    ['surface-raised', 'bad', 4.5], ['surface-raised', 'bad-hover', 4.5],
    ['line-strong', 'surface', 3], ['line-strong', 'surface-raised', 3], ['line-strong', 'ground', 3],
    ['series-a', 'surface', 3], ['series-b', 'surface', 3],
    ...['good', 'warn', 'bad'].map((name) => [`bar-${name}`, 'surface', 3]),
  ];
  for (const [scheme, colors] of Object.entries(tokens())) {
    it(`stand out enough in the ${scheme} scheme`, () => {
      for (const [front, back, least] of wanted) {
        const ratio = contrast(colors[front], colors[back]);
        assert.ok(ratio >= least, `--${front} on --${back}: ${ratio.toFixed(2)}, wanted ${least}`);
      }
    });
  }
});
