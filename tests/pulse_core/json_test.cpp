// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"

#include <string>
#include <vector>

#include <pulse/core/json.hpp>

namespace {

using namespace pulse::core;

TEST_CASE("a value is found between white space, and keeps its text", "[core][json]") {
    const auto parsed = json::parse(" \n{\"a\" : [1.50e+1 , null]}\t");
    REQUIRE(parsed);
    CHECK(parsed.value.raw == "{\"a\" : [1.50e+1 , null]}");
    CHECK(parsed.value.is(json::Type::object));
    json::Members members(parsed.value);
    const auto member = members.next();
    REQUIRE(member);
    CHECK(json::is_key(member->key, "a"));
    json::Elements elements(member->value);
    CHECK(elements.next()->raw == "1.50e+1");
    CHECK(elements.next()->is(json::Type::null));
    CHECK_FALSE(elements.next());
    CHECK_FALSE(members.next());
}

TEST_CASE("what is no JSON is refused", "[core][json]") {
    for (const char* text :
         {"",   " ",   "{",     "}",   "[1,]", "{\"a\"}", "{\"a\":}",    "{a:1}",
          "01", "1.",  ".5",    "+1",  "1e",   "\"\\x\"", "\"\\u12g4\"", "\"a\nb\"",
          "\"", "tru", "nulll", "1 2", "[1]]", "'a'"}) {
        CAPTURE(text);
        CHECK(json::parse(text).problem == json::Problem::invalid);
    }
}

TEST_CASE("nesting is bounded and costs no stack", "[core][json]") {
    const std::string fits = std::string(json::kMaxDepth, '[') + std::string(json::kMaxDepth, ']');
    CHECK(json::parse(fits));
    CHECK(json::parse("[" + fits + "]").problem == json::Problem::too_deep);
    CHECK(json::parse(std::string(1'000'000, '[')).problem == json::Problem::too_deep);
}

TEST_CASE("text comes without its escapes, and goes with those it needs", "[core][json]") {
    const auto text = [](const char* json) { return json::parse(json).value.text(); };
    CHECK(text(R"("a\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00")") ==
          "a\"\\/\b\f\n\r\tA\xC3\xA9\xF0\x9F\x98\x80");
    std::string out;
    json::append_text(out, "a\"\\\n\x01\xC3\xA9");
    CHECK(out == "\"a\\\"\\\\\\n\\u0001\xC3\xA9\"");
    // Half a surrogate pair is no text elsewhere, but one in ECMAScript.
    out.clear();
    json::append_text(out, text(R"("\ud800x")"));
    CHECK(out == R"("\ud800x")");
}

TEST_CASE("a key is compared by what it spells", "[core][json]") {
    CHECK(json::is_key(R"("op")", "op"));
    CHECK(json::is_key(R"("\u006fp")", "op"));
    CHECK_FALSE(json::is_key(R"("opp")", "op"));
    CHECK_FALSE(json::is_key(R"("o\\p")", "op"));
}

}  // namespace
