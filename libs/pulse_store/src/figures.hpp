// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include <pulse/core/document_store.hpp>
#include <pulse/core/lane.hpp>
#include <pulse/core/metrics.hpp>

namespace pulse::store {

/// Counted where it happens. **Thread-safe** to read; the histograms have one writer.
struct Figures {
    core::Counter commits;
    core::Counter gets;
    core::Counter scans;
    core::Counter conflicts;
    core::Counter refusals;
    core::Counter failures;
    core::Counter expired;
    std::atomic<std::uint64_t> stored_bytes{0};
    core::LaneHistogram batches_per_commit;
    core::LaneHistogram commit_time;

    /// Without what waits.
    [[nodiscard]] core::DocumentStoreStats snapshot() const;
};

}  // namespace pulse::store
