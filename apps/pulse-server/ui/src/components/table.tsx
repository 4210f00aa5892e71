// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A table that sorts by its heads. On a phone each row becomes a block in which every value stands
// below its name, which comes from `data-label`.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

export interface Column<T> {
  name: string;
  /** What the head says where the name is for screen readers only. */
  isHidden?: boolean;
  isNumber?: boolean;
  /** What to sort by; without it the column does not sort. */
  by?: (row: T) => string | number;
  cell: (row: T) => ComponentChildren;
  /** A first column heads its row. */
  isHead?: boolean;
  /** On a phone it takes a line of its own, and says by itself what it is. */
  isWide?: boolean;
}

/** More rows than anybody reads at once cost a drawing each second. */
const kPage = 100;

export function Table<T>({ label, columns, rows, keyOf, sortedBy }: {
  label: string; columns: readonly Column<T>[]; rows: readonly T[]; keyOf: (row: T) => string;
  /** At first: a column's name, and whether the largest comes first. */
  sortedBy?: { name: string; isDown: boolean };
}) {
  const [order, setOrder] = useState(sortedBy ?? null);
  const [shown, setShown] = useState(kPage);
  const by = columns.find((column) => column.name === order?.name)?.by;
  const sorted = by === undefined ? rows : [...rows].sort((a, b) => {
    const [x, y] = [by(a), by(b)];
    const ascending = typeof x === 'string' ? x.localeCompare(String(y), 'en', { numeric: true }) : x - Number(y);
    return order?.isDown ? -ascending : ascending;
  });
  const sortBy = ({ name, isNumber }: Column<T>) =>
    setOrder(order?.name === name ? { name, isDown: !order.isDown } : { name, isDown: isNumber === true });
  return (
    <>
      <div class="table-frame">
        <table aria-label={label}>
          <thead>
            <tr>
              {columns.map((column) => {
                const isSorted = order?.name === column.name;
                return (
                  <th key={column.name} scope="col" class={column.isNumber ? 'number' : ''}
                    aria-sort={isSorted ? (order.isDown ? 'descending' : 'ascending') : undefined}>
                    {column.by === undefined
                      ? <span class={column.isHidden ? 'visually-hidden' : ''}>{column.name}</span>
                      : (
                        <button type="button" class="sort" onClick={() => sortBy(column)}>
                          {column.name}
                          <span class="sort-mark" aria-hidden="true">{isSorted ? (order.isDown ? '↓' : '↑') : ''}</span>
                        </button>
                      )}
                  </th>
                );
              })}
            </tr>
          </thead>
          <tbody>
            {sorted.slice(0, shown).map((row) => (
              <tr key={keyOf(row)}>
                {columns.map((column) => column.isHead
                  ? <th key={column.name} scope="row">{column.cell(row)}</th>
                  : (
                    <td key={column.name} class={column.isNumber ? 'number' : column.isWide ? 'wide' : ''}
                      data-label={column.isHidden ? '' : column.name}>
                      {column.cell(row)}
                    </td>
                  ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {sorted.length > shown && (
        <p class="more">
          <button type="button" class="button plain" onClick={() => setShown(shown + kPage)}>
            Show {Math.min(kPage, sorted.length - shown)} more of {sorted.length - shown}
          </button>
        </p>
      )}
    </>
  );
}
