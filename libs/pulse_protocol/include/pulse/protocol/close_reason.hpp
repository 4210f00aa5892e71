// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a peer sees when the server ends a connection: one table. `docs/protocol/errors.md` says the
// same for readers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <pulse/protocol/error.hpp>

namespace pulse::protocol {

enum class CloseReason : std::uint8_t {
    normal,                 ///< the peer asked for it, or the server is done with the peer
    shutdown,               ///< the server stops; the peer should come back, here or elsewhere
    websocket_violation,    ///< RFC 6455 broken: unmasked frame, reserved bits, bad close payload
    unsupported_data,       ///< text where only binary (or JSON text) is understood
    invalid_utf8,           ///< a text message that is not UTF-8
    message_too_big,        ///< a WebSocket frame or message above the limit
    frame_too_large,        ///< a Pulse length prefix above the limit
    slow_consumer,          ///< the peer does not read fast enough
    heartbeat_timeout,      ///< nothing heard for too long
    message_timeout,        ///< a message or frame was begun and its rest did not come
    authentication_failed,  ///< token refused, or none in time
    forbidden,              ///< this peer may not be connected, e.g. removed by an operator
    rate_limited,           ///< kept sending far above its limits
    protocol_mismatch,      ///< `connect` with another major version
    too_many_connections,   ///< connection limit reached after the upgrade
    out_of_memory,          ///< the server's memory budget is used up
    internal_error,         ///< a failure on our side
};

struct CloseInfo {
    CloseReason reason;
    std::uint16_t websocket_code;    ///< RFC 6455 §7.4.1 and its registry
    std::optional<ErrorCode> error;  ///< sent first, in an error frame with id 0, if set
    std::string_view name;           ///< short, stable; for metrics and logs
    std::string_view text;           ///< close reason and error text; at most 123 bytes
    bool should_reconnect;           ///< whether the peer may succeed by trying again unchanged
};

/// The row for `reason`.
[[nodiscard]] const CloseInfo& close_info(CloseReason reason) noexcept;

/// All rows, in the order of the enumerators.
[[nodiscard]] std::span<const CloseInfo> close_table() noexcept;

}  // namespace pulse::protocol
