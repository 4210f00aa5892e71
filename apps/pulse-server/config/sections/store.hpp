// SPDX-License-Identifier: MIT OR Apache-2.0
//
// [store]: state that outlives the process.
#pragma once

#include "config/row.hpp"

#include <cstdint>
#include <string>

namespace pulse::server {

enum class StoreEngine : std::uint8_t { sqlite, memory };

template <>
struct EnumChoices<StoreEngine> {
    static constexpr Choice kChoices[] = {
        {"sqlite", static_cast<int>(StoreEngine::sqlite)},
        {"memory", static_cast<int>(StoreEngine::memory)},
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
        .doc = "sqlite keeps everything in one file; memory forgets it when the server ends.",
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
            "What an acknowledged write survives beside the end of the server, which it always "
            "does: full survives losing power at any moment; with second that costs at most the "
            "last second; with none it costs what the system had not written yet, and may damage "
            "the file.",
    }),
    row<&StoreOptions::max_bytes>({
        .name = "max_bytes",
        .doc =
            "Largest size of the file, or of what engine memory holds; writes that need more are "
            "refused. 0 means no limit but the disk's. Engine memory also stops at a million "
            "documents.",
        .unit = Unit::bytes,
    }),
    row<&StoreOptions::max_waiting_bytes>({
        .name = "max_waiting_bytes",
        .doc = "Work that may wait for the disk; what comes on top is refused at once.",
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
