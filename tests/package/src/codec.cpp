// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Links pulse::protocol alone: one frame to bytes and back.
#include <cstddef>
#include <cstdio>
#include <vector>

#include <pulse/protocol.hpp>

namespace protocol = pulse::protocol;

int main() {
    const auto sent = protocol::FrameView::subscribe(7, "game:lobby");
    std::vector<std::byte> bytes;
    if (protocol::encode_into(sent, bytes) != protocol::Error::none) return 1;

    protocol::FrameDecoder decoder;
    decoder.feed(bytes);
    protocol::FrameView received;
    if (decoder.next(received) != protocol::DecodeStatus::frame) return 1;
    if (received.channel != "game:lobby" || received.id != 7) return 1;
    std::puts("codec works");
    return 0;
}
