// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/history_rules.hpp"

#include "support/catch.hpp"

#include <string>

namespace pulse::server::test {
namespace {

TEST_CASE("a rule is a pattern, a number and a time, read from the end", "[config][history]") {
    const auto rule = parse_history_rule("chat:* 100 5m");
    REQUIRE(rule);
    CHECK(rule->pattern == "chat:*");
    CHECK(rule->policy.size == 100);
    CHECK(rule->policy.ttl == std::chrono::minutes(5));
    const auto spaced = parse_history_rule("  a room  of ours   7 0 ");
    REQUIRE(spaced);
    CHECK(spaced->pattern == "a room  of ours");
    CHECK(spaced->policy.ttl.count() == 0);
    for (const char* wrong : {"", "chat", "chat 5", "100 5m", "chat x 5m", "chat 5 x", "chat 0 5m",
                              "chat 100001 5m", "chat -1 5m", "chat 5 -1s", "chat 5 9000h"}) {
        INFO(wrong);
        CHECK_FALSE(parse_history_rule(wrong));
    }
    CHECK_FALSE(parse_history_rule(std::string(257, 'x') + " 1 1m"));
}

TEST_CASE("a star stands for any text", "[config][history]") {
    CHECK(matches_pattern("chat", "chat"));
    CHECK_FALSE(matches_pattern("chat", "chats"));
    CHECK_FALSE(matches_pattern("chat", "cha"));
    CHECK(matches_pattern("*", ""));
    CHECK(matches_pattern("*", "anything: at all"));
    CHECK(matches_pattern("chat:*", "chat:"));
    CHECK(matches_pattern("chat:*", "chat:lobby"));
    CHECK_FALSE(matches_pattern("chat:*", "chat"));
    CHECK(matches_pattern("*:lobby", "chat:lobby"));
    CHECK_FALSE(matches_pattern("*:lobby", "chat:lobby2"));
    CHECK(matches_pattern("a*b*c", "a-b-b-c-c"));
    CHECK_FALSE(matches_pattern("a*b*c", "a-c-b"));
    CHECK(matches_pattern("**", "x"));
    CHECK_FALSE(matches_pattern("", "x"));
    // A pattern of stars and a name of one letter is where simple matchers take for ever.
    std::string stars;
    for (int i = 0; i < 100; ++i) stars += "*a";
    CHECK_FALSE(matches_pattern(stars + "b", std::string(256, 'a')));
}

TEST_CASE("the first rule that fits counts", "[config][history]") {
    const std::vector<HistoryRule> rules{*parse_history_rule("chat:vip 9 1m"),
                                         *parse_history_rule("chat:* 5 1m")};
    CHECK(find_history_policy(rules, "chat:vip").size == 9);
    CHECK(find_history_policy(rules, "chat:other").size == 5);
    CHECK_FALSE(find_history_policy(rules, "news").is_kept());
    CHECK_FALSE(find_history_policy({}, "news").is_kept());
}

}  // namespace
}  // namespace pulse::server::test
