// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <pulse/core/json.hpp>
#include <pulse/core/json_text.hpp>

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

TEST_CASE("a key is compared by what it spells", "[core][json]") {
    CHECK(json::is_key(R"("op")", "op"));
    CHECK(json::is_key(R"("\u006fp")", "op"));
    CHECK_FALSE(json::is_key(R"("opp")", "op"));
    CHECK_FALSE(json::is_key(R"("o\\p")", "op"));
}

TEST_CASE("JSON is accepted where another parser accepts it", "[core][json]") {
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
        "{",
        "}",
        "{\"a\":1}}",
        "\"a\nb\"",
        "\"\\u12g4\"",
        "tru",
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

TEST_CASE("nesting is bounded and costs no stack", "[core][json]") {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    CHECK(json::parse(nested(json::kMaxDepth)));
    CHECK(json::parse(nested(json::kMaxDepth + 1)).problem == json::Problem::too_deep);
    // What was as deep as it may be can be passed on in something.
    const std::string wrapped = nested(json::kMaxWrappedDepth);
    const json::Parsed deepest = json::parse(wrapped, json::kMaxWrappedDepth);
    REQUIRE(deepest);
    CHECK(json::Elements(deepest.value).next()->raw.size() == wrapped.size() - 2);
    CHECK(json::parse(nested(json::kMaxWrappedDepth + 1), json::kMaxWrappedDepth).problem ==
          json::Problem::too_deep);
    CHECK(json::parse(std::string(1'000'000, '[')).problem == json::Problem::too_deep);
    std::string mixed;
    for (int i = 0; i < 200; ++i) mixed += "{\"a\":[";
    CHECK(json::parse(mixed).problem == json::Problem::invalid);
}

TEST_CASE("text loses its escapes and gets them back", "[core][json]") {
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

TEST_CASE("the size of escaped text is known before", "[core][json]") {
    std::string all;
    for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
    for (const std::string& text :
         {std::string(), all, std::string("plain"), std::string("\xED\xA0\x80x\xED\xBF\xBF"),
          std::string("\xED\x95\x9C\"\xED\xA0"), std::string("\xED"), std::string("\n\0\x1f", 3)}) {
        std::string escaped;
        json::append_escaped(escaped, text);
        CHECK(json::escaped_size(text) == escaped.size());
    }
}

TEST_CASE("members are walked in order, keys with escapes too", "[core][json]") {
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
}

}  // namespace
