// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/ws_client.hpp"

namespace pulse::test {

namespace {

constexpr std::array<unsigned char, 4> kMask{0x37, 0xfa, 0x21, 0x3d};

void append_length(std::string& out, std::uint64_t length, unsigned bytes, bool is_masked) {
    const auto mask_bit = static_cast<unsigned char>(is_masked ? 0x80 : 0);
    if (bytes == 0) bytes = length <= 125 ? 1 : length <= 0xffff ? 3 : 9;
    if (bytes == 1) {
        out.push_back(static_cast<char>(mask_bit | length));
        return;
    }
    out.push_back(static_cast<char>(mask_bit | (bytes == 3 ? 126U : 127U)));
    for (unsigned shift = 8 * (bytes - 1); shift > 0; shift -= 8) {
        out.push_back(static_cast<char>(length >> (shift - 8)));
    }
}

std::uint64_t big_endian(std::string_view bytes) {
    std::uint64_t value = 0;
    for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
    return value;
}

CloseFrame to_close(const ServerFrame& frame) {
    CloseFrame close;
    if (frame.payload.size() == 1) throw ClientError("close frame with a payload of one byte");
    if (frame.payload.size() < 2) return close;
    close.code = static_cast<std::uint16_t>(big_endian(frame.payload.substr(0, 2)));
    close.reason = frame.payload.substr(2);
    return close;
}

std::string describe(const ServerFrame& frame) {
    std::string text = "frame of opcode " + std::to_string(frame.opcode) + " with " +
                       std::to_string(frame.payload.size()) + " bytes";
    if (frame.opcode == kClose && frame.payload.size() >= 2) {
        const CloseFrame close = to_close(frame);
        text += ": close " + std::to_string(*close.code) + " " + close.reason;
    }
    return text;
}

}  // namespace

std::string ClientFrame::bytes() const {
    std::string out;
    out.push_back(static_cast<char>((is_final ? 0x80U : 0U) | reserved_bits << 4 | opcode));
    append_length(out, announced_bytes.value_or(payload.size()), length_bytes, is_masked);
    if (!is_masked) return out + payload;
    for (const unsigned char byte : kMask) out.push_back(static_cast<char>(byte));
    for (std::size_t i = 0; i < payload.size(); ++i) {
        out.push_back(static_cast<char>(static_cast<unsigned char>(payload[i]) ^ kMask[i % 4]));
    }
    return out;
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
    std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
    return payload.append(reason);
}

std::string upgrade_request(const UpgradeOptions& options) {
    return get_request(options.path,
                       "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
                           options.header_lines);
}

WsClient::WsClient(std::uint16_t port, const UpgradeOptions& options) : tcp_(port, options.tcp) {
    tcp_.send(upgrade_request(options));
    handshake_ = read_answer(tcp_);
    if (handshake_.status != 101) {
        throw ClientError("upgrade refused: " + std::to_string(handshake_.status) + " " +
                          handshake_.body);
    }
}

ServerFrame WsClient::read_frame(Deadline deadline) {
    const std::string head = tcp_.read_exactly(2, deadline);
    const auto first = static_cast<unsigned char>(head[0]);
    const auto second = static_cast<unsigned char>(head[1]);
    if ((second & 0x80) != 0) throw ClientError("masked frame from the server");
    std::uint64_t length = second & 0x7f;
    if (length >= 126) {
        const std::size_t bytes = length == 126 ? 2 : 8;
        length = big_endian(tcp_.read_exactly(bytes, deadline));
        if (length <= (bytes == 2 ? 125 : 0xffff)) throw ClientError("length not minimal");
    }
    ServerFrame frame;
    frame.is_final = (first & 0x80) != 0;
    frame.reserved_bits = first >> 4 & 7;
    frame.opcode = first & 0xf;
    frame.payload = tcp_.read_exactly(length, deadline);
    return frame;
}

std::string WsClient::read_message(unsigned opcode, Deadline deadline) {
    for (;;) {
        ServerFrame frame = read_frame(deadline);
        if (frame.opcode == kPong) continue;
        if (frame.opcode == kPing) {
            send_frame({kPong, frame.payload});
            continue;
        }
        if (frame.opcode != opcode || !frame.is_final || frame.reserved_bits != 0) {
            throw ClientError("expected a message of opcode " + std::to_string(opcode) + ", got " +
                              describe(frame));
        }
        return std::move(frame.payload);
    }
}

CloseFrame WsClient::read_close(Deadline deadline) {
    const ServerFrame frame = read_frame(deadline);
    if (frame.opcode != kClose) throw ClientError("expected a close, got " + describe(frame));
    return to_close(frame);
}

CloseFrame WsClient::skip_to_close(Deadline deadline) {
    for (;;) {
        const ServerFrame frame = read_frame(deadline);
        if (frame.opcode == kClose) return to_close(frame);
    }
}

void WsClient::ping(std::string_view payload) {
    send_frame({kPing, std::string(payload)});
    const ServerFrame frame = read_frame();
    if (frame.opcode != kPong || frame.payload != payload) {
        throw ClientError("expected a pong, got " + describe(frame));
    }
}

}  // namespace pulse::test
