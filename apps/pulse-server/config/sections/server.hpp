// SPDX-License-Identifier: MIT OR Apache-2.0
//
// [server]: the main listener, the event loops, and how the server stops.
#pragma once

#include "config/row.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace pulse::server {

struct ServerOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8080;
    bool allow_anonymous = false;
    std::string name;
    std::uint32_t threads = 0;
    std::chrono::milliseconds drain_timeout{10'000};
    std::chrono::milliseconds close_spread{1'000};
    std::uint32_t backlog = 1024;
    bool reuse_port = false;

    bool operator==(const ServerOptions&) const = default;
};

inline constexpr Row<ServerOptions> kServerRows[] = {
    row<&ServerOptions::host>({
        .name = "host",
        .doc = "Address the main listener binds: an IP address or a host name. 0.0.0.0 or :: means "
               "every interface.",
        .environment_alias = "PULSE_HOST",
        .top_level_alias = "host",
        .flag = "--host",
        .flag_argument = "HOST",
        .flag_help = "address to listen on",
    }),
    row<&ServerOptions::port>({
        .name = "port",
        .doc = "TCP port of the main listener. 0 takes any free port and logs which.",
        .environment_alias = "PULSE_PORT",
        .top_level_alias = "port",
        .flag = "--port",
        .flag_argument = "PORT",
        .flag_help = "port to listen on; 0 takes any free one",
    }),
    row<&ServerOptions::allow_anonymous>({
        .name = "allow_anonymous",
        .doc = "Consent to serve clients without authentication on an address that other machines "
               "can reach. Without it the server refuses to start there unless auth.required is in "
               "force.",
    }),
    row<&ServerOptions::name>({
        .name = "name",
        .doc = "Name of this node in logs and between nodes: letters, digits, '.', '_' and '-'. "
               "Empty means the host name.",
    }),
    row<&ServerOptions::threads>({
        .name = "threads",
        .doc = "Event loops, one thread each. 0 means one per core.",
        .max = 64,
    }),
    row<&ServerOptions::drain_timeout>({
        .name = "drain_timeout_ms",
        .doc =
            "Longest time to deliver what is queued after SIGTERM or SIGINT before the remaining "
            "connections are cut.",
        .max = 3'600'000,
        .live = true,
    }),
    row<&ServerOptions::close_spread>({
        .name = "close_spread_ms",
        .doc = "Time over which a stopping server spreads its close frames (code 1001), so that "
               "clients do not all reconnect at the same moment. At most half of drain_timeout_ms "
               "counts: whoever is told last needs time to hear it.",
        .max = 600'000,
        .live = true,
    }),
    row<&ServerOptions::backlog>({
        .name = "backlog",
        .doc = "Connections the kernel may hold that are not accepted yet; it cuts the number to "
               "net.core.somaxconn.",
        .min = 1,
        .max = 65'535,
    }),
    row<&ServerOptions::reuse_port>({
        .name = "reuse_port",
        .doc =
            "Share the port with other processes that ask for the same (SO_REUSEPORT): the kernel "
            "spreads connections over all of them. Otherwise a port that is taken is an error.",
    }),
};

inline constexpr SectionTable<ServerOptions> kServerSection{
    .name = "server",
    .doc = "The main listener, the event loops, and how the server stops.",
    .rows = kServerRows,
};

}  // namespace pulse::server
