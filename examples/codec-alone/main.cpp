// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The codec by itself: frames to bytes and back, over a pipe that is a vector. Links
// pulse::protocol and nothing else, as a game or an engine tool with its own network code would.
//
//   encode    frames -> bytes, and one as JSON for comparison
//   decode    the bytes in pieces of 16, as a socket might deliver them -> frames

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include <pulse/protocol.hpp>

namespace protocol = pulse::protocol;
using protocol::FrameView;

namespace {

/// What a client says first: who it is, what it wants to hear, and one message.
bool encode_opening(std::vector<std::byte>& out) {
    const FrameView frames[] = {
        FrameView::connect(protocol::kProtocolVersion.major),
        FrameView::subscribe(1, "game:lobby"),
        FrameView::publish_event("game:lobby", "move", protocol::as_bytes("x=3 y=4"), 2),
    };
    for (const FrameView& frame : frames) {
        const std::size_t before = out.size();
        const protocol::Error error = protocol::encode_into(frame, out);
        if (error != protocol::Error::none) {
            std::fprintf(stderr, "cannot encode: %s\n", std::string(to_string(error)).c_str());
            return false;
        }
        std::printf("encoded %3zu bytes  %s\n", out.size() - before, to_string(frame).c_str());
    }
    return true;
}

/// Feeds `bytes` in small pieces and prints what comes out. Views into a piece are used before the
/// next one is fed, as they would be in a read handler.
bool decode_in_pieces(protocol::ByteView bytes) {
    constexpr std::size_t kPieceBytes = 16;
    protocol::FrameDecoder decoder;
    while (!bytes.empty()) {
        const auto piece = bytes.first(std::min(kPieceBytes, bytes.size()));
        bytes = bytes.subspan(piece.size());
        decoder.feed(piece);
        FrameView frame;
        auto status = decoder.next(frame);
        for (; status == protocol::DecodeStatus::frame; status = decoder.next(frame)) {
            std::printf("decoded            %s\n", to_string(frame).c_str());
        }
        if (status != protocol::DecodeStatus::need_more) {
            std::fprintf(stderr, "cannot decode: %s\n",
                         std::string(to_string(decoder.error())).c_str());
            return false;
        }
    }
    return decoder.buffered_bytes() == 0;
}

}  // namespace

int main() {
    std::vector<std::byte> bytes;
    if (!encode_opening(bytes) || !decode_in_pieces(bytes)) return 1;
    std::string json;
    protocol::encode_json(FrameView::subscribe(1, "game:lobby"), json);
    std::printf("as JSON            %s\n", json.c_str());
    return 0;
}
