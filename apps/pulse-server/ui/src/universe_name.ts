// SPDX-License-Identifier: MIT OR Apache-2.0

/** The name an operator gave it, or its id. */
export function nameOf(universe: { id: string; name: string }): string {
  return universe.name === '' ? `Universe ${universe.id}` : universe.name;
}
