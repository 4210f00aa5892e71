// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Inputs made to exhaust: depth, announced lengths, repetition.

#include "support/allocation_meter.hpp"
#include "support/catch.hpp"
#include "support/small_stack.hpp"
#include "support/vectors.hpp"

#include <string>

#include <pulse/protocol/frame_decoder.hpp>
#include <pulse/protocol/json.hpp>
#include <pulse/protocol/value.hpp>

using namespace pulse::protocol;
using namespace pulse::protocol::test;

namespace {

constexpr const char* kAckWithUnknown = "83a474797065a361636ba2696401a178";
constexpr const char* kPresenceWithData =
    "85a474797065a870726573656e6365a2696401a76368616e6e656ca163a6616374696f6e00a464617461";

/// A frame of `head`, then `levels` times `level`, then nil.
[[nodiscard]] Bytes nested(const char* head, const char* level, std::size_t levels) {
    Bytes body = from_hex(head);
    const Bytes step = from_hex(level);
    for (std::size_t i = 0; i < levels; ++i) body.insert(body.end(), step.begin(), step.end());
    body.push_back(std::byte{0xc0});
    return framed(body);
}

/// Decodes with every entry point; returns the error all of them agree on.
[[nodiscard]] Error decode_everywhere(const Bytes& bytes) {
    Bytes scratch;
    const Error error = decode(bytes, scratch).error;
    CHECK(decode_owned(bytes).error == error);
    FrameDecoder decoder;
    FrameView frame;
    decoder.feed(ByteView(bytes).first(bytes.size() / 2));
    CHECK(decoder.next(frame) == DecodeStatus::need_more);
    decoder.feed(ByteView(bytes).subspan(bytes.size() / 2));
    CHECK((decoder.next(frame) == DecodeStatus::frame) == (error == Error::none));
    CHECK(decoder.error() == error);
    return error;
}

}  // namespace

TEST_CASE("1022 containers below the frame are accepted, one more is refused",
          "[protocol][hostile]") {
    on_small_stack([] {
        for (const char* const head : {kAckWithUnknown, kPresenceWithData}) {
            for (const char* const level : {"91", "dc0001", "dd00000001", "81a161", "de0001a161"}) {
                CAPTURE(head, level);
                CHECK(decode_everywhere(nested(head, level, 1022)) == Error::none);
                CHECK(decode_everywhere(nested(head, level, 1023)) == Error::too_deep);
            }
        }
    });
}

TEST_CASE("the deepest frame survives a round trip through JSON", "[protocol][hostile]") {
    on_small_stack([] {
        const OwnedDecodeResult deep = decode_owned(nested(kPresenceWithData, "81a161", 1022));
        REQUIRE(deep);
        std::string json;
        encode_json(deep.frame, json);
        const JsonDecodeResult back = decode_json(json);
        CAPTURE(to_string(back.error));
        REQUIRE(back);
        CHECK(back.frame == deep.frame);
    });
}

