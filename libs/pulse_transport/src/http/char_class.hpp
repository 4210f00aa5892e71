// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One table of what each byte may be in an HTTP head.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace pulse::transport::http::detail {

enum CharClass : std::uint8_t {
    token_class = 1,   // tchar, RFC 9110 section 5.6.2
    value_class = 2,   // field value: HTAB, space, visible ASCII, obs-text
    target_class = 4,  // request target
    host_class = 8,    // host and port
};

constexpr std::array<std::uint8_t, 256> make_char_classes() {
    std::array<std::uint8_t, 256> table{};
    const auto add = [&table](std::string_view chars, CharClass which) {
        for (const char c : chars) {
            auto& entry = table[static_cast<unsigned char>(c)];
            entry = static_cast<std::uint8_t>(entry | which);
        }
    };
    for (unsigned c = 0; c < 256; ++c) {
        const char text[] = {static_cast<char>(c)};
        const std::string_view one(text, 1);
        const bool is_alnum =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (is_alnum) {
            add(one, token_class);
            add(one, host_class);
        }
        if (c == '\t' || (c >= 0x20 && c != 0x7F)) add(one, value_class);
        // RFC 3986 allows less, but browsers send [ ] { } | ^ ` and \ unescaped in paths or
        // queries.
        // '#' would start a fragment, which is never sent; '"', '<' and '>' are always escaped.
        if (c > 0x20 && c < 0x7F && c != '"' && c != '#' && c != '<' && c != '>')
            add(one, target_class);
    }
    add("!#$%&'*+-.^_`|~", token_class);
    add("-._~!$&'()*+,;=%:[]", host_class);
    return table;
}

inline constexpr std::array<std::uint8_t, 256> kCharClasses = make_char_classes();

constexpr bool is_class(char c, CharClass which) noexcept {
    return (kCharClasses[static_cast<unsigned char>(c)] & which) != 0;
}

constexpr bool all_class(std::string_view text, CharClass which) noexcept {
    for (const char c : text) {
        if (!is_class(c, which)) return false;
    }
    return true;
}

}  // namespace pulse::transport::http::detail
