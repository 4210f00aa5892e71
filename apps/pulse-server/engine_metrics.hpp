// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <pulse/core/hub.hpp>
#include <pulse/core/memory.hpp>
#include <pulse/core/metrics.hpp>
#include <pulse/core/native/dialect.hpp>
#include <pulse/transport/loop.hpp>

namespace pulse::server {

/// Where the figures come from; everything outlives the token.
struct MetricSources {
    const core::Hub& hub;
    const core::native::NativeDialect& native;
    std::vector<transport::Loop*> loops;
    const core::MemoryBudget& budget;
    std::string version;
};

/// Adds the families of docs/operations/metrics.md. They are gathered when somebody asks; counting
/// costs the loops nothing they did not count for themselves.
[[nodiscard]] core::Metrics::Token add_engine_metrics(core::Metrics& metrics,
                                                      MetricSources sources);

}  // namespace pulse::server
