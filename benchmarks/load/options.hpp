// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace pulse::load {

enum class Scenario { fanout, rooms, echo, slow, idle, connect, churn };
/// How a connection gets its own bytes back.
enum class EchoKind {
    shortest,  ///< the protocol's echo request; where it has none, publish
    publish,   ///< by publishing to a channel that only this connection listens to
    ping,      ///< the protocol's own ping frame, which carries no payload
};

/// What a run does. The defaults are small enough to end within seconds on any machine.
struct Options {
    Scenario scenario = Scenario::fanout;
    std::string scenario_name;
    std::string label;

    // Whom to load. Only loopback addresses are accepted: the generator reads the server's CPU time
    // and memory from /proc, and it must not be pointed at somebody else's machine by a slip.
    std::string protocol = "pulse";
    std::string host = "127.0.0.1";
    std::uint16_t port = 8080;
    std::uint16_t publish_port = 0;   ///< where publishers connect; 0: as the others
    std::optional<std::string> path;  ///< default depends on the protocol
    std::string channel_prefix = "load";
    std::vector<pid_t> pids;

    // Shape of the traffic.
    std::uint32_t channels = 1;
    std::uint32_t subscribers = 100;  ///< per channel
    std::uint32_t publishers = 1;     ///< rooms: one per room
    std::uint32_t connections = 100;  ///< echo, idle, connect (at once), churn (per wave)
    std::uint32_t slow = 100;         ///< never-reading subscribers
    std::uint32_t slow_receive_buffer = 0;
    std::size_t size = 64;
    bool text = false;         ///< payloads of ASCII, for protocols that carry anything
    std::uint32_t window = 1;  ///< publications in flight per channel
    double rate = 0;           ///< publications per second over all channels; 0 = closed loop
    std::uint32_t burst = 1;   ///< open loop: publications per tick
    EchoKind echo = EchoKind::shortest;
    bool subscribe = true;  ///< idle: to one shared channel

    // Length and bounds, seconds.
    double warmup = 0.5;
    double duration = 2.0;
    double drain = 10.0;
    double setup = 60.0;
    double hold = 1.0;
    std::uint32_t waves = 5;
    std::uint32_t concurrency = 64;  ///< connections being opened at once
    std::uint32_t sources = 0;       ///< source addresses; 0 = as many as the count needs

    bool verify = false;
    bool allow_loss = false;
};

struct ParsedOptions {
    std::optional<Options> options;
    std::string error;  ///< empty with no options: help was asked for
};

[[nodiscard]] ParsedOptions parse_options(int argc, const char* const* argv);
[[nodiscard]] std::string usage();

}  // namespace pulse::load
