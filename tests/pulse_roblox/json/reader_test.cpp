// SPDX-License-Identifier: MIT OR Apache-2.0
#include "json/reader.hpp"

#include "support/catch.hpp"

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

using namespace pulse::roblox;

namespace {

/// Documents of every kind, for cutting and damaging.
const std::vector<std::string> kDocuments = {
    R"({"topic":"chat","message":{"text":"h\u00e9llo \ud83d\ude00","n":[1,2.5,-3e-7]},"x":null})",
    R"([[],{},"",0,-0,true,false,null,1e400,1e-400,"\"\\\/\b\f\n\r\t\u0001"])",
    R"({"b":1,"10":2,"9":3,"b":4,"a":{"2":0,"1":0}})",
    "\xef\xbb\xbf {\"caf\xc3\xa9\" : [ 1 , 2 ] }\r\n",
};

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

}  // namespace

TEST_CASE("Numbers are written as JavaScript writes them", "[roblox][json]") {
    // Right-hand sides are what JSON.stringify(JSON.parse(left)) prints.
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"0", "0"},
        {"-0", "0"},
        {"-0.0", "0"},
        {"1.0", "1"},
        {"1.50", "1.5"},
        {"-12.25e1", "-122.5"},
        {"1e0", "1"},
        {"100000000000000000000", "100000000000000000000"},
        {"1e20", "100000000000000000000"},
        {"1e21", "1e+21"},
        {"123456789012345678901234567890", "1.2345678901234568e+29"},
        {"12345678901234567890", "12345678901234567000"},
        {"9007199254740993", "9007199254740992"},
        {"0.000001", "0.000001"},
        {"0.0000001", "1e-7"},
        {"1.5e-7", "1.5e-7"},
        {"0.1", "0.1"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"5e-324", "5e-324"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"1e400", "null"},
        {"-1e400", "null"},
        {"1e99999999999999999999", "null"},
        {"0e99999999999999999999", "0"},
        {"1e-400", "0"},
        {"1e-99999999999999999999", "0"},
        {"0." + std::string(400, '0') + "1e401", "1"},
        {"1" + std::string(400, '0') + "e-400", "1"},
        {"1" + std::string(400, '0'), "null"},
        {"0." + std::string(400, '0') + "1", "0"},
    };
    for (const auto& [text, expected] : cases) {
        CAPTURE(text);
        CHECK(json::normalise(text) == expected);
    }
}

TEST_CASE("Text that is no number is refused", "[roblox][json]") {
    for (const char* text : {"01", "-", "+1", "1.", ".5", "1e", "1e+", "0x10", "NaN", "Infinity",
                             "1_000", "--1", "1 2"}) {
        CAPTURE(text);
        CHECK(json::normalise(text).empty());
    }
}

TEST_CASE("Strings keep what they say in the shortest escapes", "[roblox][json]") {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {R"("\u0041\u00e9\/")", "\"A\xc3\xa9/\""},
        {R"("\u0008\u0009\u000a\u000c\u000d\u0022\u005c")", R"("\b\t\n\f\r\"\\")"},
        {R"("\u001F\u0000")", R"("\u001f\u0000")"},
        {R"("\uD83D\uDE00")", "\"\xf0\x9f\x98\x80\""},
        {R"("\uD83Dx\uDE00")", R"("\ud83dx\ude00")"},
        {R"("\ud83d\ud83d\ude00")", "\"\\ud83d\xf0\x9f\x98\x80\""},
        {R"("\ud83d\u0041")", R"("\ud83dA")"},
        {"\"\x7f\xe2\x80\xa8\"", "\"\x7f\xe2\x80\xa8\""},
    };
    for (const auto& [text, expected] : cases) {
        CAPTURE(text);
        CHECK(json::normalise(text) == expected);
    }
    for (const char* text :
         {"\"", "\"\\\"", R"("\x")", R"("\u12")", R"("\u12g4")", "\"\n\"", "\"\x01\"", "\"\xff\"",
          "\"\xed\xa0\x80\"", R"("\ud83d\u12")", "'a'"}) {
        CAPTURE(text);
        CHECK(json::normalise(text).empty());
    }
}

TEST_CASE("A string is read up to what ends it, wherever that stands", "[roblox][json]") {
    const std::string_view plain =
        GENERATE(std::string_view("a"), std::string_view("\x7f"), std::string_view("\xc3\xa9"),
                 std::string_view(" !#[]"));
    for (std::size_t before = 0; before < 20; ++before) {
        for (std::size_t behind = 0; behind < 20; ++behind) {
            std::string head;
            std::string tail;
            for (std::size_t i = 0; i < before; ++i) head += plain;
            for (std::size_t i = 0; i < behind; ++i) tail += plain;
            const auto quoted = [&](std::string_view middle) {
                return '"' + head + std::string(middle) + tail + '"';
            };
            CHECK(json::normalise(quoted("")) == quoted(""));
            CHECK(json::normalise(quoted("\\\"")) == quoted("\\\""));
            CHECK(json::normalise(quoted("\\u000a\\\\")) == quoted("\\n\\\\"));
            for (const char wrong : {'"', '\0', '\x01', '\x1f', '\n'}) {
                CHECK(json::normalise(quoted({&wrong, 1})).empty());
            }
            CHECK(json::normalise(quoted("").substr(0, quoted("").size() - 1)).empty());
        }
    }
}

