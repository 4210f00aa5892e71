// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A value that components watch. They draw again only when the part they select changes.
import { useEffect, useReducer, useRef } from 'preact/hooks';

export class Store<T> {
  #value: T;
  #listeners = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(change: Partial<T>): void {
    this.#value = { ...this.#value, ...change };
    for (const listener of [...this.#listeners]) listener();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export function useStore<T, S>(store: Store<T>, select: (value: T) => S): S {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const selected = select(store.value);
  const drawn = useRef({ select, selected });
  drawn.current = { select, selected };
  useEffect(() => {
    const check = () => {
      if (!Object.is(drawn.current.select(store.value), drawn.current.selected)) redraw(0);
    };
    check(); // what changed between drawing and subscribing
    return store.subscribe(check);
  }, [store]);
  return selected;
}
