// SPDX-License-Identifier: MIT OR Apache-2.0

#include "support/catch.hpp"

#include <cstdint>
#include <string>

#include <pulse/protocol/utf8.hpp>

using namespace pulse::protocol;

namespace {

/// Encodes any number as the UTF-8 scheme would, also those that are no characters.
std::string encoded(std::uint32_t c) {
    const auto byte = [](std::uint32_t bits) { return static_cast<char>(bits); };
    if (c < 0x80) return {byte(c)};
    if (c < 0x800) return {byte(0xc0 | c >> 6), byte(0x80 | (c & 0x3f))};
    if (c < 0x10000) {
        return {byte(0xe0 | c >> 12), byte(0x80 | (c >> 6 & 0x3f)), byte(0x80 | (c & 0x3f))};
    }
    return {byte(0xf0 | c >> 18), byte(0x80 | (c >> 12 & 0x3f)), byte(0x80 | (c >> 6 & 0x3f)),
            byte(0x80 | (c & 0x3f))};
}

}  // namespace

TEST_CASE("every character is valid, every surrogate and every number beyond is not",
          "[protocol][utf8]") {
    std::uint32_t wrong = 0;
    for (std::uint32_t c = 0; c < 0x11'8000; ++c) {
        const bool is_character = c <= 0x10'ffff && (c < 0xd800 || c > 0xdfff);
        if (is_valid_utf8(encoded(c)) != is_character) ++wrong;
    }
    CHECK(wrong == 0);
}

TEST_CASE("every pair of bytes is judged as its definition says", "[protocol][utf8]") {
    std::uint32_t wrong = 0;
    for (std::uint32_t pair = 0; pair < 0x1'0000; ++pair) {
        const auto first = static_cast<std::uint8_t>(pair >> 8);
        const auto second = static_cast<std::uint8_t>(pair);
        const bool is_ascii = first < 0x80 && second < 0x80;
        const bool is_sequence = first >= 0xc2 && first <= 0xdf && second >= 0x80 && second <= 0xbf;
        const std::string text{static_cast<char>(first), static_cast<char>(second)};
        if (is_valid_utf8(text) != (is_ascii || is_sequence)) ++wrong;
    }
    CHECK(wrong == 0);
}

TEST_CASE("overlong forms are invalid", "[protocol][utf8]") {
    CHECK_FALSE(is_valid_utf8("\xc0\x80"));
    CHECK_FALSE(is_valid_utf8("\xc1\xbf"));
    CHECK_FALSE(is_valid_utf8("\xe0\x9f\xbf"));
    CHECK_FALSE(is_valid_utf8("\xf0\x8f\xbf\xbf"));
}

TEST_CASE("a sequence cut off is invalid at every length and position", "[protocol][utf8]") {
    for (const std::string sequence : {"\u00e9", "\u20ac", "\U0001f600"}) {
        for (std::size_t before = 0; before < 20; ++before) {
            const std::string text = std::string(before, 'a') + sequence;
            CAPTURE(before, sequence.size());
            CHECK(is_valid_utf8(text));
            CHECK(is_valid_utf8(text + std::string(before, 'b')));
            for (std::size_t cut = 1; cut < sequence.size(); ++cut) {
                CHECK_FALSE(is_valid_utf8(std::string_view(text).substr(0, text.size() - cut)));
                CHECK_FALSE(is_valid_utf8(text.substr(0, text.size() - cut) + "aaaaaaaaaaaa"));
            }
        }
    }
}

TEST_CASE("one bad byte anywhere makes a long text invalid", "[protocol][utf8]") {
    for (std::size_t size = 1; size < 40; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            std::string text(size, 'x');
            CHECK(is_valid_utf8(text));
            for (const char bad : {'\x80', '\xbf', '\xc0', '\xf5', '\xff'}) {
                text[at] = bad;
                CHECK_FALSE(is_valid_utf8(text));
            }
        }
    }
}

TEST_CASE("empty text is valid", "[protocol][utf8]") { CHECK(is_valid_utf8({})); }
