// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The native dialect over a connection that is all in memory: the test is the loop, the clock and
// the peer.
#pragma once

#include "support/catch.hpp"
#include "support/hub_fixture.hpp"

#include <chrono>
#include <initializer_list>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/uio.h>

#include <pulse/core/authenticator.hpp>
#include <pulse/core/connection.hpp>
#include <pulse/core/native/dialect.hpp>
#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/frame.hpp>
#include <pulse/protocol/json.hpp>

namespace pulse::protocol {

inline std::ostream& operator<<(std::ostream& out, const Frame& frame) {
    out << to_string(frame);
    if (frame.type == FrameType::error) out << " " << frame.code << " \"" << frame.message << '"';
    return out;
}

}  // namespace pulse::protocol

namespace pulse::test {

using core::MessageKind;
using protocol::ErrorCode;
using protocol::Frame;
using protocol::FrameType;
using protocol::FrameView;
using protocol::PresenceAction;

struct SentMessage {
    MessageKind kind;
    std::string bytes;
};

/// A connection to nowhere that keeps what it is told. **Loop-bound**, as every connection.
class FakeConnection final : public core::Connection {
  public:
    explicit FakeConnection(core::Lane& lane) : Connection(lane, framing()) {
        peer_.bytes = {192, 0, 2, 7};
        peer_.port = 4711;
    }

    [[nodiscard]] const core::PeerAddress& peer() const noexcept override { return peer_; }
    using core::Connection::close;
    void close(std::uint16_t code, std::string_view text) override {
        if (close_code) return;
        close_code = code;
        close_text = text;
        finish_output();
    }
    void request_tick(std::chrono::milliseconds after) override { tick = after; }
    void pause_reading(bool is_on) override {
        is_paused = is_on;
        ++pauses;
    }
    /// What a transport does before it lets go of the conversation.
    void expire() noexcept { expire_handles(); }

    /// The messages of the turns since the last call.
    [[nodiscard]] std::vector<SentMessage> take() {
        std::vector<SentMessage> messages;
        std::string_view rest = written_;
        while (!rest.empty()) {
            REQUIRE(rest.size() >= kHeaderBytes);
            std::size_t size = 0;
            for (std::size_t i = 1; i < kHeaderBytes; ++i) {
                size = size << 8 | static_cast<unsigned char>(rest[i]);
            }
            messages.push_back({rest[0] == 't' ? MessageKind::text : MessageKind::binary,
                                std::string(rest.substr(kHeaderBytes, size))});
            rest.remove_prefix(kHeaderBytes + size);
        }
        written_.clear();
        return messages;
    }

    std::optional<std::uint16_t> close_code;
    std::string close_text;
    std::optional<std::chrono::milliseconds> tick;
    bool is_paused = false;
    int pauses = 0;

  private:
    static constexpr std::size_t kHeaderBytes = 5;

    /// The kind and four bytes of length in front of each message.
    class Framing final : public core::Framing {
      public:
        std::size_t write_header(std::byte* out, std::size_t bytes,
                                 MessageKind kind) const noexcept override {
            out[0] = static_cast<std::byte>(kind == MessageKind::text ? 't' : 'b');
            for (std::size_t i = 1; i < kHeaderBytes; ++i) {
                out[i] = static_cast<std::byte>(bytes >> (8 * (kHeaderBytes - 1 - i)));
            }
            return kHeaderBytes;
        }
    };
    static const Framing& framing() {
        static const Framing framing;
        return framing;
    }

    void write_out() noexcept override {
        iovec pieces[8];
        while (const std::size_t n = gather(pieces)) {
            std::size_t total = 0;
            for (std::size_t i = 0; i < n; ++i) {
                written_.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
                total += pieces[i].iov_len;
            }
            consume(total);
        }
    }
    void on_overflow() noexcept override {}

