// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reading UTF-8 one character at a time, for text that goes into logs and back into files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pulse::server {

struct Utf8Char {
    char32_t code = 0;
    std::uint8_t length = 1;  ///< bytes consumed
    bool is_valid = false;    ///< otherwise `length` bytes are to be replaced by one U+FFFD
};

/// Takes one character off the front of `text`, which must not be empty. Of a malformed sequence it
/// takes the longest prefix that could have begun a character (Unicode 15 §3.9, "substitution of
/// maximal subparts"), so a bad byte never swallows a good one behind it.
[[nodiscard]] inline Utf8Char take_utf8(std::string_view& text) noexcept {
    const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    Utf8Char result;
    if (lead < 0x80) {
        result = {lead, 1, true};
        text.remove_prefix(1);
        return result;
    }

    // Bounds of the second byte shut out overlong forms, surrogates and what is above U+10FFFF.
    std::size_t length = 0;
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    char32_t code = 0;
    if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
        code = lead & 0x1Fu;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        code = lead & 0x0Fu;
        if (lead == 0xE0) low = 0xA0;
        if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        code = lead & 0x07u;
        if (lead == 0xF0) low = 0x90;
        if (lead == 0xF4) high = 0x8F;
    }

    std::size_t taken = 1;
    while (taken < length && taken < text.size() && byte(taken) >= low && byte(taken) <= high) {
        code = (code << 6) | (byte(taken) & 0x3Fu);
        low = 0x80;
        high = 0xBF;
        ++taken;
    }
    result = {code, static_cast<std::uint8_t>(taken), length != 0 && taken == length};
    text.remove_prefix(taken);
    return result;
}

}  // namespace pulse::server
