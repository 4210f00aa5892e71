// SPDX-License-Identifier: MIT OR Apache-2.0
#include <pulse/core/ids.hpp>

namespace pulse::core {

std::string SessionId::to_string() const {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text = "conn_";
    text.reserve(kTextBytes);
    for (const std::uint64_t word : words) {
        for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(word >> shift) & 0xf];
    }
    return text;
}

}  // namespace pulse::core
