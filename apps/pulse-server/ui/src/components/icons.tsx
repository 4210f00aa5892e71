// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Line icons on a grid of 16, drawn in the colour of the text. Decoration: what they stand for is
// always said in words as well.
const kPaths = {
  plus: 'M8 3.25v9.5M3.25 8h9.5',
  send: 'M14 2 7.25 8.75M14 2 9.75 14l-2.5-5.25L2 6.25 14 2Z',
  key: 'M7.4 8.6 13.5 2.5M11 5l2 2M8 10.75a2.75 2.75 0 1 1-5.5 0 2.75 2.75 0 0 1 5.5 0Z',
  trash: 'M2.75 4.25h10.5M6.25 4V2.5h3.5V4M4 4.25l.6 9.25h6.8l.6-9.25M6.75 7v4M9.25 7v4',
  close: 'm4 4 8 8M12 4l-8 8',
  check: 'm3 8.5 3.25 3.25L13 5',
  warning: 'M8 2.25 14.5 13.5h-13L8 2.25ZM8 6.5v3.25M8 11.75v.01',
  copy: 'M5.75 5.75V2.5h7.75v7.75h-3.25M2.5 5.75h7.75v7.75H2.5V5.75Z',
  refresh: 'M13.25 8a5.25 5.25 0 1 1-1.6-3.77M13.25 1.75v2.9h-2.9',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.25 10.25l3.25 3.25',
  logout: 'M6.25 2.5H3v11h3.25M10.5 5l3 3-3 3M13.25 8H6.5',
  back: 'M9.75 3.5 5.25 8l4.5 4.5',
} as const;

export type IconName = keyof typeof kPaths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor"
      stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d={kPaths[name]} />
    </svg>
  );
}

export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 24 24" width="24" height="24" fill="none" aria-hidden="true">
      <rect class="mark-ground" width="24" height="24" rx="6" />
      <path class="mark-line" d="M4 12.5h3.5L10 6.5l4 11 2.5-5H20" stroke-width="2"
        stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
