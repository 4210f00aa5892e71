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
export const { LuauState } = await import(pathToFileURL(require.resolve('luau-web')));
export const fzstd = require('fzstd');
export const stylua = require.resolve('@johnnymorganz/stylua-bin/run.js');
