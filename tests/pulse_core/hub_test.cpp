// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who hears what, in which order, from when until when.
#include "support/catch.hpp"
#include "support/hub_fixture.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <pulse/core/hub.hpp>
#include <pulse/core/receiver.hpp>

using namespace pulse;
using namespace pulse::core;
using test::HubFixture;
using test::Peer;

namespace {

const test::TextEncoder kText;

/// Counts how often it encodes, to see what is shared.
class CountingEncoder final : public Encoder {
  public:
    using Encoder::encode;
    bool encode(const PublicationView& publication, MessageWriter& out) const override {
        ++count;
        return kText.encode(publication, out);
    }
    mutable int count = 0;
};

/// Understands nothing.
class MuteEncoder final : public Encoder {
  public:
    using Encoder::encode;
    bool encode(const PublicationView&, MessageWriter&) const override { return false; }
};

}  // namespace

TEST_CASE("a publication reaches every subscriber of its channel and no one else", "[core][hub]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    Peer bob(fixture.lane(), 2, kText);
    Peer eve(fixture.lane(), 3, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    REQUIRE_FALSE(bob.session.subscribe("news"));
    REQUIRE_FALSE(eve.session.subscribe("other"));
    const auto reached = fixture.publish("news", "hello");
    REQUIRE(reached);
    CHECK(*reached == 2);
    fixture.flush();
    CHECK(ann.outlet.written() == "news=hello;");
    CHECK(bob.outlet.written() == "news=hello;");
    CHECK(eve.outlet.written().empty());
}

TEST_CASE("a subscribed publisher hears itself", "[core][hub]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    PublicationView publication{"news"};
    publication.event = "greeting";
    publication.payload = protocol::as_bytes("hello");
    CHECK(ann.session.publish(publication) == Result<std::size_t>(1));
    fixture.flush();
    CHECK(ann.outlet.written() == "news[greeting]=hello;");
}

TEST_CASE("publishing needs no subscription, checks no name and creates no channel",
          "[core][hub]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    PublicationView publication{"nobody's"};
    CHECK(ann.session.publish(publication) == Result<std::size_t>(0));
    CHECK(fixture.publish("", "x") == Result<std::size_t>(0));
    CHECK(fixture.publish("$reserved", "x") == Result<std::size_t>(0));
    CHECK(fixture.publish(std::string(1000, 'x'), "x") == Result<std::size_t>(0));
    CHECK(fixture.hub.stats().channels == 0);
    CHECK(fixture.hub.stats().publications_total == 4);
}

TEST_CASE("publications arrive in the order of publishing", "[core][hub]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    std::string expected;
    for (int i = 0; i < 1000; ++i) {
        const std::string payload = std::to_string(i);
        (void)fixture.publish("news", payload, i % 2 == 0 ? &fixture.lane() : nullptr);
        expected += "news=" + payload + ";";
        if (i % 37 == 0) fixture.flush();
    }
    fixture.flush();
    CHECK((ann.outlet.written() == expected));
}

TEST_CASE("publications of any size arrive whole and in order", "[core][hub]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    std::string expected;
    for (const std::size_t size :
         {0u, 1u, 4000u, 4096u, 5000u, 70'000u, 3u, 300'000u, 2'000'000u, 10u}) {
        const std::string payload(size, static_cast<char>('a' + size % 26));
        (void)fixture.publish("news", payload);
        expected += "news=" + payload + ";";
    }
    fixture.flush();
    CHECK((ann.outlet.written() == expected));
}

TEST_CASE("a newcomer hears nothing from before, those already there hear it",
          "[core][hub][membership]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    Peer bob(fixture.lane(), 2, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    (void)fixture.publish("news", "before");
    REQUIRE_FALSE(bob.session.subscribe("news"));
    (void)fixture.publish("news", "after");
    fixture.flush();
    CHECK(ann.outlet.written() == "news=before;news=after;");
    CHECK(bob.outlet.written() == "news=after;");
}

TEST_CASE("who leaves hears everything from before and nothing from after",
          "[core][hub][membership]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    Peer bob(fixture.lane(), 2, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    REQUIRE_FALSE(bob.session.subscribe("news"));
    (void)fixture.publish("news", "before");
    REQUIRE_FALSE(ann.session.unsubscribe("news"));
    (void)fixture.publish("news", "after");
    fixture.flush();
    CHECK(ann.outlet.written() == "news=before;");
    CHECK(bob.outlet.written() == "news=before;news=after;");
}

TEST_CASE("the last subscriber that leaves still hears what was published before",
          "[core][hub][membership]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    (void)fixture.publish("news", "before");
    REQUIRE_FALSE(ann.session.unsubscribe("news"));
    CHECK_FALSE(fixture.hub.channel_exists("news"));
    CHECK(fixture.publish("news", "after") == Result<std::size_t>(0));
    REQUIRE_FALSE(ann.session.subscribe("news"));
    (void)fixture.publish("news", "again");
    fixture.flush();
    CHECK(ann.outlet.written() == "news=before;news=again;");
}

TEST_CASE("changes of membership between publications are exact on every lane",
          "[core][hub][membership]") {
    HubFixture fixture({.lanes = 3});
    std::vector<std::unique_ptr<Peer>> peers;
    for (std::uint64_t i = 0; i < 9; ++i) {
        peers.push_back(std::make_unique<Peer>(fixture.lane(i % 3), i, kText));
    }
    std::vector<std::string> expected(peers.size());
    std::vector<bool> is_in(peers.size(), false);
    std::uint64_t state = 12345;
    for (int step = 0; step < 3000; ++step) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        const std::size_t who = (state >> 33) % peers.size();
        if ((state >> 60) < 6) {
            const std::string payload = std::to_string(step);
            (void)fixture.publish("news", payload);
            for (std::size_t i = 0; i < peers.size(); ++i) {
                if (is_in[i]) expected[i] += "news=" + payload + ";";
            }
        } else if ((state >> 60) < 15) {
            if (is_in[who]) {
                REQUIRE_FALSE(peers[who]->session.unsubscribe("news"));
            } else {
                REQUIRE_FALSE(peers[who]->session.subscribe("news"));
            }
            is_in[who] = !is_in[who];
        } else {
            fixture.lane(who % 3).flush();
        }
    }
    fixture.flush();
    for (std::size_t i = 0; i < peers.size(); ++i) {
        CHECK((peers[i]->outlet.written() == expected[i]));
    }
}

