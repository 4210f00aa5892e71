// SPDX-License-Identifier: MIT OR Apache-2.0
#include <array>
#include <cstdint>

#include <pulse/core/json.hpp>
#include <pulse/core/json_text.hpp>

namespace pulse::core::json {

namespace {

/// Stands for 0xED in kEscapes, with which half a surrogate pair begins (and other characters).
constexpr char kMayBeHalf = '?';

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
    escapes[0xED] = kMayBeHalf;
    return escapes;
}();

[[nodiscard]] char escape_of(char c) noexcept { return kEscapes[static_cast<std::uint8_t>(c)]; }

/// Of 0xED at `i`: ED A0 80 to ED BF BF are half a surrogate pair, which is no UTF-8.
[[nodiscard]] bool is_half(std::string_view text, std::size_t i) noexcept {
    return i + 2 < text.size() && (static_cast<std::uint8_t>(text[i + 1]) & 0xE0U) == 0xA0;
}

/// Appends the escape for what begins at `i`; how many bytes that is.
std::size_t append_escape(std::string& out, std::string_view text, std::size_t i, char escape) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    if (escape == 'u') {
        out += "\\u00";
        out += kHex[byte(i) >> 4U];
        out += kHex[byte(i) & 0xFU];
        return 1;
    }
    if (escape == kMayBeHalf) {
        out += "\\ud";
        out += kHex[(byte(i + 1) >> 2U) & 0xFU];
        out += kHex[((byte(i + 1) & 3U) << 2U) | ((byte(i + 2) >> 4U) & 3U)];
        out += kHex[byte(i + 2) & 0xFU];
        return 3;
    }
    const std::array<char, 2> both{'\\', escape};
    out.append(both.data(), both.size());
    return 1;
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
    std::size_t begin = 0;
    for (std::size_t i = 0;; ++i) {
        while (i < text.size() && escape_of(text[i]) == 0) ++i;
        if (i == text.size()) break;
        const char escape = escape_of(text[i]);
        if (escape == kMayBeHalf && !is_half(text, i)) continue;
        out.append(text, begin, i - begin);
        begin = i + append_escape(out, text, i, escape);
        i = begin - 1;
    }
    out.append(text, begin);
}

std::size_t escaped_size(std::string_view text) noexcept {
    std::size_t size = text.size();
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char escape = escape_of(text[i]);
        if (escape == 0) continue;
        if (escape != kMayBeHalf) {
            size += escape == 'u' ? 5 : 1;
        } else if (is_half(text, i)) {
            size += 3;  // three bytes become six
            i += 2;
        }
    }
    return size;
}

void append_text(std::string& out, std::string_view text) {
    out += '"';
    append_escaped(out, text);
    out += '"';
}

}  // namespace pulse::core::json
