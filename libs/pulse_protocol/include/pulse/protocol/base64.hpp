// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Base64 (RFC 4648). Decoding is strict: other characters, wrong lengths and bits left over (§3.5)
// are refused, so that no two texts mean the same bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pulse::protocol {

enum class Base64 : std::uint8_t {
    standard,  ///< §4, with padding
    url,       ///< §5, the URL-safe alphabet, without padding
};

/// Characters that so many bytes take at most.
[[nodiscard]] constexpr std::size_t base64_size(std::size_t bytes) noexcept {
    return (bytes + 2) / 3 * 4;
}

void append_base64(std::string& out, std::string_view bytes, Base64 form = Base64::standard);
[[nodiscard]] std::string encode_base64(std::string_view bytes, Base64 form = Base64::standard);

/// Replaces what is in `out`. False, and `out` in any state, when `text` is not of that form.
[[nodiscard]] bool decode_base64(std::string_view text, Base64 form, std::string& out);
/// The standard alphabet; padding may be left out, but not be partial.
[[nodiscard]] bool decode_base64_loosely(std::string_view text, std::vector<std::byte>& out);

}  // namespace pulse::protocol
