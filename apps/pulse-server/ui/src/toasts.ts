// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Short messages about what was just done. Failures stay until they are closed.
import { Store } from './store';

export interface Toast { id: number; kind: 'success' | 'error'; text: string }

const kShownMs = 5_000;
const kMax = 4;

export const toasts = new Store<{ list: Toast[] }>({ list: [] });
let nextId = 1;

export function tell(kind: Toast['kind'], text: string): void {
  const id = nextId++;
  toasts.set({ list: [...toasts.value.list, { id, kind, text }].slice(-kMax) });
  if (kind === 'success') setTimeout(() => dismiss(id), kShownMs);
}

export function dismiss(id: number): void {
  toasts.set({ list: toasts.value.list.filter((toast) => toast.id !== id) });
}

export function dismissAll(): void {
  toasts.set({ list: [] });
}
