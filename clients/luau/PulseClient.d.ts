// SPDX-License-Identifier: MIT OR Apache-2.0
//
// For roblox-ts. Lay this file beside the module: import PulseClient from "./PulseClient".

declare namespace PulseClient {
  interface Info {
    /** The topic it was sent to, also for a listener to a prefix. */
    readonly topic: string;
    /** JobId of the game server that sent it. */
    readonly from?: string;
    /** Place among what the Pulse server keeps for this universe. */
    readonly seq?: number;
    /** Unix seconds. */
    readonly sentAt?: number;
  }

  interface Connection {
    readonly Connected: boolean;
    Disconnect(): void;
  }

  type ErrorKind = "http" | "auth" | "messaging" | "gap" | "expired" | "rejected" | "callback" | "stream";

  interface Options {
    /** Without it: MessagingService only. */
    serverUrl?: string;
    apiKey?: string | Secret;
    /** Default: game.GameId. */
    universeId?: number;
    /** Default: "hybrid"; in Studio "stream", then "poll". */
    transport?: "hybrid" | "messaging" | "poll" | "stream";
    prefix?: string;
    shards?: number;
    /** Requests in any 60 seconds; default 300. */
    httpBudget?: number;
    /** Seconds; default 0.25. */
    flushInterval?: number;
    queueLimit?: number;
    publishLimit?: number;
    topicPublishLimit?: number;
    frames?: "v1" | "v0";
    envelopes?: boolean;
    compress?: boolean;
    placeTopic?: boolean;
    echo?: boolean;
    keepNull?: boolean;
    onError?: (kind: ErrorKind, detail: string) => void;
  }

  interface SendOptions {
    /** Default: "server", the web clients. */
    destination?: "server" | "roblox";
    /** With "roblox": only this game server. */
    serverId?: string;
    /** With "roblox": another universe. */
    universeId?: number;
    /** Seconds it may wait, 1 to 300; default 15. */
    ttl?: number;
    /** Replaces what still waits with the same topic and key. */
    key?: string;
    priority?: "normal" | "low";
    spread?: boolean;
  }

  interface Pulse {
    readonly ServerId: string;
    Subscribe<T = unknown>(topic: string, callback: (message: T, info: Info) => void): Connection;
    /** Never yields, never raises. */
    Send(topic: string, message: unknown, options?: SendOptions): LuaTuple<[ok: boolean, reason?: string]>;
    /** Yields until it was accepted or given up. */
    SendAsync(topic: string, message: unknown, options?: SendOptions): LuaTuple<[ok: boolean, reason?: string]>;
    /** Yields until nothing waits any more; whether that was so in time. */
    Flush(seconds?: number): boolean;
    Stats(): Readonly<Record<string, number | string | boolean | undefined>>;
    Destroy(): void;
  }
}

interface PulseClientConstructor {
  /** JSON's null. */
  readonly null: unique symbol;
  /** Marks a table as an object even when it is empty. */
  readonly object: <T extends object>(this: void, value?: T) => T;
  readonly "new": (this: void, options: PulseClient.Options) => PulseClient.Pulse;
}

declare const PulseClient: PulseClientConstructor;
export = PulseClient;
