// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Base64 (RFC 4648): the standard alphabet with padding, which Roblox's EncodingService speaks, and
// the URL-safe one without, which records and tokens use. Decoding is strict: one text per value.
#pragma once

#include <string>
#include <string_view>

namespace pulse::roblox {

enum class Base64 : unsigned char { standard, url };

void append_base64(std::string& out, std::string_view bytes, Base64 alphabet);
[[nodiscard]] std::string encode_base64(std::string_view bytes, Base64 alphabet);

/// False for other characters, padding that is missing or not wanted, or bits left over.
[[nodiscard]] bool decode_base64(std::string_view text, Base64 alphabet, std::string& out);

[[nodiscard]] constexpr std::size_t base64_size(std::size_t bytes) noexcept {
    return (bytes + 2) / 3 * 4;
}

}  // namespace pulse::roblox
