// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Writing JSON text, byte for byte as JSON.stringify does.
#pragma once

#include <string>
#include <string_view>

namespace pulse::roblox::json {

/// Appends `text` (UTF-8) as a JSON string, quotes included. Escapes only what must be: quote,
/// backslash, controls; the short forms where there are any, else \u00xx in lower case.
void append_string(std::string& out, std::string_view text);

/// The same without the quotes.
void append_escaped(std::string& out, std::string_view text);

/// How many bytes append_escaped() would append.
[[nodiscard]] std::size_t escaped_size(std::string_view text) noexcept;

}  // namespace pulse::roblox::json
