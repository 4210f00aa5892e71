// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The last five minutes of some figures, one point a second, as a chart wants them: a column of
// times (seconds of the epoch) and one column per figure. Seconds that nobody saw stay empty.

export const kHistorySeconds = 300;

export type Columns = [times: number[], ...figures: (number | null)[][]];

/** From what a request answers: figures that end now. */
export function fromAnswer(stepMs: number, figures: number[][], now: number): Columns {
  const length = Math.min(kHistorySeconds, Math.max(0, ...figures.map((figure) => figure.length)));
  const step = stepMs > 0 ? stepMs / 1000 : 1;
  const last = Math.floor(now / 1000);
  const times = Array.from({ length }, (_, i) => last - (length - 1 - i) * step);
  return [times, ...figures.map((figure) => {
    const tail = figure.slice(-length);
    return [...Array<null>(length - tail.length).fill(null), ...tail];
  })];
}

/** With one more second; the same columns where that second is known already. */
export function append(columns: Columns, t: number, values: number[]): Columns {
  const second = Math.floor(t / 1000);
  const [times, ...figures] = columns;
  const last = times.at(-1);
  if (last !== undefined && second <= last) return columns;
  // Something wrong with a clock, or a long sleep: what came before says nothing about now.
  if (last !== undefined && second - last > kHistorySeconds) {
    return [[second], ...values.map((value) => [value])];
  }
  const more = last === undefined
    ? [second]
    : Array.from({ length: second - Math.floor(last) }, (_, i) => Math.floor(last) + i + 1);
  const grown = [...times, ...more].filter((time) => time > second - kHistorySeconds);
  const keep = <T>(column: T[]) => column.slice(-grown.length);
  return [grown, ...values.map((value, i) =>
    keep([...(figures[i] ?? []), ...Array<null>(more.length - 1).fill(null), value]))];
}
