// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How long to wait before connecting again: full jitter, so that a million clients of a server that
// restarts come back spread over the whole interval instead of in waves.

export interface ReconnectOptions {
  /** The first wait is at most this long; each further one twice as long. Default 500. */
  baseMs?: number;
  /** No wait is longer. Default 30,000. */
  capMs?: number;
  /** A connection that lasted this long makes the next wait a first one again. Default 10,000. */
  stableMs?: number;
  /** Gives up after so many attempts in a row that came to nothing. Default: never. */
  maxAttempts?: number;
  /** From 0 to below 1. Default `Math.random`. */
  random?: () => number;
}

export class Backoff {
  readonly stableMs: number;
  readonly #options: Required<Omit<ReconnectOptions, 'stableMs'>>;
  #failures = 0;

  constructor(options: ReconnectOptions) {
    const { baseMs = 500, capMs = 30_000, stableMs = 10_000, maxAttempts = Infinity, random = Math.random } = options;
    if (!(baseMs >= 0) || !(capMs >= 0) || !(stableMs >= 0) || !(maxAttempts >= 0)) {
      throw new RangeError('reconnect: times and counts are not negative');
    }
    this.stableMs = stableMs;
    this.#options = { baseMs, capMs, maxAttempts, random };
  }

  /** Attempts since a connection last was stable. */
  get failures(): number {
    return this.#failures;
  }

  /** The wait before the next attempt; nothing when it is time to give up. */
  next(): number | undefined {
    const { baseMs, capMs, maxAttempts, random } = this.#options;
    if (this.#failures >= maxAttempts) return undefined;
    // 2^31 times any base is above any cap, and a shift would overflow.
    const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(this.#failures, 31));
    ++this.#failures;
    return Math.floor(random() * ceiling);
  }

  reset(): void {
    this.#failures = 0;
  }
}
