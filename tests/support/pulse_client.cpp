// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/pulse_client.hpp"

namespace pulse::test {

std::string encoded(const FrameView& frame) {
    const protocol::EncodeResult result = protocol::encode(frame);
    if (!result)
        throw ClientError("cannot encode: " + std::string(protocol::to_string(result.error)));
    return std::string(protocol::as_text(result.bytes));
}

std::string encoded(std::initializer_list<Frame> frames) {
    std::string bytes;
    for (const Frame& frame : frames) bytes += encoded(frame.view());
    return bytes;
}

Frame decoded(std::string_view bytes) {
    const protocol::OwnedDecodeResult result = protocol::decode_owned(protocol::as_bytes(bytes));
    if (!result) {
        throw ClientError("not a frame: " + std::string(protocol::to_string(result.error)));
    }
    if (result.consumed != bytes.size()) throw ClientError("more than one frame in a message");
    return result.frame;
}

std::vector<std::byte> payload_of(std::string_view text) {
    const protocol::ByteView bytes = protocol::as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

std::string text_of(const std::vector<std::byte>& payload) {
    return std::string(protocol::as_text(payload));
}

Frame publication(std::string_view channel, std::string_view text) {
    return Frame::publish(std::string(channel), payload_of(text));
}

PulseClient::PulseClient(std::uint16_t port, const UpgradeOptions& options)
    : WsClient(port, options), connected_(receive()) {
    if (connected_.type != FrameType::connected) {
        throw ClientError("expected connected, got " + protocol::to_string(connected_));
    }
}

void PulseClient::subscribe(std::string_view channel, std::uint64_t id) {
    const Frame answer = ask(FrameView::subscribe(id, channel));
    if (answer != Frame::ack(id)) throw ClientError("subscribe: " + protocol::to_string(answer));
}

void PulseClient::unsubscribe(std::string_view channel, std::uint64_t id) {
    const Frame answer = ask(FrameView::unsubscribe(id, channel));
    if (answer != Frame::ack(id)) throw ClientError("unsubscribe: " + protocol::to_string(answer));
}

bool PulseClient::is_quiet() {
    for (const std::uint64_t stamp : {7'000'001U, 7'000'002U}) {
        send(FrameView::ping_with_timestamp(stamp));
        if (receive() != Frame::pong(stamp)) return false;
    }
    return true;
}

}  // namespace pulse::test
