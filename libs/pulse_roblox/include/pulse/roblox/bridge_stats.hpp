// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Figures of a bridge: of one universe, for its page, and of all together, for a metrics endpoint.
// No content of messages, no keys.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/roblox/message.hpp>
#include <pulse/roblox/names.hpp>

namespace pulse::roblox {

/// Per second, over the last whole second and the last 10 and 60.
struct Rates {
    double last_1s = 0;
    double last_10s = 0;
    double last_60s = 0;
};

/// Why a message was not passed on; names are those of metrics.
enum class DropReason : unsigned char {
    queue_full,
    expired,
    too_large,
    rejected,
    throttled,
    transport,
    key_rejected,
    invalid,
    universe_removed,
};
inline constexpr std::size_t kDropReasons = 9;
[[nodiscard]] std::string_view to_string(DropReason reason) noexcept;

struct TopicFigures {
    std::string topic;
    double in_per_second = 0;  ///< over 60 s
    double out_per_second = 0;
    std::uint64_t messages = 0;  ///< both ways, as long as it is tracked
};

struct UniverseStats {
    std::size_t game_servers = 0;
    std::uint64_t players = 0;
    std::size_t polls_open = 0;
    bool is_compatible = false;  ///< envelopes are being sent
    Rates in{};                  ///< from game servers
    Rates out{};                 ///< to game servers
    std::uint64_t in_total = 0;
    std::uint64_t out_total = 0;

    std::size_t queued_messages = 0;
    std::size_t queued_bytes = 0;
    std::uint64_t oldest_queued_ms = 0;

    double quota_used = 0;        ///< of what may be published in a minute, 0 … 1
    double rate_factor = 1;       ///< below 1 after refusals
    double limit_per_minute = 0;  ///< publishes to all servers

    std::uint64_t throttled = 0;  ///< answers 429
    std::uint64_t errors = 0;     ///< answers other than 2xx and 429, and none
    std::uint64_t retries = 0;
    std::uint64_t coalesced = 0;
    std::uint64_t uplink_duplicates = 0;
    bool is_circuit_open = false;
    std::uint64_t key_used_at_ms = 0;  ///< last accepted publish; 0 = none since the start

    double frames_per_minute = 0;
    double messages_per_frame = 0;  ///< over the last minute

    std::vector<TopicFigures> topics;                 ///< 20 busiest
    std::array<std::uint64_t, kDropReasons> drops{};  ///< by DropReason
    std::map<int, std::uint64_t> statuses;            ///< answers of Roblox; 0 = none came

    /// Messages of each of the last (up to) 300 whole seconds, oldest first.
    std::vector<std::uint32_t> history_in;
    std::vector<std::uint32_t> history_out;
};

/// How a game server receives.
enum class ServerTransport : unsigned char { messaging, poll, hybrid, stream };
[[nodiscard]] std::string_view to_string(ServerTransport transport) noexcept;
[[nodiscard]] std::optional<ServerTransport> parse_server_transport(std::string_view text) noexcept;

struct ServerInfo {
    std::string server;
    std::uint64_t place = 0;
    std::uint64_t version = 0;
    std::uint64_t players = 0;
    std::vector<std::string> capabilities;
    std::uint64_t last_seen_ms = 0;  ///< ago
    ServerTransport transport = ServerTransport::messaging;
    bool is_polling = false;
};

/// Counters since the start and gauges of now, over all universes.
struct BridgeMetrics {
    static constexpr std::array<double, 10> kPublishSeconds{0.025, 0.05, 0.1, 0.25, 0.5,
                                                            1,     2.5,  5,   10,   30};
    static constexpr std::size_t kFrameTypes = 6;  ///< "v0" and B, Z, C, G, W

    std::array<std::uint64_t, kOutcomes> publishes{};  ///< messages by how they ended
    /// Requests by time to answer, cumulative; the last is all.
    std::array<std::uint64_t, kPublishSeconds.size() + 1> publish_seconds{};
    double publish_seconds_sum = 0;
    std::array<std::uint64_t, kFrameTypes> frames{};  ///< v0, B, Z, C, G, W
    double frame_fill_sum = 0;                        ///< of B and Z frames, each 0 … 1
    std::uint64_t messages_in_web = 0;                ///< from game servers to web clients
    std::uint64_t messages_in_roblox = 0;             ///< from game servers to game servers
    std::uint64_t messages_out_published = 0;         ///< to game servers by Open Cloud
    std::uint64_t messages_out_polled = 0;            ///< to game servers that come for them
    std::array<std::uint64_t, kDropReasons> drops{};
    std::uint64_t coalesced = 0;
    std::map<int, std::uint64_t> retries;  ///< by the status that caused them
    std::uint64_t uplink_batches = 0;
    std::uint64_t uplink_duplicates = 0;
    std::uint64_t frames_repaired = 0;
    std::uint64_t frames_gone = 0;  ///< asked for and no longer kept
    std::uint64_t wakes = 0;
    std::uint64_t polls = 0;

    // Gauges
    std::size_t universes = 0;
    std::size_t game_servers = 0;
    std::size_t polls_open = 0;
    std::size_t queued_messages = 0;
    std::size_t queued_bytes = 0;
    double queue_age_seconds = 0;  ///< of the oldest message anywhere
    std::size_t in_flight = 0;
    std::size_t circuits_open = 0;
    double rate_factor = 1;  ///< QuotaLevel::factor where it is least
    /// QuotaLevel's tokens where they are fewest; absent without universes.
    std::optional<double> universe_tokens{};
    std::optional<double> owner_tokens{};
};

}  // namespace pulse::roblox
