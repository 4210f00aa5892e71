// SPDX-License-Identifier: MIT OR Apache-2.0
#include "web_command.hpp"

#include "support/catch.hpp"

using namespace pulse::roblox;
using namespace std::chrono_literals;

TEST_CASE("commands of web clients are read with their members in any order",
          "[roblox][web_command]") {
    const auto pub = parse_web_command(
        R"({"key":"k","ttl":2.5,"serverId":"job","message":{"b":1,"a":1.0},"x":[],"topic":"t","id":"i","op":"pub"})");
    REQUIRE(pub.has_value());
    REQUIRE(pub->has_value());
    CHECK((*pub)->op == WebOp::publish);
    CHECK((*pub)->id == R"("i")");
    const SendRequest& send = (*pub)->send;
    CHECK(send.text == R"({"topic":"t","message":{"b":1,"a":1},"serverId":"job"})");
    CHECK(send.destination == Destination::roblox);
    CHECK(send.ttl == 2'500ms);
    CHECK(send.key == "k");
    const auto sub = parse_web_command(R"({"op":"sub","topics":["a","b.*","*"],"id":1.0})");
    REQUIRE((sub.has_value() && sub->has_value()));
    CHECK((*sub)->topics == std::vector<std::string>{"a", "b.*", "*"});
    CHECK((*sub)->id == "1");
}

TEST_CASE("what has no op is the original's affair", "[roblox][web_command]") {
    for (const char* text : {"", "{", "[]", "{}", R"({"topic":"t"})", R"({"message":{"op":"sub"}})",
                             R"({"op":"sub")", R"({"op":"sub"} x)", "\"op\""}) {
        CAPTURE(text);
        CHECK_FALSE(parse_web_command(text).has_value());
    }
    CHECK_FALSE(may_be_web_command(R"({"topic":"chop"})"));
    CHECK(may_be_web_command(R"({"op":1})"));
}

TEST_CASE("commands are bounded", "[roblox][web_command]") {
    std::string topics;
    for (std::size_t i = 0; i <= kMaxTopicsPerCommand; ++i) topics += i == 0 ? "\"a\"" : ",\"a\"";
    const auto many = parse_web_command(R"({"op":"sub","topics":[)" + topics + "]}");
    REQUIRE(many.has_value());
    CHECK(many->error().text == "Invalid topics");
    const auto id = parse_web_command(R"({"op":"ping","id":")" + std::string(64, 'x') + "\"}");
    REQUIRE(id.has_value());
    CHECK(id->error().text == "Invalid id");
    CHECK(id->error().id.empty());
    const auto key =
        parse_web_command(R"({"op":"pub","topic":"t","key":")" + std::string(129, 'x') + "\"}");
    REQUIRE(key.has_value());
    CHECK(key->error().text == "String must contain at most 128 character(s)");
}

TEST_CASE("a pattern is a topic with at most a star behind it", "[roblox][web_command]") {
    for (const char* good : {"*", "a", "a*", "a*b", "match.*"}) CHECK(is_valid_pattern(good));
    for (const std::string& bad : {std::string(), std::string("\x01"), std::string("a\n*"),
                                   std::string(129, 'x'), std::string("\xff")}) {
        CHECK_FALSE(is_valid_pattern(bad));
    }
}
