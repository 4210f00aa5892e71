// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Each small vector with each of its bytes changed, and each cut short, against four properties
// that hold for any input:
//   - the two body readers agree wherever the fast one succeeds;
//   - the streaming decoder says what the one-shot one says;
//   - what was decoded can be encoded, and decodes again to the same frame;
//   - the canonical form is a fixed point.

#include "decode_body.hpp"
#include "support/catch.hpp"
#include "support/generators.hpp"
#include "support/vectors.hpp"

#include <array>
#include <cstdint>

#include <pulse/protocol/frame_decoder.hpp>

using namespace pulse::protocol;
using namespace pulse::protocol::test;

namespace {

[[nodiscard]] bool do_readers_agree(ByteView body) {
    FrameView fast;
    if (!decode_canonical(body, fast)) return true;
    FrameView general;
    IntegerPayload integers;
    const BodyStatus status = decode_general(body, general, integers);
    return status.error == Error::none && integers.first == nullptr && fast == general;
}

[[nodiscard]] bool does_stream_agree(const Bytes& bytes, const DecodeResult& expected) {
    FrameDecoder decoder;
    decoder.feed(bytes);
    FrameView frame;
    if (decoder.next(frame) != expected.status) return false;
    if (expected.status == DecodeStatus::need_more) {
        return decoder.buffered_bytes() == bytes.size();
    }
    return decoder.error() == expected.error && decoder.error_field() == expected.field &&
           (!expected || frame == expected.frame);
}

[[nodiscard]] bool does_round_trip(const Bytes& bytes) {
    const OwnedDecodeResult first = decode_owned(bytes);
    if (!first) return true;
    const EncodeResult encoded = encode(first.frame);
    if (!encoded || encoded.bytes.size() != encoded_size(first.frame)) return false;
    const OwnedDecodeResult second = decode_owned(encoded.bytes);
    // A NaN in `data` becomes nil, which reads as absent.
    Frame expected = first.frame;
    if (expected.data && *expected.data == from_hex("c0")) expected.data.reset();
    return second && second.frame == expected;
}

/// The number of properties that do not hold.
[[nodiscard]] std::size_t broken_properties(const Bytes& bytes) {
    Bytes scratch;
    const DecodeResult result = decode(bytes, scratch);
    std::size_t broken = 0;
    if (result.consumed != 0) {
        const ByteView body = ByteView(bytes).subspan(4, result.consumed - 4);
        if (!do_readers_agree(body)) ++broken;
    }
    if (!does_stream_agree(bytes, result)) ++broken;
    if (!does_round_trip(bytes)) ++broken;
    return broken;
}

/// Runs `bytes` with every byte replaced by a few others.
void check_changed(Bytes bytes) {
    constexpr std::array<std::uint8_t, 10> kMasks{0x01, 0x02, 0x10, 0x20, 0x40,
                                                  0x80, 0x7f, 0xff, 0x1f, 0xe0};
    CAPTURE(to_hex(bytes));
    std::size_t broken = 0;
    for (std::byte& byte : bytes) {
        const std::byte original = byte;
        for (const std::uint8_t mask : kMasks) {
            byte = original ^ std::byte{mask};
            broken += broken_properties(bytes);
        }
        byte = original;
    }
    CHECK(broken == 0);
}

}  // namespace

TEST_CASE("every vector keeps the decoder's properties with each byte changed",
          "[protocol][mutation]") {
    for (const Bytes& bytes : small_inputs()) check_changed(bytes);
}

TEST_CASE("every vector keeps the decoder's properties with its body cut short",
          "[protocol][mutation]") {
    for (const Bytes& bytes : small_inputs()) {
        CAPTURE(to_hex(bytes));
        std::size_t broken = 0;
        for (std::size_t size = kLengthPrefixBytes; size < bytes.size(); ++size) {
            const ByteView body = ByteView(bytes).subspan(4, size - 4);
            broken += broken_properties(framed(body));
        }
        CHECK(broken == 0);
    }
}

TEST_CASE("random frames keep the decoder's properties with random bytes changed",
          "[protocol][mutation]") {
    Random random(5);
    std::size_t broken = 0;
    for (int i = 0; i < 5000; ++i) {
        Bytes bytes = encode(random.frame()).bytes;
        for (std::size_t changes = 1 + random.below(3); changes > 0; --changes) {
            const std::size_t at = kLengthPrefixBytes + random.below(bytes.size() - 4);
            bytes[at] = static_cast<std::byte>(random.next());
        }
        broken += broken_properties(bytes);
    }
    CHECK(broken == 0);
}

TEST_CASE("random bytes keep the decoder's properties", "[protocol][mutation]") {
    Random random(6);
    std::size_t broken = 0;
    for (int i = 0; i < 20'000; ++i) {
        Bytes body(random.below(60));
        for (std::byte& byte : body) byte = static_cast<std::byte>(random.next());
        broken += broken_properties(framed(body));
    }
    CHECK(broken == 0);
}
