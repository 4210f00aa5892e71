// SPDX-License-Identifier: MIT OR Apache-2.0

#include <array>

#include <pulse/protocol/close_reason.hpp>

namespace pulse::protocol {
namespace {

using enum CloseReason;

constexpr std::array<CloseInfo, 17> kTable{{
    {normal, 1000, std::nullopt, "normal", "", false},
    {shutdown, 1001, ErrorCode::connection_closed, "shutdown", "Server is shutting down", true},
    {websocket_violation, 1002, std::nullopt, "websocket_violation", "WebSocket protocol violated",
     false},
    {unsupported_data, 1003, ErrorCode::invalid_frame, "unsupported_data",
     "Text messages are not understood here", false},
    {invalid_utf8, 1007, std::nullopt, "invalid_utf8", "Text message is not UTF-8", false},
    {message_too_big, 1009, std::nullopt, "message_too_big", "Message too big", false},
    {frame_too_large, 1009, ErrorCode::payload_too_large, "frame_too_large", "Frame too large",
     false},
    {slow_consumer, 1008, ErrorCode::connection_closed, "slow_consumer",
     "Connection does not read fast enough", true},
    {heartbeat_timeout, 1001, ErrorCode::connection_closed, "heartbeat_timeout",
     "Nothing heard for too long", true},
    {message_timeout, 1008, ErrorCode::connection_closed, "message_timeout",
     "The rest of a message did not come", true},
    {authentication_failed, 1008, ErrorCode::unauthorized, "authentication_failed",
     "Authentication failed", false},
    {forbidden, 1008, ErrorCode::forbidden, "forbidden", "Connection not allowed", false},
    {rate_limited, 1008, ErrorCode::rate_limited, "rate_limited", "Too many requests", true},
    {protocol_mismatch, 1002, ErrorCode::protocol_mismatch, "protocol_mismatch",
     "Protocol version not supported", false},
    {too_many_connections, 1013, ErrorCode::server_error, "too_many_connections",
     "Too many connections", true},
    {out_of_memory, 1013, ErrorCode::server_error, "out_of_memory", "Server is out of memory",
     true},
    {internal_error, 1011, ErrorCode::server_error, "internal_error", "Internal error", true},
}};

constexpr bool is_in_order() noexcept {
    for (std::size_t i = 0; i < kTable.size(); ++i) {
        if (static_cast<std::size_t>(kTable[i].reason) != i) return false;
        if (kTable[i].text.size() > 123) return false;  // RFC 6455 §5.5: 125 less the code
    }
    return true;
}
static_assert(is_in_order());

}  // namespace

const CloseInfo& close_info(CloseReason reason) noexcept {
    return kTable[static_cast<std::size_t>(reason)];
}

std::span<const CloseInfo> close_table() noexcept { return kTable; }

}  // namespace pulse::protocol
