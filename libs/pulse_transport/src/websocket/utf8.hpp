// SPDX-License-Identifier: MIT OR Apache-2.0
//
// UTF-8 validation for WebSocket text (RFC 3629 by way of RFC 6455 section 8.1): of a whole string,
// and of a stream cut at arbitrary bytes.
#pragma once

#include "websocket/mask.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <pulse/protocol/bytes.hpp>

namespace pulse::transport::websocket {

using protocol::ByteView;

/// Validates a text that arrives in pieces. A value of three bytes.
///
/// Refuses at the first byte after which no continuation could be valid: stray continuation bytes,
/// overlong forms, surrogates (U+D800 to U+DFFF) and everything above U+10FFFF.
class Utf8Validator {
  public:
    /// Takes the next piece. Returns false once the text can no longer become valid; it then stays
    /// so until `reset`.
    [[nodiscard]] bool update(ByteView bytes) noexcept;

    /// Whether the text ends here at a code point border.
    [[nodiscard]] bool complete() const noexcept { return needed_ == 0; }

    void reset() noexcept { *this = Utf8Validator{}; }

  private:
    static constexpr std::uint8_t kFailed = 0xFF;

    std::uint8_t needed_ = 0;   // continuation bytes still to come, or kFailed
    std::uint8_t low_ = 0x80;   // what the next of them may be: the first one carries the limits
    std::uint8_t high_ = 0xBF;  // that exclude overlong forms, surrogates and the end of Unicode
};

/// Whether `bytes` is a whole, valid UTF-8 text.
[[nodiscard]] bool is_valid_utf8(ByteView bytes) noexcept;

/// Unmasks a whole text payload in place and validates it. Done in blocks, so that the second pass
/// finds its bytes in the nearest cache.
[[nodiscard]] bool unmask_text(std::byte* data, std::size_t n, MaskKey key) noexcept;

/// The same for a piece of a text; `key` is the one for its first byte.
[[nodiscard]] bool unmask_text(std::byte* data, std::size_t n, MaskKey key,
                               Utf8Validator& text) noexcept;

/// The longest prefix of `text` that is valid UTF-8 and at most `max_bytes` long.
[[nodiscard]] std::string_view utf8_prefix(std::string_view text, std::size_t max_bytes) noexcept;

}  // namespace pulse::transport::websocket
