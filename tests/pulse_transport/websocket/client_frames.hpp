// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Frames as clients send them, right and wrong ones.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace pulse::test {

enum class LengthForm { shortest, two_bytes, eight_bytes };

struct ClientFrame {
    unsigned opcode = 0x2;
    std::string_view payload = {};
    bool fin = true;
    bool masked = true;
    unsigned reserved_bits = 0;  // 0x40, 0x20, 0x10
    std::array<unsigned char, 4> key{0x37, 0xFA, 0x21, 0x3D};
    LengthForm form = LengthForm::shortest;
    // What the header says, where it is to differ from the payload's size.
    std::uint64_t announced = UINT64_MAX;
};

inline std::string encode(const ClientFrame& frame) {
    const std::uint64_t length =
        frame.announced == UINT64_MAX ? frame.payload.size() : frame.announced;
    LengthForm form = frame.form;
    unsigned code = static_cast<unsigned>(length);
    if (form == LengthForm::shortest && length > 125) {
        form = length > 0xFFFF ? LengthForm::eight_bytes : LengthForm::two_bytes;
    }
    int extra = 0;
    if (form == LengthForm::two_bytes) {
        code = 126;
        extra = 2;
    } else if (form == LengthForm::eight_bytes) {
        code = 127;
        extra = 8;
    }
    std::string wire;
    wire.push_back(
        static_cast<char>((frame.fin ? 0x80U : 0U) | frame.reserved_bits | frame.opcode));
    wire.push_back(static_cast<char>((frame.masked ? 0x80U : 0U) | code));
    for (int i = extra; i-- > 0;) wire.push_back(static_cast<char>((length >> (8 * i)) & 0xFFU));
    if (frame.masked) {
        for (const unsigned char byte : frame.key) wire.push_back(static_cast<char>(byte));
    }
    for (std::size_t i = 0; i < frame.payload.size(); ++i) {
        const auto byte = static_cast<unsigned char>(frame.payload[i]);
        wire.push_back(static_cast<char>(frame.masked ? byte ^ frame.key[i % 4] : byte));
    }
    return wire;
}

inline std::string text_frame(std::string_view payload, bool fin = true) {
    return encode({.opcode = 0x1, .payload = payload, .fin = fin});
}
inline std::string binary_frame(std::string_view payload, bool fin = true) {
    return encode({.opcode = 0x2, .payload = payload, .fin = fin});
}
inline std::string continuation_frame(std::string_view payload, bool fin) {
    return encode({.opcode = 0x0, .payload = payload, .fin = fin});
}
inline std::string ping_frame(std::string_view payload = {}) {
    return encode({.opcode = 0x9, .payload = payload});
}
inline std::string pong_frame(std::string_view payload = {}) {
    return encode({.opcode = 0xA, .payload = payload});
}
inline std::string close_frame_payload(std::string_view payload) {
    return encode({.opcode = 0x8, .payload = payload});
}
inline std::string close_frame(unsigned code, std::string_view reason = {}) {
    std::string payload{static_cast<char>(code >> 8U), static_cast<char>(code & 0xFFU)};
    payload += reason;
    return close_frame_payload(payload);
}

}  // namespace pulse::test
