// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "support/hub_fixture.hpp"

#include <string>

#include <pulse/core/error.hpp>
#include <pulse/core/history.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/receiver.hpp>

using namespace pulse;
using namespace pulse::core;
using test::HubFixture;
using test::Peer;

namespace {

const test::TextEncoder kText;

/// "kept…" keeps three, nothing else keeps anything.
struct WithHistory {
    test::ManualClock clock;
    SeededRng rng{3};
    std::unique_ptr<HistoryStore> store = make_memory_history_store(clock, rng);
    HubFixture fixture{{.options = {.history_policy =
                                        [](std::string_view channel) {
                                            return HistoryPolicy{
                                                .size = channel.starts_with("kept") ? 3u : 0u};
                                        }},
                        .history = store.get()}};
};

/// Refuses to append.
class BrokenHistory final : public HistoryStore {
  public:
    Result<StreamPosition> append(const PublicationView&, const HistoryPolicy&) override {
        return tl::unexpected(make_error_code(Error::history_unavailable));
    }
    Result<HistoryPage> read(std::string_view, const StreamPosition*, std::size_t) override {
        return tl::unexpected(make_error_code(Error::history_unavailable));
    }
    void remove(std::string_view) override {}
};

}  // namespace

TEST_CASE("publications in a kept channel carry their position to every subscriber",
          "[core][hub][history]") {
    WithHistory with;
    Peer ann(with.fixture.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("kept"));
    REQUIRE_FALSE(ann.session.subscribe("fleeting"));
    auto receiver = with.fixture.hub.subscribe("kept");
    REQUIRE(receiver);
    (void)with.fixture.publish("kept", "a");
    (void)with.fixture.publish("fleeting", "b");
    (void)with.fixture.publish("kept", "c");
    with.fixture.flush();
    const std::string written = ann.outlet.written();
    CHECK(written.find("kept=a@1;kept=c@2;") != std::string::npos);
    CHECK(written.find("fleeting=b;") != std::string::npos);
    const PublicationPtr* first = receiver->try_receive();
    REQUIRE(first != nullptr);
    CHECK((*first)->position.offset == 1);
    CHECK((*first)->position.epoch != 0);
    const PublicationPtr second = *receiver->try_receive();
    CHECK(second->position.offset == 2);
}

TEST_CASE("a shared publication gets its position too", "[core][hub][history]") {
    WithHistory with;
    auto receiver = with.fixture.hub.subscribe("kept");
    REQUIRE(receiver);
    const auto publication =
        std::make_shared<const Publication>("kept", protocol::as_bytes("shared"));
    REQUIRE(with.fixture.hub.publish(publication));
    const PublicationPtr* received = receiver->try_receive();
    REQUIRE(received != nullptr);
    CHECK((*received)->position.offset == 1);
    CHECK(publication->position.offset == 0);
}

TEST_CASE("what nobody was there to hear is in the history", "[core][hub][history]") {
    WithHistory with;
    CHECK(with.fixture.publish("kept", "a") == Result<std::size_t>(0));
    (void)with.fixture.publish("kept", "b");
    const auto page = with.fixture.hub.history("kept", nullptr, 10);
    REQUIRE(page);
    REQUIRE(page->publications.size() == 2);
    CHECK(protocol::as_text(page->publications[0]->payload) == "a");
    CHECK(page->top.offset == 2);
    CHECK_FALSE(with.fixture.hub.channel_exists("kept"));
}

TEST_CASE("a subscriber that was away gets what it missed", "[core][hub][history]") {
    WithHistory with;
    Peer ann(with.fixture.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("kept"));
    (void)with.fixture.publish("kept", "a");
    const StreamPosition seen = with.fixture.hub.history("kept", nullptr, 0)->top;
    ann.session.unsubscribe_all();
    (void)with.fixture.publish("kept", "b");
    (void)with.fixture.publish("kept", "c");
    const auto missed = with.fixture.hub.history("kept", &seen, 10);
    REQUIRE(missed);
    CHECK(missed->recovered);
    REQUIRE(missed->publications.size() == 2);
    CHECK(protocol::as_text(missed->publications[0]->payload) == "b");
    (void)with.fixture.publish("kept", "d");
    (void)with.fixture.publish("kept", "e");
    CHECK_FALSE(with.fixture.hub.history("kept", &seen, 10)->recovered);
}

TEST_CASE("a channel that keeps nothing has no history", "[core][hub][history]") {
    WithHistory with;
    (void)with.fixture.publish("fleeting", "a");
    CHECK(with.fixture.hub.history("fleeting", nullptr, 10).error() == Error::history_unavailable);
    HubFixture without;
    CHECK(without.hub.history("kept", nullptr, 10).error() == Error::history_unavailable);
}

TEST_CASE("what cannot be kept is not delivered either", "[core][hub][history]") {
    // Else a subscriber would hear what one that comes back never gets.
    BrokenHistory broken;
    HubFixture fixture(
        {.options = {.history_policy = [](std::string_view) { return HistoryPolicy{.size = 3}; }},
         .history = &broken});
    Peer ann(fixture.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("kept"));
    CHECK(fixture.publish("kept", "a").error() == Error::history_unavailable);
    fixture.flush();
    CHECK(ann.outlet.written().empty());
}
