// SPDX-License-Identifier: MIT OR Apache-2.0
//
//   node bundle.mjs PACKAGES OUT
//
// Makes the demo pages of the rooms from src/: OUT/<page>.html, and below OUT/rooms-assets what they load, named by
// content. PACKAGES is the folder that `npm ci` filled for the operator's page, whose colours and tools these
// share. The same input gives the same bytes.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { landPath } from './land.mjs';

const [packages, out] = process.argv.slice(2).map((folder) => path.resolve(folder));
if (out === undefined) {
  console.error('usage: node bundle.mjs PACKAGES OUT');
  process.exit(2);
}
const source = fileURLToPath(new URL('src/', import.meta.url));
const require = createRequire(path.join(packages, 'package.json'));
const { build } = require('esbuild');

/** The pages by their file, with their titles. */
const kPages = { index: 'Rooms', chat: 'Chat', poll: 'Poll', ephemeral: 'Ephemeral poll', livemap: 'Live map' };

const read = (name) => readFileSync(path.join(source, name), 'utf8');
const filled = (text, values) => text.replace(/\{\{(\w+)\}\}/g, (_, name) => {
  if (values[name] === undefined) throw new Error(`{{${name}}} is not known`);
  return values[name];
});

const { outputFiles } = await build({
  entryPoints: [...Object.keys(kPages).map((page) => path.join(source, `${page}.js`)), path.join(source, 'rooms.css')],
  absWorkingDir: source,
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['es2022'],
  legalComments: 'none',
  outdir: out,
  write: false,
  logLevel: 'warning',
});

/** Writes an asset and answers the address it has, relative to a page. */
function emit(name, contents) {
  const hash = createHash('sha256').update(contents).digest('hex').slice(0, 10);
  const { name: stem, ext } = path.parse(name);
  const address = `rooms-assets/${stem}-${hash}${ext}`;
  writeFileSync(path.join(out, address), contents);
  return address;
}

rmSync(out, { recursive: true, force: true });
mkdirSync(path.join(out, 'rooms-assets'), { recursive: true });
const output = (name) => outputFiles.find((file) => path.basename(file.path) === name).contents;
const shared = {
  style: emit('rooms.css', output('rooms.css')),
  icon: emit('icon.svg', readFileSync(path.join(source, '../../ui/src/icon.svg'))),
  land: landPath(JSON.parse(readFileSync(require.resolve('world-atlas/land-110m.json'), 'utf8'))),
};
for (const [page, title] of Object.entries(kPages)) {
  const script = emit(`${page}.js`, output(`${page}.js`));
  const links = Object.entries(kPages).filter(([name]) => name !== 'index').map(([name, text]) =>
    `<li><a href="${name}"${name === page ? ' aria-current="page"' : ''}>${text}</a></li>`).join('\n          ');
  writeFileSync(path.join(out, `${page}.html`),
    filled(read('layout.html'), { ...shared, title, script, links, content: filled(read(`${page}.html`), shared) }));
}
