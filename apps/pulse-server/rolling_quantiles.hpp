// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/core/lane.hpp>

namespace pulse::server {

/// Quantiles of the last minute out of counts that only grow: remembers what they were, at least
/// twenty seconds apart, and looks at the difference to the oldest that is not older than a minute.
/// The window therefore is between 40 and 80 seconds when asked regularly. **Thread-safe.**
class RollingQuantiles {
  public:
    using Counts = std::array<std::uint64_t, core::LaneLatencies::kBuckets>;

    /// Values in seconds for each wanted quantile (0 to 1); NaN when nothing happened in the
    /// window.
    [[nodiscard]] std::vector<std::pair<double, double>> update(core::MonotonicTime now,
                                                                const Counts& counts,
                                                                std::span<const double> wanted);

  private:
    struct Snapshot {
        core::MonotonicTime taken;
        Counts counts;
    };
    std::mutex mutex_;
    std::deque<Snapshot> snapshots_;
};

}  // namespace pulse::server
