// SPDX-License-Identifier: MIT OR Apache-2.0
//
//   node bundle.mjs PACKAGES OUT
//
// Makes the demo pages of the rooms from src/: OUT/<page>.html, and below OUT/rooms-assets what they load. PACKAGES is
// that of the operator's page, whose colours and tools these share. See ../ui/bundling.mjs.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { bundle, emitter, filled, folders, requireFrom } from '../ui/bundling.mjs';
import { landPath } from './land.mjs';

/** The pages by their file, with their titles. */
const kPages = { index: 'Rooms', chat: 'Chat', poll: 'Poll', ephemeral: 'Ephemeral poll', livemap: 'Live map' };

const { packages, out } = folders();
const source = fileURLToPath(new URL('src/', import.meta.url));
const read = (name) => readFileSync(path.join(source, name), 'utf8');

const made = await bundle(packages, source, [...Object.keys(kPages).map((page) => `${page}.js`), 'rooms.css']);
const emit = emitter(out, 'rooms-assets');
const shared = {
  style: emit('rooms.css', made['rooms.css']),
  icon: emit('icon.svg', read('../../ui/src/icon.svg')),
  land: landPath(JSON.parse(readFileSync(requireFrom(packages).resolve('world-atlas/land-110m.json'), 'utf8'))),
};
for (const [page, title] of Object.entries(kPages)) {
  const script = emit(`${page}.js`, made[`${page}.js`]);
  const links = Object.entries(kPages).filter(([name]) => name !== 'index').map(([name, text]) =>
    `<li><a href="${name}"${name === page ? ' aria-current="page"' : ''}>${text}</a></li>`).join('\n          ');
  writeFileSync(path.join(out, `${page}.html`),
    filled(read('layout.html'), { ...shared, title, script, links, content: filled(read(`${page}.html`), shared) }));
}