    core::PeerAddress peer_;
    std::string written_;
};

[[nodiscard]] inline std::string encoded(const FrameView& frame) {
    const protocol::EncodeResult result = protocol::encode(frame);
    REQUIRE(result);
    return std::string(protocol::as_text(result.bytes));
}
[[nodiscard]] inline std::string encoded(std::initializer_list<Frame> frames) {
    std::string bytes;
    for (const Frame& frame : frames) bytes += encoded(frame.view());
    return bytes;
}
[[nodiscard]] inline std::vector<std::byte> payload_of(std::string_view text) {
    const protocol::ByteView bytes = protocol::as_bytes(text);
    return {bytes.begin(), bytes.end()};
}
[[nodiscard]] inline Frame publication(std::string_view channel, std::string_view text) {
    return Frame::publish(std::string(channel), payload_of(text));
}
[[nodiscard]] inline Frame invalid_frame(std::uint64_t id = 0) {
    return Frame::error(id, ErrorCode::invalid_frame, "Invalid frame");
}

/// Options that differ from the defaults in what `change` does to them.
template <typename Change>
[[nodiscard]] core::native::NativeOptions with(Change&& change) {
    core::native::NativeOptions options;
    change(options);
    return options;
}

/// A hub and the native dialect.
struct NativeEngine : HubFixture {
    explicit NativeEngine(core::native::NativeOptions options = {},
                          core::Authenticator* authenticator = nullptr, HubParts parts = {})
        : HubFixture(std::move(parts)), dialect(hub, options, authenticator) {}

    /// A turn of each loop, as often as one makes work for another.
    void turn() {
        for (int round = 0; round < 3; ++round) flush();
    }

    core::native::NativeDialect dialect;
};

/// A client of it, on one of its lanes.
class NativeClient {
  public:
    explicit NativeClient(NativeEngine& engine, std::string_view query = {}, std::size_t lane = 0,
                          std::string origin = {})
        : engine_(engine), connection(engine.lane(lane)), origin_(std::move(origin)) {
        core::OpenRequest request;
        request.path = "/ws";
        request.query = query;
        request.peer = connection.peer();
        request.header = [this](std::string_view name) {
            return name == "origin" ? std::string_view(origin_) : std::string_view{};
        };
        engine_.lane(lane).begin_turn();
        conversation = engine_.dialect.open(connection, request);
        conversation->on_open();
        engine_.turn();
        greeting = connection.take();
    }
    ~NativeClient() { end(); }
    NativeClient(const NativeClient&) = delete;
    NativeClient& operator=(const NativeClient&) = delete;

    /// One message in a turn of its own.
    void send(std::string_view message, MessageKind kind = MessageKind::binary) {
        connection.lane().begin_turn();
        conversation->on_message(protocol::as_bytes(message), kind);
        engine_.turn();
    }
    void send(const Frame& frame) { send(encoded(frame.view())); }
    void send(std::initializer_list<Frame> frames) { send(encoded(frames)); }
    void send_text(std::string_view text) { send(text, MessageKind::text); }

    /// The time it asked for has come.
    void tick() {
        connection.lane().begin_turn();
        conversation->on_tick(engine_.clock.now());
        engine_.turn();
    }

    /// All frames since the last call. Each must be a message of its own.
    [[nodiscard]] std::vector<Frame> receive() {
        engine_.turn();
        std::vector<Frame> frames;
        for (const SentMessage& message : connection.take()) {
            REQUIRE(message.kind == MessageKind::binary);
            const auto result = protocol::decode_owned(protocol::as_bytes(message.bytes));
            REQUIRE(result);
            REQUIRE(result.consumed == message.bytes.size());
            frames.push_back(result.frame);
        }
        return frames;
    }
    [[nodiscard]] std::vector<Frame> ask(const Frame& frame) {
        send(frame);
        return receive();
    }
    [[nodiscard]] std::string id() const {
        const SentMessage& first = greeting.at(0);
        return first.kind == MessageKind::text
                   ? protocol::decode_json(first.bytes).frame.connection_id
                   : protocol::decode_owned(protocol::as_bytes(first.bytes)).frame.connection_id;
    }
    /// The peer is gone; the transport tears down.
    void end() {
        if (conversation == nullptr) return;
        connection.lane().begin_turn();
        connection.expire();
        conversation->on_close({1006, "", false});
        conversation.reset();
        engine_.turn();
    }

  private:
    NativeEngine& engine_;

  public:
    FakeConnection connection;
    std::unique_ptr<core::Conversation> conversation;
    std::vector<SentMessage> greeting;

  private:
    std::string origin_;
};

using Frames = std::vector<Frame>;

}  // namespace pulse::test
