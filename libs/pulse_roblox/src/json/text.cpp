// SPDX-License-Identifier: MIT OR Apache-2.0
#include "text.hpp"

#include <array>
#include <cstdint>

namespace pulse::roblox::json {

namespace {

/// What stands behind the backslash; 'u' for \u00xx, 0 for bytes that stand for themselves.
constexpr auto kEscapes = [] {
    std::array<char, 256> escapes{};
    for (std::size_t c = 0; c < 0x20; ++c) escapes[c] = 'u';
    escapes['\b'] = 'b';
    escapes['\f'] = 'f';
    escapes['\n'] = 'n';
    escapes['\r'] = 'r';
    escapes['\t'] = 't';
    escapes['"'] = '"';
    escapes['\\'] = '\\';
    return escapes;
}();

[[nodiscard]] char escape_of(char c) noexcept { return kEscapes[static_cast<std::uint8_t>(c)]; }

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char escape = escape_of(text[i]);
        if (escape == 0) continue;
        out += text.substr(begin, i - begin);
        begin = i + 1;
        out += '\\';
        out += escape;
        if (escape == 'u') {
            const auto c = static_cast<std::uint8_t>(text[i]);
            out += "00";
            out += kHex[c >> 4U];
            out += kHex[c & 0xfU];
        }
    }
    out += text.substr(begin);
}

void append_string(std::string& out, std::string_view text) {
    out += '"';
    append_escaped(out, text);
    out += '"';
}

std::size_t escaped_size(std::string_view text) noexcept {
    std::size_t size = text.size();
    for (const char c : text) {
        const char escape = escape_of(c);
        if (escape != 0) size += escape == 'u' ? 5 : 1;
    }
    return size;
}

}  // namespace pulse::roblox::json
