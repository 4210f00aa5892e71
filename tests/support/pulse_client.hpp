// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "support/ws_client.hpp"

#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/error.hpp>
#include <pulse/protocol/frame.hpp>

namespace pulse::protocol {

/// What a failed check prints.
inline std::ostream& operator<<(std::ostream& out, const Frame& frame) {
    out << to_string(frame);
    if (frame.type == FrameType::error) out << " " << frame.code << " \"" << frame.message << '"';
    return out;
}

}  // namespace pulse::protocol

namespace pulse::test {

using protocol::ErrorCode;
using protocol::Frame;
using protocol::FrameType;
using protocol::FrameView;
using protocol::PresenceAction;

/// The frame's bytes, length prefix included.
[[nodiscard]] std::string encoded(const FrameView& frame);
/// The bytes of several, one after the other.
[[nodiscard]] std::string encoded(std::initializer_list<Frame> frames);
/// Exactly one frame. ClientError when it is none, or more.
[[nodiscard]] Frame decoded(std::string_view bytes);

[[nodiscard]] std::vector<std::byte> payload_of(std::string_view text);
[[nodiscard]] std::string text_of(const std::vector<std::byte>& payload);
/// publish without id, as delivered.
[[nodiscard]] Frame publication(std::string_view channel, std::string_view text);

/// A client of the native protocol: one frame per message, as the server sends them.
class PulseClient : public WsClient {
  public:
    /// Upgrades and reads `connected`.
    explicit PulseClient(std::uint16_t port, const UpgradeOptions& options = {});

    [[nodiscard]] const Frame& connected() const noexcept { return connected_; }

    void send(const FrameView& frame) { send_binary(encoded(frame)); }
    /// All in one WebSocket message.
    void send_together(std::initializer_list<Frame> frames) { send_binary(encoded(frames)); }
    [[nodiscard]] Frame receive(Deadline deadline = {}) {
        return decoded(read_message(kBinary, deadline));
    }
    /// Sends, and returns the answer.
    [[nodiscard]] Frame ask(const FrameView& frame) {
        send(frame);
        return receive();
    }
    /// Subscribes; ClientError unless acknowledged.
    void subscribe(std::string_view channel, std::uint64_t id = 1);
    void unsubscribe(std::string_view channel, std::uint64_t id = 1);
    /// Whether nothing but the answers to two pings comes. All that the server had due for this
    /// client before the call is written before the second answer: what became due in the turn of
    /// the first ping goes out behind its pong, and what became due earlier in front of it.
    [[nodiscard]] bool is_quiet();

  private:
    Frame connected_;
};

}  // namespace pulse::test
