// SPDX-License-Identifier: MIT OR Apache-2.0
//
// dist/esm and dist/cjs with their types, and dist/pulse.js: the native client as a script of its
// own, for pages that are opened from a disk, where modules are not loaded.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const require = createRequire(import.meta.url);
const here = fileURLToPath(new URL('.', import.meta.url));

function tsc(...options) {
  const { status } = spawnSync(process.execPath, [require.resolve('typescript/bin/tsc'), ...options],
    { cwd: here, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

rmSync(new URL('dist', import.meta.url), { recursive: true, force: true });
tsc();
tsc('--module', 'CommonJS', '--moduleResolution', 'Node10', '--verbatimModuleSyntax', 'false', '--outDir', 'dist/cjs');
// Below a package of modules these are none.
mkdirSync(new URL('dist/cjs', import.meta.url), { recursive: true });
writeFileSync(new URL('dist/cjs/package.json', import.meta.url), '{"type":"commonjs","sideEffects":false}\n');
await build({
  absWorkingDir: here, entryPoints: ['src/index.ts'], outfile: 'dist/pulse.js', bundle: true, minify: true,
  format: 'iife', globalName: 'pulse', target: 'es2022', legalComments: 'none',
  banner: { js: '// SPDX-License-Identifier: MIT OR Apache-2.0\n// Made from clients/typescript by its build.mjs; not to be changed here.' },
});
