// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Text from MessagingService, taken as a frame of ours. Inputs that begin with a line "many" hold
// several, separated by lines of "--", for what only shows over time.
//
// Whatever it is: what was read is within every bound, and survives being written and read again;
// reassembly keeps to its bounds and makes only what adds up.
#include "frame_writer.hpp"
#include "reassembler.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/protocol/utf8.hpp>
#include <pulse/roblox/frame.hpp>
#include <pulse/roblox/names.hpp>

namespace {

using namespace pulse;
using namespace pulse::roblox;

void require(bool holds) {
    if (!holds) std::abort();
}

void check_item(const Item& item) {
    require(is_valid_topic(item.topic));
    require(protocol::is_valid_utf8(item.message));
    require(item.options.servers.size() <= kMaxTargets);
    const auto again = decode_item(encode_item(item));
    require(again && *again == item);
}

void check_frame(std::string_view text, Reassembler& reassembler) {
    const auto frame = decode_frame(text);
    if (!frame) {
        require(!frame.error().message().empty());
        return;
    }
    require(frame->epoch.size() == kEpochBytes && frame->seq >= 1);
    if (const auto items = decode_items(*frame)) {
        require(items->size() <= kMaxBatchItems);
        for (const Item& item : *items) check_item(item);
        const std::string written = encode_batch(frame->epoch, frame->seq, *items);
        if (written.size() <= kMaxFrameBytes) {
            const auto again = decode_frame(written);
            require(again.has_value());
            const auto same = decode_items(*again);
            require(same && *same == *items);
        }
    }
    if (const auto claim = decode_claim(*frame)) {
        require(frame->type == FrameType::claim && is_valid_topic(claim->topic));
    }
    if (frame->type == FrameType::wake) {
        require(encode_wake(frame->epoch, frame->seq, frame->cursor) == text);
    }
    if (frame->type == FrameType::chunk) {
        const auto whole = reassembler.add(*frame, core::MonotonicTime{});
        if (whole && *whole) {
            require(crc32_of(**whole) == frame->chunk.crc);
            if (const auto item = decode_item(**whole)) check_item(*item);
        }
        require(reassembler.open_count() <= 64 && reassembler.byte_count() <= std::size_t{1} << 20);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::string_view kMany = "many\n";
    constexpr std::string_view kBetween = "\n--\n";
    std::string_view text(reinterpret_cast<const char*>(data), size);
    Reassembler reassembler;
    if (!text.starts_with(kMany)) {
        check_frame(text, reassembler);
        return 0;
    }
    text.remove_prefix(kMany.size());
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(kBetween), text.size());
        // In a block of exactly its size, so that the sanitizer sees every overstep.
        const std::vector<char> one(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end));
        check_frame({one.data(), one.size()}, reassembler);
        text.remove_prefix(std::min(end + kBetween.size(), text.size()));
    }
    return 0;
}
