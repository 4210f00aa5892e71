// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where the page is, kept in the location's hash: every view has an address that survives a reload
// and needs nothing of the server. A new view is a line in `parse`, one in `href` and one in app.tsx.
import { Store } from './store';

export const kSections = ['traffic', 'servers', 'tokens', 'keys', 'settings'] as const;
export type Section = (typeof kSections)[number];

export type Place =
  | { view: 'overview' }
  | { view: 'universes' }
  | { view: 'universe'; id: string; section: Section }
  | { view: 'unknown' };

export function parse(hash: string): Place {
  const [first = '', id, section = 'traffic', ...rest] = hash.replace(/^#?\/?/, '').split('/');
  if (first === '' && id === undefined) return { view: 'overview' };
  if (first !== 'universes' || rest.length > 0) return { view: 'unknown' };
  if (id === undefined || id === '') return { view: 'universes' };
  const known = kSections.find((name) => name === section);
  // As the server has it: canonical, at most 63 bits.
  return known !== undefined && /^[1-9][0-9]{0,18}$/.test(id)
    ? { view: 'universe', id, section: known }
    : { view: 'unknown' };
}

export const href = {
  overview: '#/',
  universes: '#/universes',
  universe: (id: string, section: Section = 'traffic') =>
    section === 'traffic' ? `#/universes/${id}` : `#/universes/${id}/${section}`,
};

export const place = new Store<{ place: Place }>({ place: parse(location.hash) });

window.addEventListener('hashchange', () => place.set({ place: parse(location.hash) }));

export function go(to: string): void {
  location.hash = to;
}
