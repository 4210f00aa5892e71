// SPDX-License-Identifier: MIT OR Apache-2.0
//
//   node bundle.mjs PACKAGES OUT
//
// Makes the page from src/: OUT/index.html, and below OUT/assets what it loads. See bundling.mjs.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { bundle, emitter, filled, folders } from './bundling.mjs';

const { packages, out } = folders();
const source = fileURLToPath(new URL('src/', import.meta.url));
const read = (name) => readFileSync(path.join(source, name), 'utf8');

const made = await bundle(packages, source, ['main.tsx'], { jsx: 'automatic', jsxImportSource: 'preact' });
const emit = emitter(out, 'assets');
writeFileSync(path.join(out, 'index.html'), filled(read('index.html'), {
  script: `/${emit('pulse.js', made['main.js'])}`,
  style: `/${emit('pulse.css', made['main.css'])}`,
  icon: `/${emit('icon.svg', read('icon.svg'))}`,
}));