TEST_CASE("a session that ends leaves everything", "[core][hub][membership]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    {
        Peer bob(fixture.lane(), 2, kText);
        for (const char* channel : {"a", "b", "news", "c"}) {
            REQUIRE_FALSE(bob.session.subscribe(channel));
        }
        (void)fixture.publish("news", "1");
        CHECK(fixture.hub.stats().subscriptions == 5);
    }
    CHECK(fixture.hub.stats().subscriptions == 1);
    CHECK(fixture.hub.stats().channels == 1);
    CHECK(fixture.publish("news", "2") == Result<std::size_t>(1));
    fixture.flush();
    CHECK(ann.outlet.written() == "news=1;news=2;");
}

TEST_CASE("each wire form of a channel is encoded once for all its subscribers",
          "[core][hub][encoding]") {
    HubFixture fixture({.lanes = 2});
    const CountingEncoder first;
    const test::TextEncoder second("2:");
    const test::TextFraming framing;
    std::vector<std::unique_ptr<Peer>> plain;
    for (std::uint64_t i = 0; i < 10; ++i) {
        plain.push_back(std::make_unique<Peer>(fixture.lane(i % 2), i, first));
        REQUIRE_FALSE(plain.back()->session.subscribe("news"));
    }
    Peer framed(fixture.lane(0), 20, first, framing);
    Peer other(fixture.lane(1), 21, second);
    REQUIRE_FALSE(framed.session.subscribe("news"));
    REQUIRE_FALSE(other.session.subscribe("news"));

    CHECK(fixture.publish("news", "x") == Result<std::size_t>(12));
    CHECK(first.count == 2);  // with and without framing
    fixture.flush();
    for (const auto& peer : plain) CHECK(peer->outlet.written() == "news=x;");
    CHECK(framed.outlet.written() == "b7:news=x;|");
    CHECK(other.outlet.written() == "2:news=x;");

    SECTION("and not at all when nobody is left who understands it") {
        REQUIRE_FALSE(framed.session.unsubscribe("news"));
        plain.clear();
        CHECK(fixture.publish("news", "y") == Result<std::size_t>(1));
        CHECK(first.count == 2);
        fixture.flush();
        CHECK(other.outlet.written() == "2:news=x;2:news=y;");
    }
}

TEST_CASE("subscribers whose dialect cannot say it hear nothing, the others do",
          "[core][hub][encoding]") {
    HubFixture fixture;
    const MuteEncoder mute;
    Peer ann(fixture.lane(), 1, kText);
    Peer bob(fixture.lane(), 2, mute);
    REQUIRE_FALSE(bob.session.subscribe("news"));
    REQUIRE_FALSE(ann.session.subscribe("news"));
    (void)fixture.publish("news", "x");
    fixture.flush();
    CHECK(ann.outlet.written() == "news=x;");
    CHECK(bob.outlet.written().empty());
}

