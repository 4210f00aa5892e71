// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Little-endian numbers and counted bytes, written and read with care.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pulse::cluster {

template <typename Number>
void append_number(Number number, std::string& out) {
    char bytes[sizeof number];
    for (std::size_t i = 0; i < sizeof number; ++i) {
        bytes[i] = static_cast<char>(static_cast<std::uint8_t>((number >> (8 * i)) & 0xff));
    }
    out.append(bytes, sizeof bytes);
}

/// Takes it from the front; false, and `in` in any state, when there is not enough.
template <typename Number>
[[nodiscard]] bool take_number(std::string_view& in, Number& number) noexcept {
    if (in.size() < sizeof number) return false;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof number; ++i) {
        value |= std::uint64_t{static_cast<std::uint8_t>(in[i])} << (8 * i);
    }
    number = static_cast<Number>(value);
    in.remove_prefix(sizeof number);
    return true;
}

inline void append_bytes(std::string_view bytes, std::string& out) {
    append_number(static_cast<std::uint32_t>(bytes.size()), out);
    out += bytes;
}

[[nodiscard]] inline bool take_bytes(std::string_view& in, std::string_view& out) noexcept {
    std::uint32_t size = 0;
    if (!take_number(in, size) || in.size() < size) return false;
    out = in.substr(0, size);
    in.remove_prefix(size);
    return true;
}

}  // namespace pulse::cluster