TEST_CASE("megabytes of opening brackets are refused on a small stack", "[protocol][hostile]") {
    on_small_stack([] {
        CHECK(decode_everywhere(nested(kAckWithUnknown, "91", 1'000'000)) == Error::too_deep);
        CHECK(decode_everywhere(nested(kPresenceWithData, "81a0", 1'000'000)) == Error::too_deep);
        const std::string brackets(1'000'000, '[');
        CHECK(decode_json(R"({"type":"ping","x":)" + brackets).error == Error::too_deep);
        CHECK(decode_json(R"({"type":"publish","payload":)" + brackets).error == Error::too_deep);
        CHECK(decode_json(brackets).error == Error::not_a_frame);
        std::string objects;
        for (int i = 0; i < 200'000; ++i) objects += R"({"a":)";
        CHECK(decode_json(objects).error == Error::too_deep);
        CHECK(decode_json(R"({"type":"presence","data":)" + objects).error == Error::too_deep);
    });
}

TEST_CASE("announced lengths beyond the data allocate nothing", "[protocol][hostile]") {
    for (const char* const body : {
             "dfffffffff",
             "ddffffffff",
             "deffff",
             "83a474797065a77075626c697368a76368616e6e656ca163a77061796c6f6164c6ffffffff",
             "83a474797065a77075626c697368a76368616e6e656ca163a77061796c6f6164dbffffffff",
             "83a474797065a77075626c697368a76368616e6e656ca163a77061796c6f6164ddffffffff",
             "83a474797065a77075626c697368a76368616e6e656cdbffffffff",
             "83a474797065a361636ba2696401dbffffffff",
             "83a474797065a361636ba2696401a178c9ffffffff01",
             "83a474797065a361636ba2696401a178dfffffffff",
             "83a474797065a361636ba2696401a178dd00000003dd00000002dd00000001",
         }) {
        CAPTURE(body);
        const Bytes bytes = framed_hex(body);
        Bytes scratch;
        const AllocationMeter meter;
        const DecodeResult result = decode(bytes, scratch);
        CHECK(result.error == Error::truncated);
        CHECK(meter.calls() == 0);
    }
}

TEST_CASE("a payload of integers takes no more memory than its bytes", "[protocol][hostile]") {
    Bytes body = from_hex(
        "83a474797065a77075626c697368a76368616e6e656ca163a77061796c6f6164"
        "dd000f4240");
    body.resize(body.size() + 1'000'000);
    const Bytes bytes = framed(body);
    Bytes scratch;
    const AllocationMeter meter;
    CHECK(decode(bytes, scratch));
    CHECK(meter.peak_bytes() <= 1'000'000);
}

TEST_CASE("sixteen megabytes of the smallest values are read in one pass", "[protocol][hostile]") {
    // Were any step quadratic, this would not end.
    Bytes body = from_hex(kAckWithUnknown);
    const Bytes header = from_hex("dd00fffff0");
    body.insert(body.end(), header.begin(), header.end());
    body.resize(body.size() + 0xff'fff0, std::byte{0xc0});
    body.resize(std::min(body.size(), kMaxFrameBytes));
    Bytes scratch;
    CHECK(decode(framed(body), scratch).error == Error::truncated);
    Bytes pairs = from_hex(kPresenceWithData);
    const Bytes map = from_hex("df00700000");
    pairs.insert(pairs.end(), map.begin(), map.end());
    for (int i = 0; i < 0x700000; ++i) {
        pairs.push_back(std::byte{0xa0});
        pairs.push_back(std::byte{0xc0});
    }
    const Bytes bytes = framed(pairs);
    const DecodeResult result = decode(bytes, scratch);
    REQUIRE(result);
    Bytes canonical;
    REQUIRE(canonicalise(*result.frame.data, canonical) == Error::none);
    CHECK(to_hex(canonical) == "81a0c0");
}

TEST_CASE("JSON takes memory in proportion to its text", "[protocol][hostile]") {
    const auto peak_of = [](const std::string& text) {
        const AllocationMeter meter;
        const JsonDecodeResult result = decode_json(text);
        CAPTURE(to_string(result.error));
        CHECK(result);
        return meter.peak_bytes();
    };
    const std::string presence = R"({"type":"presence","id":1,"channel":"c","action":0,"data":)";
    std::string numbers = presence + "[0";
    std::string arrays = presence + "[[]";
    std::string members = presence + R"({"":0)";
    for (int i = 0; i < 100'000; ++i) {
        numbers += ",0";
        arrays += ",[]";
        members += R"(,"":0)";
    }
    numbers += "]}";
    arrays += "]}";
    members += "}}";
    for (const std::string& text : {numbers, arrays, members}) {
        CHECK(peak_of(text) < 16 * text.size() + 8192);
    }
}

TEST_CASE("JSON beyond any frame is refused unread", "[protocol][hostile]") {
    const std::string text(2 * kMaxFrameBytes + 1, ' ');
    const AllocationMeter meter;
    CHECK(decode_json(text).error == Error::frame_too_large);
    CHECK(meter.calls() == 0);
}
