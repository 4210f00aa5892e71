// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Frames from server to client: unmasked, unfragmented unless asked (RFC 6455 section 5.2).
#pragma once

#include "websocket/utf8.hpp"

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <pulse/protocol/bytes.hpp>

namespace pulse::transport::websocket {

using protocol::ByteView;

enum class Opcode : std::uint8_t {
    continuation = 0x0,
    text = 0x1,
    binary = 0x2,
    close = 0x8,
    ping = 0x9,
    pong = 0xA,
};

inline constexpr std::size_t kMaxServerHeaderBytes = 10;
inline constexpr std::size_t kMaxControlPayloadBytes = 125;
inline constexpr std::size_t kMaxCloseReasonBytes = kMaxControlPayloadBytes - 2;

/// Close codes that may stand in a close frame (RFC 6455 section 7.4 and the IANA registry: 1004 is
/// reserved; 1005, 1006 and 1015 are never on the wire; 1012 to 1014 were registered later).
[[nodiscard]] constexpr bool is_wire_close_code(std::uint16_t code) noexcept {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

/// 2, 4 or 10.
[[nodiscard]] constexpr std::size_t frame_header_size(std::uint64_t payload_bytes) noexcept {
    return payload_bytes <= 125 ? 2 : payload_bytes <= 0xFFFF ? 4 : 10;
}

/// Writes a header to `out`, which has room for kMaxServerHeaderBytes. Returns its size.
inline std::size_t write_frame_header(std::byte* out, Opcode opcode, std::uint64_t payload_bytes,
                                      bool fin = true) noexcept {
    out[0] = static_cast<std::byte>((fin ? 0x80U : 0U) | static_cast<unsigned>(opcode));
    if (payload_bytes <= 125) {
        out[1] = static_cast<std::byte>(payload_bytes);
        return 2;
    }
    const bool is_short = payload_bytes <= 0xFFFF;
    out[1] = static_cast<std::byte>(is_short ? 126 : 127);
    const std::size_t size = is_short ? 4 : 10;
    for (std::size_t i = size; i-- > 2; payload_bytes >>= 8U) {
        out[i] = static_cast<std::byte>(payload_bytes & 0xFFU);
    }
    return size;
}

/// A whole control frame, held by value.
class ControlFrame {
  public:
    [[nodiscard]] ByteView bytes() const noexcept { return {data_.data(), size_}; }

    /// Pre-condition: `payload` is at most kMaxControlPayloadBytes long (a longer one is cut).
    [[nodiscard]] static ControlFrame make(Opcode opcode, ByteView payload) noexcept {
        assert(payload.size() <= kMaxControlPayloadBytes);
        ControlFrame frame;
        const std::size_t n =
            payload.size() < kMaxControlPayloadBytes ? payload.size() : kMaxControlPayloadBytes;
        write_frame_header(frame.data_.data(), opcode, n);
        if (n != 0) std::memcpy(frame.data_.data() + 2, payload.data(), n);
        frame.size_ = static_cast<std::uint8_t>(2 + n);
        return frame;
    }

    /// A close frame. The reason is cut at a code point border to what fits, and at its first
    /// invalid byte, since a reason that is not UTF-8 would be an error of ours. A code that must
    /// not be on the wire gives a frame without payload (so 1005, "no status", is sent as what it
    /// stands for).
    [[nodiscard]] static ControlFrame make_close(std::uint16_t code,
                                                 std::string_view reason = {}) noexcept {
        if (!is_wire_close_code(code)) {
            return make(Opcode::close, {});
        }
        const std::string_view text = utf8_prefix(reason, kMaxCloseReasonBytes);
        std::array<std::byte, kMaxControlPayloadBytes> payload;
        payload[0] = static_cast<std::byte>(code >> 8U);
        payload[1] = static_cast<std::byte>(code & 0xFFU);
        if (!text.empty()) std::memcpy(payload.data() + 2, text.data(), text.size());
        return make(Opcode::close, ByteView{payload.data(), 2 + text.size()});
    }

  private:
    ControlFrame() = default;

    // Deliberately uninitialised: only the first size_ bytes are ever read.
    std::array<std::byte, 2 + kMaxControlPayloadBytes> data_;
    std::uint8_t size_ = 0;
};

}  // namespace pulse::transport::websocket
