// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who listens to which topic.

/** Listeners by topic; one that ends in `*` stands for all that begin with what is before it. */
export class Topics<L> {
  readonly #exact = new Map<string, Set<L>>();
  readonly #prefixes = new Map<string, Set<L>>();

  /** Names as the server is told them. */
  get names(): string[] {
    return [...this.#exact.keys(), ...[...this.#prefixes.keys()].map((prefix) => `${prefix}*`)];
  }

  #place(topic: string): [Map<string, Set<L>>, string] {
    return topic.endsWith('*') ? [this.#prefixes, topic.slice(0, -1)] : [this.#exact, topic];
  }

  /** Whether it is the first of this topic. */
  add(topic: string, listener: L): boolean {
    const [map, key] = this.#place(topic);
    const set = map.get(key);
    if (set) set.add(listener);
    else map.set(key, new Set([listener]));
    return !set;
  }

  /** Whether it was the last of this topic. */
  remove(topic: string, listener: L): boolean {
    const [map, key] = this.#place(topic);
    const set = map.get(key);
    if (!set?.delete(listener) || set.size > 0) return false;
    return map.delete(key);
  }

  *of(topic: string): Generator<L> {
    yield* this.#exact.get(topic) ?? [];
    for (const [prefix, set] of this.#prefixes) if (topic.startsWith(prefix)) yield* set;
  }

  *all(): Generator<L> {
    for (const set of this.#exact.values()) yield* set;
    for (const set of this.#prefixes.values()) yield* set;
  }
}
