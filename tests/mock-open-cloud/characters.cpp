// SPDX-License-Identifier: MIT OR Apache-2.0
#include "characters.hpp"

#include <cstdint>

namespace pulse::mock {

namespace {

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::size_t escaped_length(unsigned char c) noexcept {
    switch (c) {
        case '"':
        case '\\':
        case '\b':
        case '\f':
        case '\n':
        case '\r':
        case '\t':
            return 2;
        default:
            return c < 0x20 ? 6 : 1;  // \u00XX
    }
}

/// Bytes of the sequence that begins here, 0 when it is none. Shortest form, no surrogates.
std::size_t sequence_length(std::string_view text) noexcept {
    const auto byte = [&text](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto is_tail = [&byte](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead < 0xE0) return is_tail(1) ? 2 : 0;
    if (lead >= 0xE0 && lead < 0xF0) {
        if (!is_tail(1) || !is_tail(2)) return 0;
        if (lead == 0xE0 && byte(1) < 0xA0) return 0;
        return lead == 0xED && byte(1) >= 0xA0 ? 0 : 3;
    }
    if (lead >= 0xF0 && lead < 0xF5) {
        if (!is_tail(1) || !is_tail(2) || !is_tail(3)) return 0;
        if (lead == 0xF0 && byte(1) < 0x90) return 0;
        return lead == 0xF4 && byte(1) >= 0x90 ? 0 : 4;
    }
    return 0;
}

}  // namespace

std::size_t count_characters(std::string_view text, Counting counting) noexcept {
    if (counting == Counting::bytes) return text.size();
    std::size_t count = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (counting == Counting::escaped) {
            count += escaped_length(byte);
        } else if ((byte & 0xC0U) != 0x80U) {
            ++count;
        }
    }
    return count;
}

bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::optional<std::string> decode_percent(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out.push_back(text[i]);
            continue;
        }
        if (text.size() - i < 3) return std::nullopt;
        const int high = hex_digit(text[i + 1]);
        const int low = hex_digit(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        out.push_back(static_cast<char>(high * 16 + low));
        i += 2;
    }
    if (!is_utf8(out)) return std::nullopt;
    return out;
}

}  // namespace pulse::mock
