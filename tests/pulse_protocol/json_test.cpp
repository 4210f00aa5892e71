// SPDX-License-Identifier: MIT OR Apache-2.0

#include "support/catch.hpp"
#include "support/generators.hpp"
#include "support/vectors.hpp"

#include <string>

#include <pulse/protocol/json.hpp>
#include <pulse/protocol/utf8.hpp>
#include <pulse/protocol/value.hpp>

using namespace pulse::protocol;
using namespace pulse::protocol::test;

namespace {

[[nodiscard]] std::string encoded(const FrameView& frame) {
    std::string out;
    encode_json(frame, out);
    return out;
}

[[nodiscard]] Frame decoded(std::string_view text) {
    const JsonDecodeResult result = decode_json(text);
    CAPTURE(text, to_string(result.error), to_string(result.field));
    REQUIRE(result);
    return result.frame;
}

void check_refused(std::string_view text, Error error, Field field = Field::none) {
    CAPTURE(text);
    const JsonDecodeResult result = decode_json(text);
    CHECK(to_string(result.error) == to_string(error));
    CHECK(to_string(result.field) == to_string(field));
}

[[nodiscard]] std::string payload_text(std::string_view payload_json) {
    const Frame frame =
        decoded(R"({"type":"publish","channel":"c","payload":)" + std::string(payload_json) + "}");
    return std::string(as_text(frame.payload));
}

}  // namespace

TEST_CASE("each type has its JSON form", "[protocol][json]") {
    const std::pair<Frame, const char*> pairs[] = {
        {Frame::subscribe(1, "chat:lobby"),
         R"({"type":"subscribe","id":1,"channel":"chat:lobby"})"},
        {Frame::unsubscribe(2, "c"), R"({"type":"unsubscribe","id":2,"channel":"c"})"},
        {Frame::publish("c", to_bytes("Hello")),
         R"({"type":"publish","channel":"c","payload":"Hello"})"},
        {Frame::publish_event("c", "ev", to_bytes("x"), 9),
         R"({"type":"publish","id":9,"channel":"c","event":"ev","payload":"x"})"},
        {Frame::publish("c", from_hex("ff00")),
         R"({"type":"publish","channel":"c","payload_base64":"/wA="})"},
        {Frame::presence(4, "room", PresenceAction::join),
         R"({"type":"presence","id":4,"channel":"room","action":0})"},
        {Frame::presence(4, "room", PresenceAction::update, from_hex("81a46e616d65a161")),
         R"({"type":"presence","id":4,"channel":"room","action":2,"data":{"name":"a"}})"},
        {Frame::ack(~0ULL), R"({"type":"ack","id":18446744073709551615})"},
        {Frame::error(0, 1001, "Invalid frame"),
         R"({"type":"error","id":0,"code":1001,"message":"Invalid frame"})"},
        {Frame::ping(), R"({"type":"ping"})"},
        {Frame::pong(5), R"({"type":"pong","timestamp":5})"},
        {Frame::connect(1), R"({"type":"connect","version":1})"},
        {Frame::connect(1, "t"), R"({"type":"connect","version":1,"token":"t"})"},
        {Frame::connected("conn_1", 1, 30000),
         R"({"type":"connected","connection_id":"conn_1","version":1,"heartbeat":30000})"},
    };
    for (const auto& [frame, text] : pairs) {
        CHECK(encoded(frame) == text);
        CHECK(decoded(text) == frame);
    }
}

TEST_CASE("every vector survives JSON", "[protocol][json]") {
    for (const char* const array : {"valid", "accepted_noncanonical"}) {
        for (const Json& vector : vectors().at(array)) {
            CAPTURE(vector.at("name"));
            Frame frame = decode_owned(bytes_of(vector)).frame;
            // JSON has one null: what is nil in binary is absent when it comes back.
            if (frame.data && *frame.data == from_hex("c0")) frame.data.reset();
            const std::string text = encoded(frame);
            CHECK(Json::accept(text));
            CHECK(decoded(text) == frame);
        }
    }
}

TEST_CASE("the type may be a documented number", "[protocol][json]") {
    CHECK(decoded(R"({"type":5,"id":1})") == Frame::ack(1));
    CHECK(decoded(R"({"type":7})") == Frame::ping());
    check_refused(R"({"type":0,"id":1})", Error::unknown_type, Field::type);
    check_refused(R"({"type":11})", Error::unknown_type, Field::type);
    check_refused(R"({"type":-1})", Error::wrong_field_type, Field::type);
    check_refused(R"({"type":7.0})", Error::wrong_field_type, Field::type);
}

