// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"

#include <string>
#include <utility>
#include <vector>

#include <pulse/roblox/envelope.hpp>

using namespace pulse::roblox;

namespace {

std::string http_answer(std::string_view body, Checking checking = Checking::strict) {
    const auto parsed = parse_send_body(body, checking);
    return parsed ? "ok " + parsed->text : parsed.error().text;
}

std::string socket_answer(std::string_view text) {
    const auto parsed = parse_socket_message(text);
    return parsed ? "ok " + parsed->text : parsed.error().text;
}

}  // namespace

TEST_CASE("A body that is no object is refused in the validator's words", "[roblox][envelope]") {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"null", "Expected object, received null"},    {"[]", "Expected object, received array"},
        {"\"x\"", "Expected object, received string"}, {"7", "Expected object, received number"},
        {"true", "Expected object, received boolean"},
    };
    for (const auto& [body, text] : cases) {
        CAPTURE(body);
        CHECK(http_answer(body) == text);
        CHECK(socket_answer(body) == text);
        CHECK(parse_send_body(body, Checking::strict).error().error == Error::invalid_message);
    }
}

TEST_CASE("The first mistake in the validator's order is reported", "[roblox][envelope]") {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {R"({})", "Required"},
        {R"({"topic":1})", "Expected string, received number"},
        {R"({"topic":null})", "Expected string, received null"},
        {R"({"topic":[]})", "Expected string, received array"},
        {R"({"topic":{}})", "Expected string, received object"},
        {R"({"topic":true})", "Expected string, received boolean"},
        {R"({"topic":"t","serverId":null,"destination":"server"})",
         "Expected string, received null"},
        {R"({"topic":"t"})", "Invalid input"},
        {R"({"topic":"t","destination":"web"})", "Invalid input"},
        {R"({"topic":"t","destination":null})", "Invalid input"},
        {R"({"topic":"t","destination":"roblox","x":1,"y":2})",
         "Unrecognized key(s) in object: 'x', 'y'"},
        {R"({"topic":"t","destination":"roblox","x":1,"5":2,"x":3})",
         "Unrecognized key(s) in object: '5', 'x'"},
        {R"({"topic":"t","destination":"roblox","async":true})",
         "Unrecognized key(s) in object: 'async'"},
        {R"({"x":1,"serverId":2,"topic":3})", "Expected string, received number"},
        {R"({"x":1,"serverId":null,"topic":"t"})", "Expected string, received null"},
        {R"({"x":1,"topic":"t"})", "Invalid input"},
    };
    for (const auto& [body, text] : cases) {
        CAPTURE(body);
        CHECK(http_answer(body) == text);
    }
}

TEST_CASE("Over WebSocket a destination is an unknown key", "[roblox][envelope]") {
    CHECK(socket_answer(R"({"topic":"t","message":1,"destination":"roblox"})") ==
          "Unrecognized key(s) in object: 'destination'");
    CHECK(socket_answer("{") == "Invalid message");
    CHECK(socket_answer("ping") == "Invalid message");
    CHECK(http_answer("{") == "Invalid JSON");
    CHECK(parse_socket_message("{").error().error == Error::invalid_json);
}

TEST_CASE("The text for game servers is the original's to the byte", "[roblox][envelope]") {
    const std::vector<std::pair<std::string, std::string>> http = {
        {R"({"topic":"test","message":"hello world","destination":"roblox"})",
         R"({"topic":"test","message":"hello world"})"},
        {R"( { "destination" : "roblox", "serverId" : "s", "message" : { "b":1.0, "1":"\u00e9" }, "topic" : "" } )",
         "{\"topic\":\"\",\"message\":{\"1\":\"\xc3\xa9\",\"b\":1},\"serverId\":\"s\"}"},
        {R"({"topic":"t","destination":"server"})", R"({"topic":"t"})"},
        {R"({"topic":"t","message":null,"destination":"server"})",
         R"({"topic":"t","message":null})"},
        {R"({"topic":"a\u0000\"","message":[],"destination":"roblox"})",
         R"({"topic":"a\u0000\"","message":[]})"},
    };
    for (const auto& [body, text] : http) {
        CAPTURE(body);
        CHECK(http_answer(body) == "ok " + text);
    }
    // The client's own order, re-serialised.
    CHECK(socket_answer(R"({"serverId":"s","message":1e3,"topic":"t"})") ==
          R"(ok {"serverId":"s","message":1000,"topic":"t"})");
    CHECK(socket_answer(R"({"message":1,"topic":"a","message":2})") ==
          R"(ok {"message":2,"topic":"a"})");
    CHECK(socket_answer(R"({"topic":"t"})") == R"(ok {"topic":"t"})");
}

