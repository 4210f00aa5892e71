// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Bytes from a server, as Mesa's client takes them: an answer to the request, then frames. The
// first byte says in what pieces they come: that must not change what is read.
#include "ws/frames.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/protocol/utf8.hpp>

namespace {

using namespace pulse::mesa;

constexpr std::size_t kMost = 2'000;

void require(bool holds) {
    if (!holds) std::abort();
}

/// Messages, and at the end what was wrong, if anything.
std::vector<std::string> read_all(std::string_view bytes, std::size_t piece) {
    std::vector<std::string> seen;
    ws::Assembler assembler(kMost);
    std::string received;
    while (!bytes.empty()) {
        received += bytes.substr(0, piece);
        bytes.remove_prefix(std::min(piece, bytes.size()));
        std::size_t used = 0;
        for (;;) {
            const ws::Frame frame = ws::read_frame(std::string_view(received).substr(used), kMost);
            std::uint16_t error = frame.error;
            if (error == 0 && frame.bytes == 0) break;
            used += frame.bytes;
            require(used <= received.size());
            if (error == 0 && frame.opcode <= ws::Opcode::binary) {
                const ws::Assembler::Result result = assembler.add(frame);
                if (result.message) {
                    require(result.message->size() <= kMost);
                    require(pulse::protocol::is_valid_utf8(*result.message));
                    seen.emplace_back(*result.message);
                }
                error = result.error;
            }
            if (error != 0) {
                seen.push_back("error " + std::to_string(error));
                return seen;
            }
        }
        received.erase(0, used);
        require(received.size() <= kMost + 10 + piece);
    }
    return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t piece = 1U + data[0] % 17U;
    const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
    require(read_all(bytes, piece) == read_all(bytes, bytes.size() + 1));
    const std::size_t head = ws::head_bytes(bytes);
    require(head <= bytes.size());
    (void)ws::is_accepted(bytes.substr(0, head), "dGhlIHNhbXBsZSBub25jZQ==", "x");
    return 0;
}
