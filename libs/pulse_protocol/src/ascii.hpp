// SPDX-License-Identifier: MIT OR Apache-2.0
//
// ASCII eight bytes at a time, and single UTF-8 sequences.
#pragma once

#include "wire.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <pulse/protocol/utf8.hpp>

namespace pulse::protocol {

/// One in each byte of a word.
inline constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
inline constexpr std::uint64_t kHighBits = 0x80 * kOnes;

/// Length of the longest ASCII prefix of `text`.
[[nodiscard]] inline std::size_t ascii_prefix(const char* text, std::size_t size) noexcept {
    std::size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        const auto high = wire::load_raw<std::uint64_t>(text + i) & kHighBits;
        if (high == 0) continue;
        if constexpr (std::endian::native == std::endian::little) {
            return i + static_cast<std::size_t>(std::countr_zero(high)) / 8;
        } else {
            return i + static_cast<std::size_t>(std::countl_zero(high)) / 8;
        }
    }
    while (i < size && static_cast<std::uint8_t>(text[i]) < 0x80) ++i;
    return i;
}

/// Whether all of `text` is ASCII. Ends with overlapping loads instead of a byte loop, since most
/// texts in frames are short.
[[nodiscard]] inline bool is_ascii(const char* text, std::size_t size) noexcept {
    if (size >= 8) {
        std::uint64_t seen = wire::load_raw<std::uint64_t>(text + size - 8);
        for (std::size_t i = 0; i + 8 < size; i += 8) {
            seen |= wire::load_raw<std::uint64_t>(text + i);
        }
        return (seen & kHighBits) == 0;
    }
    if (size >= 4) {
        const auto seen =
            wire::load_raw<std::uint32_t>(text) | wire::load_raw<std::uint32_t>(text + size - 4);
        return (seen & static_cast<std::uint32_t>(kHighBits)) == 0;
    }
    std::uint8_t seen = 0;
    for (std::size_t i = 0; i < size; ++i) seen |= static_cast<std::uint8_t>(text[i]);
    return seen < 0x80;
}

/// is_valid_utf8() with the common case inline.
[[nodiscard]] inline bool is_utf8(std::string_view text) noexcept {
    return is_ascii(text.data(), text.size()) || is_valid_utf8(text);
}

/// Length of the UTF-8 sequence that `text` starts with; 0 when it is malformed or cut off.
/// Precondition: `size` is not 0.
[[nodiscard]] std::size_t utf8_sequence_size(const char* text, std::size_t size) noexcept;

}  // namespace pulse::protocol
