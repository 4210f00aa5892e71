// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What things are called: universes, game servers, virtual topics.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <pulse/core/result.hpp>

namespace pulse::roblox {

/// A Roblox universe (a game). A value type.
struct UniverseId {
    std::uint64_t value = 0;

    /// Reads the canonical form only: decimal, no sign, no leading zero, 1 to 2^63-1, so that one
    /// game cannot have two names. Errors: Error::invalid_universe.
    [[nodiscard]] static core::Result<UniverseId> parse(std::string_view text) noexcept;
    [[nodiscard]] std::string to_string() const { return std::to_string(value); }

    friend auto operator<=>(const UniverseId&, const UniverseId&) = default;
};

inline constexpr std::size_t kMaxTopicBytes = 128;

/// A virtual topic: 1 to kMaxTopicBytes bytes of UTF-8 without control characters.
[[nodiscard]] bool is_valid_topic(std::string_view topic) noexcept;

/// Long enough for a UUID and for "studio-" before one.
inline constexpr std::size_t kMaxServerIdBytes = 48;

/// A game server's JobId, or what a client in Studio calls itself: `[A-Za-z0-9._-]`, without `..`,
/// because it becomes part of a real topic's name and of a URL.
[[nodiscard]] bool is_valid_server_id(std::string_view id) noexcept;

}  // namespace pulse::roblox

template <>
struct std::hash<pulse::roblox::UniverseId> {
    std::size_t operator()(const pulse::roblox::UniverseId& id) const noexcept {
        return static_cast<std::size_t>(id.value * 0x9e3779b97f4a7c15ULL);
    }
};
