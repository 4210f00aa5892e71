// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Random frames through every codec. The seeds are fixed: a failure repeats.

#include "support/catch.hpp"
#include "support/generators.hpp"
#include "support/vectors.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/json.hpp>

using namespace pulse::protocol;
using namespace pulse::protocol::test;

TEST_CASE("every frame survives the binary codec", "[protocol][property]") {
    Random random(10);
    for (int i = 0; i < 5000; ++i) {
        const Frame frame = random.frame();
        const EncodeResult encoded = encode(frame);
        REQUIRE(encoded);
        const OwnedDecodeResult decoded = decode_owned(encoded.bytes);
        CAPTURE(to_string(frame), to_string(decoded.error));
        REQUIRE(decoded);
        REQUIRE(decoded.consumed == encoded.bytes.size());
        REQUIRE(decoded.frame == frame);
    }
}

TEST_CASE("every frame survives JSON", "[protocol][property]") {
    Random random(11);
    for (int i = 0; i < 3000; ++i) {
        const Frame frame = random.frame();
        std::string json;
        encode_json(frame, json);
        const JsonDecodeResult decoded = decode_json(json);
        CAPTURE(json.substr(0, 500), to_string(decoded.error), to_string(decoded.field));
        REQUIRE(decoded);
        REQUIRE(decoded.frame == frame);
    }
}

TEST_CASE("every frame survives from binary to JSON and back to the same bytes",
          "[protocol][property]") {
    Random random(12);
    for (int i = 0; i < 1000; ++i) {
        const Bytes bytes = encode(random.frame()).bytes;
        std::string json;
        encode_json(decode_owned(bytes).frame, json);
        REQUIRE(encode(decode_json(json).frame).bytes == bytes);
    }
}

TEST_CASE("encoding grows with the payload by its bytes and at most its header",
          "[protocol][property]") {
    Random random(13);
    for (int i = 0; i < 1000; ++i) {
        const std::string channel = random.text();
        const Bytes payload = random.bytes();
        const std::size_t empty = encoded_size(FrameView::publish(channel, {}));
        const std::size_t whole = encoded_size(FrameView::publish(channel, payload));
        CHECK(whole - empty >= payload.size());
        CHECK(whole - empty <= payload.size() + 3);
    }
}
