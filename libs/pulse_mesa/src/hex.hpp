// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Random numbers as text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pulse::mesa {

/// Sixteen digits.
inline void append_hex(std::string& out, std::uint64_t bits) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (int shift = 60; shift >= 0; shift -= 4) out += kDigits[(bits >> shift) & 15];
}

}  // namespace pulse::mesa
