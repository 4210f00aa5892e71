// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the bridge refuses, and what Roblox does.
import { PulseError } from '../errors.js';

/** Roblox's own answer, where it was Roblox that refused. */
export interface RobloxRefusal {
  status: number;
  code?: string;
}

/** The bridge said no: over HTTP, while connecting, or to a frame. */
export class BridgeError extends PulseError {
  constructor(
    message: string,
    /** The HTTP status; nothing for the answer to a frame. */
    readonly status?: number,
    /** Seconds to wait before trying again, where the bridge says so. */
    readonly retryAfter?: number,
    readonly roblox?: RobloxRefusal,
  ) {
    super('Bridge', message);
  }

  /** Whether the same request would be refused again: a key, a name or a path is wrong. */
  get fatal(): boolean {
    return this.status !== undefined && [400, 401, 403, 404, 405, 410].includes(this.status);
  }
}

/** Seconds in a Retry-After header, which has seconds or a date. */
export function retryAfterSeconds(header: string | null | undefined, now = Date.now()): number | undefined {
  if (!header) return undefined;
  const seconds = /^\d+(\.\d+)?$/.test(header.trim()) ? Number(header) : (Date.parse(header) - now) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}
