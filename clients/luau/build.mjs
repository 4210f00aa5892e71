// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A game pastes one ModuleScript; we write many. This makes the one of the many:
//
//   node build.mjs            writes PulseClient.luau
//   node build.mjs --check    says whether it is what src/ makes
//
// Each part becomes a function that is called at once, so that its locals are its own: Luau allows 200 in one
// function. Types stand before all of them, since only a whole module can declare them for others. No part
// knows of this but by four rules, which are checked: a part is asked for as `local Name = require("./Name")`;
// types for others are declared in parts with nothing else; no text is longer than a line, as indentation
// would become part of it; the last statement, and no other at the margin, is `return`.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const kFolder = dirname(fileURLToPath(import.meta.url));
const kEntry = 'PulseClient';
/** Parts of types; only those of the first are for users. */
const kTypes = ['Types', 'Parts'];
const kHead = '--!strict\n-- SPDX-License-Identifier: MIT OR Apache-2.0\n--\n';
const kWidth = 103;

/** One part: its account of itself, the names of those it asks for, its code. */
function readPart(name) {
  const wrong = (what) => { throw new Error(`src/${name}.luau: ${what}`); };
  const source = readFileSync(join(kFolder, 'src', `${name}.luau`), 'utf8');
  if (!source.startsWith(kHead)) wrong('does not begin as the others do');
  const [, about, rest] = /^((?:--.*\n)+)\n([^]*)$/.exec(source.slice(kHead.length)) ?? wrong('has no account of itself');
  const needs = [];
  const code = rest.replaceAll(/^local (\w+) = require\("\.\/(\w+)"\)\n/gm, (_, local, part) => {
    if (local !== part) wrong(`calls ${part} ${local}`);
    needs.push(part);
    return '';
  }).replaceAll(new RegExp(`^type (\\w+) = (?:${kTypes.join('|')})\\.\\1\n`, 'gm'), '').trim();
  if (new RegExp(`\\b(?:${kTypes.join('|')})\\.`).test(code)) wrong('calls a type by another name');
  if (/\brequire\b/.test(code.replaceAll(/--.*$/gm, ''))) wrong('asks for something in another way');
  if (/\[=*\[\n?/.test(code.replaceAll(/--.*$/gm, ''))) wrong('has a text of several lines');
  if (!kTypes.includes(name) && /^\s*export type/m.test(code)) wrong(`declares types for others, which is for ${kTypes}`);
  if (code.match(/^return\b/gm)?.length !== 1) wrong('does not return one thing');
  return { name, about, needs, code };
}

/** The entry and all it needs, those that are needed first. */
function readAll() {
  const parts = new Map();
  const visit = (name, path) => {
    if (path.includes(name)) throw new Error(`in a circle: ${[...path, name].join(' → ')}`);
    if (parts.has(name)) return;
    const part = readPart(name);
    for (const need of part.needs) visit(need, [...path, name]);
    parts.set(name, part);
  };
  visit(kEntry, []);
  return parts;
}

const heading = (name) => `-- ${name} ${'-'.repeat(kWidth - name.length)}\n`;
const indented = (code) => code.replaceAll(/^(?=.)/gm, '\t');

export function bundle() {
  const parts = readAll();
  const entry = parts.get(kEntry);
  const types = kTypes.map((name) => parts.get(name));
  const others = [...parts.values()].filter((part) => part !== entry && !types.includes(part));
  const typeText = ({ name, about, code }) => {
    const body = code.replace(/\n*^return \{\}$/m, '');
    if (/^(?!export type |\t|\}|--|$)/m.test(body)) throw new Error(`src/${name}.luau: is for types alone`);
    return `${heading(name)}--\n${about}\n${name === kTypes[0] ? body : body.replaceAll(/^export (?=type)/gm, '')}\n`;
  };
  const partText = ({ name, about, code }) => `${heading(name)}--\n${about}\nlocal ${name} = (function()\n${indented(code)}\nend)()\n`;
  return [
    `${kHead}${entry.about}--\n-- Made of the parts in src/ by build.mjs: change those.\n`,
    ...types.map(typeText), ...others.map(partText), `${heading('The module')}\n${entry.code}\n`,
  ].join('\n');
}

export const kBundle = join(kFolder, `${kEntry}.luau`);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = bundle();
  if (process.argv[2] !== '--check') {
    writeFileSync(kBundle, text);
  } else if (readFileSync(kBundle, 'utf8') !== text) {
    process.stderr.write('PulseClient.luau is not what src/ makes: node clients/luau/build.mjs\n');
    process.exitCode = 1;
  }
}
