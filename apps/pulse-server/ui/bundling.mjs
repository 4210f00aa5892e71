// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the bundlers of the operator's page (bundle.mjs) and of the rooms' pages (../rooms-ui/bundle.mjs) have in
// common. Both are called
//
//   node bundle.mjs PACKAGES OUT
//
// where PACKAGES is the folder that `npm ci` filled: it need not be beside the source, so that a build leaves nothing
// there. The same input gives the same bytes.
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** PACKAGES and OUT, absolute. */
export function folders() {
  const [packages, out] = process.argv.slice(2).map((folder) => path.resolve(folder));
  if (out !== undefined) return { packages, out };
  console.error('usage: node bundle.mjs PACKAGES OUT');
  return process.exit(2);
}

/** For modules among `packages`. */
export const requireFrom = (packages) => createRequire(path.join(packages, 'package.json'));

/** Bundles `entries`, files of `source`. Answers what became of them, by file name. */
export async function bundle(packages, source, entries, options = {}) {
  const { outputFiles } = await requireFrom(packages)('esbuild').build({
    entryPoints: entries.map((entry) => path.join(source, entry)),
    absWorkingDir: source,
    nodePaths: [path.join(packages, 'node_modules')],
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['es2022'],
    legalComments: 'none',
    outdir: source,
    write: false,
    logLevel: 'warning',
    ...options,
  });
  return Object.fromEntries(outputFiles.map((file) => [path.basename(file.path), file.contents]));
}

/** Empties `out`, and answers what writes a file below `out`/`folder`, named by content so that browsers may keep it
 * for ever; that answers the file's address, relative to `out`. */
export function emitter(out, folder) {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(path.join(out, folder), { recursive: true });
  return (name, contents) => {
    const hash = createHash('sha256').update(contents).digest('hex').slice(0, 10);
    const { name: stem, ext } = path.parse(name);
    const address = `${folder}/${stem}-${hash}${ext}`;
    writeFileSync(path.join(out, address), contents);
    return address;
  };
}

/** `text` with `{{name}}` replaced by the value of that name, which must be there. */
export const filled = (text, values) => text.replace(/\{\{(\w+)\}\}/g, (_, name) => {
  if (values[name] === undefined) throw new Error(`{{${name}}} is not known`);
  return values[name];
});
