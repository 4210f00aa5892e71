// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "protocol.hpp"

#include <string>
#include <string_view>

namespace pulse::load {

/// The client's side of RFC 6455, as far as a load generator needs it.
///
/// Client frames carry the masking key zero: legal, the server unmasks as ever, and the payload
/// stays in the clear so that a prepared frame can be stamped in place.
namespace websocket {

enum class Opcode : unsigned char {
    continuation = 0,
    text = 1,
    binary = 2,
    close = 8,
    ping = 9,
    pong = 10,
};

[[nodiscard]] std::string upgrade_request(const ProtocolOptions& options);
[[nodiscard]] std::string frame(Opcode opcode, std::string_view payload);
/// Bytes that frame() puts in front of a payload of this size.
[[nodiscard]] std::size_t frame_header_bytes(std::size_t payload_bytes);
[[nodiscard]] RequestTemplate framed(const std::string& message, std::size_t payload_at,
                                     Opcode opcode = Opcode::binary);

}  // namespace websocket

/// Reads the upgrade response, then messages; strict where RFC 6455 binds a server: no mask, no
/// reserved bits, shortest length form, control frames whole and short, fragments in order.
/// Answers pings. Subclasses see whole messages. Loop-bound.
class WebSocketReader : public Reader {
  public:
    static constexpr std::size_t kMaxMessageBytes = std::size_t{64} << 20U;
    static constexpr std::size_t kMaxResponseBytes = 16384;

    void feed(std::string_view bytes, ReaderEvents& events) final;
    [[nodiscard]] std::string_view rest() const final { return buffer_; }

  protected:
    virtual void on_upgraded(ReaderEvents& events) = 0;
    /// False after reporting a fault.
    virtual bool on_message(websocket::Opcode opcode, std::string_view message,
                            ReaderEvents& events) = 0;

  private:
    struct Frame {
        websocket::Opcode opcode;
        bool fin;
        std::string_view payload;
    };
    enum class Step { done, need_more, failed };

    Step take_response(std::string_view& bytes, ReaderEvents& events);
    Step take_frame(std::string_view& bytes, ReaderEvents& events);
    bool on_frame(const Frame& frame, ReaderEvents& events);
    bool on_control(const Frame& frame, ReaderEvents& events);
    bool fail(std::string what, ReaderEvents& events);

    std::string buffer_;   // incomplete frame or response
    std::string message_;  // fragments so far
    websocket::Opcode message_opcode_ = websocket::Opcode::binary;
    bool in_message_ = false;
    bool upgraded_ = false;
    bool failed_ = false;
};

}  // namespace pulse::load
