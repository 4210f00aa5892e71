// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Writing JSON text, byte for byte as ECMAScript's JSON.stringify does: only what must be is
// escaped (quote, backslash, controls, halves of surrogate pairs), in the short form where there is
// one, else as \u and four lower-case digits.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pulse::core::json {

/// Appends `text`, UTF-8 but for half surrogate pairs of three bytes each, escaped, without quotes.
void append_escaped(std::string& out, std::string_view text);

/// How many bytes append_escaped() would append.
[[nodiscard]] std::size_t escaped_size(std::string_view text) noexcept;

}  // namespace pulse::core::json