TEST_CASE("Web clients get topic and message, and no server id", "[roblox][envelope]") {
    const auto parsed =
        parse_send_body(R"({"topic":"t","message":{"a":1},"serverId":"s","destination":"server"})",
                        Checking::strict);
    REQUIRE(parsed);
    CHECK(parsed->destination == Destination::server);
    CHECK(encode_for_web(parsed->envelope) == R"({"topic":"t","message":{"a":1}})");
    CHECK(encode_for_web({.topic = "t", .message = {}, .server_id = {}}) == R"({"topic":"t"})");
}

TEST_CASE("Extended checking makes the destination optional and adds three keys",
          "[roblox][envelope]") {
    const auto parsed = parse_send_body(
        R"({"topic":"t","async":true,"ttl":2.5,"key":"k","message":1})", Checking::extended);
    REQUIRE(parsed);
    CHECK_FALSE(parsed->destination);
    CHECK(parsed->is_async);
    CHECK(parsed->ttl == std::chrono::milliseconds(2500));
    CHECK(parsed->key == "k");
    CHECK(parsed->text == R"({"topic":"t","message":1})");

    const auto answer = [](const std::string& member) {
        return http_answer(R"({"topic":"t",)" + member + "}", Checking::extended);
    };
    CHECK(answer(R"("destination":"web")") == "Invalid input");
    CHECK(answer(R"("async":1)") == "Expected boolean, received number");
    CHECK(answer(R"("ttl":"1")") == "Expected number, received string");
    CHECK(answer(R"("ttl":0.5)") == "Number must be greater than or equal to 1");
    CHECK(answer(R"("ttl":301)") == "Number must be less than or equal to 300");
    CHECK(answer(R"("key":null)") == "Expected string, received null");
    CHECK(answer("\"key\":\"" + std::string(129, 'k') + "\"") ==
          "String must contain at most 128 character(s)");
    CHECK(answer(R"("x":1)") == "Unrecognized key(s) in object: 'x'");
}

TEST_CASE("Envelopes are read back as they were written", "[roblox][envelope]") {
    const std::vector<Envelope> envelopes = {
        {.topic = "t", .message = R"({"a":[1,"x"]})", .server_id = "s"},
        {.topic = "", .message = std::nullopt, .server_id = std::nullopt},
        {.topic = "a\nb\"\\", .message = "null", .server_id = std::nullopt},
    };
    for (const Envelope& envelope : envelopes) {
        const std::string text = encode_envelope(envelope);
        CAPTURE(text);
        const auto decoded = decode_envelope(text);
        REQUIRE(decoded);
        CHECK(*decoded == envelope);
        for (std::size_t size = 0; size < text.size(); ++size) {
            CHECK_FALSE(decode_envelope(std::string_view(text).substr(0, size)));
            CHECK_FALSE(parse_socket_message(std::string_view(text).substr(0, size)));
        }
    }
    CHECK(decode_envelope(R"({"topic":"t","more":{"x":1}})")->topic == "t");
    CHECK(decode_envelope(R"({"topic":7})").error() == Error::invalid_message);
    CHECK(decode_envelope("[]").error() == Error::invalid_message);
    CHECK(decode_envelope("[").error() == Error::invalid_json);
}
