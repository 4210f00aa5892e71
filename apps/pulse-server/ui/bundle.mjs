// SPDX-License-Identifier: MIT OR Apache-2.0
//
//   node bundle.mjs PACKAGES OUT
//
// Makes the page from src/: OUT/index.html, and below OUT/assets what it loads, named by content so
// that browsers may keep it for ever. PACKAGES is the folder that `npm ci` filled (it need not be
// beside this file, so that a build leaves nothing in the source). The same input gives the same
// bytes.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const [packages, out] = process.argv.slice(2).map((folder) => path.resolve(folder));
if (out === undefined) {
  console.error('usage: node bundle.mjs PACKAGES OUT');
  process.exit(2);
}
const source = fileURLToPath(new URL('src/', import.meta.url));
const { build } = createRequire(path.join(packages, 'package.json'))('esbuild');

const { outputFiles } = await build({
  entryPoints: [path.join(source, 'main.tsx')],
  absWorkingDir: source,
  nodePaths: [path.join(packages, 'node_modules')],
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['es2022'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  outdir: out,
  write: false,
  logLevel: 'warning',
});

/** Writes an asset and answers the address it has. */
function emit(name, contents) {
  const hash = createHash('sha256').update(contents).digest('hex').slice(0, 10);
  const { name: stem, ext } = path.parse(name);
  const address = `assets/${stem}-${hash}${ext}`;
  writeFileSync(path.join(out, address), contents);
  return `/${address}`;
}

rmSync(out, { recursive: true, force: true });
mkdirSync(path.join(out, 'assets'), { recursive: true });
const output = (extension) => outputFiles.find((file) => file.path.endsWith(extension)).contents;
const addresses = {
  script: emit('pulse.js', output('.js')),
  style: emit('pulse.css', output('.css')),
  icon: emit('icon.svg', readFileSync(path.join(source, 'icon.svg'))),
};
const page = readFileSync(path.join(source, 'index.html'), 'utf8')
  .replace(/\{\{(\w+)\}\}/g, (_, name) => addresses[name]);
writeFileSync(path.join(out, 'index.html'), page);
