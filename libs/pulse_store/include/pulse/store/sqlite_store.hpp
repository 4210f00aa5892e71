// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Documents in one file on a local disk.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <pulse/core/clock.hpp>
#include <pulse/core/document_store.hpp>
#include <pulse/core/log.hpp>

namespace pulse::store {

/// What an answered batch survives. None of them loses a batch when this process alone ends,
/// however it does; none leaves half a batch.
enum class Durability : std::uint8_t {
    full,    ///< the machine losing power: answered when it is on the disk
    second,  ///< losing power costs at most what was answered in the last second
    none,    ///< losing power costs what the system had not written, and may damage the file
};

struct SqliteOptions {
    // Behaviour
    /// The file. It is made when it is not there (mode 0600), and so are folders (0700). Beside it
    /// lie
    /// "<path>-wal" and "<path>-shm", which belong to it, and "<path>-lock".
    std::string path;
    Durability durability = Durability::full;
    core::DocumentLimits limits;
    /// Largest size of the file; writes that need more fail with store_full. 0: the disk's.
    std::uint64_t max_file_bytes = std::uint64_t{16} * 1024 * 1024 * 1024;
    /// After an end that was none (power, SIGKILL), a file up to this size is read through once for
    /// damage before it is used; about half a second per 100 MiB. 0: never.
    std::uint64_t check_below_bytes = std::uint64_t{64} * 1024 * 1024;
    /// Between attempts to open or write again while unavailable; grows to thirty times as much.
    std::chrono::milliseconds retry_interval{1'000};

    // Performance
    /// Between removals of expired documents, when there are any.
    std::chrono::milliseconds sweep_interval{5'000};
    /// How long to wait for another program that has the file locked, such as a backup.
    std::chrono::milliseconds busy_timeout{1'000};
    std::size_t cache_bytes = std::size_t{8} * 1024 * 1024;  ///< each for writing and for reading
    /// SQLite's layer over the operating system, by the name it is registered under; empty: the
    /// usual.
    std::string vfs;
};

/// What a store works with; everything outlives it.
struct SqliteServices {
    const core::Clock& clock;
    core::Log& log;
};

/// A store in the file `options.path`, with one thread that writes and one that reads. Batches that
/// wait while another is being written become one transaction together, and are answered after it.
///
/// Waits for the first attempt to open the file, so call it when starting. A store is returned in
/// any case; whether it works, status() says. While it does not (file locked by another process,
/// damaged, read-only, of a newer version, disk full …) operations fail at once and it tries again
/// by itself. It never makes a new file in place of one that was deleted or replaced under it.
[[nodiscard]] std::unique_ptr<core::DocumentStore> make_sqlite_store(
    SqliteOptions options, const SqliteServices& services);

}  // namespace pulse::store
