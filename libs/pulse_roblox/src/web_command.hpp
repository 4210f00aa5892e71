// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What WebSocket clients of a universe say beyond the original: objects with a member `op`, which
// its strict schema never allowed. Pure functions.
//
//   {"op":"hello","v":1,"since":"<epoch>:<n>"}
//   {"op":"sub"|"unsub","topics":["chat","match.*"]}
//   {"op":"pub","topic":"t","message":…,"destination":"roblox","serverId":"…","ttl":15,"key":"…"}
//   {"op":"ping"}
//
// each with an `id` (a number or a text) if the answer shall have it. Members that are not known
// are ignored.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/roblox/envelope.hpp>

namespace pulse::roblox {

enum class WebOp : unsigned char { hello, subscribe, unsubscribe, publish, ping };

inline constexpr std::size_t kMaxTopicsPerCommand = 256;
inline constexpr std::size_t kMaxCommandIdBytes = 64;

struct WebCommand {
    WebOp op = WebOp::ping;
    std::string id{};                   ///< JSON, as answers repeat it; empty = none
    std::vector<std::string> topics{};  ///< of sub and unsub
    std::string since{};                ///< of hello; empty = none
    SendRequest send{};                 ///< of pub
};

struct WebCommandError {
    std::string id{};  ///< as above, where it could be read
    std::string text;
};

/// Whether `text` is worth parse_web_command(): everything else is the original's.
[[nodiscard]] bool may_be_web_command(std::string_view text) noexcept;

/// Nothing when the text is JSON without `op`: then it is the original's, too. What is no JSON is
/// left to the original's parser as well.
[[nodiscard]] std::optional<tl::expected<WebCommand, WebCommandError>> parse_web_command(
    std::string_view text);

/// `chat`, `match.*` or `*`: a topic with at most one star, at its end.
[[nodiscard]] bool is_valid_pattern(std::string_view pattern) noexcept;

}  // namespace pulse::roblox
