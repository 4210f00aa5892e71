// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a native client can be told, and what it tells.
import type { ReconnectOptions } from './backoff.js';
import type { Frame } from './frames.js';
import type { LinkState } from './link.js';
import type { Gap } from './publication.js';
import type { WebSocketConstructor } from './websocket.js';

export interface TokenRequest {
  /** What became of the token before, if the server refused it. */
  refused: Error | undefined;
  signal: AbortSignal;
}

export interface ClientOptions {
  /** For Node before 22: `WebSocket` of the package `ws`. Default: the platform's. */
  WebSocket?: WebSocketConstructor;
  /**
   * Sent on each connection. A function is asked each time, so that it can renew what expires; one
   * whose token is refused twice in a row is not asked again.
   */
  token?: string | ((request: TokenRequest) => string | Promise<string>);
  /** How to come back after a lost connection; false: not at all. */
  reconnect?: false | ReconnectOptions;
  /** For one attempt, from its token to the server's welcome. Default 10,000. */
  connectTimeoutMs?: number;
  /** For the answer to a request. 0 waits for ever. Default 10,000. */
  ackTimeoutMs?: number;
  /** After so long without a byte from the server it is asked for one. Default: what the server says. */
  heartbeatMs?: number;
  /** No byte for so long after that question, and the connection counts as lost. Default 10,000. */
  pongTimeoutMs?: number;
  /** How many publications may wait for a connection. Default 0: without one they are rejected. */
  offlineQueue?: number;
  /** How long these may be together. Default 1 MiB. */
  offlineQueueBytes?: number;
  /** How much may wait in the WebSocket; a publication beyond it is rejected. Default 4 MiB. */
  maxBufferedBytes?: number;
  /** How many requests may wait for their answers. Default 4096. */
  maxPendingRequests?: number;
}

export interface ClientEvents {
  state: LinkState;
  /** Connected, authenticated if there is a token; subscriptions are being renewed. */
  open: { connectionId: string; reconnected: boolean };
  /** Not connected any more, or again not. Without `retryInMs` this was the last attempt. */
  close: { code: number; reason: string; error: Error; retryInMs: number | undefined };
  /** What no promise could be rejected with: refused publications without ack, bad frames. */
  error: unknown;
  /** A subscription has a hole. */
  gap: Gap;
  /** Every frame, for those who want to watch. */
  frame: { direction: 'in' | 'out'; frame: Frame };
}
