// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"

#include <set>
#include <string>

#include <pulse/roblox/error.hpp>
#include <pulse/roblox/names.hpp>

using namespace pulse;
using namespace pulse::roblox;

TEST_CASE("A universe has one name only", "[roblox][names]") {
    CHECK(UniverseId::parse("2745313133")->value == 2'745'313'133);
    CHECK(UniverseId::parse("1")->to_string() == "1");
    CHECK(UniverseId::parse("9223372036854775807")->value == INT64_MAX);
    for (const char* text :
         {"", "0", "007", "-1", "+1", "1 ", " 1", "1a", "0x1", "1.0", "9223372036854775808",
          "18446744073709551616", "99999999999999999999999"}) {
        CAPTURE(text);
        REQUIRE_FALSE(UniverseId::parse(text));
        CHECK(UniverseId::parse(text).error() == Error::invalid_universe);
    }
}

TEST_CASE("Topics are text of bounded length without controls", "[roblox][names]") {
    CHECK(is_valid_topic("chat"));
    CHECK(is_valid_topic("caf\xc3\xa9 \xf0\x9f\x98\x80"));
    CHECK(is_valid_topic(std::string(kMaxTopicBytes, 'x')));
    CHECK_FALSE(is_valid_topic(""));
    CHECK_FALSE(is_valid_topic(std::string(kMaxTopicBytes + 1, 'x')));
    CHECK_FALSE(is_valid_topic("a\nb"));
    CHECK_FALSE(is_valid_topic("a\x7f"));
    CHECK_FALSE(is_valid_topic(std::string("a\0b", 3)));
    CHECK_FALSE(is_valid_topic("\xff"));
}

TEST_CASE("Server ids can be part of a topic's name and of a URL", "[roblox][names]") {
    CHECK(is_valid_server_id("a1b2c3d4-0000-4000-8000-0123456789ab"));
    CHECK(is_valid_server_id("studio-a1b2c3d4-0000-4000-8000-0123456789ab"));
    CHECK(is_valid_server_id(std::string(kMaxServerIdBytes, 'x')));
    for (const std::string& id :
         {std::string(), std::string("a..b"), std::string("a/b"), std::string("a b"),
          std::string(kMaxServerIdBytes + 1, 'x'), std::string("\xc3\xa9")}) {
        CAPTURE(id);
        CHECK_FALSE(is_valid_server_id(id));
    }
}

TEST_CASE("Every error has a text of its own and a condition", "[roblox][names]") {
    std::set<std::string> texts;
    const int last = static_cast<int>(Error::served_elsewhere);
    for (int value = 1; value <= last; ++value) {
        const std::error_code code = make_error_code(static_cast<Error>(value));
        CHECK(texts.insert(code.message()).second);
        CHECK(code.default_error_condition().category() == core::condition_category());
    }
    CHECK(make_error_code(static_cast<Error>(last + 1)).message() == "unknown error");
    CHECK(make_error_code(Error::queue_full) == core::Condition::limit_exceeded);
}
