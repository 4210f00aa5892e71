// SPDX-License-Identifier: MIT OR Apache-2.0
//
// [store]: state that outlives the process.
#pragma once

#include "config/row.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace pulse::server {

enum class StoreEngine : std::uint8_t { sqlite, memory, redis };

template <>
struct EnumChoices<StoreEngine> {
    static constexpr Choice kChoices[] = {
        {"sqlite", static_cast<int>(StoreEngine::sqlite)},
        {"memory", static_cast<int>(StoreEngine::memory)},
        {"redis", static_cast<int>(StoreEngine::redis)},
    };
};

/// What an answered write survives.
enum class StoreDurability : std::uint8_t { full, second, none };

template <>
struct EnumChoices<StoreDurability> {
    static constexpr Choice kChoices[] = {
        {"full", static_cast<int>(StoreDurability::full)},
        {"second", static_cast<int>(StoreDurability::second)},
        {"none", static_cast<int>(StoreDurability::none)},
    };
};

struct StoreOptions {
    bool enabled = false;
    StoreEngine engine = StoreEngine::sqlite;
    std::string path = "data/pulse.db";
    StoreDurability durability = StoreDurability::full;
    std::string url;
    std::string url_file;
    std::string prefix = "pulse";
    std::uint32_t replicas = 0;
    std::chrono::milliseconds answer_timeout{3'000};
    std::uint64_t max_bytes = std::uint64_t{16} * 1024 * 1024 * 1024;
    std::uint64_t max_waiting_bytes = std::uint64_t{64} * 1024 * 1024;

    bool operator==(const StoreOptions&) const = default;
};

inline constexpr Row<StoreOptions> kStoreRows[] = {
    row<&StoreOptions::enabled>({
        .name = "enabled",
        .doc = "Open the store although no part of this server needs it. Parts that do open it by "
               "themselves.",
    }),
    row<&StoreOptions::engine>({
        .name = "engine",
        .doc = "sqlite keeps everything in one file; memory forgets it when the server ends; redis "
               "shares it between servers and needs store.url.",
    }),
    row<&StoreOptions::path>({
        .name = "path",
        .doc = "The file of engine sqlite; it and its folder are made when they are not there. A "
               "relative path starts at the server's working directory. One process at a time may "
               "use it.",
    }),
    row<&StoreOptions::durability>({
        .name = "durability",
        .doc =
            "What an acknowledged write of engine sqlite survives beside the end of the server, "
            "which it always does: full survives losing power at any moment; with second that "
            "costs at most the last second; with none it costs what the system had not written "
            "yet, and may damage the file. With engine redis that is up to Redis' appendonly and "
            "appendfsync.",
    }),
    row<&StoreOptions::url>({
        .name = "url",
        .doc = "The Redis of engine redis: redis://[[user]:password@]host[:port][/database], "
               "redis+sentinel://[[user]:password@]host[:port][,host]/master[/database], "
               "redis+cluster://[[user]:password@]host[:port][,host], "
               "rediss for redis: with TLS (?cafile=, certfile=, keyfile=); "
               "or unix://[[user]:password@]/path[?db=number].",
        .secret = true,
    }),
    row<&StoreOptions::url_file>({
        .name = "url_file",
        .doc = "File with url.",
    }),
    row<&StoreOptions::prefix>({
        .name = "prefix",
        .doc = "All keys there begin with it, in braces and with a colon: {pulse}:d. Servers that "
               "share a store have the same, stores that share a Redis different ones.",
    }),
    row<&StoreOptions::replicas>({
        .name = "replicas",
        .doc = "A write to Redis is acknowledged when so many of its replicas have it, too.",
        .max = 100,
    }),
    row<&StoreOptions::answer_timeout>({
        .name = "answer_timeout_ms",
        .doc = "Without an answer for so long Redis is taken for gone, and connected to anew.",
        .min = 100,
        .max = 600'000,
    }),
    row<&StoreOptions::max_bytes>({
        .name = "max_bytes",
        .doc =
            "Largest size of the file, or of the keys and values that engines memory and redis "
            "hold; writes that need more are refused. 0 means no limit but the disk's, or Redis' "
            "maxmemory. Engine memory also stops at a million documents.",
        .unit = Unit::bytes,
    }),
    row<&StoreOptions::max_waiting_bytes>({
        .name = "max_waiting_bytes",
        .doc =
            "Work that may wait for the disk or for Redis; what comes on top is refused at once.",
        .min = 8'388'608,
        .max = 4'294'967'296,
        .unit = Unit::bytes,
    }),
};

inline constexpr SectionTable<StoreOptions> kStoreSection{
    .name = "store",
    .doc =
        "State that outlives the process. Backup, recovery and what durability costs: "
        "docs/operations/store.md.",
    .rows = kStoreRows,
};

}  // namespace pulse::server
