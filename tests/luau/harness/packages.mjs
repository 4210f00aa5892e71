// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Packages from the folder that run.sh installed them in, and paths of this project.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const folder = process.env.PULSE_TEST_NODE_FOLDER;
if (!folder) throw new Error('PULSE_TEST_NODE_FOLDER names the folder with node_modules; use run.sh');
const require = createRequire(join(folder, 'package.json'));

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
export const clientFolder = join(root, 'clients', 'luau');
const luauWeb = pathToFileURL(require.resolve('luau-web'));
const statesPerHeap = 4;
let stateCount = 0;

/**
 * A VM. luau-web has one heap of 17 MB for all of a module's VMs, and one that is destroyed damages the others; so
 * the module is loaded anew for every few of them, and none is destroyed.
 */
export async function createLuauState(globals) {
  const { LuauState } = await import(`${luauWeb}?heap=${Math.floor(stateCount++ / statesPerHeap)}`);
  return LuauState.createAsync(globals);
}
export const fzstd = require('fzstd');
export const stylua = require.resolve('@johnnymorganz/stylua-bin/run.js');
