// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What operators and orchestrators ask over HTTP.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <pulse/core/metrics.hpp>
#include <pulse/transport/http.hpp>

namespace pulse::server {

struct Health {
    std::string version;
    /// What keeps the server from being sent traffic, in a few words; empty: nothing.
    std::function<std::string()> obstacle;
};

/// /health (what clients of the native protocol know), /healthz (alive), /readyz (may be sent
/// traffic).
[[nodiscard]] std::vector<transport::Route> health_routes(Health health);

/// The exposition. `is_own_port`: on every path and for every method, and /health says OK;
/// otherwise at /metrics alone.
[[nodiscard]] std::vector<transport::Route> metrics_routes(const core::Metrics& metrics,
                                                           bool is_own_port);

}  // namespace pulse::server
