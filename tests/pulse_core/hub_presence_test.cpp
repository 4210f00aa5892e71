// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who is told of whom. The store's own rules are tested in tests/contract.
#include "support/catch.hpp"
#include "support/hub_fixture.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <pulse/core/error.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/receiver.hpp>

using namespace pulse;
using namespace pulse::core;
using namespace std::chrono_literals;
using test::HubFixture;
using test::Peer;

namespace {

const test::TextEncoder kText;

PresenceData data(std::string_view text) {
    const auto bytes = protocol::as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

/// Three subscribers of "hall" on two lanes, and one elsewhere.
struct Hall {
    Hall() {
        for (Peer* peer : {&ann, &bob, &eve}) REQUIRE_FALSE(peer->session.subscribe("hall"));
        REQUIRE_FALSE(out.session.subscribe("garden"));
    }
    std::string heard(Peer& peer) {
        fixture.flush();
        return peer.outlet.take();
    }

    HubFixture fixture{{.lanes = 2}};
    Peer ann{fixture.lane(0), 1, kText};
    Peer bob{fixture.lane(0), 2, kText};
    Peer eve{fixture.lane(1), 3, kText};
    Peer out{fixture.lane(1), 4, kText};
};

}  // namespace

TEST_CASE("who joins is announced to the other subscribers", "[core][hub][presence]") {
    Hall hall;
    const auto joined = hall.ann.session.presence_join("hall", data("hi"));
    REQUIRE(joined);
    CHECK(joined->is_new);
    CHECK(joined->state.session == hall.ann.session.id());
    CHECK(hall.heard(hall.ann).empty());
    CHECK(hall.heard(hall.bob) == "hall+1(hi);");
    CHECK(hall.heard(hall.eve) == "hall+1(hi);");
    CHECK(hall.heard(hall.out).empty());
}

TEST_CASE("joining again is announced as an update", "[core][hub][presence]") {
    Hall hall;
    REQUIRE(hall.ann.session.presence_join("hall", std::nullopt));
    const auto again = hall.ann.session.presence_join("hall", data("new"));
    REQUIRE(again);
    CHECK_FALSE(again->is_new);
    CHECK(hall.heard(hall.ann).empty());
    CHECK(hall.heard(hall.eve) == "hall+1;hall~1(new);");
}

TEST_CASE("updates and leaves are announced to the others with the record",
          "[core][hub][presence]") {
    Hall hall;
    REQUIRE(hall.eve.session.presence_join("hall", data("a")));
    REQUIRE(hall.eve.session.presence_update("hall", data("b")));
    const auto left = hall.eve.session.presence_leave("hall");
    REQUIRE(left);
    CHECK(left->data == data("b"));
    CHECK(hall.heard(hall.ann) == "hall+3(a);hall~3(b);hall-3(b);");
    CHECK(hall.heard(hall.eve).empty());
    CHECK(hall.fixture.hub.presence().count("hall") == 0);
}

TEST_CASE("presence needs a subscription, and membership where it changes something",
          "[core][hub][presence]") {
    Hall hall;
    Session& out = hall.out.session;
    CHECK(out.presence_join("hall", std::nullopt).error() == Error::not_subscribed);
    CHECK(out.presence_update("hall", std::nullopt).error() == Error::not_subscribed);
    CHECK(out.presence_leave("hall").error() == Error::not_subscribed);
    CHECK(out.presence_members("hall").error() == Error::not_subscribed);
    CHECK(hall.ann.session.presence_update("hall", std::nullopt).error() == Error::not_a_member);
    CHECK(hall.ann.session.presence_leave("hall").error() == Error::not_a_member);
    CHECK(hall.heard(hall.bob).empty());

    REQUIRE(hall.ann.session.presence_join("hall", std::nullopt));
    REQUIRE(hall.ann.session.presence_leave("hall"));
    CHECK(hall.ann.session.presence_leave("hall").error() == Error::not_a_member);
}

TEST_CASE("any subscriber may ask who is there", "[core][hub][presence]") {
    Hall hall;
    REQUIRE(hall.bob.session.presence_join("hall", data("b")));
    REQUIRE(hall.ann.session.presence_join("hall", std::nullopt));
    const auto members = hall.eve.session.presence_members("hall");
    REQUIRE(members);
    REQUIRE(members->size() == 2);
    CHECK((*members)[0].session == hall.bob.session.id());
    CHECK((*members)[1].session == hall.ann.session.id());
}

TEST_CASE("who unsubscribes leaves, and the others are told", "[core][hub][presence]") {
    Hall hall;
    REQUIRE(hall.ann.session.presence_join("hall", data("a")));
    REQUIRE_FALSE(hall.ann.session.unsubscribe("hall"));
    CHECK(hall.heard(hall.bob) == "hall+1(a);hall-1(a);");
    CHECK(hall.heard(hall.ann).empty());
    CHECK(hall.fixture.hub.presence().count("hall") == 0);
}

TEST_CASE("a session that ends leaves everywhere, and the others are told",
          "[core][hub][presence]") {
    Hall hall;
    {
        Peer passing(hall.fixture.lane(1), 9, kText);
        REQUIRE_FALSE(passing.session.subscribe("garden"));
        REQUIRE_FALSE(passing.session.subscribe("hall"));
        REQUIRE(passing.session.presence_join("hall", std::nullopt));
        REQUIRE(passing.session.presence_join("garden", std::nullopt));
    }
    CHECK(hall.heard(hall.ann) == "hall+9;hall-9;");
    CHECK(hall.heard(hall.out) == "garden+9;garden-9;");
}

TEST_CASE("who unsubscribes without having joined is not announced", "[core][hub][presence]") {
    Hall hall;
    REQUIRE_FALSE(hall.ann.session.unsubscribe("hall"));
    CHECK(hall.heard(hall.bob).empty());
}

TEST_CASE("a channel takes its members with it when it goes", "[core][hub][presence]") {
    Hall hall;
    const SessionId program{{77, 0}};
    REQUIRE(hall.fixture.hub.presence_join("garden", program, std::nullopt));
    CHECK(hall.fixture.hub.presence().count("garden") == 1);
    REQUIRE_FALSE(hall.out.session.unsubscribe("garden"));
    CHECK(hall.fixture.hub.presence().count("garden") == 0);
    REQUIRE_FALSE(hall.out.session.subscribe("garden"));
    CHECK(hall.out.session.presence_members("garden")->empty());
}

TEST_CASE("a program joins without a subscription, and everybody is told",
          "[core][hub][presence]") {
    Hall hall;
    Hub& hub = hall.fixture.hub;
    const SessionId program{{77, 0}};
    CHECK(hub.presence_join("nowhere", program, std::nullopt).error() == Error::channel_not_found);
    CHECK(hub.presence_update("nowhere", program, std::nullopt).error() ==
          Error::channel_not_found);
    CHECK_FALSE(hub.presence_leave("nowhere", program));
    CHECK(hub.presence_update("hall", program, std::nullopt).error() == Error::not_a_member);
    CHECK(hub.presence().count("nowhere") == 0);

    REQUIRE(hub.presence_join("hall", program, data("x")));
    REQUIRE(hub.presence_update("hall", program, std::nullopt));
    REQUIRE(hub.presence_leave("hall", program));
    CHECK_FALSE(hub.presence_leave("hall", program));
    for (Peer* peer : {&hall.ann, &hall.bob, &hall.eve}) {
        CHECK(hall.heard(*peer) == "hall+77(x);hall~77;hall-77;");
    }
}

TEST_CASE("announcements and publications keep one order", "[core][hub][presence]") {
    Hall hall;
    (void)hall.fixture.publish("hall", "1");
    REQUIRE(hall.ann.session.presence_join("hall", std::nullopt));
    (void)hall.fixture.publish("hall", "2");
    REQUIRE(hall.bob.session.presence_join("hall", std::nullopt));
    (void)hall.fixture.publish("hall", "3");
    REQUIRE(hall.ann.session.presence_leave("hall"));
    (void)hall.fixture.publish("hall", "4");
    CHECK(hall.heard(hall.eve) == "hall=1;hall+1;hall=2;hall+2;hall=3;hall-1;hall=4;");
    CHECK(hall.heard(hall.ann) == "hall=1;hall=2;hall+2;hall=3;hall=4;");
    CHECK(hall.heard(hall.bob) == "hall=1;hall+1;hall=2;hall=3;hall-1;hall=4;");
}

TEST_CASE("members that were idle for too long are removed and announced",
          "[core][hub][presence]") {
    Hall hall;
    REQUIRE(hall.ann.session.presence_join("hall", data("a")));
    REQUIRE(hall.bob.session.presence_join("hall", std::nullopt));
    REQUIRE(hall.out.session.presence_join("garden", std::nullopt));
    (void)hall.heard(hall.eve);
    hall.fixture.clock.advance(10s);
    REQUIRE(hall.bob.session.presence_update("hall", std::nullopt));
    hall.fixture.clock.advance(1ms);
    (void)hall.heard(hall.eve);
    (void)hall.heard(hall.ann);
    CHECK(hall.fixture.hub.prune_presence(10s) == 2);
    CHECK(hall.heard(hall.eve) == "hall-1(a);");
    CHECK(hall.heard(hall.ann) == "hall-1(a);");
    CHECK(hall.heard(hall.out) == "garden-4;");
    CHECK(hall.fixture.hub.prune_presence(10s) == 0);
    // The one who was removed may leave, or join anew.
    CHECK(hall.ann.session.presence_leave("hall").error() == Error::not_a_member);
    CHECK(hall.ann.session.presence_join("hall", std::nullopt)->is_new);
}

TEST_CASE("a receiver hears no presence", "[core][hub][presence]") {
    Hall hall;
    auto receiver = hall.fixture.hub.subscribe("hall");
    REQUIRE(receiver);
    REQUIRE(hall.ann.session.presence_join("hall", std::nullopt));
    (void)hall.fixture.publish("hall", "x");
    const PublicationPtr* publication = receiver->try_receive();
    REQUIRE(publication != nullptr);
    CHECK(protocol::as_text((*publication)->payload) == "x");
    CHECK(receiver->try_receive() == nullptr);
}

TEST_CASE("members count against the memory budget as long as they are there",
          "[core][hub][presence]") {
    test::HubParts parts;
    parts.memory_limit = 64 * 1024;
    HubFixture fixture(std::move(parts));
    Hub& hub = fixture.hub;
    const auto sized = [](std::size_t bytes) { return PresenceData(bytes, std::byte{'x'}); };
    const SessionId ann{{1, 1}};
    const SessionId bob{{2, 2}};
    REQUIRE_FALSE(hub.create_channel("room"));
    REQUIRE(hub.presence_join("room", ann, sized(20'000)));
    const std::size_t one = fixture.budget.used();
    CHECK(one >= 20'000);
    // Joining anew replaces.
    REQUIRE(hub.presence_join("room", ann, sized(20'000)));
    CHECK(fixture.budget.used() == one);
    REQUIRE(hub.presence_join("room", bob, sized(30'000)));
    CHECK(hub.presence_update("room", ann, sized(60'000)).error() == Error::memory_exhausted);
    CHECK(hub.presence_update("room", SessionId{{3, 3}}, sized(1)).error() == Error::not_a_member);
    REQUIRE(hub.presence_update("room", ann, std::nullopt));
    CHECK(fixture.budget.used() < 31'000);
    CHECK(hub.presence_leave("room", bob));
    CHECK(fixture.budget.used() < 1'000);
    REQUIRE(hub.presence_join("room", bob, sized(30'000)));
    fixture.clock.advance(60s);
    CHECK(hub.prune_presence(30s) == 2);
    CHECK(fixture.budget.used() == 0);
}

TEST_CASE("who comes back while it is removed for being idle is counted once",
          "[core][hub][presence]") {
    /// Calls `between` before the hub hears of what was removed.
    class Interrupted final : public PresenceStore {
      public:
        explicit Interrupted(const Clock& clock) : inner_(make_memory_presence_store(clock)) {}
        Result<Joined> join(std::string_view channel, const SessionId& session,
                            std::optional<PresenceData> given) override {
            return inner_->join(channel, session, std::move(given));
        }
        Result<PresenceState> update(std::string_view channel, const SessionId& session,
                                     std::optional<PresenceData> given) override {
            return inner_->update(channel, session, std::move(given));
        }
        bool touch(std::string_view channel, const SessionId& session) override {
            return inner_->touch(channel, session);
        }
        std::optional<PresenceState> leave(std::string_view channel,
                                           const SessionId& session) override {
            return inner_->leave(channel, session);
        }
        std::optional<PresenceState> get(std::string_view channel,
                                         const SessionId& session) const override {
            return inner_->get(channel, session);
        }
        std::vector<PresenceState> members(std::string_view channel) const override {
            return inner_->members(channel);
        }
        std::size_t count(std::string_view channel) const override {
            return inner_->count(channel);
        }
        std::vector<Pruned> prune_stale(std::chrono::milliseconds idle) override {
            std::vector<Pruned> pruned = inner_->prune_stale(idle);
            if (between) between();
            return pruned;
        }
        void forget(std::string_view channel) override { inner_->forget(channel); }

        std::function<void()> between;

      private:
        std::unique_ptr<PresenceStore> inner_;
    };
    test::ManualClock clock;
    SeededRng rng{1};
    NullLog log;
    MemoryBudget budget;
    Interrupted store(clock);
    Hub hub({}, {.clock = clock, .rng = rng, .log = log, .budget = &budget, .presence = &store});
    const SessionId ann{{1, 1}};
    REQUIRE_FALSE(hub.create_channel("room"));
    REQUIRE(hub.presence_join("room", ann, PresenceData(1000)));
    const std::size_t one = budget.used();
    clock.advance(60s);
    store.between = [&] { REQUIRE(hub.presence_join("room", ann, PresenceData(1000))->is_new); };
    CHECK(hub.prune_presence(30s) == 1);
    CHECK(budget.used() == one);
    CHECK(hub.presence_leave("room", ann));
    CHECK(budget.used() == 0);
}

TEST_CASE("a channel that goes gives back what its members took", "[core][hub][presence]") {
    HubFixture fixture;
    {
        const auto receiver = fixture.hub.subscribe("room");
        REQUIRE(fixture.hub.presence_join("room", SessionId{{1, 1}}, PresenceData(100)));
        CHECK(fixture.budget.used() > 0);
    }
    CHECK_FALSE(fixture.hub.channel_exists("room"));
    CHECK(fixture.budget.used() == 0);
}
