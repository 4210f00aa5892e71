// SPDX-License-Identifier: MIT OR Apache-2.0

#include "support/allocation_meter.hpp"
#include "support/catch.hpp"
#include "support/generators.hpp"
#include "support/vectors.hpp"

#include <string>
#include <utility>

#include <pulse/protocol/frame_decoder.hpp>

using namespace pulse::protocol;
using namespace pulse::protocol::test;

namespace {

[[nodiscard]] Bytes joined(const std::vector<Frame>& frames) {
    Bytes bytes;
    for (const Frame& frame : frames) REQUIRE(encode_into(frame, bytes) == Error::none);
    return bytes;
}

/// Everything the decoder has to say until it needs more, as owned frames; `malformed` frames leave
/// a mark.
void drain(FrameDecoder& decoder, std::vector<Frame>& out) {
    FrameView frame;
    for (;;) {
        switch (decoder.next(frame)) {
            case DecodeStatus::frame:
                out.emplace_back(frame);
                continue;
            case DecodeStatus::malformed:
                out.push_back(Frame::error(0, 0, std::string(to_string(decoder.error()))));
                continue;
            case DecodeStatus::need_more:
            case DecodeStatus::too_large:
                return;
        }
    }
}

[[nodiscard]] bool is_inside(ByteView view, ByteView whole) {
    return view.data() >= whole.data() && view.data() + view.size() <= whole.data() + whole.size();
}

const std::vector<Frame>& sample() {
    static const std::vector<Frame> frames{
        Frame::subscribe(1, "chat:lobby"),
        Frame::ping(),
        Frame::publish_event("chat:lobby", "ev", to_bytes("hello"), 9),
        Frame::presence(4, "room", PresenceAction::join, from_hex("81a46e616d65a161")),
        Frame::error(4, 1008, "Not subscribed to channel: nope"),
        Frame::ack(1)};
    return frames;
}

}  // namespace

TEST_CASE("frames come out alike whatever the pieces the stream arrives in",
          "[protocol][decoder]") {
    const Bytes stream = joined(sample());
    for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
        CAPTURE(piece);
        FrameDecoder decoder;
        std::vector<Frame> frames;
        for (std::size_t at = 0; at < stream.size(); at += piece) {
            // A copy of its own, freed before the next one: reading a released piece would show.
            const Bytes fed(
                stream.begin() + static_cast<std::ptrdiff_t>(at),
                stream.begin() + static_cast<std::ptrdiff_t>(std::min(at + piece, stream.size())));
            decoder.feed(fed);
            drain(decoder, frames);
        }
        CHECK(frames == sample());
        CHECK(decoder.buffered_bytes() == 0);
    }
}

TEST_CASE("every vector splits at every byte", "[protocol][decoder]") {
    const Bytes follower = encode(Frame::ack(99)).bytes;
    for (Bytes bytes : small_inputs()) {
        const OwnedDecodeResult whole = decode_owned(bytes);
        if (whole.status == DecodeStatus::too_large) continue;
        bytes.insert(bytes.end(), follower.begin(), follower.end());
        CAPTURE(to_hex(bytes));
        std::size_t wrong = 0;
        for (std::size_t split = 0; split <= bytes.size(); ++split) {
            FrameDecoder decoder;
            std::vector<Frame> frames;
            const Bytes first(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(split));
            const Bytes second(bytes.begin() + static_cast<std::ptrdiff_t>(split), bytes.end());
            decoder.feed(first);
            drain(decoder, frames);
            decoder.feed(second);
            drain(decoder, frames);
            if (frames.size() != 2 || frames.back() != Frame::ack(99)) {
                ++wrong;
            } else if (whole) {
                // `data` as it was sent against its canonical form: compare what is on the wire.
                wrong += encode(decode_owned(encode(frames.front()).bytes).frame).bytes !=
                         encode(whole.frame).bytes;
            } else {
                wrong += frames.front().message != to_string(whole.error);
            }
        }
        CHECK(wrong == 0);
    }
}

