// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A universe that goes to another node of a cluster.
#include "support/bridge_fixture.hpp"

#include <pulse/roblox/error.hpp>

using namespace pulse;
using namespace pulse::roblox;
using namespace pulse::test;
using namespace std::chrono_literals;

namespace {

SendAnswer send(BridgeFixture& fixture, Destination destination) {
    SendAnswer got{.status = 0};
    SendCommand command;
    command.request.envelope.topic = "t";
    command.request.envelope.message = "1";
    command.destination = destination;
    fixture.bridge->send(kGame, std::move(command),
                         [&](const SendAnswer& answer) { got = answer; });
    return got;
}

}  // namespace

TEST_CASE("a universe that is released is answered for, and nothing of it is sent any more",
          "[roblox][bridge][cluster]") {
    BridgeFixture fixture;
    fixture.cloud.is_silent = true;
    fixture.publish("t", "1");
    fixture.run_for(100ms);
    REQUIRE(fixture.cloud.open.size() == 1);
    fixture.publish("t", "2");
    PollStatus polled = PollStatus::messages;
    fixture.bridge->poll(kGame, {.server = "server-1"},
                         [&](const PollReply& reply) { polled = reply.status; });

    fixture.bridge->release_universe(kGame);
    CHECK(fixture.count(Outcome::shutting_down) == 2);
    CHECK(polled == PollStatus::shutting_down);
    CHECK(fixture.results[0]->may_have_arrived);        // it was on its way
    CHECK_FALSE(fixture.results[1]->may_have_arrived);  // it was not: may be sent again
    fixture.run_for(1min);
    CHECK(fixture.cloud.sent.size() == 1);
    fixture.cloud.answer_all(200);
    CHECK(fixture.bridge->is_drained());
}

TEST_CASE("what asks for a universe of another node is told to come again",
          "[roblox][bridge][cluster]") {
    BridgeFixture fixture;
    fixture.bridge->release_universe(kGame);
    CHECK(fixture.bridge->is_elsewhere(kGame));
    CHECK_FALSE(fixture.bridge->has_universe(kGame));

    for (const Destination destination : {Destination::roblox, Destination::server}) {
        const SendAnswer answer = send(fixture, destination);
        CHECK(answer.status == 503);
        CHECK(answer.retry_after == 1s);
    }
    fixture.publish("t", "1");
    CHECK(fixture.count(Outcome::shutting_down) == 1);
    CHECK(fixture.bridge->hello(kGame, {.server = "server-1"}).error() == Error::served_elsewhere);
    UplinkBatch batch;
    batch.server = "server-1";
    CHECK(fixture.bridge->uplink(kGame, batch).error() == Error::served_elsewhere);
    Error polled{};
    fixture.bridge->poll(kGame, {.server = "server-1"},
                         [&](const PollReply& reply) { polled = reply.error; });
    CHECK(polled == Error::served_elsewhere);
    // Only its owner knows what was missed.
    CHECK(fixture.bridge->read_web(kGame, "abc:1").has_missed);
    CHECK(fixture.web.got.empty());

    SECTION("until it comes to this one") {
        fixture.add(kGame);
        CHECK_FALSE(fixture.bridge->is_elsewhere(kGame));
        fixture.publish("t", "2");
        fixture.run_for(1s);
        CHECK(fixture.count(Outcome::accepted) == 1);
    }
    SECTION("or is removed") {
        CHECK(fixture.bridge->remove_universe(kGame));
        CHECK_FALSE(fixture.bridge->remove_universe(kGame));
        CHECK(fixture.bridge->hello(kGame, {.server = "server-1"}).error() ==
              Error::unknown_universe);
    }
}

TEST_CASE("a universe that comes back begins anew", "[roblox][bridge][cluster]") {
    BridgeFixture fixture;
    const std::string before = fixture.bridge->hello(kGame, {.server = "server-1"})->epoch;
    fixture.bridge->release_universe(kGame);
    fixture.add(kGame);
    // Frames are numbered under another epoch, so that what another node numbered meanwhile is not
    // taken for a repeat.
    CHECK(fixture.bridge->hello(kGame, {.server = "server-1"})->epoch != before);
}
