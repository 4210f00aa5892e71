// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace pulse::roblox::json {

/// Length of the JSON number `text` begins with; 0 when it begins with none.
[[nodiscard]] std::size_t scan_number(std::string_view text) noexcept;

/// Appends the JSON number `literal` as JavaScript writes it once read: what both ends of the
/// bridge (browsers and Luau) hold is a double. Precondition: scan_number() took all of it.
void append_number(std::string& out, std::string_view literal);

/// The double next to `literal`; infinite when it is out of range.
[[nodiscard]] double to_double(std::string_view literal) noexcept;

}  // namespace pulse::roblox::json