TEST_CASE("an outlet may hold one session after another", "[core][hub]") {
    HubFixture fixture;
    test::RecordingOutlet outlet(fixture.lane());
    for (int i = 0; i < 3; ++i) {
        Session session(fixture.hub, outlet, kText, SessionId{{static_cast<std::uint64_t>(i), 0}});
        REQUIRE_FALSE(session.subscribe("news"));
        (void)fixture.publish("news", std::to_string(i));
    }
    fixture.flush();
    CHECK(outlet.written() == "news=0;news=1;news=2;");
}

TEST_CASE("the hub's figures follow what happens", "[core][hub][stats]") {
    HubFixture fixture({.lanes = 2});
    Peer ann(fixture.lane(0), 1, kText);
    Peer bob(fixture.lane(1), 2, kText);
    CHECK(fixture.hub.stats().subscribed_sessions == 0);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    REQUIRE_FALSE(ann.session.subscribe("other"));
    REQUIRE_FALSE(bob.session.subscribe("news"));
    auto receiver = fixture.hub.subscribe("news");
    REQUIRE(receiver);
    (void)fixture.publish("news", "12345");
    (void)fixture.publish("void", "123");

    const HubStats stats = fixture.hub.stats();
    CHECK(stats.channels == 2);
    CHECK(stats.subscribed_sessions == 2);
    CHECK(stats.subscriptions == 4);
    CHECK(stats.subscribes_total == 4);
    CHECK(stats.publications_total == 2);
    CHECK(stats.publication_bytes_total == 8);
    CHECK(fixture.hub.subscriber_count("news") == 3);
    CHECK(fixture.hub.subscriber_count("other") == 1);
    CHECK(fixture.hub.subscriber_count("void") == 0);

    ann.session.unsubscribe_all();
    CHECK(fixture.hub.stats().subscribed_sessions == 1);
    CHECK(fixture.hub.stats().subscriptions == 2);
    CHECK(fixture.hub.stats().subscribes_total == 4);
    CHECK_FALSE(fixture.hub.channel_exists("other"));
}

TEST_CASE("channel names are listed up to a limit", "[core][hub]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    std::set<std::string> expected;
    for (int i = 0; i < 50; ++i) {
        const std::string name = "channel " + std::to_string(i);
        REQUIRE_FALSE(ann.session.subscribe(name));
        expected.insert(name);
    }
    const auto names = fixture.hub.channel_names();
    CHECK(std::set<std::string>(names.begin(), names.end()) == expected);
    CHECK(names.size() == 50);
    CHECK(fixture.hub.channel_names(7).size() == 7);
    CHECK(fixture.hub.channel_names(0).empty());
}

TEST_CASE("what nobody waits for any more is freed", "[core][hub][memory]") {
    HubFixture fixture({.lanes = 2});
    {
        Peer ann(fixture.lane(0), 1, kText);
        Peer bob(fixture.lane(1), 2, kText);
        REQUIRE_FALSE(ann.session.subscribe("news"));
        REQUIRE_FALSE(bob.session.subscribe("news"));
        for (int i = 0; i < 100; ++i) (void)fixture.publish("news", std::string(5000, 'x'));
        fixture.flush();
        fixture.lane(0).pool().clear();
        fixture.lane(1).pool().clear();
        // An idle channel with subscribers holds no buffer.
        CHECK(fixture.budget.used() == 0);
        (void)fixture.publish("news", "pending");
    }
    fixture.flush();
    fixture.lane(0).pool().clear();
    fixture.lane(1).pool().clear();
    CHECK(fixture.budget.used() == 0);
}

TEST_CASE("a lane that lags behind holds its own publications, not those of others",
          "[core][hub][memory]") {
    HubFixture fixture({.lanes = 2});
    Peer fast(fixture.lane(0), 1, kText);
    Peer stuck(fixture.lane(1), 2, kText);
    REQUIRE_FALSE(fast.session.subscribe("busy"));
    REQUIRE_FALSE(stuck.session.subscribe("quiet"));
    (void)fixture.publish("quiet", "one");
    std::size_t heard = 0;
    for (int i = 0; i < 1000; ++i) {
        (void)fixture.publish("busy", std::string(5000, 'x'));
        fixture.lane(0).flush();
        heard += fast.outlet.take().size();
    }
    CHECK(heard == 1000 * 5006);
    fixture.lane(0).pool().clear();
    CHECK(fixture.budget.used() < 64 * 1024);
    fixture.lane(1).flush();
    CHECK(stuck.outlet.written() == "quiet=one;");
}
