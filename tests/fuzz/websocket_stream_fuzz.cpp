// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Any bytes as a client's WebSocket stream: our parser and websocketpp's must hear the same
// messages and refuse at the same byte with the same code, however the stream is cut, and the
// parser must not hold more memory than it was given bytes.
//
// Input: byte 0 chooses limits and how the rest is read, bytes 1 and 2 how it is cut. The rest is
// either the stream itself or, so that the fuzzer need not find out about masking and lengths, a
// list of frames: first header byte, payload length, payload.
#include "pulse_transport/websocket/client_frames.hpp"
#include "pulse_transport/websocket/hybi13_oracle.hpp"
#include "pulse_transport/websocket/parser_runner.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

namespace {

using namespace pulse::test;

constexpr ws::Limits kLimits[] = {
    {.max_frame_bytes = 65'536, .max_message_bytes = 200'000},
    {.max_frame_bytes = 100, .max_message_bytes = 150},
    {.max_frame_bytes = 300, .max_message_bytes = 50},
    {.max_frame_bytes = 0, .max_message_bytes = 0},
};

// Enough for the parser's large frames, not so much that the byte-wise oracle holds the fuzzer up.
constexpr std::size_t kMaxStreamBytes = std::size_t{24} << 10;

// Payloads of up to 254 bytes; a length byte of 255 stands for a long run of one byte.
std::string encode_frames(std::string_view list) {
    std::string stream;
    while (list.size() >= 2 && stream.size() < kMaxStreamBytes) {
        const auto first = static_cast<unsigned char>(list[0]);
        const auto length = static_cast<unsigned char>(list[1]);
        list.remove_prefix(2);
        std::string payload;
        if (length == 255 && !list.empty()) {
            payload.assign(static_cast<unsigned char>(list[0]) * std::size_t{100}, list[0]);
            list.remove_prefix(1);
        } else {
            payload = list.substr(0, length);
            list.remove_prefix(payload.size());
        }
        stream += encode({.opcode = first & 0x0FU,
                          .payload = payload,
                          .fin = (first & 0x80U) != 0,
                          .reserved_bits = first & 0x70U,
                          .key = {first, length, 0x55, 0x00}});
    }
    stream += list;
    return stream;
}

void require(bool holds, const char* what, const Outcome& ours, const Outcome& expected) {
    if (holds) return;
    std::cerr << what << "\nours:     " << ours << " at " << ours.error_offset
              << "\nexpected: " << expected << " at " << expected.error_offset << '\n';
    std::abort();
}

Outcome parse_cut(std::string_view stream, const ws::Limits& limits, std::uint32_t cuts,
                  bool directly) {
    Runner runner(limits);
    auto status = ws::ParseStatus::ok;
    std::size_t given = 0;
    // Room for the parser's bookkeeping, and the first window where one is used.
    const std::size_t allowance = 512 + (directly ? std::size_t{64} << 10 : 0);
    while (!stream.empty() && status == ws::ParseStatus::ok) {
        cuts = cuts * 1'664'525 + 1'013'904'223;
        const std::size_t bound = (cuts & 0x100U) != 0 ? 16 : stream.size();
        const std::size_t n = std::min<std::size_t>(1 + (cuts >> 16U) % bound, stream.size());
        status =
            directly ? runner.give_directly(stream.substr(0, n)) : runner.give(stream.substr(0, n));
        given += n;
        stream.remove_prefix(n);
        if (runner.parser.buffered_bytes() > 2 * given + allowance) {
            std::cerr << runner.parser.buffered_bytes() << " bytes held after " << given << '\n';
            std::abort();
        }
    }
    return runner.outcome();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 3) return 0;
    const ws::Limits& limits = kLimits[data[0] & 3U];
    const std::uint32_t cuts = data[1] | (std::uint32_t{data[2]} << 8U);
    const std::string_view rest(reinterpret_cast<const char*>(data) + 3, size - 3);
    const std::string stream = (data[0] & 4U) != 0 ? encode_frames(rest) : std::string(rest);

    const Outcome expected = Hybi13Oracle(limits).run(stream);
    const Outcome by_bytes = parse_in_pieces(stream, 1, limits);
    require(by_bytes == expected, "byte by byte", by_bytes, expected);
    const Outcome whole = parse_whole(stream, limits);
    require(verdict(whole) == verdict(expected), "whole", whole, expected);
    const Outcome cut = parse_cut(stream, limits, cuts, false);
    require(verdict(cut) == verdict(expected), "cut", cut, expected);
    const Outcome direct = parse_cut(stream, limits, cuts, true);
    require(verdict(direct) == verdict(expected), "through the window", direct, expected);
    return 0;
}
