// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "support/hub_fixture.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <pulse/core/error.hpp>
#include <pulse/core/receiver.hpp>
#include <pulse/core/router.hpp>

using namespace pulse;
using namespace pulse::core;
using namespace std::chrono_literals;
using test::HubFixture;

namespace {

std::string text_of(const PublicationPtr& publication) {
    return publication == nullptr ? "(none)" : std::string(protocol::as_text(publication->payload));
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("connections subscribe by name and receive what is published", "[core][router]") {
    HubFixture fixture;
    Router router(fixture.hub);
    auto ann = router.subscribe("ann", "news");
    auto bob = router.subscribe("bob", "news");
    REQUIRE(ann);
    REQUIRE(bob);
    CHECK(router.publish_to("news", protocol::as_bytes("hello")) == Result<std::size_t>(2));
    const PublicationPtr publication = ann->try_receive();
    CHECK(text_of(publication) == "hello");
    CHECK(publication->timestamp_ms == fixture.clock.unix_ms());
    CHECK(bob->try_receive() == publication);
    CHECK(ann->try_receive() == nullptr);
    const auto shared = std::make_shared<const Publication>("news", protocol::as_bytes("x"));
    CHECK(router.publish(shared) == Result<std::size_t>(2));
    CHECK(ann->receive(1s) == shared);
}

TEST_CASE("subscriptions are counted once each", "[core][router]") {
    HubFixture fixture;
    Router router(fixture.hub);
    auto ann = router.subscribe("ann", "news");
    auto bob = router.subscribe("bob", "news");
    auto more = router.subscribe("ann", "other");
    CHECK(router.subscriber_count("news") == 2);
    CHECK(router.subscriber_count("other") == 1);
    CHECK(router.subscriber_count("none") == 0);
    CHECK(router.channel_exists("news"));
    CHECK_FALSE(router.channel_exists("none"));
    Names names = router.channel_names();
    std::sort(names.begin(), names.end());
    CHECK(names == Names{"news", "other"});
    CHECK(router.connection_channels("ann") == Names{"news", "other"});
    CHECK(router.connection_channels("nobody").empty());
    const HubStats stats = router.stats();
    CHECK(stats.channels == 2);
    CHECK(stats.subscriptions == 3);
    CHECK(stats.subscribed_sessions == 2);
}

TEST_CASE("a connection subscribes to a channel once", "[core][router]") {
    HubFixture fixture;
    Router router(fixture.hub);
    const auto ann = router.subscribe("ann", "news");
    REQUIRE(ann);
    CHECK(router.subscribe("ann", "news").error() == Error::already_subscribed);
    CHECK(router.subscriber_count("news") == 1);
}

TEST_CASE("the router refuses in the documented order", "[core][router]") {
    HubFixture fixture({.options = {.max_channels = 1, .max_subscriptions_per_session = 1}});
    Router router(fixture.hub);
    const auto ann = router.subscribe("ann", "a");
    REQUIRE(ann);
    CHECK(router.subscribe("ann", "").error() == Error::invalid_channel);
    CHECK(router.subscribe("ann", "a").error() == Error::too_many_subscriptions);
    CHECK(router.subscribe("ann", "b").error() == Error::too_many_subscriptions);
    CHECK(router.subscribe("bob", "b").error() == Error::too_many_channels);
    CHECK(router.connection_channels("bob").empty());
    CHECK(router.stats().subscribed_sessions == 1);

    HubFixture strict({.options = {.auto_create_channels = false}});
    Router closed(strict.hub);
    CHECK(closed.subscribe("ann", "a").error() == Error::channel_not_found);
}

TEST_CASE("a receiver that is dropped leaves the subscription on the books", "[core][router]") {
    HubFixture fixture;
    Router router(fixture.hub);
    { const auto dropped = router.subscribe("ann", "news"); }
    CHECK(router.channel_exists("news"));
    CHECK(router.subscriber_count("news") == 1);
    CHECK(router.publish_to("news", {}) == Result<std::size_t>(1));
    CHECK(router.subscribe("ann", "news").error() == Error::already_subscribed);
    CHECK_FALSE(router.unsubscribe("ann", "news"));
    CHECK_FALSE(router.channel_exists("news"));
}

TEST_CASE("a receiver that is kept does not keep the subscription", "[core][router]") {
    HubFixture fixture;
    Router router(fixture.hub);
    auto ann = router.subscribe("ann", "news");
    auto bob = router.subscribe("bob", "news");
    (void)router.publish_to("news", protocol::as_bytes("before"));
    CHECK_FALSE(ann->is_ended());
    CHECK_FALSE(router.unsubscribe("ann", "news"));
    CHECK(router.subscriber_count("news") == 1);
    (void)router.publish_to("news", protocol::as_bytes("after"));
    CHECK_FALSE(ann->is_ended());
    CHECK(text_of(ann->try_receive()) == "before");
    CHECK(ann->try_receive() == nullptr);
    CHECK(ann->receive(1h) == nullptr);  // at once: nothing can come any more
    CHECK(ann->is_ended());
    CHECK(text_of(bob->try_receive()) == "before");
    CHECK(text_of(bob->try_receive()) == "after");
    CHECK_FALSE(router.unsubscribe("bob", "news"));
    CHECK_FALSE(router.channel_exists("news"));
}

TEST_CASE("who comes back gets a new receiver", "[core][router]") {
    HubFixture fixture;
    Router router(fixture.hub);
    auto first = router.subscribe("ann", "news");
    REQUIRE_FALSE(router.unsubscribe("ann", "news"));
    auto second = router.subscribe("ann", "news");
    REQUIRE(second);
    (void)router.publish_to("news", protocol::as_bytes("x"));
    CHECK(first->try_receive() == nullptr);
    CHECK(text_of(second->try_receive()) == "x");
}

TEST_CASE("lag is told also when the subscription has ended", "[core][router]") {
    HubFixture fixture({.options = {.receiver_capacity = 64}});
    Router router(fixture.hub);
    auto ann = router.subscribe("ann", "news");
    for (int i = 0; i < 1000; ++i) {
        (void)router.publish_to("news", protocol::as_bytes(std::to_string(i)));
    }
    SECTION("while it lives") {}
    SECTION("after it ended") { REQUIRE_FALSE(router.unsubscribe("ann", "news")); }
    std::uint64_t received = 0;
    std::string last;
    while (const PublicationPtr publication = ann->try_receive()) {
        ++received;
        last = text_of(publication);
    }
    CHECK(last == "999");
    CHECK(received + ann->take_lagged() == 1000);
    CHECK(ann->take_lagged() == 0);
}

TEST_CASE("a connection cannot unsubscribe from what it did not subscribe to", "[core][router]") {
    HubFixture fixture;
    Router router(fixture.hub);
    const auto ann = router.subscribe("ann", "news");
    CHECK(router.unsubscribe("ann", "other") == Error::not_subscribed);
    CHECK(router.unsubscribe("bob", "news") == Error::not_subscribed);
    CHECK_FALSE(router.unsubscribe("ann", "news"));
    CHECK(router.unsubscribe("ann", "news") == Error::not_subscribed);
}

TEST_CASE("unsubscribe_all ends everything of one connection", "[core][router]") {
    HubFixture fixture;
    Router router(fixture.hub);
    const auto a = router.subscribe("ann", "a");
    const auto b = router.subscribe("ann", "b");
    const auto bob = router.subscribe("bob", "b");
    REQUIRE(router.presence_join("ann", "b"));
    router.unsubscribe_all("ann");
    router.unsubscribe_all("ann");
    router.unsubscribe_all("nobody");
    CHECK(router.connection_channels("ann").empty());
    CHECK(router.channel_names() == Names{"b"});
    CHECK(router.presence_snapshot("b").empty());
    CHECK(router.stats().subscribed_sessions == 1);
}

TEST_CASE("presence by name works without a subscription", "[core][router]") {
    HubFixture fixture;
    Router router(fixture.hub);
    CHECK(router.presence_join("ann", "hall").error() == Error::channel_not_found);
    CHECK(router.presence_update("ann", "hall", std::nullopt).error() == Error::channel_not_found);
    CHECK_FALSE(router.presence_leave("ann", "hall"));
    const auto bob = router.subscribe("bob", "hall");
    CHECK(router.presence_update("ann", "hall", std::nullopt).error() == Error::not_a_member);

    CHECK(router.presence_join("ann", "hall", PresenceData{std::byte{1}}) == Result<bool>(true));
    CHECK(router.presence_join("ann", "hall") == Result<bool>(false));
    CHECK(router.presence_join("bob", "hall") == Result<bool>(true));
    const auto members = router.presence_snapshot("hall");
    REQUIRE(members.size() == 2);
    CHECK_FALSE(members[0].data.has_value());
    CHECK(members[0].session != members[1].session);

    fixture.clock.advance(1s);
    const auto updated = router.presence_update("ann", "hall", PresenceData{std::byte{2}});
    REQUIRE(updated);
    CHECK(updated->session == members[0].session);
    CHECK(updated->last_seen_ms == members[0].last_seen_ms + 1000);
    const auto left = router.presence_leave("ann", "hall");
    REQUIRE(left);
    CHECK(*left == *updated);
    CHECK_FALSE(router.presence_leave("ann", "hall"));
    CHECK(router.presence_snapshot("hall").size() == 1);
    CHECK(router.stats().subscribed_sessions == 1);
}

TEST_CASE("who unsubscribes leaves the channel's presence, and sessions are told",
          "[core][router]") {
    HubFixture fixture;
    const test::TextEncoder text;
    test::Peer peer(fixture.lane(), 1, text);
    REQUIRE_FALSE(peer.session.subscribe("hall"));
    Router router(fixture.hub);
    const auto ann = router.subscribe("ann", "hall");
    REQUIRE(router.presence_join("ann", "hall"));
    const std::string id = std::to_string(router.presence_snapshot("hall")[0].session.words[0]);
    REQUIRE_FALSE(router.unsubscribe("ann", "hall"));
    fixture.flush();
    CHECK(peer.outlet.written() == "hall+" + id + ";hall-" + id + ";");
}

TEST_CASE("router and sessions share the hub's channels", "[core][router]") {
    HubFixture fixture;
    const test::TextEncoder text;
    test::Peer peer(fixture.lane(), 1, text);
    REQUIRE_FALSE(peer.session.subscribe("news"));
    Router router(fixture.hub);
    auto ann = router.subscribe("ann", "news");
    CHECK(router.subscriber_count("news") == 2);
    PublicationView publication{"news"};
    publication.payload = protocol::as_bytes("from a session");
    REQUIRE(peer.session.publish(publication));
    CHECK(text_of(ann->try_receive()) == "from a session");
    (void)router.publish_to("news", protocol::as_bytes("from the router"));
    fixture.flush();
    CHECK(peer.outlet.written() == "news=from a session;news=from the router;");
    CHECK(router.stats().subscribed_sessions == 2);
}

TEST_CASE("a router that ends takes its subscriptions along, receivers stay readable",
          "[core][router]") {
    HubFixture fixture;
    std::optional<RouterReceiver> receiver;
    {
        Router router(fixture.hub);
        receiver = std::move(*router.subscribe("ann", "news"));
        REQUIRE(router.presence_join("ann", "news"));
        (void)router.publish_to("news", protocol::as_bytes("x"));
    }
    CHECK(fixture.hub.stats().channels == 0);
    CHECK(text_of(receiver->try_receive()) == "x");
    CHECK(receiver->is_ended());
}

TEST_CASE("unsubscribing ends a wait on another thread", "[core][router]") {
    HubFixture fixture;
    Router router(fixture.hub);
    auto ann = router.subscribe("ann", "news");
    auto waiting = std::async(std::launch::async, [&] { return ann->receive(1h); });
    CHECK(waiting.wait_for(20ms) == std::future_status::timeout);
    REQUIRE_FALSE(router.unsubscribe("ann", "news"));
    REQUIRE(waiting.wait_for(10s) == std::future_status::ready);
    CHECK(waiting.get() == nullptr);
}

TEST_CASE("a receiver that reads without pause does not keep unsubscribe waiting",
          "[core][router]") {
    HubFixture fixture;
    Router router(fixture.hub);
    auto ann = router.subscribe("ann", "news");
    std::atomic<bool> is_reading{false};
    std::thread reader([&] {
        while (!ann->is_ended()) {
            (void)ann->try_receive();
            (void)ann->receive(1ms);
            is_reading = true;
        }
    });
    while (!is_reading) std::this_thread::yield();
    CHECK_FALSE(router.unsubscribe("ann", "news"));
    reader.join();
    CHECK(router.stats().channels == 0);
}

TEST_CASE("threads that use one connection name agree on who subscribed", "[core][router]") {
    HubFixture fixture;
    Router router(fixture.hub);
    constexpr int kThreads = 4;
    constexpr int kRounds = 500;
    std::atomic<int> subscribed{0};
    std::atomic<int> unsubscribed{0};
    std::atomic<int> surprises{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < kRounds; ++i) {
                const std::string channel = "c" + std::to_string(i % 3);
                if ((i + t) % 2 == 0) {
                    const auto receiver = router.subscribe("shared", channel);
                    if (receiver) {
                        ++subscribed;
                    } else if (receiver.error() != Error::already_subscribed) {
                        ++surprises;
                    }
                } else if (const auto error = router.unsubscribe("shared", channel); !error) {
                    ++unsubscribed;
                } else if (error != Error::not_subscribed) {
                    ++surprises;
                }
                (void)router.publish_to(channel, {});
                (void)router.connection_channels("shared");
                if (i % 50 == 0) (void)router.presence_join("shared", channel);
                (void)router.stats();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(surprises == 0);
    const auto left = static_cast<int>(router.connection_channels("shared").size());
    CHECK(subscribed - unsubscribed == left);
    CHECK(router.stats().subscriptions == static_cast<std::size_t>(left));
    router.unsubscribe_all("shared");
    CHECK(router.stats().channels == 0);
    CHECK(router.stats().subscribed_sessions == 0);
}