TEST_CASE("fields come in any order, unknown ones and those of other types are ignored",
          "[protocol][json]") {
    CHECK(decoded(R"( { "channel" : "c" , "id" : 1 , "type" : "subscribe" } )") ==
          Frame::subscribe(1, "c"));
    CHECK(decoded(R"({"type":"ack","id":1,"x":{"id":[2]},"x":null,"channel":5,"channel":6,
                      "payload":{"a":1},"data":[1],"payload_base64":7,"none":1})") ==
          Frame::ack(1));
}

TEST_CASE("null means absent for optional fields", "[protocol][json]") {
    CHECK(decoded(R"({"type":"ping","timestamp":null})") == Frame::ping());
    CHECK(decoded(R"({"type":"connect","version":1,"token":null})") == Frame::connect(1));
    CHECK(decoded(R"({"type":"publish","id":null,"channel":"c","event":null,"payload":""})") ==
          Frame::publish("c", {}));
    CHECK(decoded(R"({"type":"presence","id":1,"channel":"c","action":0,"data":null})") ==
          Frame::presence(1, "c", PresenceAction::join));
    check_refused(R"({"type":"ack","id":null})", Error::missing_field, Field::id);
}

TEST_CASE("a payload that is no string is its compact text", "[protocol][json]") {
    CHECK(payload_text(R"("plain \"text\" \u00e9")") == "plain \"text\" \u00e9");
    CHECK(payload_text("null") == "null");
    CHECK(payload_text("true") == "true");
    CHECK(payload_text("12") == "12");
    CHECK(payload_text("-7") == "-7");
    CHECK(payload_text("1.50") == "1.50");  // as written
    CHECK(payload_text("1E+2") == "1E+2");
    CHECK(payload_text("18446744073709551615") == "18446744073709551615");
    CHECK(payload_text("123456789012345678901234567890") == "123456789012345678901234567890");
    CHECK(payload_text(" [ ] ") == "[]");
    CHECK(payload_text(" { } ") == "{}");
    CHECK(payload_text(R"( { "b" : [ 1 , "x,[{:" , { } , [ ] ] , "a" : null, "b": 2 } )") ==
          R"({"b":[1,"x,[{:",{},[]],"a":null,"b":2})");  // order and duplicates kept: opaque
    CHECK(payload_text(R"({"k\n":"\u0001\/"})") == "{\"k\\n\":\"\\u0001/\"}");
}

TEST_CASE("a payload may be base64, padded or not", "[protocol][json]") {
    const auto bytes_of_base64 = [](const std::string& text) {
        return to_hex(
            decoded(R"({"type":"publish","channel":"c","payload_base64":")" + text + "\"}")
                .payload);
    };
    CHECK(bytes_of_base64("") == "");
    CHECK(bytes_of_base64("Zg==") == "66");
    CHECK(bytes_of_base64("Zm8=") == "666f");
    CHECK(bytes_of_base64("Zm9v") == "666f6f");
    CHECK(bytes_of_base64("Zg") == "66");
    CHECK(bytes_of_base64("Zm8") == "666f");
    CHECK(bytes_of_base64("+/+/") == "fbffbf");
    for (const char* const bad : {"Z", "Zg=", "Zh==", "Zm9=", "====", "Z===", "Zg==Zg==", "Zm9v=",
                                  "Zm9v====", "Zm-_", "Zm 9v", "Zm9v\\n"}) {
        check_refused(
            R"({"type":"publish","channel":"c","payload_base64":")" + std::string(bad) + "\"}",
            Error::invalid_base64, Field::payload);
    }
}

TEST_CASE("base64 of every length survives", "[protocol][json]") {
    Random random(19);
    for (std::size_t size = 1; size < 70; ++size) {
        Bytes payload(size);
        for (std::byte& byte : payload) byte = static_cast<std::byte>(random.next());
        payload.front() = std::byte{0xff};  // never UTF-8
        const Frame frame = Frame::publish("c", payload);
        CHECK(encoded(frame).find("payload_base64") != std::string::npos);
        CHECK(decoded(encoded(frame)) == frame);
    }
}

TEST_CASE("a payload is given once, in one of two ways", "[protocol][json]") {
    check_refused(R"({"type":"publish","channel":"c","payload":"","payload_base64":""})",
                  Error::duplicate_field, Field::payload);
    check_refused(R"({"type":"publish","channel":"c","payload":"","payload":[]})",
                  Error::duplicate_field, Field::payload);
    check_refused(R"({"type":"publish","channel":"c"})", Error::missing_field, Field::payload);
    check_refused(R"({"type":"publish","channel":"c","payload_base64":1})", Error::wrong_field_type,
                  Field::payload);
}

TEST_CASE("data of every kind becomes canonical MessagePack", "[protocol][json]") {
    const auto data_hex = [](std::string_view json) {
        return to_hex(*decoded(R"({"type":"presence","id":1,"channel":"c","action":0,"data":)" +
                               std::string(json) + "}")
                           .data);
    };
    CHECK(data_hex("true") == "c3");
    CHECK(data_hex("5") == "05");
    CHECK(data_hex("-5") == "fb");
    CHECK(data_hex("-0") == "00");
    CHECK(data_hex("-9223372036854775808") == "d38000000000000000");
    CHECK(data_hex("18446744073709551615") == "cfffffffffffffffff");
    CHECK(data_hex("18446744073709551616") == "cb43f0000000000000");
    CHECK(data_hex("1.0") == "cb3ff0000000000000");
    CHECK(data_hex(R"("x")") == "a178");
    CHECK(data_hex("[]") == "90");
    CHECK(data_hex("{}") == "80");
    CHECK(data_hex(R"({"b":{"d":1,"c":[null,2]},"a":"x","b2":[]})") ==
          "83a161a178a16282a16392c002a16401a2623290");
    CHECK(data_hex(R"({"a":1,"a":[2]})") == "81a1619102");
}

TEST_CASE("data is written as JSON with sorted keys", "[protocol][json]") {
    const auto data_json = [](const char* hex) {
        const Bytes raw = from_hex(hex);
        const std::string text =
            encoded(FrameView::presence(1, "c", PresenceAction::join, ByteView(raw)));
        const std::string head = R"({"type":"presence","id":1,"channel":"c","action":0,"data":)";
        REQUIRE(text.starts_with(head));
        return text.substr(head.size(), text.size() - head.size() - 1);
    };
    CHECK(data_json("c0") == "null");
    CHECK(data_json("82a162c3a161c2") == R"({"a":false,"b":true})");
    CHECK(data_json("9401ff9080") == "[1,-1,[],{}]");
    CHECK(data_json("cb3ff8000000000000") == "1.5");
    CHECK(data_json("cb3ff0000000000000") == "1.0");
    CHECK(data_json("cb4415af1d78b58c40") == "1e+20");
    CHECK(data_json("cb7ff8000000000000") == "null");
    CHECK(data_json("cfffffffffffffffff") == "18446744073709551615");
    CHECK(data_json("d38000000000000000") == "-9223372036854775808");
    CHECK(data_json("81a161a10a") == R"({"a":"\n"})");
    CHECK(data_json("c400") == "null");  // not JSON-like: cannot come from a decoder
}

TEST_CASE("text is escaped where JSON wants it and nowhere else", "[protocol][json]") {
    for (unsigned byte = 0; byte < 0x80; ++byte) {
        for (std::size_t before = 0; before < 10; ++before) {
            std::string channel(before, 'x');
            channel += static_cast<char>(byte);
            channel += "yyyyyyyyyy";
            const std::string text = encoded(FrameView::subscribe(1, channel));
            CHECK(Json::parse(text).at("channel").get<std::string>() == channel);
            const bool is_escaped = text.find('\\') != std::string::npos;
            CHECK(is_escaped == (byte < 0x20 || byte == '"' || byte == '\\'));
        }
    }
    CHECK(
        encoded(FrameView::subscribe(1, "\"\\\b\f\n\r\t\x01\x1f\x7f/\u00e9\U0001f600")) ==
        "{\"type\":\"subscribe\",\"id\":1,\"channel\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\x7f/"
        "\u00e9\U0001f600\"}");
}

TEST_CASE("text that is not UTF-8 still gives valid JSON", "[protocol][json]") {
    Random random(20);
    for (int i = 0; i < 500; ++i) {
        std::string channel(random.below(20), '\0');
        for (char& c : channel) c = static_cast<char>(random.next());
        const std::string text = encoded(FrameView::subscribe(1, channel));
        CHECK(is_valid_utf8(text));
        CHECK(Json::accept(text));
    }
    CHECK(encoded(FrameView::subscribe(1, "a\xff\xc3")) ==
          "{\"type\":\"subscribe\",\"id\":1,\"channel\":\"a\ufffd\ufffd\"}");
}

TEST_CASE("what is not one JSON object is refused", "[protocol][json]") {
    for (const char* const text :
         {"", " ", "{", "}", R"({"type")", R"({"type":)", R"({"type":"ping")",
          R"({"type":"ping"}x)", R"({"type":"ping"}{"type":"ping"})", R"({"type":"ping",})",
          R"({type:"ping"})", R"({'type':"ping"})", R"({"type":"ping"} // note)",
          "{\"type\":\"p\ning\"}", "{\"type\":\"\xff\"}", R"({"type":"\ud800"})",
          R"({"type":"ping","timestamp":01})", R"({"type":"ping","timestamp":1e999})",
          R"({"type":"ping","timestamp":NaN})"}) {
        check_refused(text, Error::invalid_json);
    }
    for (const char* const text : {"[]", "null", "1", "\"x\"", "true", "1.5", "-1"}) {
        check_refused(text, Error::not_a_frame);
    }
}

TEST_CASE("every field that is wrong is named", "[protocol][json]") {
    check_refused("{}", Error::missing_type, Field::type);
    check_refused(R"({"type":null})", Error::wrong_field_type, Field::type);
    check_refused(R"({"type":"Ping"})", Error::unknown_type, Field::type);
    check_refused(R"({"type":"ping","type":"ping"})", Error::duplicate_field, Field::type);
    check_refused(R"({"type":"ack"})", Error::missing_field, Field::id);
    check_refused(R"({"type":"ack","id":1,"id":1})", Error::duplicate_field, Field::id);
    check_refused(R"({"type":"ack","id":-1})", Error::out_of_range, Field::id);
    check_refused(R"({"type":"ack","id":1.0})", Error::wrong_field_type, Field::id);
    check_refused(R"({"type":"ack","id":18446744073709551616})", Error::wrong_field_type,
                  Field::id);
    check_refused(R"({"type":"ack","id":"1"})", Error::wrong_field_type, Field::id);
    check_refused(R"({"type":"ack","id":[1]})", Error::wrong_field_type, Field::id);
    check_refused(R"({"type":"subscribe","id":1,"channel":{}})", Error::wrong_field_type,
                  Field::channel);
    check_refused(R"({"type":"error","id":1,"code":65536,"message":"m"})", Error::out_of_range,
                  Field::code);
    check_refused(R"({"type":"connect","version":256})", Error::out_of_range, Field::version);
    check_refused(R"({"type":"presence","id":1,"channel":"c","action":4})", Error::out_of_range,
                  Field::action);
    check_refused(R"({"type":"presence","id":1,"channel":"c","action":"join"})",
                  Error::wrong_field_type, Field::action);
}

TEST_CASE("JSON cut short or changed anywhere is refused or read, never worse",
          "[protocol][json]") {
    const std::string text =
        R"({"type":"presence","id":18446744073709551615,"channel":"\u00e9\n","action":2,)"
        R"("data":{"a":[1,-2.5e3,true,null,"\ud83d\ude00"]},"x":[{}]})";
    REQUIRE(decode_json(text));
    for (std::size_t size = 0; size < text.size(); ++size) {
        CHECK(decode_json(std::string_view(text).substr(0, size)).error == Error::invalid_json);
    }
    std::size_t wrong = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        for (const char c :
             {'"', '\\', '{', '}', '[', ']', ',', ':', '0', '-', 'e', ' ', '\0', '\xff'}) {
            std::string changed = text;
            changed[at] = c;
            const JsonDecodeResult result = decode_json(changed);
            if (!result) continue;
            if (!Json::accept(changed)) ++wrong;
            if (decoded(encoded(result.frame)) != result.frame) ++wrong;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("encoding appends", "[protocol][json]") {
    std::string out = "before ";
    encode_json(FrameView::ping(), out);
    CHECK(out == R"(before {"type":"ping"})");
}
