// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include <pulse/core/metrics.hpp>
#include <pulse/roblox/bridge_stats.hpp>
#include <pulse/roblox/universe_owners.hpp>
#include <pulse/roblox/universe_registry.hpp>

namespace pulse::server {

/// Appends the families pulse_roblox_… of docs/operations/metrics.md.
void append_bridge_metrics(std::vector<core::MetricFamily>& out,
                           const roblox::BridgeMetrics& figures, std::size_t web_clients);
void append_owner_metrics(std::vector<core::MetricFamily>& out,
                          const roblox::UniverseOwnerStats& stats);
/// pulse_roblox_key_state: universes by the state of the key in use.
void append_key_states(std::vector<core::MetricFamily>& out,
                       const roblox::UniverseRegistry& registry);

}  // namespace pulse::server
