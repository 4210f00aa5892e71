// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Typed events, without Node's and without the DOM's, which differ.

/** Reports what a listener threw where uncaught errors go, and lets the others be heard. */
export function rethrowLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** `Events` maps each event's name to what its listeners are given. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(value: never) => void>>();

  /** Calls `listener` for each such event from now on; returns what ends that. */
  on<K extends keyof Events>(event: K, listener: (value: Events[K]) => void): () => void {
    let set = this.#listeners.get(event);
    if (!set) this.#listeners.set(event, (set = new Set()));
    // Wrapped, so that one function added twice is two listeners, each with its own end.
    const entry = (value: Events[K]): void => listener(value);
    set.add(entry);
    return () => void set.delete(entry);
  }

  /** Calls `listener` for the next such event only. */
  once<K extends keyof Events>(event: K, listener: (value: Events[K]) => void): () => void {
    const off = this.on(event, (value) => {
      off();
      listener(value);
    });
    return off;
  }

  /** @internal */
  emit<K extends keyof Events>(event: K, value: Events[K]): void {
    const set = this.#listeners.get(event);
    if (!set) return;
    for (const listener of set) {
      try {
        (listener as (value: Events[K]) => void)(value);
      } catch (error) {
        rethrowLater(error);
      }
    }
  }

  /** @internal Whether somebody listens: what is costly to tell need not be told to nobody. */
  hears(event: keyof Events): boolean {
    return (this.#listeners.get(event)?.size ?? 0) > 0;
  }
}
