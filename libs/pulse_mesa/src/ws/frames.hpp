// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The client's side of RFC 6455: the opening handshake and frames, as bytes.
#pragma once

#include "ws/address.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <pulse/core/rng.hpp>
#include <pulse/mesa/ws_client.hpp>

namespace pulse::mesa::ws {

// RFC 6455 §7.4.1
inline constexpr std::uint16_t kNormal = 1000;
inline constexpr std::uint16_t kProtocolError = 1002;
inline constexpr std::uint16_t kNoCode = 1005;
inline constexpr std::uint16_t kAbnormal = 1006;
inline constexpr std::uint16_t kInvalidData = 1007;
inline constexpr std::uint16_t kTooBig = 1009;

// RFC 6455 §5.2
enum class Opcode : std::uint8_t {
    continuation = 0,
    text = 1,
    binary = 2,
    close = 8,
    ping = 9,
    pong = 10,
};

/// 16 random bytes, as base64.
[[nodiscard]] std::string make_key(core::Rng& rng);
[[nodiscard]] std::string make_request(const WsAddress& address, const WsClientOptions& options,
                                       std::string_view key);

inline constexpr std::size_t kMaxHeadBytes = std::size_t{16} * 1024;
/// Bytes of the answer's head once it is whole; 0 while it is not.
[[nodiscard]] std::size_t head_bytes(std::string_view received) noexcept;
/// Whether a whole head agrees to the request that had `key`.
[[nodiscard]] bool is_accepted(std::string_view head, std::string_view key,
                               std::string_view subprotocol);

/// Appends one frame, masked with `mask`.
void append_frame(std::string& out, Opcode opcode, std::string_view payload, std::uint32_t mask);
[[nodiscard]] std::string close_payload(std::uint16_t code, std::string_view reason);

/// One frame from the server. Borrows its payload.
struct Frame {
    Opcode opcode = Opcode::text;
    bool is_final = true;
    std::string_view payload;
    std::size_t bytes = 0;    ///< of the whole frame; 0: it is not there yet
    std::uint16_t error = 0;  ///< not 0: what to close with
};
/// The frame at the beginning of `received`.
[[nodiscard]] Frame read_frame(std::string_view received, std::size_t max_payload_bytes) noexcept;

/// Puts messages together from frames.
class Assembler {
  public:
    explicit Assembler(std::size_t max_bytes) noexcept : max_bytes_(max_bytes) {}
    struct Result {
        std::optional<std::string_view> message;  ///< until the next call
        std::uint16_t error = 0;                  ///< as Frame::error
    };
    /// Of a data frame.
    [[nodiscard]] Result add(const Frame& frame);

  private:
    [[nodiscard]] static Result whole(std::string_view message) noexcept;

    std::size_t max_bytes_;
    std::string parts_;
    bool is_open_ = false;
};

}  // namespace pulse::mesa::ws
