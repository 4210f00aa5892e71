// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Every vector of tests/conformance/vectors/native/frames.json.

#include "support/vectors.hpp"

#include "support/catch.hpp"

#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/frame_decoder.hpp>
#include <pulse/protocol/json.hpp>

using namespace pulse::protocol;
using namespace pulse::protocol::test;

namespace {

void check_decodes_to(const Bytes& bytes, const Frame& expected) {
    const OwnedDecodeResult result = decode_owned(bytes);
    CAPTURE(to_string(result.error), to_string(result.field));
    REQUIRE(result.status == DecodeStatus::frame);
    CHECK(result.consumed == bytes.size());
    CHECK(result.frame == expected);
}

void check_encodes_to(const Frame& frame, const Bytes& expected) {
    const EncodeResult result = encode(frame);
    REQUIRE(result);
    CHECK(result.bytes.size() == encoded_size(frame));
    const bool is_equal = result.bytes == expected;  // not in CHECK: it would print megabytes
    CHECK(is_equal);
}

}  // namespace

TEST_CASE("the vector file holds what these tests were written for", "[protocol][vectors]") {
    CHECK(vectors().at("format").at("version") == 1);
    CHECK(vectors().at("valid").size() == 45);
    CHECK(vectors().at("large").size() == 4);
    CHECK(vectors().at("accepted_noncanonical").size() == 24);
    CHECK(vectors().at("numeric_type").size() == 11);
    CHECK(vectors().at("malformed").size() == 49);
    CHECK(vectors().at("streams").size() == 6);
}

TEST_CASE("canonical vectors decode to their frame and encode to their bytes",
          "[protocol][vectors]") {
    for (const char* const array : {"valid", "large"}) {
        for (const Json& vector : vectors().at(array)) {
            CAPTURE(vector.at("name"));
            const Bytes bytes = bytes_of(vector);
            if (vector.contains("total_length")) REQUIRE(bytes.size() == vector["total_length"]);
            const Frame frame = frame_of(vector.at("decoded"));
            check_decodes_to(bytes, frame);
            check_encodes_to(frame, bytes);
        }
    }
}

TEST_CASE("accepted vectors decode to their frame and encode to the canonical bytes",
          "[protocol][vectors]") {
    for (const Json& vector : vectors().at("accepted_noncanonical")) {
        CAPTURE(vector.at("name"));
        Json decoded = vector.at("decoded");
        const Frame frame = frame_of(decoded);
        check_decodes_to(bytes_of(vector), frame);
        check_encodes_to(decode_owned(bytes_of(vector)).frame,
                         from_hex(vector.at("canonical_hex").get<std::string>()));
    }
}

TEST_CASE("numeric type vectors decode with the documented meaning", "[protocol][vectors]") {
    for (const Json& vector : vectors().at("numeric_type")) {
        CAPTURE(vector.at("name"));
        const Json& meaning = vector.at("documented_meaning");
        if (meaning.is_null()) {
            CHECK(decode_owned(bytes_of(vector)).error == Error::unknown_type);
        } else {
            check_decodes_to(bytes_of(vector), frame_of(meaning));
        }
    }
}

TEST_CASE("malformed vectors meet their recommended end", "[protocol][vectors]") {
    for (const Json& vector : vectors().at("malformed")) {
        const std::string name = vector.at("name");
        const std::string recommended = vector.at("recommended");
        CAPTURE(name, recommended);
        const Bytes bytes = bytes_of(vector);
        const OwnedDecodeResult result = decode_owned(bytes);
        if (recommended.starts_with("error id 0 code 1001")) {
            CHECK(result.status == DecodeStatus::malformed);
            CHECK(result.error != Error::none);
            CHECK(result.consumed == bytes.size());
        } else if (recommended.starts_with("error id 0 code 1007")) {
            CHECK(result.status == DecodeStatus::too_large);
            CHECK(result.announced == kMaxFrameBytes + 1);
        } else if (recommended == "may be treated as an unknown key") {
            CHECK(result.frame == Frame::ack(1));
        } else if (recommended == "may ignore the integer key") {
            // It may; we know the key as a second `id`, as the reference does.
            CHECK(result.error == Error::duplicate_field);
        } else {
            REQUIRE(name == "json_text_bytes");
            CHECK(result.status == DecodeStatus::too_large);
            CHECK(decode_json(as_text(bytes)).frame == Frame::ping());
        }
    }
}

TEST_CASE("a malformed vector does not put the stream out of step", "[protocol][vectors]") {
    const Bytes good = encode(Frame::ack(7)).bytes;
    for (const Json& vector : vectors().at("malformed")) {
        CAPTURE(vector.at("name"));
        Bytes stream = bytes_of(vector);
        if (decode_owned(stream).status != DecodeStatus::malformed) continue;
        stream.insert(stream.end(), good.begin(), good.end());
        FrameDecoder decoder;
        decoder.feed(stream);
        FrameView frame;
        CHECK(decoder.next(frame) == DecodeStatus::malformed);
        CHECK(decoder.error() != Error::none);
        REQUIRE(decoder.next(frame) == DecodeStatus::frame);
        CHECK(frame == FrameView::ack(7));
        CHECK(decoder.next(frame) == DecodeStatus::need_more);
        CHECK(decoder.buffered_bytes() == 0);
    }
}

TEST_CASE("stream vectors yield their frames after each message", "[protocol][vectors]") {
    for (const Json& vector : vectors().at("streams")) {
        CAPTURE(vector.at("name"));
        FrameDecoder decoder;
        std::size_t message_index = 0;
        for (const Json& message : vector.at("websocket_messages")) {
            CAPTURE(message_index);
            const Bytes bytes = from_hex(message.at("hex").get<std::string>());
            decoder.feed(bytes);
            FrameView frame;
            for (const Json& expected : vector.at("decoded_after_each").at(message_index)) {
                REQUIRE(decoder.next(frame) == DecodeStatus::frame);
                CHECK(frame == frame_of(expected).view());
            }
            CHECK(decoder.next(frame) == DecodeStatus::need_more);
            ++message_index;
        }
        CHECK(decoder.buffered_bytes() == vector.at("bytes_pending"));
    }
}

TEST_CASE("the frames of recorded sessions are canonical", "[protocol][vectors]") {
    for (const Json& session : vectors().at("sessions")) {
        CAPTURE(session.at("name"));
        for (const Json& step : session.at("steps")) {
            if (!step.contains("frames")) continue;  // expects silence
            const char* const key = step.contains("send") ? "send" : "expect";
            Bytes joined;
            for (const Json& frame : step.at("frames")) {
                const Bytes bytes = encode(frame_of(frame)).bytes;
                joined.insert(joined.end(), bytes.begin(), bytes.end());
            }
            CHECK(to_hex(joined) == step.at(key).get<std::string>());
        }
    }
}
