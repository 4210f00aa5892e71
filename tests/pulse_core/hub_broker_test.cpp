// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Hubs joined by a broker. What brokers keep to is tested in tests/contract.
#include "support/catch.hpp"
#include "support/hub_fixture.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <pulse/core/broker.hpp>
#include <pulse/core/error.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/receiver.hpp>

using namespace pulse;
using namespace pulse::core;
using test::HubFixture;
using test::Peer;

namespace {

const test::TextEncoder kText;

/// Writes down what it is told, delivers nothing by itself, and can be out of order.
class RecordingBroker final : public Broker {
  public:
    Attachment attach(BrokerListener& listener) override {
        attached = &listener;
        return Attachment(&listener, [this](void*) { attached = nullptr; });
    }
    std::error_code publish(const PublicationView& publication) override {
        if (is_down) return Error::broker_unavailable;
        published.emplace_back(publication.channel);
        return {};
    }
    void interest_changed(std::string_view channel) override {
        // The question an engine asks: it must be possible from here.
        interest.emplace_back(std::string(channel), attached->has_interest(channel));
    }
    bool is_healthy() const noexcept override { return !is_down; }

    BrokerListener* attached = nullptr;
    bool is_down = false;
    std::vector<std::string> published;
    std::vector<std::pair<std::string, bool>> interest;
};

using Interest = std::vector<std::pair<std::string, bool>>;

}  // namespace

