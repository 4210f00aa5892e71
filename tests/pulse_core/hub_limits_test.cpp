// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a subscribe may be refused for, and in which order it is checked.
#include "support/catch.hpp"
#include "support/hub_fixture.hpp"

#include <string>

#include <pulse/core/error.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/receiver.hpp>

using namespace pulse;
using namespace pulse::core;
using test::HubFixture;
using test::Peer;

namespace {

const test::TextEncoder kText;

}  // namespace

TEST_CASE("names outside the rules are refused", "[core][hub][limits]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    for (const std::string& name :
         {std::string(), std::string(257, 'a'), std::string("$sys"), std::string("a\nb"),
          std::string("caf\xc3\xa9"), std::string("a\0b", 3), std::string("a\x7f")}) {
        CHECK(ann.session.subscribe(name) == Error::invalid_channel);
        CHECK(fixture.hub.subscribe(name).error() == Error::invalid_channel);
        CHECK(fixture.hub.create_channel(name) == Error::invalid_channel);
    }
    CHECK(fixture.hub.stats().channels == 0);
    CHECK_FALSE(ann.session.subscribe(std::string(256, '~')));
    CHECK_FALSE(ann.session.subscribe(" a:b c$ "));
}

TEST_CASE("a session has as many subscriptions as it may", "[core][hub][limits]") {
    HubFixture fixture({.options = {.max_subscriptions_per_session = 2}});
    Peer ann(fixture.lane(), 1, kText);
    Peer bob(fixture.lane(), 2, kText);
    CHECK_FALSE(ann.session.subscribe("a"));
    CHECK_FALSE(ann.session.subscribe("b"));
    CHECK(ann.session.subscribe("c") == Error::too_many_subscriptions);
    CHECK_FALSE(bob.session.subscribe("c"));
    CHECK_FALSE(ann.session.unsubscribe("a"));
    CHECK_FALSE(ann.session.subscribe("c"));
    SECTION("until the limit is changed, which holds at once") {
        fixture.hub.set_max_subscriptions_per_session(3);
        CHECK_FALSE(ann.session.subscribe("d"));
        fixture.hub.set_max_subscriptions_per_session(1);
        CHECK(ann.session.subscription_count() == 3);
        CHECK(ann.session.subscribe("e") == Error::too_many_subscriptions);
        fixture.hub.set_max_subscriptions_per_session(0);
        for (int i = 0; i < 200; ++i) CHECK_FALSE(ann.session.subscribe(std::to_string(i)));
    }
}

TEST_CASE("a channel is subscribed to once per session", "[core][hub][limits]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    CHECK_FALSE(ann.session.subscribe("news"));
    CHECK(ann.session.subscribe("news") == Error::already_subscribed);
    CHECK(fixture.hub.subscriber_count("news") == 1);
    (void)fixture.publish("news", "x");
    fixture.flush();
    CHECK(ann.outlet.written() == "news=x;");
}

TEST_CASE("there are as many channels as there may be", "[core][hub][limits]") {
    HubFixture fixture({.options = {.max_channels = 2}});
    Peer ann(fixture.lane(), 1, kText);
    Peer bob(fixture.lane(), 2, kText);
    CHECK_FALSE(ann.session.subscribe("a"));
    CHECK_FALSE(ann.session.subscribe("b"));
    CHECK(ann.session.subscribe("c") == Error::too_many_channels);
    CHECK(fixture.hub.subscribe("c").error() == Error::too_many_channels);
    CHECK(fixture.hub.create_channel("c") == Error::too_many_channels);
    CHECK_FALSE(bob.session.subscribe("a"));  // it is there already
    CHECK(ann.session.subscription_count() == 2);
    CHECK(fixture.hub.stats().channels == 2);

    CHECK_FALSE(ann.session.unsubscribe("b"));
    CHECK_FALSE(bob.session.subscribe("c"));
    fixture.hub.set_max_channels(3);
    CHECK_FALSE(bob.session.subscribe("d"));
    CHECK(bob.session.subscribe("e") == Error::too_many_channels);
    fixture.hub.set_max_channels(0);
    CHECK_FALSE(bob.session.subscribe("e"));
}

