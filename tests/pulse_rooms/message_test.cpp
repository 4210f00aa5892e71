// SPDX-License-Identifier: MIT OR Apache-2.0
#include "message.hpp"

#include "properties.hpp"
#include "support/catch.hpp"

#include <string>

using namespace pulse::rooms;

TEST_CASE("of repeated members the last one counts, however it is spelled", "[rooms][message]") {
    const json::Parsed parsed = json::parse(R"({"a":1,"b":{"a":2},"\u0061":","})");
    REQUIRE(parsed);
    CHECK(member_of(parsed.value, "a").raw == R"(",")");
    CHECK_FALSE(member_of(parsed.value, "c").is_present());
}

TEST_CASE("a message has a type that is text", "[rooms][message]") {
    CHECK(parse_message(R"({"type":"chat","data":[1, 2]})").message->data.raw == "[1, 2]");
    CHECK(parse_message(R"({"data":1,"ty\u0070e":"poll"})").message->type == MessageType::poll);
    CHECK(parse_message(R"({"type":"nosuch"})").message->type == MessageType::other);
    CHECK(parse_message(R"({"type":"chat"})").message->data.type() == json::Type::absent);
    CHECK(parse_message(R"({"type":"chat","data":1,"data":2})").message->data.raw == "2");
    for (const char* const text : {"", "null", "5", "[]", "\"x\"", "{}", R"({"type":5})",
                                   R"({"type":null})", "{\"type\":\"chat\"", "not json"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_message(text).message);
    }
    CHECK(parse_message(std::string(10'000, '[')).problem == json::Problem::too_deep);
}

TEST_CASE("properties come back in the order of an ECMAScript object", "[rooms][properties]") {
    const Properties made =
        make_properties({R"({"b":1,"7":2,"_p":3,"a":[1, 2],"0":4,"subscriptions":5,"b":6})"});
    CHECK(made.all == R"({"0":4,"7":2,"b":6,"_p":3,"a":[1, 2],"subscriptions":5})");
    CHECK(made.open == R"({"0":4,"7":2,"b":6,"a":[1, 2]})");
    // An escape hides nothing.
    CHECK(make_properties({R"({"\u005fp":1})"}).open == "{}");
    for (const char* const other : {"null", "5", "\"text\"", "[1]", ""}) {
        CHECK(make_properties({other}).all == "{}");
    }
}
