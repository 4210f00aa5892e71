// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A WebSocket client that can break every rule: frames are built and read one by one.
#pragma once

#include "support/http_client.hpp"
#include "support/tcp_client.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pulse::test {

inline constexpr unsigned kContinuation = 0x0;
inline constexpr unsigned kText = 0x1;
inline constexpr unsigned kBinary = 0x2;
inline constexpr unsigned kClose = 0x8;
inline constexpr unsigned kPing = 0x9;
inline constexpr unsigned kPong = 0xa;

/// A frame from client to server, well-formed unless told otherwise.
struct ClientFrame {
    unsigned opcode = kBinary;
    std::string payload{};
    bool is_final = true;
    unsigned reserved_bits = 0;  ///< RSV1 = 4, RSV2 = 2, RSV3 = 1
    bool is_masked = true;
    /// Bytes of the length field: 0 = the shortest that fits, else 1, 3 or 9.
    unsigned length_bytes = 0;
    /// Says this instead of the payload's size.
    std::optional<std::uint64_t> announced_bytes{};

    [[nodiscard]] std::string bytes() const;
};

[[nodiscard]] std::string close_payload(std::uint16_t code, std::string_view reason = {});

/// A frame from the server.
struct ServerFrame {
    bool is_final = true;
    unsigned reserved_bits = 0;
    unsigned opcode = 0;
    std::string payload;
};

struct CloseFrame {
    std::optional<std::uint16_t> code;  ///< nothing when the frame had no payload
    std::string reason;
};

struct UpgradeOptions {
    std::string path = "/ws";
    std::string header_lines;  ///< further ones, each ended by CRLF
    TcpOptions tcp;
};

/// The upgrade request that a well-behaved client sends.
[[nodiscard]] std::string upgrade_request(const UpgradeOptions& options = {});

/// Not thread-safe.
class WsClient {
  public:
    /// Connects and upgrades. ClientError when the server refuses.
    explicit WsClient(std::uint16_t port, const UpgradeOptions& options = {});

    [[nodiscard]] TcpClient& tcp() noexcept { return tcp_; }
    [[nodiscard]] const HttpAnswer& handshake() const noexcept { return handshake_; }

    void send_frame(const ClientFrame& frame) { tcp_.send(frame.bytes()); }
    void send_binary(std::string_view payload) { send_frame({kBinary, std::string(payload)}); }
    void send_text(std::string_view payload) { send_frame({kText, std::string(payload)}); }
    void send_close(std::uint16_t code, std::string_view reason = {}) {
        send_frame({kClose, close_payload(code, reason)});
    }

    [[nodiscard]] ServerFrame read_frame(Deadline deadline = {});
    /// The next data message, which must be a single unfragmented frame of that kind. Pings are
    /// answered and pongs dropped on the way.
    [[nodiscard]] std::string read_message(unsigned opcode = kBinary, Deadline deadline = {});
    /// The next frame, which must be a close.
    [[nodiscard]] CloseFrame read_close(Deadline deadline = {});
    /// The close behind whatever else comes before it.
    [[nodiscard]] CloseFrame skip_to_close(Deadline deadline = {});
    /// Sends a ping with this payload and reads through its pong, which must be the next frame.
    void ping(std::string_view payload = "ping");

  private:
    TcpClient tcp_;
    HttpAnswer handshake_;
};

}  // namespace pulse::test
