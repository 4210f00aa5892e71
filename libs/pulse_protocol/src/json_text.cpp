// SPDX-License-Identifier: MIT OR Apache-2.0

#include "json_text.hpp"

#include "ascii.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace pulse::protocol::json_text {
namespace {

/// What stands behind the backslash; 'u' for \u00XX, 0 for bytes that stand for themselves.
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

/// The high bit of each byte of `x` that is zero; borrows may flag bytes above a flagged one too.
[[nodiscard]] constexpr std::uint64_t zero_bytes(std::uint64_t x) noexcept {
    return (x - kOnes) & ~x & kHighBits;
}

/// Whether eight bytes stand for themselves: ASCII, no control, quote or backslash.
[[nodiscard]] bool is_plain(std::uint64_t word) noexcept {
    const std::uint64_t controls = (word - 0x20 * kOnes) & ~word;
    const std::uint64_t quotes = zero_bytes(word ^ ('"' * kOnes));
    const std::uint64_t backslashes = zero_bytes(word ^ ('\\' * kOnes));
    return ((word | controls | quotes | backslashes) & kHighBits) == 0;
}

[[nodiscard]] std::size_t plain_prefix(std::string_view text) noexcept {
    std::size_t i = 0;
    while (i + 8 <= text.size() && is_plain(wire::load_raw<std::uint64_t>(text.data() + i))) i += 8;
    while (i < text.size() && static_cast<std::uint8_t>(text[i]) < 0x80 &&
           kEscapes[static_cast<std::uint8_t>(text[i])] == 0) {
        ++i;
    }
    return i;
}

void append_escape(std::string& out, std::uint8_t byte) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const char escape = kEscapes[byte];
    out += '\\';
    out += escape;
    if (escape == 'u') {
        out += "00";
        out += kHex[byte >> 4];
        out += kHex[byte & 0xf];
    }
}

template <typename Number>
void append_chars(std::string& out, Number number) {
    std::array<char, 32> chars;
    const auto end = std::to_chars(chars.data(), chars.data() + chars.size(), number).ptr;
    out.append(chars.data(), end);
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        std::size_t size = plain_prefix(text);
        if (size == 0) {
            const auto first = static_cast<std::uint8_t>(text.front());
            if (first < 0x80) {
                append_escape(out, first);
                text.remove_prefix(1);
                continue;
            }
            size = utf8_sequence_size(text.data(), text.size());
            if (size == 0) {
                out += "\xef\xbf\xbd";
                text.remove_prefix(1);
                continue;
            }
        }
        out.append(text.data(), size);
        text.remove_prefix(size);
    }
    out += '"';
}

void append_number(std::string& out, std::uint64_t number) { append_chars(out, number); }

void append_number(std::string& out, std::int64_t number) { append_chars(out, number); }

void append_number(std::string& out, double number) {
    if (!std::isfinite(number)) {
        out += "null";
        return;
    }
    const std::size_t start = out.size();
    append_chars(out, number);
    if (out.find_first_of(".e", start) == std::string::npos) out += ".0";
}

}  // namespace pulse::protocol::json_text