TEST_CASE("every vector cut short at every byte waits, and holds what it was given",
          "[protocol][decoder]") {
    for (const Bytes& bytes : small_inputs()) {
        if (decode_owned(bytes).status == DecodeStatus::too_large) continue;
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            FrameDecoder decoder;
            const Bytes fed(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
            decoder.feed(fed);
            FrameView frame;
            REQUIRE(decoder.next(frame) == DecodeStatus::need_more);
            REQUIRE(decoder.next(frame) == DecodeStatus::need_more);
            REQUIRE(decoder.buffered_bytes() == size);
        }
    }
}

TEST_CASE("whole frames are views into the input and cost no allocation", "[protocol][decoder]") {
    const Bytes stream = joined(sample());
    FrameDecoder decoder;
    const AllocationMeter meter;
    decoder.feed(stream);
    FrameView frame;
    std::size_t inside = 0;
    while (decoder.next(frame) == DecodeStatus::frame) {
        if (is_inside(as_bytes(frame.channel), stream)) ++inside;
    }
    CHECK(inside == 3);
    CHECK(meter.calls() == 0);
    CHECK(decoder.buffered_bytes() == 0);
}

TEST_CASE("completing a frame copies what it lacks, the rest stays in the input",
          "[protocol][decoder]") {
    const Bytes stream = joined({Frame::subscribe(1, "first"), Frame::subscribe(2, "second")});
    const ByteView begin = ByteView(stream).first(10);
    const ByteView rest = ByteView(stream).subspan(10);
    FrameDecoder decoder;
    FrameView frame;
    decoder.feed(begin);
    REQUIRE(decoder.next(frame) == DecodeStatus::need_more);
    decoder.feed(rest);
    REQUIRE(decoder.next(frame) == DecodeStatus::frame);
    CHECK(frame == FrameView::subscribe(1, "first"));
    CHECK_FALSE(is_inside(as_bytes(frame.channel), stream));
    CHECK(decoder.buffered_bytes() == 0);
    REQUIRE(decoder.next(frame) == DecodeStatus::frame);
    CHECK(frame == FrameView::subscribe(2, "second"));
    CHECK(is_inside(as_bytes(frame.channel), rest));
}

