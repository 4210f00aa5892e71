// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Waiting for conditions, never for a time.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

const kDeadlineMs = 45_000;

/** Until `condition()` holds. */
export async function until(condition, what = condition.toString()) {
  const end = Date.now() + kDeadlineMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`in vain: ${typeof what === 'function' ? what() : what}`);
    await sleep(20);
  }
}

/** Until `list()` has as many elements as `expected`; they are equal then. */
export async function hears(list, expected) {
  try {
    await until(() => list().length >= expected.length, 'all has arrived');
  } catch (error) {
    assert.deepEqual(short(list()), short(expected), error.message);
  }
  assert.deepEqual(short(list()), short(expected));
  assert.deepEqual(list(), expected);
}

/** For a person to read: of long texts what they begin with, and their length. */
function short(list) {
  return list.map((one) => (typeof one === 'string' && one.length > 100 ? `${one.slice(0, 20)}… (${one.length})` : one));
}

export function numbers(count, from = 1) {
  return Array.from({ length: count }, (_, index) => from + index);
}
export const ascending = (list) => [...list].sort((a, b) => a - b);
