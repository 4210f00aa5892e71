// SPDX-License-Identifier: MIT OR Apache-2.0
//
// [[listener]]: further listeners, so that a dialect can own a port and every path on it.
#pragma once

#include "config/row.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace pulse::server {

/// One [[listener]] table. `mount` is read by the loader itself: it is the one table-valued key.
struct ListenerOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;

    /// Path, or "*" for every path that is not mounted otherwise, to the name of a dialect. Empty:
    /// the same paths as the main listener.
    std::map<std::string, std::string, std::less<>> mount;

    bool operator==(const ListenerOptions&) const = default;
};

inline constexpr Row<ListenerOptions> kListenerRows[] = {
    row<&ListenerOptions::host>({
        .name = "host",
        .doc = "Address to bind, as server.host.",
    }),
    row<&ListenerOptions::port>({
        .name = "port",
        .doc = "TCP port. It has to be given; 0 takes any free port and logs which.",
    }),
};

inline constexpr SectionTable<ListenerOptions> kListenerSection{
    .name = "listener",
    .doc =
        "Further listeners, each with its own paths. Files only: there are no environment "
        "variables for these.",
    .rows = kListenerRows,
};

inline constexpr std::string_view kMountName = "mount";
inline constexpr std::string_view kMountDoc =
    "Which dialect answers on which path: { \"/path\" = \"dialect\" }. The path \"*\" stands for "
    "every path not named. Without it the listener serves what the main listener serves.";

}  // namespace pulse::server