TEST_CASE("A value is taken alone, and as it is copied", "[roblox][json]") {
    json::Reader reader(R"([{"b":1,"2": 3},"text",[1e400]])");
    std::string value = "what was there before";
    REQUIRE(reader.enter_array());
    for (const std::string_view expected : {R"({"2":3,"b":1})", R"("text")", "[null]"}) {
        REQUIRE(reader.next_item());
        REQUIRE(reader.take(value));
        CHECK(value == expected);
    }
    CHECK_FALSE(reader.next_item());
    CHECK(reader.finish());
    CHECK_FALSE(reader.take(value));
}

TEST_CASE("Members are ordered as in JavaScript's objects", "[roblox][json]") {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {R"({ "b" : 1 , "a" : 2 })", R"({"b":1,"a":2})"},
        {R"({"a":1,"b":2,"a":3})", R"({"a":3,"b":2})"},
        {R"({"\u0061":1,"a":2})", R"({"a":2})"},
        {R"({"b":1,"10":2,"9":3})", R"({"9":3,"10":2,"b":1})"},
        {R"({"01":1,"1":2,"-1":3,"1.5":4})", R"({"1":2,"01":1,"-1":3,"1.5":4})"},
        {R"({"4294967295":1,"4294967294":2})", R"({"4294967294":2,"4294967295":1})"},
        {R"({"x":{"2":{},"1":[{"b":0,"b":1}]}})", R"({"x":{"1":[{"b":1}],"2":{}}})"},
        {R"({"7":1,"7":2,"7":3})", R"({"7":3})"},
        {"{}", "{}"},
        {R"({"":1})", R"({"":1})"},
    };
    for (const auto& [text, expected] : cases) {
        CAPTURE(text);
        CHECK(json::normalise(text) == expected);
    }
    std::string many = "{";
    std::string expected = "{";
    for (int i = 0; i < 100; ++i) {
        many += "\"k" + std::to_string(i % 50) + "\":" + std::to_string(i) + ",";
        if (i < 50) expected += "\"k" + std::to_string(i) + "\":" + std::to_string(i + 50) + ",";
    }
    many.back() = '}';
    expected.back() = '}';
    CHECK(json::normalise(many) == expected);
}

TEST_CASE("Nesting ends at its bound", "[roblox][json]") {
    CHECK(json::normalise(nested(json::kMaxDepth)) == nested(json::kMaxDepth));
    CHECK(json::normalise(nested(json::kMaxDepth + 1)).empty());
    CHECK(json::normalise(std::string(1'000'000, '[')).empty());
    const std::string too_deep = nested(json::kMaxDepth + 1);
    json::Reader reader(too_deep);
    CHECK_FALSE(reader.skip());
}

TEST_CASE("Cut and damaged text is refused or read, never past its end", "[roblox][json]") {
    for (const std::string& document : kDocuments) {
        const std::string normal = json::normalise(document);
        REQUIRE_FALSE(normal.empty());
        CHECK(json::normalise(normal) == normal);
        const std::string trimmed = document.substr(0, document.find_last_of("]}") + 1);
        for (std::size_t size = 0; size < trimmed.size(); ++size) {
            // In a block of exactly its size, so that sanitizers see every overstep.
            const std::vector<char> cut(trimmed.begin(),
                                        trimmed.begin() + static_cast<std::ptrdiff_t>(size));
            CHECK(json::normalise({cut.data(), cut.size()}).empty());
        }
        for (std::size_t at = 0; at < document.size(); ++at) {
            for (const char c : {'"', '\\', '{', ']', ',', '0', '\0', '\xff'}) {
                std::string damaged = document;
                damaged[at] = c;
                const std::string result = json::normalise(damaged);
                // nlohmann refuses surrogates that stand alone and numbers out of range, and takes
                // NUL for the end; JavaScript and we do neither.
                if (c != '\0' && nlohmann::json::accept(damaged)) CHECK_FALSE(result.empty());
                if (!result.empty()) CHECK(json::normalise(result) == result);
            }
        }
    }
}

TEST_CASE("A reader asked for the wrong kind fails for good", "[roblox][json]") {
    json::Reader reader(R"(["a",1])");
    REQUIRE(reader.enter_array());
    REQUIRE(reader.next_item());
    std::uint64_t number = 0;
    CHECK_FALSE(reader.read_uint(number));
    CHECK_FALSE(reader.ok());
    std::string text;
    CHECK_FALSE(reader.read_string(text));
    CHECK_FALSE(reader.next_item());
    CHECK_FALSE(reader.finish());
    CHECK(reader.peek() == json::Kind::invalid);
}

TEST_CASE("Whole numbers are read up to 2^53-1", "[roblox][json]") {
    const auto read = [](std::string_view text) {
        json::Reader reader(text);
        std::uint64_t number = 0;
        return reader.read_uint(number) && reader.finish() ? std::to_string(number) : "refused";
    };
    CHECK(read("0") == "0");
    CHECK(read("1e3") == "1000");
    CHECK(read("9007199254740991") == "9007199254740991");
    for (const char* text : {"9007199254740992", "-1", "1.5", "1e400", "\"1\"", "true"}) {
        CAPTURE(text);
        CHECK(read(text) == "refused");
    }
}
