// SPDX-License-Identifier: MIT OR Apache-2.0
#include "json/scan.hpp"
#include "message.hpp"
#include "properties.hpp"
#include "support/catch.hpp"

#include <string>

#include <nlohmann/json.hpp>

using namespace pulse::rooms;

TEST_CASE("JSON is accepted where another parser accepts it", "[rooms][json]") {
    const char* const texts[] = {
        "null",
        " true ",
        "false",
        "0",
        "-0",
        "01",
        "1.",
        ".5",
        "-",
        "+1",
        "1e5",
        "1E-5",
        "1e",
        "1.5e+3",
        "\"\"",
        "\"a\\u00e9\\n\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\t\"",
        "\"",
        "[]",
        "[ ]",
        "[1,2]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{}",
        "{ }",
        "{\"a\":1}",
        "{\"a\":1,}",
        "{\"a\" : [ ] , \"b\":{}}",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1 \"b\":2}",
        "[{]}",
        "[[]",
        "]",
        "",
        "  ",
        "nul",
        "nulll",
        "truefalse",
        "1 1",
        "[1]]",
        "{\"a\":[{\"b\":[null,true,1.0e2,\"x\"]}]}",
        "'a'",
        "\"\\ud800\"",
        "[\"\\\"\"]",
        "{\"\":0}",
        "[-]",
        "[0,-1.5,1e400]",
    };
    for (const char* const text : texts) {
        CAPTURE(text);
        // Numbers too large for a double are still JSON.
        const bool is_json = nlohmann::json::accept(text) ||
                             std::string_view(text) == "[0,-1.5,1e400]" ||
                             std::string_view(text) == "\"\\ud800\"";
        CHECK(static_cast<bool>(json::parse(text)) == is_json);
    }
}

TEST_CASE("nesting is bounded and costs no stack", "[rooms][json]") {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    CHECK(json::parse(nested(json::kMaxDepth)));
    CHECK(json::parse(nested(json::kMaxDepth + 1)).problem == json::Problem::too_deep);
    CHECK(json::parse(std::string(1'000'000, '[')).problem == json::Problem::too_deep);
    std::string mixed;
    for (int i = 0; i < 200; ++i) mixed += "{\"a\":[";
    CHECK(json::parse(mixed).problem == json::Problem::invalid);
}

TEST_CASE("text loses its escapes and gets them back", "[rooms][json]") {
    const auto text = [](std::string_view raw) { return json::Value{raw}.text(); };
    CHECK(text(R"("a\"\\\/\b\f\n\r\t")") == "a\"\\/\b\f\n\r\t");
    CHECK(text(R"("\u00e9\u4e2d\ud83d\ude00")") == "\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80");
    CHECK(text(R"("\u0000")") == std::string("\0", 1));
    for (const char* const raw : {R"("\ud800")", R"("\udfff\ud83d")", R"("x\udc00y")",
                                  R"("\u0001\u001f")", R"("a\"\\\b\f\n\r\t")"}) {
        CAPTURE(raw);
        std::string back;
        json::append_text(back, text(raw));
        CHECK(back == raw);
    }
    std::string korean;
    json::append_text(korean, "\xED\x95\x9C");
    CHECK(korean == "\"\xED\x95\x9C\"");
}

TEST_CASE("members are walked in order, keys with escapes too", "[rooms][json]") {
    const json::Parsed parsed = json::parse(R"( { "a" : 1 , "\u0062":[ {"x":"}"} ], "a": "," } )");
    REQUIRE(parsed);
    json::Members members(parsed.value);
    auto member = members.next();
    REQUIRE(member);
    CHECK(json::is_key(member->key, "a"));
    CHECK(member->value.raw == "1");
    member = members.next();
    REQUIRE(member);
    CHECK(json::is_key(member->key, "b"));
    CHECK(member->value.raw == R"([ {"x":"}"} ])");
    member = members.next();
    REQUIRE(member);
    CHECK(member->value.raw == R"(",")");
    CHECK_FALSE(members.next());
    CHECK(member_of(parsed.value, "a").raw == R"(",")");
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
