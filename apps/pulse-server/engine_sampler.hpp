// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The engine's figures of the last five minutes, for the page.
#pragma once

#include "engine_metrics.hpp"
#include "rolling_quantiles.hpp"

#include <cstdint>
#include <deque>
#include <mutex>

#include <pulse/core/clock.hpp>
#include <pulse/roblox/admin_routes.hpp>

namespace pulse::server {

/// **Thread-safe.** What `sources` refers to outlives it.
class EngineSampler {
  public:
    EngineSampler(MetricSources sources, const core::Clock& clock);

    /// About once a second.
    void sample();
    [[nodiscard]] roblox::EngineOverview overview() const;

  private:
    /// What only grows.
    struct Totals {
        core::MonotonicTime taken{};
        std::uint64_t deliveries = 0;
        std::uint64_t publications = 0;
    };
    [[nodiscard]] Totals read_totals() const;
    void read_latency(core::MonotonicTime now);

    MetricSources sources_;
    const core::Clock& clock_;
    core::MonotonicTime begin_;
    RollingQuantiles latencies_;
    mutable std::mutex mutex_;
    Totals last_;
    roblox::EngineOverview now_;
    std::deque<double> deliveries_;
    std::deque<double> connections_;
};

}  // namespace pulse::server