TEST_CASE("a publication on one hub reaches the subscribers of all", "[core][hub][broker]") {
    const auto broker = make_memory_broker();
    HubFixture east({.broker = broker.get()});
    HubFixture west({.broker = broker.get()});
    Peer ann(east.lane(), 1, kText);
    Peer bob(west.lane(), 2, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    REQUIRE_FALSE(bob.session.subscribe("news"));
    CHECK(east.publish("news", "a", &east.lane()) == Result<std::size_t>(1));
    CHECK(west.publish("news", "b") == Result<std::size_t>(1));
    CHECK(west.publish("other", "c") == Result<std::size_t>(0));
    east.flush();
    west.flush();
    CHECK(ann.outlet.written() == "news=a;news=b;");
    CHECK(bob.outlet.written() == "news=a;news=b;");
}

TEST_CASE("receivers hear what comes through a broker", "[core][hub][broker]") {
    const auto broker = make_memory_broker();
    HubFixture east({.broker = broker.get()});
    HubFixture west({.broker = broker.get()});
    auto receiver = west.hub.subscribe("news");
    REQUIRE(receiver);
    const auto publication =
        std::make_shared<const Publication>("news", protocol::as_bytes("shared"));
    REQUIRE(east.hub.publish(publication));
    const PublicationPtr* received = receiver->try_receive();
    REQUIRE(received != nullptr);
    CHECK(protocol::as_text((*received)->payload) == "shared");
}

TEST_CASE("a hub that ends leaves the broker to the others", "[core][hub][broker]") {
    const auto broker = make_memory_broker();
    HubFixture east({.broker = broker.get()});
    Peer ann(east.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    { HubFixture west({.broker = broker.get()}); }
    CHECK(east.publish("news", "a") == Result<std::size_t>(1));
    east.flush();
    CHECK(ann.outlet.written() == "news=a;");
}

TEST_CASE("the broker is told of the first subscriber and of the last", "[core][hub][broker]") {
    RecordingBroker broker;
    HubFixture fixture({.lanes = 2, .broker = &broker});
    Peer ann(fixture.lane(0), 1, kText);
    Peer bob(fixture.lane(1), 2, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    REQUIRE_FALSE(bob.session.subscribe("news"));
    CHECK(broker.interest == Interest{{"news", true}});
    {
        auto receiver = fixture.hub.subscribe("other");
        REQUIRE(receiver);
        CHECK(broker.interest == Interest{{"news", true}, {"other", true}});
    }
    CHECK(broker.interest.back() == std::pair<std::string, bool>{"other", false});
    broker.interest.clear();
    REQUIRE_FALSE(ann.session.unsubscribe("news"));
    CHECK(broker.interest.empty());
    REQUIRE_FALSE(bob.session.unsubscribe("news"));
    CHECK(broker.interest == Interest{{"news", false}});
}

TEST_CASE("interest ends with the last subscriber also where channels stay",
          "[core][hub][broker]") {
    RecordingBroker broker;
    HubFixture fixture({.options = {.auto_delete_empty_channels = false}, .broker = &broker});
    Peer ann(fixture.lane(), 1, kText);
    REQUIRE_FALSE(fixture.hub.create_channel("news"));
    CHECK(broker.interest.empty());
    REQUIRE_FALSE(ann.session.subscribe("news"));
    REQUIRE_FALSE(ann.session.unsubscribe("news"));
    CHECK(broker.interest == Interest{{"news", true}, {"news", false}});
}

TEST_CASE("what a broker takes is delivered when the broker says so", "[core][hub][broker]") {
    RecordingBroker broker;
    HubFixture fixture({.broker = &broker});
    Peer ann(fixture.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    CHECK(fixture.publish("news", "a") == Result<std::size_t>(1));
    fixture.flush();
    CHECK(ann.outlet.written().empty());
    CHECK(broker.published == std::vector<std::string>{"news"});
    PublicationView publication{"news"};
    publication.payload = protocol::as_bytes("from afar");
    broker.attached->on_publication(publication);
    CHECK(fixture.host().wakes() >= 1);
    fixture.flush();
    CHECK(ann.outlet.written() == "news=from afar;");
}

TEST_CASE("what comes from a broker together wakes a loop once", "[core][hub][broker]") {
    struct CountingEncoder final : Encoder {
        bool encode(const PublicationView& publication, MessageWriter& out) const override {
            ++written;
            return kText.encode(publication, out);
        }
        mutable int written = 0;
    };
    struct Probe final : LaneHost {
        explicit Probe(const CountingEncoder& encoder) : encoder_(encoder) {}
        void wake() noexcept override {
            ++wakes;
            written_before = encoder_.written;
        }
        int wakes = 0;
        int written_before = 0;

      private:
        const CountingEncoder& encoder_;
    };
    const CountingEncoder encoder;
    Probe probe(encoder);
    RecordingBroker broker;
    HubFixture fixture({.broker = &broker});
    Lane& lane = fixture.hub.add_lane(probe);
    Peer ann(lane, 1, encoder);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    std::vector<PublicationView> together;
    for (const char* text : {"a", "b", "c"}) {
        together.push_back(PublicationView{"news"});
        together.back().payload = protocol::as_bytes(text);
    }
    probe.wakes = 0;
    broker.attached->on_publications(together);
    CHECK(probe.wakes == 1);
    CHECK(probe.written_before == 3);
    lane.flush();
    CHECK(ann.outlet.written() == "news=a;news=b;news=c;");
    broker.attached->on_publications({});
    CHECK(probe.wakes == 1);
}

TEST_CASE("a broker that is down refuses publications, and nobody hears them",
          "[core][hub][broker]") {
    RecordingBroker broker;
    HubFixture fixture({.broker = &broker});
    Peer ann(fixture.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    broker.is_down = true;
    CHECK(fixture.publish("news", "a").error() == Error::broker_unavailable);
    fixture.flush();
    CHECK(ann.outlet.written().empty());
}

TEST_CASE("a hub attaches for as long as it lives", "[core][hub][broker]") {
    RecordingBroker broker;
    {
        HubFixture fixture({.broker = &broker});
        CHECK(broker.attached != nullptr);
    }
    CHECK(broker.attached == nullptr);
}

TEST_CASE("receivers and listeners are told of a gap", "[core][hub][broker]") {
    RecordingBroker broker;
    HubFixture fixture({.broker = &broker});
    auto receiver = fixture.hub.subscribe("news");
    REQUIRE(receiver);
    std::vector<std::string> heard;
    Listener listener(
        fixture.lane(), SessionId{{1, 0}},
        [&](const PublicationView& view) { heard.emplace_back(protocol::as_text(view.payload)); },
        [&](const GapEvent& gap) {
            heard.push_back("gap in " + std::string(gap.channel) + " at " +
                            std::to_string(gap.position.offset));
        });
    Listener deaf(fixture.lane(), SessionId{{2, 0}}, [](const PublicationView&) {});
    REQUIRE_FALSE(listener.subscribe("news"));
    REQUIRE_FALSE(deaf.subscribe("news"));
    const auto deliver = [&](std::string_view text) {
        PublicationView publication{"news"};
        publication.payload = protocol::as_bytes(text);
        broker.attached->on_publication(publication);
    };
    CHECK_FALSE(receiver->take_gap());
    deliver("a");
    broker.attached->on_gap("news", {7, 1});
    deliver("b");
    fixture.flush();
    CHECK(heard == std::vector<std::string>{"a", "gap in news at 7", "b"});
    CHECK(receiver->take_gap());
    CHECK_FALSE(receiver->take_gap());
    // Who comes later has missed nothing.
    auto later = fixture.hub.subscribe("news");
    REQUIRE(later);
    CHECK_FALSE(later->take_gap());
    broker.attached->on_gap("other", {});
    CHECK_FALSE(later->take_gap());
}

TEST_CASE("a position is the hub's to give, or its broker's, not the publisher's",
          "[core][hub][broker]") {
    test::ManualClock clock;
    SeededRng rng{5};
    const auto history = make_memory_history_store(clock, rng);
    HubOptions options;
    options.history_policy = [](std::string_view channel) {
        return channel == "kept" ? HistoryPolicy{.size = 5} : HistoryPolicy{};
    };
    HubFixture alone({.options = options, .history = history.get()});
    PublicationView forged{"kept"};
    forged.position = {100, 7};
    auto receiver = alone.hub.subscribe("kept");
    REQUIRE(receiver);
    REQUIRE(alone.hub.publish(forged));
    const PublicationPtr* received = receiver->try_receive();
    REQUIRE(received != nullptr);
    CHECK((*received)->position.offset == 1);
    CHECK((*received)->position.epoch != 7);
    CHECK(history->read("kept", nullptr, 10)->publications.size() == 1);

    const auto broker = make_memory_broker();
    HubFixture joined({.broker = broker.get()});
    auto other = joined.hub.subscribe("plain");
    REQUIRE(other);
    forged.channel = "plain";
    REQUIRE(joined.hub.publish(forged));
    received = other->try_receive();
    REQUIRE(received != nullptr);
    CHECK((*received)->position.epoch == 0);
}

TEST_CASE("a watcher hears everything and is no subscription", "[core][hub]") {
    RecordingBroker broker;
    HubFixture fixture({.broker = &broker});
    {
        auto watcher = fixture.hub.watch("news");
        REQUIRE(watcher);
        CHECK(broker.interest == Interest{{"news", true}});
        CHECK(fixture.hub.stats().subscriptions == 0);
        CHECK(fixture.hub.stats().subscribes_total == 0);
        PublicationView publication{"news"};
        broker.attached->on_publication(publication);
        CHECK(watcher->try_receive() != nullptr);
        Receiver moved = std::move(*watcher);
        CHECK(moved.try_receive() == nullptr);
    }
    CHECK(broker.interest.back() == std::pair<std::string, bool>{"news", false});
    CHECK(fixture.hub.stats().subscriptions == 0);
}
