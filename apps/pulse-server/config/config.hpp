// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The server's whole configuration as plain values.
//
// To add a section: write sections/<name>.hpp (a struct with defaults and one row per key), then
// give it an include, a member and a line in for_each_section() here. Reading, printing, reloading
// and documenting follow from the rows; packaging/pulse.toml and the tables of
// docs/operations/configuration.md are made by the target pulse-config-reference.
#pragma once

#include "config/sections/auth.hpp"
#include "config/sections/cluster.hpp"
#include "config/sections/compat.hpp"
#include "config/sections/heartbeat.hpp"
#include "config/sections/history.hpp"
#include "config/sections/limits.hpp"
#include "config/sections/listener.hpp"
#include "config/sections/logging.hpp"
#include "config/sections/mesa.hpp"
#include "config/sections/metrics.hpp"
#include "config/sections/roblox.hpp"
#include "config/sections/rooms.hpp"
#include "config/sections/server.hpp"
#include "config/sections/store.hpp"
#include "config/sections/transport.hpp"

#include <vector>

namespace pulse::server {

/// A value: copyable, comparable. A default one is what the server runs with when told nothing.
struct Config {
    ServerOptions server;
    TransportOptions transport;
    LimitsOptions limits;
    HeartbeatOptions heartbeat;
    AuthOptions auth;
    CompatOptions compat;
    StoreOptions store;
    ClusterOptions cluster;
    HistoryOptions history;
    RobloxOptions roblox;
    RoomsOptions rooms;
    MesaOptions mesa;
    MetricsOptions metrics;
    LoggingOptions logging;
    std::vector<ListenerOptions> listeners;

    bool operator==(const Config&) const = default;
};

/// Calls `visit(table, member)` for each section, in the order in which files show them.
template <typename Visit>
void for_each_section(Visit&& visit) {
    visit(kServerSection, &Config::server);
    visit(kTransportSection, &Config::transport);
    visit(kLimitsSection, &Config::limits);
    visit(kHeartbeatSection, &Config::heartbeat);
    visit(kAuthSection, &Config::auth);
    visit(kCompatSection, &Config::compat);
    visit(kStoreSection, &Config::store);
    visit(kClusterSection, &Config::cluster);
    visit(kHistorySection, &Config::history);
    visit(kRobloxSection, &Config::roblox);
    visit(kRoomsSection, &Config::rooms);
    visit(kMesaSection, &Config::mesa);
    visit(kMetricsSection, &Config::metrics);
    visit(kLoggingSection, &Config::logging);
}

}  // namespace pulse::server
