// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <string>

#include <pulse/core/metrics.hpp>

namespace pulse::server {

/// Everything in the registry as Prometheus text, format 0.0.4.
[[nodiscard]] std::string exposition(const core::Metrics& metrics);

}  // namespace pulse::server