TEST_CASE("refusals are checked in the documented order", "[core][hub][limits]") {
    HubFixture fixture({.options = {.max_channels = 1, .max_subscriptions_per_session = 1}});
    Peer ann(fixture.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("a"));
    // Everything is wrong; then one thing less each time.
    CHECK(ann.session.subscribe("") == Error::invalid_channel);
    CHECK(ann.session.subscribe("a") == Error::too_many_subscriptions);
    fixture.hub.set_max_subscriptions_per_session(2);
    CHECK(ann.session.subscribe("a") == Error::already_subscribed);
    CHECK(ann.session.subscribe("b") == Error::too_many_channels);
}

TEST_CASE("without creation on demand a missing channel comes before too many channels",
          "[core][hub][limits]") {
    HubFixture fixture({.options = {.max_channels = 1, .auto_create_channels = false}});
    Peer ann(fixture.lane(), 1, kText);
    CHECK(ann.session.subscribe("a") == Error::channel_not_found);
    CHECK(fixture.hub.subscribe("a").error() == Error::channel_not_found);
    REQUIRE_FALSE(fixture.hub.create_channel("a"));
    CHECK_FALSE(ann.session.subscribe("a"));
    CHECK(ann.session.subscribe("b") == Error::channel_not_found);
    CHECK(fixture.hub.create_channel("b") == Error::too_many_channels);
}

TEST_CASE("a channel that was created stays when its last subscriber leaves",
          "[core][hub][limits]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    REQUIRE_FALSE(fixture.hub.create_channel("made"));
    REQUIRE_FALSE(fixture.hub.create_channel("made"));  // again is fine
    CHECK(fixture.hub.channel_exists("made"));
    REQUIRE_FALSE(ann.session.subscribe("made"));
    REQUIRE_FALSE(ann.session.subscribe("passing"));
    REQUIRE_FALSE(fixture.hub.create_channel("passing"));  // and makes a passing one stay
    REQUIRE_FALSE(ann.session.subscribe("gone"));
    ann.session.unsubscribe_all();
    CHECK(fixture.hub.channel_exists("made"));
    CHECK(fixture.hub.channel_exists("passing"));
    CHECK_FALSE(fixture.hub.channel_exists("gone"));
    CHECK(fixture.publish("made", "x") == Result<std::size_t>(0));
}

TEST_CASE("without deletion every channel stays", "[core][hub][limits]") {
    HubFixture fixture({.options = {.max_channels = 1, .auto_delete_empty_channels = false}});
    Peer ann(fixture.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("a"));
    REQUIRE_FALSE(ann.session.unsubscribe("a"));
    CHECK(fixture.hub.channel_exists("a"));
    CHECK(fixture.hub.subscriber_count("a") == 0);
    CHECK(ann.session.subscribe("b") == Error::too_many_channels);
    REQUIRE_FALSE(ann.session.subscribe("a"));
    (void)fixture.publish("a", "x");
    fixture.flush();
    CHECK(ann.outlet.written() == "a=x;");
}

TEST_CASE("a refused subscribe changes nothing", "[core][hub][limits]") {
    HubFixture fixture({.options = {.max_channels = 1}});
    Peer ann(fixture.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("a"));
    const HubStats before = fixture.hub.stats();
    for (const char* name : {"", "a", "b"}) CHECK(ann.session.subscribe(name));
    const HubStats after = fixture.hub.stats();
    CHECK(after.channels == before.channels);
    CHECK(after.subscriptions == before.subscriptions);
    CHECK(after.subscribes_total == before.subscribes_total);
    CHECK(ann.session.channels() == std::vector<std::string>{"a"});
}

TEST_CASE("a publication without memory reaches nobody and says so", "[core][hub][limits]") {
    HubFixture fixture({.memory_limit = 16 * 1024});
    Peer ann(fixture.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    (void)fixture.publish("news", "a");
    const auto lost = fixture.publish("news", std::string(100'000, 'x'));
    REQUIRE_FALSE(lost);
    CHECK(lost.error() == Error::memory_exhausted);
    (void)fixture.publish("news", "b");
    fixture.flush();
    CHECK(ann.outlet.written() == "news=a;news=b;");
}
