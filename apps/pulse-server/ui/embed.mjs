// SPDX-License-Identifier: MIT OR Apache-2.0
//
//   node embed.mjs BUNDLE FILE FUNCTION
//
// Writes the files of a bundle (see bundle.mjs) as C++: the definition of FUNCTION, embedded_ui() say. A page,
// name.html, has the address /name, and index.html is /. What is in folders is named by its content.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

const [bundle, file, functionName] = process.argv.slice(2);
if (functionName === undefined) {
  console.error('usage: node embed.mjs BUNDLE FILE FUNCTION');
  process.exit(2);
}

const kContentTypes = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const kBytesPerLine = 24;
/** Gzip has to be worth the header that tells of it. */
const kMinSaving = 64;

const etag = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 32);

/** As character literals, which fit `char` whether it is signed or not. */
function array(name, bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += kBytesPerLine) {
    lines.push([...bytes.subarray(at, at + kBytesPerLine)]
      .map((byte) => `'\\x${byte.toString(16).padStart(2, '0')}'`).join(','));
  }
  return `constexpr char ${name}[] = {\n${lines.join(',\n')}};\n`;
}

const view = (name, bytes) => (bytes.length === 0 ? '{}' : `{${name}, ${bytes.length}}`);

function asset(name, i) {
  const bytes = readFileSync(path.join(bundle, name));
  const packed = gzipSync(bytes, { level: 9 });
  const gzip = packed.length + kMinSaving < bytes.length ? packed : Buffer.alloc(0);
  const type = kContentTypes[path.extname(name)];
  if (type === undefined) throw new Error(`${name}: of which type is this?`);
  const isPage = !name.includes('/');
  const address = name === 'index.html' ? '/' : `/${isPage ? path.parse(name).name : name}`;
  return {
    arrays: array(`kBytes${i}`, bytes) + (gzip.length > 0 ? array(`kGzip${i}`, gzip) : ''),
    entry: `    {"${address}", "${type}",\n     ${view(`kBytes${i}`, bytes)}, ${view(`kGzip${i}`, gzip)},\n` +
        `     "\\"${etag(bytes)}\\"", "\\"${etag(bytes)}-gzip\\"", ${!isPage}},\n`,
  };
}

const names = readdirSync(bundle, { withFileTypes: true })
  .flatMap((entry) => (entry.isDirectory() ? readdirSync(path.join(bundle, entry.name)).map((name) => `${entry.name}/${name}`) : [entry.name]))
  .sort();
const assets = names.map(asset);
writeFileSync(file, `// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Made by embed.mjs.
#include "ui_assets.hpp"

namespace pulse::server {

namespace {

${assets.map(({ arrays }) => arrays).join('')}
constexpr UiAsset kAssets[] = {
${assets.map(({ entry }) => entry).join('')}};

}  // namespace

UiAssets ${functionName}() noexcept { return UiAssets(kAssets); }

}  // namespace pulse::server
`);
