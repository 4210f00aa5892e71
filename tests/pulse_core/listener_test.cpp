// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "support/hub_fixture.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pulse/core/error.hpp>
#include <pulse/core/receiver.hpp>

using namespace pulse;
using namespace pulse::core;
using test::HubFixture;

namespace {

std::string line(const PublicationView& view) {
    std::string text(view.channel);
    if (view.event) text.append("[").append(*view.event).append("]");
    return text.append("=").append(protocol::as_text(view.payload));
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a listener is called for each publication at the end of the turn", "[core][listener]") {
    HubFixture fixture;
    Lines heard;
    Listener listener(fixture.lane(), SessionId{{1, 0}},
                      [&](const PublicationView& view) { heard.push_back(line(view)); });
    REQUIRE_FALSE(listener.subscribe("news"));
    REQUIRE_FALSE(listener.subscribe("other"));
    CHECK(listener.subscribe("news") == Error::already_subscribed);
    (void)fixture.publish("news", "a");
    (void)fixture.publish("news", "b");
    CHECK(heard.empty());
    fixture.flush();
    CHECK(heard == Lines{"news=a", "news=b"});
    heard.clear();
    (void)fixture.publish("other", "c");
    fixture.flush();
    CHECK(heard == Lines{"other=c"});
    REQUIRE_FALSE(listener.unsubscribe("other"));
    (void)fixture.publish("other", "d");
    fixture.flush();
    CHECK(heard == Lines{"other=c"});
}

TEST_CASE("a listener gets a publication with all its parts", "[core][listener]") {
    HubFixture fixture;
    std::vector<Publication> heard;
    Listener listener(fixture.lane(), SessionId{{1, 0}},
                      [&](const PublicationView& view) { heard.emplace_back(view); });
    REQUIRE_FALSE(listener.subscribe("news"));
    const std::string bytes("\0\x01\xff", 3);
    PublicationView full{"news"};
    full.event = "event";
    full.payload = protocol::as_bytes(bytes);
    full.source = SessionId{{5, 6}};
    full.timestamp_ms = 1234;
    REQUIRE(fixture.hub.publish(full));
    REQUIRE(fixture.hub.publish(PublicationView{"news"}));
    PublicationView empty_event{"news"};
    empty_event.event = "";
    REQUIRE(fixture.hub.publish(empty_event));
    fixture.flush();
    REQUIRE(heard.size() == 3);
    CHECK(heard[0].channel == "news");
    CHECK(heard[0].event == "event");
    CHECK(protocol::as_text(heard[0].payload) == bytes);
    CHECK(heard[0].source == SessionId{{5, 6}});
    CHECK(heard[0].timestamp_ms == 1234);
    CHECK_FALSE(heard[1].event);
    CHECK_FALSE(heard[1].source);
    CHECK(heard[1].payload.empty());
    CHECK(heard[2].event == "");
}

TEST_CASE("a listener gets publications of every size", "[core][listener]") {
    HubFixture fixture;
    std::vector<std::size_t> sizes;
    Listener listener(fixture.lane(), SessionId{{1, 0}}, [&](const PublicationView& view) {
        const bool is_right = std::all_of(view.payload.begin(), view.payload.end(),
                                          [](std::byte b) { return b == std::byte{'x'}; });
        sizes.push_back(is_right ? view.payload.size() : 0);
    });
    REQUIRE_FALSE(listener.subscribe("news"));
    std::vector<std::size_t> expected;
    for (std::size_t size = 1; size < 3'000'000; size = size * 3 + 1) {
        (void)fixture.publish("news", std::string(size, 'x'));
        expected.push_back(size);
    }
    fixture.flush();
    CHECK(sizes == expected);
}

TEST_CASE("a listener may publish, and hears itself in the next turn", "[core][listener]") {
    HubFixture fixture;
    Lines heard;
    Listener listener(fixture.lane(), SessionId{{1, 0}}, [&](const PublicationView& view) {
        heard.push_back(line(view));
        if (heard.size() < 5) {
            (void)fixture.publish("news", std::to_string(heard.size()), &fixture.lane());
        }
    });
    REQUIRE_FALSE(listener.subscribe("news"));
    (void)fixture.publish("news", "0");
    for (int turn = 0; turn < 10 && fixture.lane().has_work(); ++turn) {
        const std::uint64_t wakes = fixture.host().wakes();
        fixture.flush();
        // What it published in the turn's last act must not be left lying.
        if (fixture.lane().has_work()) CHECK(fixture.host().wakes() > wakes);
    }
    CHECK(heard == Lines{"news=0", "news=1", "news=2", "news=3", "news=4"});
}

TEST_CASE("a listener may subscribe and unsubscribe while it is called", "[core][listener]") {
    HubFixture fixture;
    Lines heard;
    std::optional<Listener> listener;
    listener.emplace(fixture.lane(), SessionId{{1, 0}}, [&](const PublicationView& view) {
        heard.push_back(line(view));
        const auto text = protocol::as_text(view.payload);
        if (text == "join") {
            CHECK_FALSE(listener->subscribe("other"));
            (void)fixture.publish("other", "welcome", &fixture.lane());
        }
        if (text == "leave") CHECK_FALSE(listener->unsubscribe("news"));
    });
    REQUIRE_FALSE(listener->subscribe("news"));
    (void)fixture.publish("news", "join");
    (void)fixture.publish("news", "between");
    (void)fixture.publish("news", "leave");
    (void)fixture.publish("news", "was published before");
    fixture.flush();
    (void)fixture.publish("news", "too late");
    fixture.flush();
    fixture.flush();
    CHECK(heard == Lines{"news=join", "news=between", "news=leave", "news=was published before",
                         "other=welcome"});
}

TEST_CASE("a listener may end another one, which then hears nothing more", "[core][listener]") {
    HubFixture fixture;
    Lines heard;
    std::optional<Listener> second;
    Listener first(fixture.lane(), SessionId{{1, 0}}, [&](const PublicationView& view) {
        heard.push_back("first:" + line(view));
        second.reset();
    });
    REQUIRE_FALSE(first.subscribe("news"));
    second.emplace(fixture.lane(), SessionId{{2, 0}},
                   [&](const PublicationView& view) { heard.push_back("second:" + line(view)); });
    REQUIRE_FALSE(second->subscribe("news"));
    (void)fixture.publish("news", "a");
    fixture.flush();
    CHECK(heard == Lines{"first:news=a"});
}

TEST_CASE("listeners and sessions of other dialects share a channel", "[core][listener]") {
    HubFixture fixture({.lanes = 2});
    const test::TextEncoder text;
    test::Peer peer(fixture.lane(0), 1, text);
    Lines heard;
    Listener listener(fixture.lane(1), SessionId{{2, 0}},
                      [&](const PublicationView& view) { heard.push_back(line(view)); });
    REQUIRE_FALSE(peer.session.subscribe("news"));
    REQUIRE_FALSE(listener.subscribe("news"));
    CHECK(fixture.publish("news", "a") == Result<std::size_t>(2));
    REQUIRE(peer.session.presence_join("news", std::nullopt));  // no record of it for listeners
    (void)fixture.publish("news", "b");
    fixture.flush();
    CHECK(peer.outlet.written() == "news=a;news=b;");
    CHECK(heard == Lines{"news=a", "news=b"});
}

TEST_CASE("a listener's session publishes and is present as any other", "[core][listener]") {
    HubFixture fixture;
    const test::TextEncoder text;
    test::Peer peer(fixture.lane(), 1, text);
    Listener listener(fixture.lane(), SessionId{{2, 0}}, [](const PublicationView&) {});
    REQUIRE_FALSE(peer.session.subscribe("news"));
    REQUIRE_FALSE(listener.subscribe("news"));
    REQUIRE(listener.session().presence_join("news", std::nullopt));
    PublicationView publication{"news"};
    publication.payload = protocol::as_bytes("hi");
    REQUIRE(listener.session().publish(publication));
    fixture.flush();
    CHECK(peer.outlet.written() == "news+2;news=hi;");
}

TEST_CASE("a listener may be destroyed with publications pending", "[core][listener]") {
    HubFixture fixture;
    int calls = 0;
    {
        Listener listener(fixture.lane(), SessionId{{1, 0}},
                          [&](const PublicationView&) { ++calls; });
        REQUIRE_FALSE(listener.subscribe("news"));
        (void)fixture.publish("news", "a");
    }
    fixture.flush();
    CHECK(calls == 0);
    CHECK(fixture.hub.stats().channels == 0);
}
