// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What can go wrong, one class for each thing a program would do differently.

/** The error codes of the native protocol; see docs/protocol/errors.md. */
export const ErrorCode = {
  UnknownError: 1000,
  InvalidFrame: 1001,
  InvalidChannel: 1002,
  Unauthorized: 1003,
  Forbidden: 1004,
  ChannelNotFound: 1005,
  RateLimited: 1006,
  PayloadTooLarge: 1007,
  NotSubscribed: 1008,
  AlreadySubscribed: 1009,
  ConnectionClosed: 1010,
  ServerError: 1011,
  ProtocolMismatch: 1012,
} as const;

/** The base of every error this package makes. */
export class PulseError extends Error {
  /** Which class it is, also where names are minified and classes exist twice. */
  readonly kind: string;

  constructor(kind: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
    this.name = `Pulse${kind}Error`;
  }
}

/** There is no connection, and the offline queue is off: nothing was sent. */
export class NotConnectedError extends PulseError {
  constructor(message = 'Not connected') {
    super('NotConnected', message);
  }
}

/** The connection broke between a request and its answer: whether it was carried out is unknown. */
export class DisconnectedError extends PulseError {
  constructor(message = 'The connection was lost before the answer came', options?: { cause?: unknown }) {
    super('Disconnected', message, options);
  }
}

/** `close()` was called, or the server refused this client for good. */
export class ClosedError extends PulseError {
  constructor(message = 'The client is closed', options?: { cause?: unknown }) {
    super('Closed', message, options);
  }
}

/** No answer in time: whether the request was carried out is unknown. */
export class TimeoutError extends PulseError {
  constructor(what: string, milliseconds: number) {
    super('Timeout', `${what} took longer than ${milliseconds} ms`);
  }
}

/** More waits to be sent, or to be answered, than the client's bounds allow: nothing was sent. */
export class BackpressureError extends PulseError {
  constructor(message: string) {
    super('Backpressure', message);
  }
}

/** An iterator's queue ran over: its reader is slower than its channel. */
export class OverflowError extends PulseError {
  constructor(channel: string, limit: number) {
    super('Overflow', `More than ${limit} messages of ${channel} wait to be read`);
  }
}

/** What arrived is not the protocol. */
export class ProtocolError extends PulseError {
  constructor(message: string) {
    super('Protocol', message);
  }
}

/** The server said no. `code` is one of `ErrorCode`. */
export class ServerError extends PulseError {
  constructor(
    readonly code: number,
    message: string,
    readonly channel?: string,
    kind = 'Server',
  ) {
    super(kind, message);
  }
}

/** 1003: the token is missing, or was refused. */
export class UnauthorizedError extends ServerError {}
/** 1004: authenticated, but without this right. */
export class ForbiddenError extends ServerError {}
/** 1002: the name is not one a channel can have, or there are too many subscriptions. */
export class InvalidChannelError extends ServerError {}
/** 1005 or 1008: presence needs a subscription, and a member. */
export class NotSubscribedError extends ServerError {}
/** 1006: not carried out; wait before trying again. */
export class RateLimitedError extends ServerError {}
/** 1007: the payload is longer than the server takes. */
export class PayloadTooLargeError extends ServerError {}

const kClasses: Record<number, [string, new (...args: ConstructorParameters<typeof ServerError>) => ServerError]> = {
  1002: ['InvalidChannel', InvalidChannelError],
  1003: ['Unauthorized', UnauthorizedError],
  1004: ['Forbidden', ForbiddenError],
  1005: ['NotSubscribed', NotSubscribedError],
  1006: ['RateLimited', RateLimitedError],
  1007: ['PayloadTooLarge', PayloadTooLargeError],
  1008: ['NotSubscribed', NotSubscribedError],
};

/** The error of the class that belongs to `code`. */
export function serverError(code: number, message: string, channel?: string): ServerError {
  const [kind, type] = kClasses[code] ?? ['Server', ServerError];
  return new type(code, message, channel, kind);
}
