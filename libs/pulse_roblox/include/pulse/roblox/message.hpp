// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A message on its way to game servers: whom it is for, how it is put, and how it ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pulse::roblox {

/// Real topics that a universe's broadcasts are spread over.
inline constexpr unsigned kMaxShards = 8;
inline constexpr unsigned kDefaultShards = 3;

struct Target {
    enum class Kind : unsigned char { broadcast, server, place };
    Kind kind = Kind::broadcast;
    std::string id{};  ///< JobId or place id

    friend bool operator==(const Target&, const Target&) = default;
};

/// How a universe's messages are put.
enum class Mode : unsigned char {
    v0,         ///< compatibility: one envelope per publish
    v1,         ///< frames
    both,       ///< each message in both forms, for migrations
    automatic,  ///< v0 until the first server says hello, then v1
};
/// "v0", "v1", "both", "auto".
[[nodiscard]] std::string_view to_string(Mode mode) noexcept;
[[nodiscard]] std::optional<Mode> parse_mode(std::string_view text) noexcept;

enum class Priority : unsigned char { low, normal, high };

/// A value type.
struct OutgoingMessage {
    std::string topic{};
    std::string message = "null";  ///< JSON in normal form
    Target target{};
    std::optional<std::string> key{};  ///< replaces what waits for the same topic, target and key
    std::optional<std::chrono::milliseconds> ttl{};  ///< kMinTtl … kMaxTtl
    Priority priority = Priority::normal;
    /// Sent round robin over all shards, to be put in order by the receiver: for a topic that needs
    /// more than a shard's quota.
    bool is_spread = false;
    std::string sender{};          ///< JobId, if a game server sent it
    std::uint64_t sent_at_ms = 0;  ///< 0 = not said
    std::string v0_text{};         ///< the original's envelope; made from the rest when empty
};

/// How a message ended.
enum class Outcome : unsigned char {
    accepted,  ///< Roblox has taken every frame with a part of it, or it waits for servers that
               ///< poll
    replaced,  ///< a newer one with its key took its place
    expired,
    too_large,
    rejected,      ///< Roblox refuses it
    throttled,     ///< refused for quota until the attempts or the time ran out
    transport,     ///< no answer until then
    key_rejected,  ///< the universe's key does not work
    // Known at once:
    unknown_universe,
    invalid,     ///< topic or target of the wrong form
    queue_full,  ///< see PublishResult::retry_after
    shutting_down,
};
inline constexpr std::size_t kOutcomes = 12;
[[nodiscard]] std::string_view to_string(Outcome outcome) noexcept;

}  // namespace pulse::roblox
