// SPDX-License-Identifier: MIT OR Apache-2.0
//
// @pulse/client: the native protocol, for browsers and Node.
export { PulseClient, type PublishOptions } from './client.js';
export type { ClientEvents, ClientOptions, TokenRequest } from './options.js';
export type { ReconnectOptions } from './backoff.js';
export type { LinkState } from './link.js';
export { Subscription, type SubscribeOptions, type SubscriptionEvents } from './subscription.js';
export type { OverflowPolicy } from './queue.js';
export { Message, type Gap } from './publication.js';
export { Presence, type Member, type PresenceEvents } from './presence.js';
export type { RequestOptions } from './requests.js';
export type { WebSocketConstructor, WebSocketLike } from './websocket.js';
export {
  BackpressureError, ClosedError, DisconnectedError, ErrorCode, ForbiddenError, InvalidChannelError, NotConnectedError,
  NotSubscribedError, OverflowError, PayloadTooLargeError, ProtocolError, PulseError, RateLimitedError, ServerError, TimeoutError,
  UnauthorizedError,
} from './errors.js';
export { decodeBody, encodeFrame, type Frame, FrameDecoder, type FrameId, PresenceAction } from './frames.js';
export { pack, unpack } from './msgpack.js';
