// SPDX-License-Identifier: MIT OR Apache-2.0
//
// @pulse/client/roblox: the web's side of the Roblox bridge.
export { Pulse, type PulseOptions, type SendMessage, type SendOptions, Universe } from './pulse.js';
export {
  Connection, type ConnectionEvents, type ConnectOptions, type MessageInfo, type PublishMessage,
} from './connection.js';
export { Registry, type RegistryEntry, type UpdateOptions } from './registry.js';
export { BridgeError, type RobloxRefusal } from './errors.js';
export type { CallOptions, UniverseId } from './http.js';
export type { ReconnectOptions } from '../backoff.js';
export { BackpressureError, ClosedError, DisconnectedError, NotConnectedError, ProtocolError, PulseError, TimeoutError } from '../errors.js';
