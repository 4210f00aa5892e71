// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Virtual topics over few real ones. Quota is counted per delivery, so what is for one server goes
// to a topic of that server and costs one, and broadcasts are spread over K shards, because each
// real topic may use only a part of the game's quota.
//
//   <prefix>                compatibility: envelopes of the original only
//   <prefix>.b0 … .b{K-1}   broadcasts; shard = FNV-1a(virtual topic) mod K, which keeps the order
//   <prefix>.s.<JobId>      one game server
//   <prefix>.p.<placeId>    the servers of one place
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <pulse/roblox/message.hpp>

namespace pulse::roblox {

/// Roblox takes names of up to 80 characters; the longest of ours has ".s." and a server id.
inline constexpr std::size_t kMaxRealTopicBytes = 80;
inline constexpr std::size_t kMaxPrefixBytes = 29;

/// `[A-Za-z0-9._-]`, no "..", bounded: several deployments can share a game.
[[nodiscard]] bool is_valid_prefix(std::string_view prefix) noexcept;

[[nodiscard]] unsigned shard_of(std::string_view virtual_topic, unsigned shards) noexcept;

[[nodiscard]] std::string compatibility_topic(std::string_view prefix);
[[nodiscard]] std::string shard_topic(std::string_view prefix, unsigned shard);
[[nodiscard]] std::string target_topic(std::string_view prefix, const Target& target);

/// How many shards may be published to while servers with other numbers are alive: the fewest that
/// anybody listens to. Publishing to old and new shards instead would deliver twice under two
/// numbers, which no receiver could tell, and cost twice.
[[nodiscard]] unsigned effective_shards(unsigned wanted,
                                        std::span<const unsigned> announced) noexcept;

struct Forms {
    bool v0 = false;
    bool v1 = false;
};
[[nodiscard]] Forms forms_of(Mode mode, bool has_said_hello) noexcept;

}  // namespace pulse::roblox
