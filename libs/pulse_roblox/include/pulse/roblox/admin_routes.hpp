// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Administration over HTTP: log in, universes and their keys, tokens, figures, and one stream of
// live events for the web page. docs/protocol/roblox-admin.md describes every route.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/core/http.hpp>
#include <pulse/roblox/access_book.hpp>
#include <pulse/roblox/bridge_port.hpp>
#include <pulse/roblox/universe_registry.hpp>

namespace pulse::roblox {

/// What the engine around the bridge says of itself; whoever composes the server knows.
struct EngineOverview {
    std::string version{};
    std::uint64_t uptime_ms = 0;
    std::uint64_t connections = 0;
    std::uint64_t channels = 0;
    std::uint64_t subscriptions = 0;
    double deliveries_per_second = 0;
    double publishes_per_second = 0;
    double p99_ms = 0;
    std::uint64_t drops = 0;
    std::uint64_t memory_bytes = 0;
    std::uint64_t queued_bytes = 0;
    std::uint64_t loops = 0;
    bool has_rooms = false;  ///< their pages are beside the operator's, at /rooms
    /// Of each of the last (up to) 300 seconds, oldest first.
    std::vector<double> history_deliveries{};
    std::vector<double> history_connections{};
};

/// All that is referred to outlives the routes. The functions are called on any loop and must not
/// block.
struct AdminParts {
    AccessBook& book;
    UniverseRegistry& registry;
    BridgePort& bridge;
    const core::Clock& clock;
    std::function<EngineOverview()> overview;
    /// Web clients connected to a universe.
    std::function<std::size_t(UniverseId)> web_clients;
};

struct AdminOptions {
    std::size_t max_body_bytes = std::size_t{64} * 1024;
    std::size_t max_event_pages = 64;  ///< open /ui/events; one more is answered 503
    /// Universes in one event; with more than 200 they come each fifth second only.
    std::size_t max_event_universes = 1'000;
};

/// Every path also with /universes/ for /universe/. To be added before routes with `{id}` of others
/// that could match the same.
[[nodiscard]] std::vector<core::Route> make_admin_routes(const AdminParts& parts,
                                                         AdminOptions options = {});

/// What the original answers below /universe, /universes and /ui to paths that it does not know:
/// 401 to strangers, else 404. To be added after everything else.
[[nodiscard]] std::vector<core::Route> make_fallback_routes(AccessBook& book);

}  // namespace pulse::roblox
