// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The native dialect over a connection that is all in memory: the test is the loop, the clock and
// the peer.
#pragma once

#include "support/catch.hpp"
#include "support/fake_connection.hpp"
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

#include <pulse/core/authenticator.hpp>
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
