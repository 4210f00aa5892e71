// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "support/hub_fixture.hpp"

#include <algorithm>
#include <random>
#include <set>
#include <string>

#include <pulse/core/error.hpp>
#include <pulse/core/receiver.hpp>
#include <pulse/core/session.hpp>

using namespace pulse;
using namespace pulse::core;
using test::HubFixture;
using test::Peer;

namespace {

const test::TextEncoder kText;

}  // namespace

TEST_CASE("a session knows what it is subscribed to", "[core][session]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    CHECK(ann.session.id() == SessionId{{1, 0}});
    CHECK(ann.session.channels().empty());
    REQUIRE_FALSE(ann.session.subscribe("a"));
    REQUIRE_FALSE(ann.session.subscribe("b"));
    CHECK(ann.session.is_subscribed("a"));
    CHECK_FALSE(ann.session.is_subscribed("c"));
    CHECK_FALSE(ann.session.is_subscribed(""));
    CHECK(ann.session.subscription_count() == 2);
    REQUIRE_FALSE(ann.session.unsubscribe("a"));
    CHECK_FALSE(ann.session.is_subscribed("a"));
    CHECK(ann.session.channels() == std::vector<std::string>{"b"});
}

TEST_CASE("unsubscribing from what is not subscribed is an error", "[core][session]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    Peer bob(fixture.lane(), 2, kText);
    REQUIRE_FALSE(bob.session.subscribe("news"));
    CHECK(ann.session.unsubscribe("news") == Error::not_subscribed);
    CHECK(ann.session.unsubscribe("") == Error::not_subscribed);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    REQUIRE_FALSE(ann.session.unsubscribe("news"));
    CHECK(ann.session.unsubscribe("news") == Error::not_subscribed);
    CHECK(fixture.hub.subscriber_count("news") == 1);
}

TEST_CASE("unsubscribing from everything is fine at any time", "[core][session]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    ann.session.unsubscribe_all();
    for (int i = 0; i < 50; ++i) REQUIRE_FALSE(ann.session.subscribe(std::to_string(i)));
    ann.session.unsubscribe_all();
    ann.session.unsubscribe_all();
    CHECK(ann.session.subscription_count() == 0);
    CHECK(fixture.hub.stats().channels == 0);
    REQUIRE_FALSE(ann.session.subscribe("again"));
}

TEST_CASE("a session publishes under its own id", "[core][session]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    auto receiver = fixture.hub.subscribe("news");
    REQUIRE(receiver);
    PublicationView publication{"news"};
    publication.source = SessionId{{99, 99}};  // somebody else's
    REQUIRE(ann.session.publish(publication));
    const PublicationPtr* received = receiver->try_receive();
    REQUIRE(received != nullptr);
    CHECK((*received)->source == ann.session.id());
}

// Sessions and channels point into one another's lists by index, and lists are kept dense by moving
// the last entry: whatever is removed in whatever order, the indices must stay right.
TEST_CASE("any order of subscribing and unsubscribing keeps the books right", "[core][session]") {
    const auto seed = GENERATE(as<std::uint64_t>(), 1, 2, 3, 4, 5);
    CAPTURE(seed);
    HubFixture fixture({.lanes = 2});
    std::mt19937_64 random(seed);
    constexpr std::size_t kPeers = 12;
    constexpr std::size_t kChannels = 9;
    std::vector<std::unique_ptr<Peer>> peers;
    for (std::uint64_t i = 0; i < kPeers; ++i) {
        peers.push_back(std::make_unique<Peer>(fixture.lane(i % 2), i, kText));
    }
    std::vector<std::set<std::string>> model(kPeers);
    for (int step = 0; step < 4000; ++step) {
        const std::size_t who = random() % kPeers;
        const std::string channel(1, static_cast<char>('a' + random() % kChannels));
        if (random() % 200 == 0) {
            peers[who] = std::make_unique<Peer>(fixture.lane(who % 2), who, kText);
            model[who].clear();
        } else if (random() % 2 == 0) {
            const auto error = peers[who]->session.subscribe(channel);
            CHECK(error == (model[who].insert(channel).second
                                ? std::error_code()
                                : make_error_code(Error::already_subscribed)));
        } else {
            const auto error = peers[who]->session.unsubscribe(channel);
            CHECK(error == (model[who].erase(channel) == 1
                                ? std::error_code()
                                : make_error_code(Error::not_subscribed)));
        }
    }
    fixture.flush();
    for (const auto& peer : peers) (void)peer->outlet.take();
    for (char c = 'a'; c < static_cast<char>('a' + kChannels); ++c) {
        const std::string channel(1, c);
        (void)fixture.publish(channel, "x");
        CHECK(fixture.hub.subscriber_count(channel) ==
              static_cast<std::size_t>(
                  std::count_if(model.begin(), model.end(),
                                [&](const auto& channels) { return channels.contains(channel); })));
    }
    fixture.flush();
    for (std::size_t i = 0; i < kPeers; ++i) {
        const auto channels = peers[i]->session.channels();
        CHECK(std::set<std::string>(channels.begin(), channels.end()) == model[i]);
        std::multiset<std::string> expected;
        for (const std::string& channel : model[i]) expected.insert(channel + "=x;");
        std::multiset<std::string> heard;
        const std::string& written = peers[i]->outlet.written();
        for (std::size_t at = 0; at < written.size(); at += 4) heard.insert(written.substr(at, 4));
        CHECK(heard == expected);
    }
}
