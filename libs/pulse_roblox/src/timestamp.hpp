// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pulse::roblox {

/// Milliseconds since the epoch of an HTTP date in the form that may be sent (RFC 9110, 5.6.7):
/// `Sun, 06 Nov 1994 08:49:37 GMT`.
[[nodiscard]] std::optional<std::uint64_t> parse_http_date(std::string_view text) noexcept;

}  // namespace pulse::roblox
