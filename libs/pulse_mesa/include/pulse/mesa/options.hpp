// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What an application decides about its Mesa server. The defaults are the documented ones.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pulse/core/rate_limiter.hpp>

namespace pulse::mesa {

class Bus;

/// Beats of opcode 1, which clients answer with opcode 11. A client that answers nothing for
/// max_attempts + 1 beats is closed without a code.
struct HeartbeatOptions {
    bool is_enabled = false;
    std::chrono::milliseconds interval{10'000};
    std::uint32_t max_attempts = 3;
};

/// Announced to clients, who act on it.
struct ReconnectOptions {
    bool is_enabled = false;
    std::chrono::milliseconds interval{5'000};
};

struct AuthenticationOptions {
    /// A client for which the application registered a handler is closed with 1008 when it sends no
    /// opcode 2 within this time. 0: never, and it is not announced.
    std::chrono::milliseconds timeout{10'000};
    /// Sends by the server skip clients that are not authenticated; direct sends do not.
    bool is_required = false;
    bool sends_user_object = true;
    /// A refused client is closed with 1008, one that nobody could judge
    /// (Error::authentication_unavailable) with 1013. Otherwise it is told nothing and may try
    /// again.
    bool disconnects_on_failure = true;
    /// The ids of authenticated clients are in the bus's set `connected_clients`.
    bool stores_connected_users = true;
};

/// Messages to ids that are offline are kept, and sent when they come back. Needs a bus.
struct SyncOptions {
    bool is_enabled = false;
    std::chrono::milliseconds redelivery_interval{
        0};  ///< between two of a replay; 0: a millisecond
};

/// What clients do is passed on to portals. Needs a bus.
struct PortalOptions {
    bool is_enabled = false;
    bool distributes_load = true;  ///< portals take turns; otherwise one is chosen at random
    /// How often portals that died without a word are looked for. 0: never.
    std::chrono::milliseconds check_interval{1'000};
};

struct VersionOptions {
    /// Clients say their version; another than these is closed with 1002.
    bool is_enforced = false;
    std::vector<std::string> accepted{"1.5.8"};
};

/// 0 = without limit where not said otherwise.
struct ServerLimits {
    std::size_t max_message_bytes = std::size_t{100} * 1024 * 1024;  ///< more closes with 1009
    /// From one client; more closes with 1008.
    core::RateLimit messages{};
    /// Of one client that wait for an answer; one more is an error event. Not 0.
    std::uint32_t max_pending_authentications = 16;
    /// Kept per client with ServerConfig::stores_messages; the oldest go first. Not 0.
    std::size_t max_stored_messages = 1'000;
    std::size_t max_stored_bytes = std::size_t{4} * 1024 * 1024;  ///< of their data; as above
    /// Messages on their way to the clients of one loop, from others. One more is lost to these
    /// clients, and an error event. Not 0.
    std::size_t max_waiting_deliveries = 100'000;
    std::size_t max_waiting_bytes = std::size_t{64} * 1024 * 1024;  ///< of their texts; as above
};

struct ServerConfig {
    // Behaviour
    /// The only path served, the query being ignored; others are answered 400. Nothing: any.
    std::optional<std::string> path{};
    /// Joins servers, dispatchers and portals: make_redis_bus(), make_memory_bus(). Null: this
    /// server is alone.
    std::shared_ptr<Bus> bus{};
    HeartbeatOptions heartbeat{};
    ReconnectOptions reconnect{};
    AuthenticationOptions authentication{};
    SyncOptions sync{};
    PortalOptions portal{};
    VersionOptions versions{};
    /// Clients and server keep what they sent and received; see Client::messages().
    bool stores_messages = false;
    /// Request headers that Client::request() shall have.
    std::vector<std::string> kept_headers{};
    ServerLimits limits{};
};

}  // namespace pulse::mesa
