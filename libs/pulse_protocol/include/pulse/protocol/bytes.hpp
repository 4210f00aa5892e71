// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Borrowed bytes, and the two casts between bytes and text.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace pulse::protocol {

/// Borrowed, read-only bytes.
using ByteView = std::span<const std::byte>;

/// The bytes of `text`; borrows what `text` borrows.
[[nodiscard]] inline ByteView as_bytes(std::string_view text) noexcept {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// `bytes` seen as text. Says nothing about their encoding: check is_valid_utf8() where it matters.
[[nodiscard]] inline std::string_view as_text(ByteView bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace pulse::protocol
