// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Lines over the last five minutes, by uPlot. The legend above it is ours, in the page's own type:
// it tells the latest figures, or those under the pointer. Colours are the page's tokens, so that
// the canvas follows light and dark.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';

import { count } from '../format';
import { kHistorySeconds, type Columns } from '../history';

export interface Line { label: string; color: string; format: (n: number) => string }

const kHeight = 200;
const kFont = '11px system-ui, sans-serif';

function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** A scale that begins at zero, does not tremble, and is never flat. */
function scale(_: uPlot, __: number, max: number): [number, number] {
  if (!(max > 0)) return [0, 1];
  const power = 10 ** Math.floor(Math.log10(max));
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((n) => n * power >= max * 1.08) ?? 12;
  return [0, step * power];
}

function options(lines: readonly Line[], width: number, onPoint: (index: number | null) => void): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: token('text-muted'), font: kFont,
    grid: { stroke: token('line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width, height: kHeight,
    legend: { show: false },
    padding: [8, 20, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: { y: { range: scale } },
    hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)] },
    axes: [
      { ...axis, grid: { show: false }, space: 48, size: 28, incrs: [60, 120, 300],
        values: (_, times) => times.map((t) =>
          new Date(t * 1000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })) },
      { ...axis, size: 56, space: 36, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? count(tick) : tick.toFixed(1))) },
    ],
    series: [
      {},
      ...lines.map(({ label, color }) => ({
        label, stroke: token(color), width: 1.75, points: { show: false },
        fill: token(`${color}-soft`), spanGaps: false,
      })),
    ],
  };
}

/** Seconds before anything was known are part of the axis: the chart does not stretch as it fills. */
function padded(columns: Columns): Columns {
  const [times, ...figures] = columns;
  const last = times.at(-1);
  if (last === undefined || times.length >= kHistorySeconds) return columns;
  const missing = kHistorySeconds - times.length;
  const first = times[0] ?? last;
  const nothing = Array<null>(missing).fill(null);
  return [
    [...Array.from({ length: missing }, (_, i) => first - missing + i), ...times],
    ...figures.map((figure) => [...nothing, ...figure]),
  ];
}

function last(column: (number | null)[] | undefined, index: number | null): number | null {
  const value = index === null ? column?.at(-1) : column?.[index];
  return value ?? null;
}

/** Goes up when the scheme changes: the canvas has to be drawn in other colours. */
function useColorScheme(): number {
  const [changes, setChanges] = useState(0);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const onChange = () => setChanges((n) => n + 1);
    query.addEventListener('change', onChange);
    return () => query.removeEventListener('change', onChange);
  }, []);
  return changes;
}

export function Chart({ title, lines, columns }: { title: string; lines: readonly Line[]; columns: Columns }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [index, setIndex] = useState<number | null>(null);
  const schemeChanges = useColorScheme();
  const data = padded(columns);

  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return;
    const drawn = new uPlot(options(lines, element.clientWidth || 600, setIndex), [[]], element);
    plot.current = drawn;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) drawn.setSize({ width: element.clientWidth, height: kHeight });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      drawn.destroy();
      plot.current = null;
    };
  }, [schemeChanges]);
  useLayoutEffect(() => { plot.current?.setData(data as uPlot.AlignedData); }, [columns, schemeChanges]);

  const [times, ...figures] = data;
  const at = index === null ? undefined : times[index];
  const spoken = lines.map(({ label, format }, i) => {
    const known = (figures[i] ?? []).filter((n): n is number => n !== null);
    return known.length === 0 ? `${label}: nothing yet`
      : `${label}: ${format(known.at(-1) ?? 0)} now, ${format(Math.max(...known))} at most`;
  }).join('; ');
  return (
    <figure class="chart">
      <figcaption class="legend">
        {lines.map(({ label, color, format }, i) => {
          const value = last(figures[i], index);
          return (
            <span key={label} class="legend-item">
              <span class={`swatch ${color}`} aria-hidden="true" />
              {label} <b>{value === null ? '–' : format(value)}</b>
            </span>
          );
        })}
        <span class="legend-time">
          {at === undefined ? 'last 5 minutes' : new Date(at * 1000).toLocaleTimeString('en-GB')}
        </span>
      </figcaption>
      <div class="chart-place" ref={place} role="img" aria-label={`${title}, last five minutes. ${spoken}`} />
    </figure>
  );
}
