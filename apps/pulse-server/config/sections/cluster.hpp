// SPDX-License-Identifier: MIT OR Apache-2.0
//
// [cluster]: several servers as one.
#pragma once

#include "config/row.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace pulse::server {

enum class ClusterEngine : std::uint8_t { memory, redis, nats };

template <>
struct EnumChoices<ClusterEngine> {
    static constexpr Choice kChoices[] = {
        {"memory", static_cast<int>(ClusterEngine::memory)},
        {"redis", static_cast<int>(ClusterEngine::redis)},
        {"nats", static_cast<int>(ClusterEngine::nats)},
    };
};

/// What becomes of publications while the server that joins the nodes is away.
enum class ClusterWhileDown : std::uint8_t { refuse, queue, local };

template <>
struct EnumChoices<ClusterWhileDown> {
    static constexpr Choice kChoices[] = {
        {"refuse", static_cast<int>(ClusterWhileDown::refuse)},
        {"queue", static_cast<int>(ClusterWhileDown::queue)},
        {"local", static_cast<int>(ClusterWhileDown::local)},
    };
};

struct ClusterOptions {
    ClusterEngine engine = ClusterEngine::memory;
    std::string url;
    std::string url_file;
    std::string prefix = "pulse:";
    ClusterWhileDown while_down = ClusterWhileDown::queue;
    std::chrono::milliseconds max_wait{10'000};
    std::chrono::milliseconds answer_timeout{3'000};
    std::chrono::milliseconds node_timeout{6'000};
    bool rooms = true;
    std::chrono::milliseconds lease{6'000};
    std::chrono::milliseconds patience{10'000};
    std::uint32_t max_waiting = 100'000;
    std::uint64_t max_waiting_bytes = std::uint64_t{64} * 1024 * 1024;
    std::uint32_t nats_replicas = 1;

    bool operator==(const ClusterOptions&) const = default;
};

inline constexpr Row<ClusterOptions> kClusterRows[] = {
    row<&ClusterOptions::engine>({
        .name = "engine",
        .doc = "What joins this server to others: memory stands alone, redis and nats (with "
               "JetStream) need cluster.url. The same on all of them.",
    }),
    row<&ClusterOptions::url>({
        .name = "url",
        .doc = "redis://[[user]:password@]host[:port][/database], "
               "unix://[[user]:password@]/path[?db=number], "
               "redis+sentinel://[[user]:password@]host[:port][,host]/master[/database], "
               "or redis+cluster://[[user]:password@]host[:port][,host]; "
               "rediss for redis: with TLS (?cafile=, certfile=, keyfile=); "
               "nats://[user:password@|token@]host[:port][,host[:port]…], or tls:// likewise.",
        .secret = true,
    }),
    row<&ClusterOptions::url_file>({
        .name = "url_file",
        .doc = "File with url.",
    }),
    row<&ClusterOptions::prefix>({
        .name = "prefix",
        .doc = "In front of all names there: clusters that share a Redis or NATS need different "
               "ones.",
    }),
    row<&ClusterOptions::while_down>({
        .name = "while_down",
        .doc = "Publications while it cannot be reached: refuse answers with an error at once; "
               "queue lets them wait, within the bounds below, and then answers; local delivers "
               "to this server's clients alone, but refuses for channels with history.",
    }),
    row<&ClusterOptions::max_wait>({
        .name = "max_wait_ms",
        .doc = "The longest that a publication waits under while_down = \"queue\".",
        .min = 100,
        .max = 3'600'000,
    }),
    row<&ClusterOptions::answer_timeout>({
        .name = "answer_timeout_ms",
        .doc = "Without an answer for so long it is taken for gone, and connected to anew.",
        .min = 100,
        .max = 600'000,
    }),
    row<&ClusterOptions::node_timeout>({
        .name = "node_timeout_ms",
        .doc = "A node that the others have not heard of for so long is dead to them: its clients "
               "leave the presence of their channels.",
        .min = 600,
        .max = 600'000,
    }),
    row<&ClusterOptions::rooms>({
        .name = "rooms",
        .doc = "Each room is one for all servers: one of them has it, and the clients of the "
               "others are carried there. Needs a store that all share (store.engine). false: "
               "every server has rooms of its own.",
    }),
    row<&ClusterOptions::lease>({
        .name = "lease_ms",
        .doc = "What only one server may have (a room, the sending for a Roblox universe) is "
               "another's within that time after it died or lost its way to Redis or NATS. The "
               "same on all servers.",
        .min = 500,
        .max = 600'000,
    }),
    row<&ClusterOptions::patience>({
        .name = "patience_ms",
        .doc = "How long a client waits for the server that has its room to be known, and an HTTP "
               "request for its answer; then 1013, 503 or 504.",
        .min = 100,
        .max = 600'000,
    }),
    row<&ClusterOptions::max_waiting>({
        .name = "max_waiting",
        .doc = "Publications that may wait, or be on their way, at once; more are refused as too "
               "many (error 1006).",
        .min = 1,
        .max = 100'000'000,
    }),
    row<&ClusterOptions::max_waiting_bytes>({
        .name = "max_waiting_bytes",
        .doc = "Memory that they may take.",
        .min = 65'536,
        .unit = Unit::bytes,
    }),
    row<&ClusterOptions::nats_replicas>({
        .name = "nats_replicas",
        .doc = "How many servers of a NATS cluster keep what is published, and who owns what; of "
               "streams that are made from now on.",
        .min = 1,
        .max = 5,
    }),
};

inline constexpr SectionTable<ClusterOptions> kClusterSection{
    .name = "cluster",
    .doc = "Several servers as one: docs/operations/clustering.md.",
    .rows = kClusterRows,
};

}  // namespace pulse::server
