// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Small pieces of HTTP syntax: character classes, comparison without case, lists, percent-encoding,
// query strings.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pulse::transport::http {

/// tchar of RFC 9110 section 5.6.2.
[[nodiscard]] bool is_token_char(char c) noexcept;
[[nodiscard]] bool is_token(std::string_view text) noexcept;

/// What a field value may hold: HTAB, visible ASCII, space and bytes above 0x7F; no other control.
[[nodiscard]] bool is_field_value(std::string_view text) noexcept;

/// Compares ASCII letters without case.
[[nodiscard]] bool iequals(std::string_view a, std::string_view b) noexcept;

/// Without leading and trailing space and tab.
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

/// Walks a comma separated list: returns the next element without surrounding space and shortens
/// `rest`; nothing at the end. Empty elements are skipped (RFC 9110 section 5.6.1).
[[nodiscard]] std::optional<std::string_view> next_list_element(std::string_view& rest) noexcept;

/// Whether a comma separated list holds `token`. Case is ignored.
[[nodiscard]] bool list_contains(std::string_view list, std::string_view token) noexcept;

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

}  // namespace pulse::transport::http
