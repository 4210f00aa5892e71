// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Promises that can be settled from outside, and with a signal and a deadline.
import { TimeoutError } from './errors.js';

/** A promise with its two ends. */
export class Deferred<T> {
  readonly promise: Promise<T>;
  resolve!: (value: T) => void;
  reject!: (reason: unknown) => void;

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Who does not await it has not asked to be told; who does still is.
    this.promise.catch(() => {});
  }
}

/** Runs `stop` with the signal's reason once it aborts, at once if it did; returns what ends that. */
export function onAbort(signal: AbortSignal | undefined, stop: (reason: unknown) => void): () => void {
  if (!signal) return () => {};
  const listener = (): void => stop(signal.reason);
  if (signal.aborted) listener();
  else signal.addEventListener('abort', listener, { once: true });
  return () => signal.removeEventListener('abort', listener);
}

/** Settles as `promise`, or rejects when `signal` aborts or, with a limit above 0, time is up. */
export async function within<T>(
  promise: Promise<T>, what: string, limitMs: number, signal?: AbortSignal,
): Promise<T> {
  const end = new Deferred<never>();
  const off = onAbort(signal, end.reject);
  const timer = limitMs > 0
    ? setTimeout(() => end.reject(new TimeoutError(what, limitMs)), limitMs)
    : undefined;
  try {
    return await Promise.race([promise, end.promise]);
  } finally {
    clearTimeout(timer);
    off();
  }
}
