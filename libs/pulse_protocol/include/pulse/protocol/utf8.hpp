// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <string_view>

namespace pulse::protocol {

/// Whether `text` is well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
/// Reads eight bytes at a time while they are ASCII. Empty text is valid.
[[nodiscard]] bool is_valid_utf8(std::string_view text) noexcept;

}  // namespace pulse::protocol
