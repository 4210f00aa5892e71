// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Small pieces of HTTP syntax: character classes and lists, beside those of core.
#pragma once

#include <optional>
#include <string_view>

#include <pulse/core/http_text.hpp>

namespace pulse::transport::http {

/// tchar of RFC 9110 section 5.6.2.
[[nodiscard]] bool is_token_char(char c) noexcept;
[[nodiscard]] bool is_token(std::string_view text) noexcept;

/// What a field value may hold: HTAB, visible ASCII, space and bytes above 0x7F; no other control.
[[nodiscard]] bool is_field_value(std::string_view text) noexcept;

using core::http::iequals;
using core::http::next_query_field;
using core::http::percent_decode;
using core::http::query_value;
using core::http::QueryField;

/// Without leading and trailing space and tab.
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

/// Walks a comma separated list: returns the next element without surrounding space and shortens
/// `rest`; nothing at the end. Empty elements are skipped (RFC 9110 section 5.6.1).
[[nodiscard]] std::optional<std::string_view> next_list_element(std::string_view& rest) noexcept;

/// Whether a comma separated list holds `token`. Case is ignored.
[[nodiscard]] bool list_contains(std::string_view list, std::string_view token) noexcept;

}  // namespace pulse::transport::http
