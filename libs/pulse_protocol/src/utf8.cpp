// SPDX-License-Identifier: MIT OR Apache-2.0

#include "ascii.hpp"

#include <cstddef>
#include <cstdint>

#include <pulse/protocol/utf8.hpp>

namespace pulse::protocol {
namespace {

[[nodiscard]] bool is_continuation(std::uint8_t byte) noexcept { return (byte & 0xc0) == 0x80; }

}  // namespace

/// Unicode 15, table 3-7: only the second byte's range depends on the first.
std::size_t utf8_sequence_size(const char* text, std::size_t size) noexcept {
    const auto at = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const std::uint8_t lead = at(0);
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (size < length) return 0;
    std::uint8_t low = 0x80;
    std::uint8_t high = 0xbf;
    if (lead == 0xe0) low = 0xa0;   // overlong
    if (lead == 0xed) high = 0x9f;  // surrogates
    if (lead == 0xf0) low = 0x90;   // overlong
    if (lead == 0xf4) high = 0x8f;  // above U+10FFFF
    if (at(1) < low || at(1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if (!is_continuation(at(i))) return 0;
    }
    return length;
}

bool is_valid_utf8(std::string_view text) noexcept {
    const char* p = text.data();
    const char* const end = p + text.size();
    for (;;) {
        p += ascii_prefix(p, static_cast<std::size_t>(end - p));
        if (p == end) return true;
        // Stay here for runs of non-ASCII text; the wide loop above would stop at once.
        while (p != end && static_cast<std::uint8_t>(*p) >= 0x80) {
            const std::size_t size = utf8_sequence_size(p, static_cast<std::size_t>(end - p));
            if (size == 0) return false;
            p += size;
        }
    }
}

}  // namespace pulse::protocol
