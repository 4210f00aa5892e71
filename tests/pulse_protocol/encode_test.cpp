// SPDX-License-Identifier: MIT OR Apache-2.0

#include "support/allocation_meter.hpp"
#include "support/catch.hpp"
#include "support/generators.hpp"
#include "support/vectors.hpp"

#include <string>

#include <pulse/protocol/codec.hpp>

using namespace pulse::protocol;
using namespace pulse::protocol::test;

TEST_CASE("each way of encoding gives the same bytes", "[protocol][encode]") {
    Random random(2);
    for (int i = 0; i < 2000; ++i) {
        const Frame frame = random.frame();
        CAPTURE(to_string(frame));
        const Bytes expected = encode(frame).bytes;
        REQUIRE(encoded_size(frame) == expected.size());

        Bytes exact(expected.size(), std::byte{0xee});
        CHECK(encode_to(frame, exact.data()) == exact.data() + exact.size());
        CHECK(exact == expected);

        Bytes appended = to_bytes("before");
        REQUIRE(encode_into(frame, appended) == Error::none);
        CHECK(as_text(appended) == "before" + std::string(as_text(expected)));
    }
}

TEST_CASE("the fast path of a delivery is the publish frame without id", "[protocol][encode]") {
    Random random(3);
    for (int i = 0; i < 500; ++i) {
        const std::string channel = random.text();
        const std::string event = random.text();
        const Bytes payload = random.bytes();
        for (const bool has_event : {false, true}) {
            const auto maybe_event =
                has_event ? std::optional<std::string_view>(event) : std::nullopt;
            FrameView frame = FrameView::publish(channel, payload);
            frame.event = maybe_event;
            Bytes bytes(publish_size(channel, maybe_event, payload));
            CHECK(encode_publish_to(channel, maybe_event, payload, bytes.data()) ==
                  bytes.data() + bytes.size());
            CHECK(bytes == encode(frame).bytes);
        }
    }
}

TEST_CASE("the fast path of an ack is the ack frame", "[protocol][encode]") {
    for (const std::uint64_t id : {0ULL, 127ULL, 128ULL, 255ULL, 256ULL, 65535ULL, 65536ULL,
                                   4294967295ULL, 4294967296ULL, ~0ULL}) {
        CAPTURE(id);
        std::byte bytes[kMaxAckBytes];
        const std::byte* const end = encode_ack_to(id, bytes);
        REQUIRE(static_cast<std::size_t>(end - bytes) == ack_size(id));
        CHECK(Bytes(static_cast<const std::byte*>(bytes), end) == encode(Frame::ack(id)).bytes);
    }
    CHECK(ack_size(127) == 18);
    CHECK(ack_size(~0ULL) == kMaxAckBytes);
}

TEST_CASE("a body of exactly 16 MiB is encoded, one more byte is refused", "[protocol][encode]") {
    const std::size_t overhead =
        encoded_size(FrameView::publish("c", Bytes(65536))) - 65536 - kLengthPrefixBytes;
    Bytes payload(kMaxFrameBytes - overhead);
    const EncodeResult largest = encode(FrameView::publish("c", payload));
    REQUIRE(largest);
    CHECK(largest.bytes.size() == kLengthPrefixBytes + kMaxFrameBytes);

    payload.push_back(std::byte{0});
    const EncodeResult too_large = encode(FrameView::publish("c", payload));
    CHECK(too_large.error == Error::frame_too_large);
    CHECK(too_large.bytes.empty());

    Bytes out = to_bytes("kept");
    CHECK(encode_into(FrameView::publish("c", payload), out) == Error::frame_too_large);
    CHECK(as_text(out) == "kept");
}

TEST_CASE("a frame without its required id is encoded with id 0", "[protocol][encode]") {
    FrameView frame;
    frame.type = FrameType::subscribe;
    frame.channel = "c";
    CHECK(encode(frame).bytes == encode(Frame::subscribe(0, "c")).bytes);
}

TEST_CASE("data is written as it is", "[protocol][encode]") {
    const Bytes nil = from_hex("c0");
    CHECK(to_hex(encode(FrameView::presence(1, "c", PresenceAction::sync, ByteView(nil))).bytes) ==
          "0000002b85a474797065a870726573656e6365a2696401a76368616e6e656ca163a6616374696f6e03"
          "a464617461c0");
}

TEST_CASE("encoding into a buffer that is large enough allocates nothing", "[protocol][encode]") {
    const Bytes payload(4096);
    Bytes out;
    out.reserve(8192);
    const AllocationMeter meter;
    for (int i = 0; i < 100; ++i) {
        out.clear();
        REQUIRE(encode_into(FrameView::publish("test:channel", payload), out) == Error::none);
    }
    CHECK(meter.calls() == 0);
}

TEST_CASE("appending many frames grows the buffer geometrically", "[protocol][encode]") {
    const Bytes payload(100);
    Bytes out;
    const AllocationMeter meter;
    for (int i = 0; i < 10'000; ++i) {
        REQUIRE(encode_into(FrameView::publish("test:channel", payload), out) == Error::none);
    }
    CHECK(meter.calls() < 40);
}
