// SPDX-License-Identifier: MIT OR Apache-2.0

#include "pack.hpp"

#include <algorithm>

#include <pulse/protocol/codec.hpp>

namespace pulse::protocol {
namespace {

using namespace wire;

constexpr auto kPublishHead = kTypeKey + str("publish");
constexpr auto kPresenceHead = kTypeKey + str("presence") + kIdKey;
constexpr auto kAckHead = kTypeKey + str("ack") + kIdKey;
constexpr auto kErrorHead = kTypeKey + str("error") + kIdKey;
constexpr auto kConnectHead = kTypeKey + str("connect") + kVersionKey;
constexpr auto kConnectedHead = kTypeKey + str("connected") + kConnectionIdKey;
constexpr auto kSubscribeHead = kTypeKey + str("subscribe") + kIdKey;
constexpr auto kUnsubscribeHead = kTypeKey + str("unsubscribe") + kIdKey;
constexpr auto kPingHead = kTypeKey + str("ping");
constexpr auto kPongHead = kTypeKey + str("pong");

[[nodiscard]] constexpr std::uint8_t map_of(int entries) noexcept {
    return static_cast<std::uint8_t>(kFixmap | static_cast<unsigned>(entries));
}

template <typename Sink>
void emit_publish(Sink& sink, const std::optional<std::uint64_t>& id, std::string_view channel,
                  const std::optional<std::string_view>& event, ByteView payload,
                  ByteView position) noexcept {
    sink.byte(map_of(3 + id.has_value() + event.has_value() + !position.empty()));
    sink.run(kPublishHead);
    if (id) {
        sink.run(kIdKey);
        sink.uint(*id);
    }
    sink.run(kChannelKey);
    sink.text(channel);
    if (event) {
        sink.run(kEventKey);
        sink.text(*event);
    }
    if (!position.empty()) {  // before the payload, which is last because it may be long
        sink.run(kPositionKey);
        sink.value(position);
    }
    sink.run(kPayloadKey);
    sink.bin_header(payload.size());
    sink.tail(payload);
}

template <typename Sink>
void emit_ack(Sink& sink, std::uint64_t id, ByteView recovery) noexcept {
    sink.byte(map_of(2 + !recovery.empty()));
    sink.run(kAckHead);
    sink.uint(id);
    if (recovery.empty()) return;
    sink.run(kRecoveryKey);
    sink.value(recovery);
}

template <typename Sink>
void emit_presence(Sink& sink, const FrameView& frame) noexcept {
    sink.byte(map_of(4 + frame.data.has_value()));
    sink.run(kPresenceHead);
    sink.uint(frame.id.value_or(0));
    sink.run(kChannelKey);
    sink.text(frame.channel);
    sink.run(kActionKey);
    sink.uint(static_cast<std::uint8_t>(frame.action));
    if (frame.data) {
        sink.run(kDataKey);
        sink.tail(*frame.data);
    }
}

template <typename Sink, std::size_t N>
void emit_subscription(Sink& sink, const Run<N>& head, const FrameView& frame,
                       ByteView recover) noexcept {
    sink.byte(map_of(3 + !recover.empty()));
    sink.run(head);
    sink.uint(frame.id.value_or(0));
    sink.run(kChannelKey);
    sink.text(frame.channel);
    if (recover.empty()) return;
    sink.run(kRecoverKey);
    sink.value(recover);
}

template <typename Sink, std::size_t N>
void emit_heartbeat(Sink& sink, const Run<N>& head, const FrameView& frame) noexcept {
    sink.byte(map_of(1 + frame.timestamp.has_value()));
    sink.run(head);
    if (frame.timestamp) {
        sink.run(kTimestampKey);
        sink.uint(*frame.timestamp);
    }
}

template <typename Sink>
void emit_error(Sink& sink, const FrameView& frame) noexcept {
    sink.byte(map_of(4));
    sink.run(kErrorHead);
    sink.uint(frame.id.value_or(0));
    sink.run(kCodeKey);
    sink.uint(frame.code);
    sink.run(kMessageKey);
    sink.text(frame.message);
}

template <typename Sink>
void emit_connect(Sink& sink, const FrameView& frame) noexcept {
    sink.byte(map_of(2 + frame.token.has_value()));
    sink.run(kConnectHead);
    sink.uint(frame.version);
    if (frame.token) {
        sink.run(kTokenKey);
        sink.text(*frame.token);
    }
}

template <typename Sink>
void emit_connected(Sink& sink, const FrameView& frame) noexcept {
    sink.byte(map_of(4));
    sink.run(kConnectedHead);
    sink.text(frame.connection_id);
    sink.run(kVersionKey);
    sink.uint(frame.version);
    sink.run(kHeartbeatKey);
    sink.uint(frame.heartbeat);
}

template <typename Sink>
void emit(Sink& sink, const FrameView& frame) noexcept {
    switch (frame.type) {
        case FrameType::subscribe:
            return emit_subscription(sink, kSubscribeHead, frame, frame.data.value_or(ByteView{}));
        case FrameType::unsubscribe:
            return emit_subscription(sink, kUnsubscribeHead, frame, {});
        case FrameType::publish:
            return emit_publish(sink, frame.id, frame.channel, frame.event, frame.payload,
                                frame.data.value_or(ByteView{}));
        case FrameType::presence:
            return emit_presence(sink, frame);
        case FrameType::ack:
            return emit_ack(sink, frame.id.value_or(0), frame.data.value_or(ByteView{}));
        case FrameType::error:
            return emit_error(sink, frame);
        case FrameType::ping:
            return emit_heartbeat(sink, kPingHead, frame);
        case FrameType::pong:
            return emit_heartbeat(sink, kPongHead, frame);
        case FrameType::connect:
            return emit_connect(sink, frame);
        case FrameType::connected:
            return emit_connected(sink, frame);
    }
}

/// Fills in the length prefix of a frame that ends at `end`.
std::byte* seal(std::byte* frame, std::byte* end) noexcept {
    const auto body = static_cast<std::size_t>(end - frame) - kLengthPrefixBytes;
    store_be(frame, static_cast<std::uint32_t>(body));
    return end;
}

/// A Writer that leaves out the tail.
class HeadWriter : public Writer {
  public:
    using Writer::Writer;
    void tail(ByteView) noexcept {}
};

/// What emit() gives to the sink's tail(): the part of a frame that may be long.
[[nodiscard]] ByteView tail_of(const FrameView& frame) noexcept {
    if (frame.type == FrameType::publish) return frame.payload;
    if (frame.type == FrameType::presence && frame.data) return *frame.data;
    return {};
}

// A vector cannot grow without clearing what it adds, which for a large payload costs as much as
// copying it: so only the head is written into cleared room, and the tail appended from where it
// is. (Putting the frame together beside the vector is no way out: copying bytes that were just
// written in small pieces stalls on them.)
void append(const FrameView& frame, std::size_t total, std::vector<std::byte>& out) {
    const std::size_t start = out.size();
    const std::size_t end = start + total;
    if (out.capacity() < end) out.reserve(std::max(end, 2 * out.capacity()));
    const ByteView tail = tail_of(frame);
    out.resize(end - tail.size());
    HeadWriter writer(out.data() + start + kLengthPrefixBytes);
    emit(writer, frame);
    store_be(out.data() + start, static_cast<std::uint32_t>(total - kLengthPrefixBytes));
    out.insert(out.end(), tail.begin(), tail.end());
}

}  // namespace

std::size_t encoded_size(const FrameView& frame) noexcept {
    Counter counter;
    emit(counter, frame);
    return kLengthPrefixBytes + counter.size();
}

std::byte* encode_to(const FrameView& frame, std::byte* out) noexcept {
    Writer writer(out + kLengthPrefixBytes);
    emit(writer, frame);
    return seal(out, writer.end());
}

Error encode_into(const FrameView& frame, std::vector<std::byte>& out) {
    const std::size_t total = encoded_size(frame);
    if (total > kLengthPrefixBytes + kMaxFrameBytes) return Error::frame_too_large;
    append(frame, total, out);
    return Error::none;
}

EncodeResult encode(const FrameView& frame) {
    EncodeResult result;
    result.error = encode_into(frame, result.bytes);
    return result;
}

std::size_t publish_size(std::string_view channel, const std::optional<std::string_view>& event,
                         ByteView payload, ByteView position) noexcept {
    Counter counter;
    emit_publish(counter, std::nullopt, channel, event, payload, position);
    return kLengthPrefixBytes + counter.size();
}

std::byte* encode_publish_to(std::string_view channel, const std::optional<std::string_view>& event,
                             ByteView payload, std::byte* out, ByteView position) noexcept {
    Writer writer(out + kLengthPrefixBytes);
    emit_publish(writer, std::nullopt, channel, event, payload, position);
    return seal(out, writer.end());
}

std::size_t ack_size(std::uint64_t id) noexcept {
    Counter counter;
    emit_ack(counter, id, {});
    return kLengthPrefixBytes + counter.size();
}

std::byte* encode_ack_to(std::uint64_t id, std::byte* out) noexcept {
    Writer writer(out + kLengthPrefixBytes);
    emit_ack(writer, id, {});
    return seal(out, writer.end());
}

}  // namespace pulse::protocol
