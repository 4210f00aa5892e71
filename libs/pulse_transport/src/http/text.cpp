// SPDX-License-Identifier: MIT OR Apache-2.0
#include "http/text.hpp"

#include "http/char_class.hpp"

namespace pulse::transport::http {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t'; }

// Cuts `rest` at `separator` and returns what stood before it.
std::string_view cut(std::string_view& rest, char separator) {
    const std::size_t at = rest.find(separator);
    const std::string_view piece = rest.substr(0, at);
    rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
    return piece;
}

}  // namespace

bool is_token_char(char c) noexcept { return detail::is_class(c, detail::token_class); }

bool is_token(std::string_view text) noexcept {
    return !text.empty() && detail::all_class(text, detail::token_class);
}

bool is_field_value(std::string_view text) noexcept {
    return detail::all_class(text, detail::value_class);
}

std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

std::optional<std::string_view> next_list_element(std::string_view& rest) noexcept {
    while (!rest.empty()) {
        const std::string_view element = trim(cut(rest, ','));
        if (!element.empty()) return element;
    }
    return std::nullopt;
}

bool list_contains(std::string_view list, std::string_view token) noexcept {
    while (const auto element = next_list_element(list)) {
        if (iequals(*element, token)) return true;
    }
    return false;
}

}  // namespace pulse::transport::http
