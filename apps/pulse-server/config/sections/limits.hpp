// SPDX-License-Identifier: MIT OR Apache-2.0
//
// [limits]: how much clients may use, together and each.
#pragma once

#include "config/row.hpp"

#include <cstdint>

namespace pulse::server {

struct LimitsOptions {
    std::uint32_t max_connections = 100'000;
    std::uint32_t max_connections_per_address = 0;
    std::uint32_t max_channels = 10'000;
    std::uint32_t max_subscriptions_per_connection = 100;
    std::uint64_t max_message_size = 65'536;
    std::uint64_t max_presence_bytes = std::uint64_t{8} * 1024 * 1024;
    bool auto_create_channels = true;
    std::uint32_t connections_per_second = 0;
    std::uint32_t connections_burst = 0;
    std::uint32_t publishes_per_second = 0;
    std::uint32_t publishes_burst = 0;
    std::uint32_t subscribes_per_second = 0;
    std::uint32_t subscribes_burst = 0;

    bool operator==(const LimitsOptions&) const = default;
};

inline constexpr Row<LimitsOptions> kLimitsRows[] = {
    row<&LimitsOptions::max_connections>({
        .name = "max_connections",
        .doc = "WebSocket connections at the same time. Further ones are answered with HTTP 503.",
        .min = 1,
        .live = true,
    }),
    row<&LimitsOptions::max_connections_per_address>({
        .name = "max_connections_per_address",
        .doc = "WebSocket connections at the same time from one IP address; more are answered with "
               "HTTP 429. 0 means no limit.",
        .live = true,
    }),
    row<&LimitsOptions::max_channels>({
        .name = "max_channels",
        .doc = "Channels at the same time. A subscribe that would create one more is refused "
               "(error 1011).",
        .min = 1,
        .live = true,
    }),
    row<&LimitsOptions::max_subscriptions_per_connection>({
        .name = "max_subscriptions_per_connection",
        .doc = "Channels one connection may be subscribed to.",
        .min = 1,
        .live = true,
    }),
    row<&LimitsOptions::max_message_size>({
        .name = "max_message_size",
        .doc = "Largest payload of a publication; a larger one is refused (error 1007) and the "
               "connection stays. 0 leaves only transport.max_frame_bytes.",
        .max = 16'777'216,
        .unit = Unit::bytes,
        .live = true,
    }),
    row<&LimitsOptions::max_presence_bytes>({
        .name = "max_presence_bytes",
        .doc = "Memory for the presence of one channel: the data of its members and 128 bytes for "
               "each. A join or update beyond it is refused (error 1011). 0 means no limit but the "
               "memory budget's.",
        .max = 1'073'741'824,
        .unit = Unit::bytes,
        .live = true,
    }),
    row<&LimitsOptions::auto_create_channels>({
        .name = "auto_create_channels",
        .doc = "The first subscribe creates a channel. Otherwise only channels that exist already "
               "can be subscribed to (error 1005).",
        .live = true,
    }),
    row<&LimitsOptions::connections_per_second>({
        .name = "connections_per_second",
        .doc =
            "New WebSocket connections per second, from all addresses together; more are answered "
            "with HTTP 429. 0 means no limit.",
        .max = 1'000'000'000,
        .live = true,
    }),
    row<&LimitsOptions::connections_burst>({
        .name = "connections_burst",
        .doc = "New connections that may come at once after a quiet time, from all addresses "
               "together. 0 means as many as connections_per_second.",
        .max = 1'000'000'000,
        .live = true,
    }),
    row<&LimitsOptions::publishes_per_second>({
        .name = "publishes_per_second",
        .doc =
            "Publications per second from one connection; more are refused (error 1006). 0 means "
            "no limit.",
        .max = 1'000'000'000,
        .live = true,
    }),
    row<&LimitsOptions::publishes_burst>({
        .name = "publishes_burst",
        .doc =
            "Publications one connection may send at once after a quiet time. 0 means as many as "
            "publishes_per_second.",
        .max = 1'000'000'000,
        .live = true,
    }),
    row<&LimitsOptions::subscribes_per_second>({
        .name = "subscribes_per_second",
        .doc = "Subscribes, unsubscribes and presence requests per second from one connection; "
               "more are refused (error 1006). 0 means no limit.",
        .max = 1'000'000'000,
        .live = true,
    }),
    row<&LimitsOptions::subscribes_burst>({
        .name = "subscribes_burst",
        .doc = "Such requests one connection may send at once after a quiet time. 0 means as many "
               "as subscribes_per_second.",
        .max = 1'000'000'000,
        .live = true,
    }),
};

inline constexpr SectionTable<LimitsOptions> kLimitsSection{
    .name = "limits",
    .doc = "How much clients may use, together and each.",
    .rows = kLimitsRows,
};

}  // namespace pulse::server
