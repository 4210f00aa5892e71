// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Waiting for conditions, never for a time.
import { setTimeout as sleep } from 'node:timers/promises';

const kDeadlineMs = 20_000;

/** Until `condition()` is true. */
export async function until(condition, what = condition.toString()) {
  const end = Date.now() + kDeadlineMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`in vain: ${what}`);
    await sleep(5);
  }
}

/** What the next such event tells. */
export function next(emitter, event) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event}`)), kDeadlineMs);
    emitter.once(event, (value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}
