// SPDX-License-Identifier: MIT OR Apache-2.0
//
// [history]: what is kept of channels, for clients that recover what they missed.
#pragma once

#include "config/row.hpp"

#include <cstdint>

namespace pulse::server {

struct HistoryOptions {
    StringList keep;
    std::uint32_t max_channels = 100'000;
    std::uint64_t max_bytes = std::uint64_t{256} * 1024 * 1024;

    bool operator==(const HistoryOptions&) const = default;
};

inline constexpr Row<HistoryOptions> kHistoryRows[] = {
    row<&HistoryOptions::keep>({
        .name = "keep",
        .doc = "Channels of which the newest publications are kept, one entry each: a pattern, "
               "how many, and for how long, such as \"chat:* 100 5m\". In a pattern * stands for "
               "any text; the first entry that fits counts. A time of 0 is for ever. The same on "
               "all servers of a cluster.",
    }),
    row<&HistoryOptions::max_channels>({
        .name = "max_channels",
        .doc = "Channels with history in this server's memory; the one untouched for longest is "
               "forgotten for another. With cluster.engine redis or nats it is their memory that "
               "counts.",
        .min = 1,
    }),
    row<&HistoryOptions::max_bytes>({
        .name = "max_bytes",
        .doc = "Memory for history, likewise.",
        .min = 1'048'576,
        .unit = Unit::bytes,
    }),
};

inline constexpr SectionTable<HistoryOptions> kHistorySection{
    .name = "history",
    .doc =
        "What is kept of channels, for clients that recover what they missed: "
        "docs/protocol/native.md, \"Recovery\".",
    .rows = kHistoryRows,
};

}  // namespace pulse::server