TEST_CASE("the buffer is freed once it is empty", "[protocol][decoder]") {
    const Bytes stream = encode(Frame::publish("c", Bytes(10'000))).bytes;
    FrameDecoder decoder;
    FrameView frame;
    const AllocationMeter meter;
    decoder.feed(ByteView(stream).first(5000));
    REQUIRE(decoder.next(frame) == DecodeStatus::need_more);
    CHECK(meter.held_bytes() >= 5000);
    decoder.feed(ByteView(stream).subspan(5000));
    REQUIRE(decoder.next(frame) == DecodeStatus::frame);
    REQUIRE(decoder.next(frame) == DecodeStatus::need_more);
    CHECK(meter.held_bytes() == 0);
}

TEST_CASE("an announced length allocates nothing", "[protocol][decoder]") {
    // 16 MiB announced, ten bytes sent, one by one.
    const Bytes begin = from_hex("01000000 83a474797065");
    FrameDecoder decoder;
    FrameView frame;
    const AllocationMeter meter;
    for (const std::byte& byte : begin) {
        decoder.feed({&byte, 1});
        REQUIRE(decoder.next(frame) == DecodeStatus::need_more);
    }
    CHECK(decoder.buffered_bytes() == 10);
    CHECK(meter.peak_bytes() < 200);
}

TEST_CASE("the buffer stays within a small multiple of what has arrived", "[protocol][decoder]") {
    const Bytes stream = encode(Frame::publish("c", Bytes(1'000'000))).bytes;
    FrameDecoder decoder;
    FrameView frame;
    const AllocationMeter meter;
    constexpr std::size_t kPiece = 1000;
    for (std::size_t at = 0; at + kPiece < stream.size(); at += kPiece) {
        decoder.feed(ByteView(stream).subspan(at, kPiece));
        REQUIRE(decoder.next(frame) == DecodeStatus::need_more);
        REQUIRE(meter.held_bytes() <= 2 * (at + kPiece) + 100);
        REQUIRE(meter.peak_bytes() <= 3 * (at + kPiece) + 100);  // old and new while growing
    }
    CHECK(meter.total_bytes() < 4 * stream.size());  // geometric
}

TEST_CASE("a prefix above the limit is final", "[protocol][decoder]") {
    const Bytes prefix = from_hex("0100000178");
    const Bytes good = encode(Frame::ack(1)).bytes;
    for (std::size_t split = 0; split <= prefix.size(); ++split) {
        CAPTURE(split);
        FrameDecoder decoder;
        FrameView frame;
        decoder.feed(ByteView(prefix).first(split));
        if (split < 4) REQUIRE(decoder.next(frame) == DecodeStatus::need_more);
        decoder.feed(ByteView(prefix).subspan(split));
        CHECK(decoder.next(frame) == DecodeStatus::too_large);
        CHECK(decoder.error() == Error::frame_too_large);
        decoder.feed(good);
        CHECK(decoder.next(frame) == DecodeStatus::too_large);
        CHECK(decoder.buffered_bytes() == 0);
    }
}

TEST_CASE("a decoder can have a lower limit of its own", "[protocol][decoder]") {
    const Bytes bytes = encode(Frame::ack(1)).bytes;
    FrameView frame;
    FrameDecoder exact(bytes.size() - kLengthPrefixBytes);
    exact.feed(bytes);
    CHECK(exact.next(frame) == DecodeStatus::frame);
    FrameDecoder too_small(bytes.size() - kLengthPrefixBytes - 1);
    too_small.feed(bytes);
    CHECK(too_small.next(frame) == DecodeStatus::too_large);
    FrameDecoder lowered(~std::size_t{0});
    const Bytes prefix = from_hex("01000001");
    lowered.feed(prefix);
    CHECK(lowered.next(frame) == DecodeStatus::too_large);
}

TEST_CASE("a body of exactly 16 MiB passes in pieces", "[protocol][decoder]") {
    const Bytes bytes = bytes_of(vectors().at("large").back());
    REQUIRE(bytes.size() == kLengthPrefixBytes + kMaxFrameBytes);
    FrameDecoder decoder;
    FrameView frame;
    DecodeStatus status = DecodeStatus::need_more;
    constexpr std::size_t kPiece = 256 * 1024;
    for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
        REQUIRE(status == DecodeStatus::need_more);
        decoder.feed(ByteView(bytes).subspan(at, std::min(kPiece, bytes.size() - at)));
        status = decoder.next(frame);
    }
    REQUIRE(status == DecodeStatus::frame);
    CHECK(frame.payload.size() == 16'777'179);
}

TEST_CASE("a bad frame is consumed and named, the next one is read", "[protocol][decoder]") {
    Bytes stream = framed_hex("82a474797065a361636ba26964ff");
    const Bytes good = encode(Frame::ack(5)).bytes;
    stream.insert(stream.end(), good.begin(), good.end());
    FrameDecoder decoder;
    FrameView frame;
    decoder.feed(stream);
    CHECK(decoder.next(frame) == DecodeStatus::malformed);
    CHECK(decoder.error() == Error::out_of_range);
    CHECK(decoder.error_field() == Field::id);
    CHECK(decoder.next(frame) == DecodeStatus::frame);
    CHECK(decoder.error() == Error::none);
    CHECK(decoder.error_field() == Field::none);
}

TEST_CASE("an empty piece changes nothing", "[protocol][decoder]") {
    const Bytes bytes = encode(Frame::ack(5)).bytes;
    FrameDecoder decoder;
    FrameView frame;
    decoder.feed({});
    CHECK(decoder.next(frame) == DecodeStatus::need_more);
    decoder.feed(ByteView(bytes).first(6));
    CHECK(decoder.next(frame) == DecodeStatus::need_more);
    decoder.feed({});
    CHECK(decoder.next(frame) == DecodeStatus::need_more);
    CHECK(decoder.buffered_bytes() == 6);
    decoder.feed(ByteView(bytes).subspan(6));
    CHECK(decoder.next(frame) == DecodeStatus::frame);
}

TEST_CASE("a reader may pause in the middle and let go of its input", "[protocol][decoder]") {
    const Bytes expected = joined(sample());
    for (std::size_t pause = 0; pause <= sample().size(); ++pause) {
        CAPTURE(pause);
        FrameDecoder decoder;
        FrameView frame;
        std::vector<Frame> frames;
        {
            const Bytes fed = expected;
            decoder.feed(fed);
            for (std::size_t i = 0; i < pause; ++i) {
                REQUIRE(decoder.next(frame) == DecodeStatus::frame);
                frames.emplace_back(frame);
            }
            decoder.release_input();
        }
        {
            // Feeding more before the rest was read keeps the order.
            const Bytes fed = expected;
            decoder.feed(fed);
            drain(decoder, frames);
        }
        std::vector<Frame> twice = sample();
        twice.insert(twice.end(), sample().begin(), sample().end());
        CHECK(frames == twice);
        CHECK(decoder.buffered_bytes() == 0);
    }
}

TEST_CASE("feeding faster than reading does not keep what was read", "[protocol][decoder]") {
    // One frame stays unread all the time, so the buffer is never empty.
    const Bytes frame_bytes = encode(Frame::publish("c", Bytes(1000))).bytes;
    FrameDecoder decoder;
    FrameView frame;
    decoder.feed(frame_bytes);
    decoder.release_input();
    const AllocationMeter meter;
    for (int i = 0; i < 1000; ++i) {
        decoder.feed(frame_bytes);
        decoder.release_input();
        REQUIRE(decoder.next(frame) == DecodeStatus::frame);
        REQUIRE(decoder.buffered_bytes() == frame_bytes.size());
    }
    CHECK(meter.peak_bytes() < 10 * frame_bytes.size());
}

TEST_CASE("a payload sent as integers is unpacked wherever its frame lies", "[protocol][decoder]") {
    Bytes stream = framed_hex(
        "84a474797065a77075626c697368a77061796c6f6164 94 00 ccff cd0001 7f"
        "a76368616e6e656ca163 a56576656e74a16a");
    const Bytes follower = encode(Frame::ack(1)).bytes;
    stream.insert(stream.end(), follower.begin(), follower.end());
    for (std::size_t split = 0; split <= stream.size(); ++split) {
        CAPTURE(split);
        FrameDecoder decoder;
        std::vector<Frame> frames;
        decoder.feed(ByteView(stream).first(split));
        drain(decoder, frames);
        decoder.feed(ByteView(stream).subspan(split));
        drain(decoder, frames);
        REQUIRE(frames.size() == 2);
        CHECK(frames[0] == Frame::publish_event("c", "j", from_hex("00ff017f")));
        CHECK(frames[1] == Frame::ack(1));
    }
}

TEST_CASE("a decoder moves with the frame it is in the middle of", "[protocol][decoder]") {
    const Bytes bytes = encode(Frame::subscribe(1, "chat:lobby")).bytes;
    FrameDecoder first;
    FrameView frame;
    first.feed(ByteView(bytes).first(20));
    REQUIRE(first.next(frame) == DecodeStatus::need_more);
    FrameDecoder second(std::move(first));
    CHECK(second.buffered_bytes() == 20);
    FrameDecoder third;
    third = std::move(second);
    third.feed(ByteView(bytes).subspan(20));
    REQUIRE(third.next(frame) == DecodeStatus::frame);
    CHECK(frame == FrameView::subscribe(1, "chat:lobby"));
}

TEST_CASE("random streams in random pieces come out whole", "[protocol][decoder]") {
    Random random(4);
    for (int round = 0; round < 100; ++round) {
        std::vector<Frame> expected;
        for (std::size_t i = 1 + random.below(20); i > 0; --i) expected.push_back(random.frame());
        const Bytes stream = joined(expected);
        FrameDecoder decoder;
        std::vector<Frame> frames;
        std::size_t at = 0;
        while (at < stream.size()) {
            const std::size_t limit = random.chance(2) ? 40 : 5000;
            const std::size_t size = std::min(random.below(limit), stream.size() - at);
            const Bytes fed(stream.begin() + static_cast<std::ptrdiff_t>(at),
                            stream.begin() + static_cast<std::ptrdiff_t>(at + size));
            decoder.feed(fed);
            drain(decoder, frames);
            at += size;
        }
        CHECK(frames == expected);
        CHECK(decoder.buffered_bytes() == 0);
    }
}
