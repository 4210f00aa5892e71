// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "limits.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace pulse::mock {

/// Length of valid UTF-8 under that reading of "characters".
[[nodiscard]] std::size_t count_characters(std::string_view text, Counting counting) noexcept;

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

/// Nothing when an escape is broken or the result is not UTF-8.
[[nodiscard]] std::optional<std::string> decode_percent(std::string_view text);

}  // namespace pulse::mock
