// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is needed of a WebSocket: the part that browsers, Node 22 and the package `ws` share.
import { PulseError } from './errors.js';

export interface WebSocketLike {
  readonly readyState: number;
  readonly bufferedAmount: number;
  binaryType: string;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(data: any): void;
  close(code?: number, reason?: string): void;
  /** Of `ws`: does not wait for a peer that may be gone. */
  terminate?(): void;
}

export type WebSocketConstructor = new (url: string, protocols?: string | string[]) => WebSocketLike;

/** The constructor given, or the platform's. */
export function webSocketConstructor(given: unknown): WebSocketConstructor {
  const found = given ?? (globalThis as { WebSocket?: unknown }).WebSocket;
  if (typeof found === 'function') return found as WebSocketConstructor;
  throw new PulseError('Configuration',
    "This platform has no WebSocket (Node before 22): npm install ws, and pass { WebSocket } from 'ws'");
}
