// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is shipped: its size, its types, its ways in, and that it holds nothing else.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';

import { kFolder, require } from './support/package.mjs';

const run = promisify(execFile);
const cwd = fileURLToPath(kFolder);
/** A program within the package's folder, where its own name leads to it. */
const program = (...options) => run(process.execPath, options, { cwd });

/** What a page downloads that uses this much of the package. */
async function bundled(contents) {
  const { build } = require('esbuild');
  const { outputFiles: [{ contents: code }], metafile } = await build({
    stdin: { contents, resolveDir: cwd }, absWorkingDir: cwd, bundle: true, minify: true, format: 'esm', target: 'es2022',
    write: false, metafile: true, legalComments: 'none',
  });
  return { bytes: gzipSync(code, { level: 9 }).length, inputs: Object.keys(metafile.inputs) };
}

describe('the package', { timeout: 500_000 }, () => {
  it('is small, each way in by itself, and pulls in no other', async (t) => {
    const native = await bundled("export * from '@pulse/client'");
    const bridge = await bundled("export * from '@pulse/client/roblox'");
    t.diagnostic(`gzipped: native ${native.bytes}, bridge ${bridge.bytes} bytes`);
    assert.ok(native.bytes <= 12 * 1024, `${native.bytes}`);
    assert.ok(bridge.bytes <= 6 * 1024, `${bridge.bytes}`);
    for (const { inputs } of [native, bridge]) assert.ok(inputs.every((name) => !name.includes('node_modules')));
    assert.ok(bridge.inputs.every((name) => !/(client|frames|msgpack)\.js$/.test(name)), 'the bridge has no frames');
  });

  it('leaves nothing in a bundle that does not use it', async () => {
    assert.ok((await bundled("import '@pulse/client'; import '@pulse/client/roblox';")).bytes < 100);
    assert.ok((await bundled("export { pack, unpack } from '@pulse/client'")).bytes < 3 * 1024);
  });

  it('is imported and required by its names, without a default', async () => {
    for (const name of ['@pulse/client', '@pulse/client/roblox']) {
      const esm = `import * as all from '${name}'; console.log(Object.keys(all).sort().join())`;
      const cjs = `console.log(Object.keys(require('${name}')).sort().join())`;
      const [{ stdout: imported }, { stdout: required }] = await Promise.all([
        program('--input-type=module', '-e', esm), program('--input-type=commonjs', '-e', cjs),
      ]);
      assert.equal(imported, required);
      assert.match(imported, /Pulse/);
      assert.doesNotMatch(imported, /default/);
    }
  });

  it('has types that hold in strict programs, and keep what is internal to themselves', async () => {
    const tsc = require.resolve('typescript/bin/tsc');
    await Promise.all([program(tsc, '--noEmit'), program(tsc, '-p', 'test-types')]);
    for (const format of ['esm', 'cjs']) {
      const types = await readFile(new URL(`dist/${format}/emitter.d.ts`, kFolder), 'utf8');
      assert.match(types, /class Emitter/);
      assert.doesNotMatch(types, /emit</);
    }
  });

  it('ships what it says and nothing more', async () => {
    const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd });
    const files = JSON.parse(stdout)[0].files.map(({ path }) => path);
    assert.ok(files.includes('README.md') && files.includes('dist/esm/index.d.ts') && files.includes('dist/cjs/roblox/index.js'));
    assert.deepEqual(files.filter((path) => !/^(dist\/|README\.md$|package\.json$)/.test(path)), []);
  });

  it('is what examples/browser-client loads', async () => {
    const shipped = new URL('../../examples/browser-client/pulse.js', import.meta.url);
    const [built, kept] = await Promise.all([readFile(new URL('dist/pulse.js', kFolder)), readFile(shipped)]);
    assert.ok(built.equals(kept), 'make it new: npm run build in clients/typescript, then copy dist/pulse.js there');
    assert.ok((await stat(shipped)).size < 64 * 1024);
  });
});
