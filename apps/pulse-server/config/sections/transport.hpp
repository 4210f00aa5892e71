// SPDX-License-Identifier: MIT OR Apache-2.0
//
// [transport]: ways in, sizes on the wire, and what happens to a client that reads too slowly.
#pragma once

#include "config/row.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace pulse::server {

/// What to do when a connection's outbox is full.
enum class SlowConsumerPolicy : std::uint8_t { close, drop_oldest, drop_newest };

template <>
struct EnumChoices<SlowConsumerPolicy> {
    static constexpr Choice kChoices[] = {
        {"close", static_cast<int>(SlowConsumerPolicy::close)},
        {"drop_oldest", static_cast<int>(SlowConsumerPolicy::drop_oldest)},
        {"drop_newest", static_cast<int>(SlowConsumerPolicy::drop_newest)},
    };
};

struct TransportOptions {
    bool websocket = true;
    bool webtransport = false;
    std::string websocket_path = "/ws";
    StringList allowed_origins;
    std::chrono::milliseconds handshake_timeout{10'000};
    std::chrono::milliseconds message_timeout{60'000};
    std::chrono::milliseconds http_keep_alive{60'000};
    std::uint64_t max_head_bytes = std::uint64_t{16} * 1024;
    std::uint64_t max_body_bytes = std::uint64_t{1024} * 1024;
    std::uint64_t max_frame_bytes = std::uint64_t{16} * 1024 * 1024;
    std::uint64_t max_websocket_frame_bytes = std::uint64_t{16} * 1024 * 1024;
    std::uint64_t max_websocket_message_bytes = std::uint64_t{64} * 1024 * 1024;
    std::uint64_t outbox_max_bytes = std::uint64_t{16} * 1024 * 1024;
    std::uint32_t outbox_max_messages = 0;
    SlowConsumerPolicy slow_consumer = SlowConsumerPolicy::close;
    std::uint64_t memory_budget_bytes = 0;
    bool micro_batching = true;

    bool operator==(const TransportOptions&) const = default;
};

inline constexpr Row<TransportOptions> kTransportRows[] = {
    row<&TransportOptions::websocket>({
        .name = "websocket",
        .doc = "Serve WebSocket. Without it the listeners answer plain HTTP only.",
    }),
    row<&TransportOptions::webtransport>({
        .name = "webtransport",
        .doc = "Serve WebTransport. Not available in this build: true is answered by a warning.",
    }),
    row<&TransportOptions::websocket_path>({
        .name = "websocket_path",
        .doc = "Path of the native protocol's WebSocket.",
    }),
    row<&TransportOptions::allowed_origins>({
        .name = "allowed_origins",
        .doc =
            "Web origins (scheme://host[:port]) whose pages may connect; \"*\" admits all. Empty "
            "admits pages from the host and port that the request itself names; on a loopback "
            "listener instead pages from loopback addresses and from files, whose origin \"null\" "
            "is also that of sandboxed frames of any site. Clients that send no Origin header, "
            "which is every client but a browser, are always admitted.",
        .live = true,
    }),
    row<&TransportOptions::handshake_timeout>({
        .name = "handshake_timeout_ms",
        .doc = "Time a client has to send a request completely: from connecting on for the first, "
               "from its first byte on for later ones.",
        .min = 100,
        .max = 600'000,
        .live = true,
    }),
    row<&TransportOptions::message_timeout>({
        .name = "message_timeout_ms",
        .doc =
            "Time a client has to send a WebSocket message completely, from its first byte on, and "
            "a frame that goes on in further messages. 0 means no limit.",
        .max = 3'600'000,
        .live = true,
    }),
    row<&TransportOptions::http_keep_alive>({
        .name = "http_keep_alive_ms",
        .doc = "Time an HTTP connection may stay idle between two requests. 0 closes it after each "
               "answer.",
        .max = 3'600'000,
        .live = true,
    }),
    row<&TransportOptions::max_head_bytes>({
        .name = "max_head_bytes",
        .doc = "Largest HTTP request head (request line and headers).",
        .min = 1'024,
        .max = 1'048'576,
        .unit = Unit::bytes,
        .live = true,
    }),
    row<&TransportOptions::max_body_bytes>({
        .name = "max_body_bytes",
        .doc = "Largest HTTP request body.",
        .min = 1,
        .max = 1'073'741'824,
        .unit = Unit::bytes,
        .live = true,
    }),
    row<&TransportOptions::max_frame_bytes>({
        .name = "max_frame_bytes",
        .doc = "Largest body of one frame of the native protocol, whose own limit is 16 MiB.",
        .min = 1'024,
        .max = 16'777'216,
        .unit = Unit::bytes,
        .live = true,
    }),
    row<&TransportOptions::max_websocket_frame_bytes>({
        .name = "max_websocket_frame_bytes",
        .doc = "Largest WebSocket frame from a client; a longer message comes in fragments.",
        .min = 1'024,
        .max = 1'073'741'824,
        .unit = Unit::bytes,
        .live = true,
    }),
    row<&TransportOptions::max_websocket_message_bytes>({
        .name = "max_websocket_message_bytes",
        .doc = "Largest WebSocket message from a client; it may hold several frames.",
        .min = 1'024,
        .max = 1'073'741'824,
        .unit = Unit::bytes,
        .live = true,
    }),
    row<&TransportOptions::outbox_max_bytes>({
        .name = "outbox_max_bytes",
        .doc = "Bytes that may wait for one client before slow_consumer applies.",
        .min = 65'536,
        .max = 4'294'967'296,
        .unit = Unit::bytes,
        .live = true,
    }),
    row<&TransportOptions::outbox_max_messages>({
        .name = "outbox_max_messages",
        .doc = "Messages that may wait for one client before slow_consumer applies. 0 means no "
               "limit beside outbox_max_bytes.",
        .live = true,
    }),
    row<&TransportOptions::slow_consumer>({
        .name = "slow_consumer",
        .doc = "What happens to a client whose outbox is full: close it, or drop its oldest or its "
               "newest waiting messages.",
        .live = true,
    }),
    row<&TransportOptions::memory_budget_bytes>({
        .name = "memory_budget_bytes",
        .doc = "Memory all connections together may hold in queues and partial messages. 0 takes a "
               "quarter of the machine's memory, or of what a container or service manager allows.",
        .unit = Unit::bytes,
    }),
    row<&TransportOptions::micro_batching>({
        .name = "micro_batching",
        .doc = "Under saturation, gather input for at most two milliseconds before a flush: more "
               "throughput, no effect at low load.",
    }),
};

inline constexpr SectionTable<TransportOptions> kTransportSection{
    .name = "transport",
    .doc = "Ways in, sizes on the wire, and what happens to a client that reads too slowly.",
    .rows = kTransportRows,
};

}  // namespace pulse::server
