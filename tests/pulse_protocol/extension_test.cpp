// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Fields that came later: recover, position, recovery. Old frames have none of them and are as they
// were; where they are, they survive both codecs.
#include "support/catch.hpp"

#include <string>
#include <vector>

#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/json.hpp>
#include <pulse/protocol/value.hpp>

namespace pulse::protocol {

namespace {

std::vector<std::byte> packed(const Value& value) {
    std::vector<std::byte> out;
    REQUIRE(encode_value(value, out) == Error::none);
    return out;
}

/// The body behind its length.
std::vector<std::byte> framed(const Value& body) {
    const std::vector<std::byte> raw = packed(body);
    std::vector<std::byte> out;
    for (int shift = 24; shift >= 0; shift -= 8) {
        out.push_back(static_cast<std::byte>(raw.size() >> shift));
    }
    out.insert(out.end(), raw.begin(), raw.end());
    return out;
}

const Value kPosition = Value::Object{{"epoch", "e"}, {"offset", 7}};

std::vector<Frame> extended() {
    std::vector<Frame> frames{Frame::subscribe(1, "c"), Frame::publish("c", {std::byte{9}}),
                              Frame::publish_event("c", "e", {}, 5), Frame::ack(3)};
    for (Frame& frame : frames) frame.data = packed(kPosition);
    return frames;
}

}  // namespace

TEST_CASE("frames with extensions are the same behind the codecs", "[protocol][extension]") {
    for (const Frame& frame : extended()) {
        INFO(to_string(frame));
        const EncodeResult binary = encode(frame.view());
        REQUIRE(binary);
        CHECK(binary.bytes.size() == encoded_size(frame.view()));
        const OwnedDecodeResult back = decode_owned(binary.bytes);
        REQUIRE(back);
        CHECK(back.frame == frame);
        std::string text;
        encode_json(frame.view(), text);
        const JsonDecodeResult from_text = decode_json(text);
        REQUIRE(from_text);
        CHECK(from_text.frame == frame);
    }
}

TEST_CASE("a delivery with a position is what encoding its frame gives", "[protocol][extension]") {
    const Frame frame = extended()[1];
    const EncodeResult whole = encode(frame.view());
    std::vector<std::byte> bytes(
        publish_size(frame.channel, std::nullopt, frame.payload, *frame.data));
    CHECK(encode_publish_to(frame.channel, std::nullopt, frame.payload, bytes.data(),
                            *frame.data) == bytes.data() + bytes.size());
    CHECK(bytes == whole.bytes);
}

TEST_CASE("the array form has no extensions", "[protocol][extension]") {
    const auto decoded = [](const Value::Array& body) { return decode_owned(framed(body)); };
    CHECK(decoded({"subscribe", 1, "c"}).frame == Frame::subscribe(1, "c"));
    CHECK(decoded({"ack", 3}).frame == Frame::ack(3));
    CHECK(decoded({"subscribe", 1, "c", kPosition}).error == Error::wrong_field_count);
    CHECK(decoded({"subscribe", 1, "c", nullptr}).error == Error::wrong_field_count);
    CHECK(decoded({"ack", 3, nullptr}).error == Error::wrong_field_count);
    CHECK(decoded({"publish", nullptr, "c", nullptr}).error == Error::wrong_field_count);
}

TEST_CASE("an extension has no number as a key, and is none of other types",
          "[protocol][extension]") {
    // Integer keys are positions of fields; what stood for nothing before stands for nothing now.
    const std::string body(
        "\x84\xa4type\xa3"
        "ack\xa2id\x03\x01\xa1x\xa8recovery\xc0",
        27);
    std::string bytes("\0\0\0\x1b", 4);
    bytes += body;
    const OwnedDecodeResult result = decode_owned(as_bytes(bytes));
    REQUIRE(result);
    CHECK(result.frame == Frame::ack(3));
    const OwnedDecodeResult other = decode_owned(framed(Value::Object{
        {"type", "unsubscribe"}, {"id", 1}, {"channel", "c"}, {"recover", kPosition}}));
    REQUIRE(other);
    CHECK(other.frame == Frame::unsubscribe(1, "c"));
    CHECK_FALSE(other.frame.data.has_value());
}

TEST_CASE("values of two names in one JSON frame are kept apart", "[protocol][extension]") {
    for (
        const char* text :
        {R"({"type":"subscribe","id":1,"channel":"c","recover":{"offset":7,"epoch":"e"},"data":[1]})",
         R"({"data":{"x":[1]},"position":2,"recover":{"epoch":"e","offset":7},"channel":"c","id":1,"type":"subscribe"})"}) {
        const JsonDecodeResult result = decode_json(text);
        REQUIRE(result);
        CHECK(result.frame == extended()[0]);
    }
    CHECK(decode_json(R"({"type":"ack","id":1,"recovery":1,"recovery":2})").error ==
          Error::duplicate_field);
}

}  // namespace pulse::protocol
