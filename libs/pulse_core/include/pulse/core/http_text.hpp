// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Small pieces of HTTP syntax: comparison without case, percent-encoding, query strings.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pulse::core::http {

/// Compares ASCII letters without case.
[[nodiscard]] bool iequals(std::string_view a, std::string_view b) noexcept;

/// Decodes %XX. Nothing when an escape is cut short or not hexadecimal. The result may hold any
/// byte, also NUL and '/': split paths before decoding them. With `plus_is_space`, as in HTML
/// forms.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text,
                                                        bool plus_is_space = false);

struct QueryField {
    std::string_view name;   // still percent-encoded
    std::string_view value;  // still percent-encoded; empty without '='
};

/// Walks `a=1&b=2`: returns the next field and shortens `rest`; nothing at the end. Empty fields
/// (`&&`) are skipped.
[[nodiscard]] std::optional<QueryField> next_query_field(std::string_view& rest) noexcept;

/// The decoded value of the first field whose decoded name is `name`; nothing when there is none or
/// its value is malformed.
[[nodiscard]] std::optional<std::string> query_value(std::string_view query, std::string_view name);

}  // namespace pulse::core::http
