// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Notices a peer that is gone without a word. A browser answers a server's pings by itself and tells
// nobody, so that a client that wants to know has to ask.
import { within } from './async.js';
import { TimeoutError } from './errors.js';

export class Heartbeat {
  #timer: ReturnType<typeof setInterval> | undefined;
  #hasHeard = false;
  #isAsking = false;

  /** After `intervalMs` of silence `ask` must bring something within `limitMs`, or `dead` is called. */
  start(intervalMs: number, limitMs: number, ask: () => Promise<unknown>, dead: (error: Error) => void): void {
    this.stop();
    if (!(intervalMs > 0)) return;
    this.#hasHeard = true;
    const timer = (this.#timer = setInterval(() => {
      if (this.#isAsking) return;
      const isQuiet = !this.#hasHeard;
      this.#hasHeard = false;
      if (!isQuiet) return;
      this.#isAsking = true;
      within(ask(), 'The answer to a heartbeat', limitMs).catch((error: unknown) => {
        // Whatever else has arrived shows that the peer lives and only has much to say.
        if (timer === this.#timer && error instanceof TimeoutError && !this.#hasHeard) dead(error);
      }).finally(() => {
        if (timer === this.#timer) this.#isAsking = false;
      });
    }, intervalMs));
  }

  heard(): void {
    this.#hasHeard = true;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#isAsking = false;
  }
}
