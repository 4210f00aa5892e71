// SPDX-License-Identifier: MIT OR Apache-2.0
//
// [heartbeat]: finding out that a client is gone.
#pragma once

#include "config/row.hpp"

#include <chrono>

namespace pulse::server {

struct HeartbeatOptions {
    std::chrono::milliseconds interval{30'000};
    std::chrono::milliseconds timeout{60'000};
    std::chrono::milliseconds presence_timeout{0};

    bool operator==(const HeartbeatOptions&) const = default;
};

inline constexpr Row<HeartbeatOptions> kHeartbeatRows[] = {
    row<&HeartbeatOptions::interval>({
        .name = "interval_ms",
        .doc = "Quiet time after which a client is pinged; also told to clients in the connected "
               "frame. 0 sends no pings.",
        .max = 86'400'000,
        .live = true,
    }),
    row<&HeartbeatOptions::timeout>({
        .name = "timeout_ms",
        .doc =
            "Quiet time after which a connection is closed; any byte counts as activity. 0 never "
            "closes an idle connection. Must be longer than interval_ms.",
        .max = 86'400'000,
        .live = true,
    }),
    row<&HeartbeatOptions::presence_timeout>({
        .name = "presence_timeout_ms",
        .doc = "Time after its last join or update in which a member is taken out of a channel's "
               "presence, to within a second, although its connection is there. 0 keeps members "
               "for as long as they are connected and subscribed.",
        .max = 86'400'000,
        .live = true,
    }),
};

inline constexpr SectionTable<HeartbeatOptions> kHeartbeatSection{
    .name = "heartbeat",
    .doc = "Finding out that a client is gone.",
    .rows = kHeartbeatRows,
};

}  // namespace pulse::server
