// SPDX-License-Identifier: MIT OR Apache-2.0
#include "poll.hpp"

#include "support/catch.hpp"
#include "wing.hpp"

#include <map>
#include <random>
#include <set>
#include <string>

using namespace pulse::rooms;

namespace {

std::string stats(const Poll& poll) {
    std::string out;
    poll.append_stats(out);
    return out;
}

MemberPtr make_member() {
    return std::make_shared<Member>(0, "s", false, std::make_shared<const std::string>("{}"));
}

}  // namespace

TEST_CASE("a voter has one vote in a poll", "[rooms][poll]") {
    Poll poll("p", 1, nullptr);
    CHECK_FALSE(poll.vote(1, "x"));
    CHECK(poll.vote(1, "y") == "x");
    CHECK(stats(poll) == R"({"y":1})");
    (void)poll.vote(2, "y");
    CHECK(poll.vote(2, "y") == "y");
    CHECK(stats(poll) == R"({"y":2})");
    CHECK(poll.vote(2, std::nullopt) == "y");
    CHECK_FALSE(poll.vote(3, std::nullopt));
    CHECK(stats(poll) == R"({"y":1})");
    (void)poll.vote(1, std::nullopt);
    CHECK(stats(poll) == "{}");
    CHECK(poll.votes() == 0);
}

TEST_CASE("answers stand in the order of an ECMAScript object's keys", "[rooms][poll]") {
    Poll poll("p", 1, nullptr);
    std::uint64_t voter = 0;
    for (const char* const answer : {"b", "10", "a", "2", "02", "a\"\n"}) {
        (void)poll.vote(++voter, answer);
    }
    CHECK(stats(poll) == R"({"2":1,"10":1,"b":1,"a":1,"02":1,"a\"\n":1})");
    // One that lost its last vote comes back at the end.
    (void)poll.vote(1, std::nullopt);
    (void)poll.vote(1, "b");
    CHECK(stats(poll) == R"({"2":1,"10":1,"a":1,"02":1,"a\"\n":1,"b":1})");
}

TEST_CASE("counts are those of a recount after any votes", "[rooms][poll]") {
    std::mt19937 random(5);
    Poll poll("p", 1, nullptr);
    std::map<std::uint64_t, std::string> model;
    for (int i = 0; i < 20'000; ++i) {
        const std::uint64_t voter = random() % 50;
        if (random() % 4 == 0) {
            (void)poll.vote(voter, std::nullopt);
            model.erase(voter);
        } else {
            const std::string answer = std::to_string(random() % 7);
            (void)poll.vote(voter, answer);
            model[voter] = answer;
        }
    }
    std::map<std::string, int> counts;
    for (const auto& [voter, answer] : model) ++counts[answer];
    std::string expected = "{";
    for (const auto& [answer, count] : counts) {
        if (expected.size() > 1) expected += ',';
        expected += "\"" + answer + "\":" + std::to_string(count);
    }
    CHECK(stats(poll) == expected + "}");
}

TEST_CASE("subscriptions are what a simple model says, whatever is done", "[rooms][wing]") {
    std::mt19937 random(9);
    Audience audience;
    Wing wing{audience};
    std::vector<MemberPtr> members;
    std::map<Member*, std::set<std::pair<std::string, std::string>>> model;
    const std::vector<std::string> events{"poll", "chat", "x"};
    const std::vector<std::string> ids{"", "1", "2", "a:b"};
    for (int i = 0; i < 20; ++i) {
        members.push_back(make_member());
        wing.add(*members.back());
        model[members.back().get()];
    }
    for (int i = 0; i < 20'000; ++i) {
        Member& member = *members[random() % members.size()];
        const Topic topic{events[random() % events.size()], ids[random() % ids.size()]};
        switch (random() % 8) {
            case 0:
                wing.remove(member);
                wing.add(member);
                model[&member].clear();
                break;
            case 1:
            case 2:
                wing.unsubscribe(member, topic);
                std::erase_if(model[&member], [&](const auto& each) {
                    return each.first == topic.event &&
                           (topic.is_wildcard() || each.second == topic.id);
                });
                break;
            case 3:
                wing.unsubscribe_one(member, topic);
                model[&member].erase({topic.event, topic.id});
                break;
            default:
                CHECK(wing.subscribe(member, topic) ==
                      model[&member].insert({topic.event, topic.id}).second);
                break;
        }
        std::vector<Member*> found;
        wing.find(topic, found);
        std::multiset<Member*> got(found.begin(), found.end());
        std::multiset<Member*> expected;
        for (const auto& [each, topics] : model) {
            const bool is_listening =
                topics.contains({topic.event, ""}) || topics.contains({topic.event, topic.id});
            if (is_listening) expected.insert(each);
        }
        REQUIRE(got == expected);
    }
    for (const MemberPtr& member : members) wing.remove(*member);
    CHECK(wing.members().empty());
}

TEST_CASE("a subscription's text is split at its first colon", "[rooms][topic]") {
    CHECK_FALSE(parse_topic(""));
    CHECK_FALSE(parse_topic(":x"));
    CHECK(parse_topic("poll")->is_wildcard());
    CHECK(parse_topic("poll:")->is_wildcard());
    CHECK(parse_topic("poll:all")->is_wildcard());
    CHECK(parse_topic("poll:a:b")->id == "a:b");
    CHECK(parse_topic("poll:a:b")->event == "poll");
}

TEST_CASE("a poll that is given up forgets its voters in parts", "[rooms][poll]") {
    Poll poll("p", 1, nullptr);
    for (std::uint64_t voter = 1; voter <= 10; ++voter) poll.vote(voter, "yes");
    CHECK(poll.free_votes(4) == 4);
    CHECK(poll.votes() == 6);
    CHECK(poll.free_votes(100) == 6);
    CHECK(poll.votes() == 0);
    CHECK(poll.free_votes(1) == 0);
}
