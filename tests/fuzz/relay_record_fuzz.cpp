// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Records of the relay: what is understood is written again and comes out as it went in.
#include "relay/frame_batch.hpp"
#include "relay/records.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace pulse;
using namespace pulse::cluster;

void require(bool holds) {
    if (!holds) std::abort();
}

/// What a writer wrote is its length, its kind, and what was read.
void require_same(const std::string& written, RecordKind kind, std::string_view body) {
    std::string_view in = written;
    std::uint32_t size = 0;
    require(take_number(in, size) && size == in.size());
    require(take_kind(in) == kind);
    require(in == body);
}

void read_frames(std::string_view body) {
    const auto frames = Frames::read(body);
    if (frames == nullptr) return;
    const core::ChunkRef chunk = frames->chunk(nullptr);
    for (const Frames::Group& group : frames->groups()) {
        for (const Frames::Slice& slice : group.slices) {
            require(slice.begin <= frames->size() && slice.size <= frames->size() - slice.begin);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view body(reinterpret_cast<const char*>(data), size);
    const auto kind = take_kind(body);
    if (!kind) return 0;
    std::string again;
    if (*kind == RecordKind::open) {
        SessionNumber session = 0;
        OpenRecord open;
        if (!read_open(body, session, open)) return 0;
        (void)open.view().header("origin");
        write_open(session, open, again);
        require_same(again, *kind, body);
    } else if (*kind == RecordKind::request) {
        RequestRecord request;
        if (!read_request(body, request)) return 0;
        write_request(request, again);
        require_same(again, *kind, body);
    } else if (*kind == RecordKind::answer) {
        AnswerRecord answer;
        if (!read_answer(body, answer)) return 0;
        write_answer(answer.number, answer.response, again);
        require_same(again, *kind, body);
    } else if (*kind == RecordKind::frames) {
        read_frames(body);
    }
    return 0;
}
