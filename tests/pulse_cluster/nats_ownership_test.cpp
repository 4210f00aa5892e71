// SPDX-License-Identifier: MIT OR Apache-2.0
#include "nats/nats_lease_words.hpp"
#include "nats_fixture.hpp"
#include "nats_stranger.hpp"
#include "ownership_fixture.hpp"

#include <pulse/core/error.hpp>

using namespace pulse;
using contract::Beliefs;
using contract::Candidate;
using test::eventually;

TEST_CASE("the ownership over NATS keeps the contract", "[nats][ownership]") {
    const test::NatsServer nats;
    test::NatsOwnershipNodes nodes;
    contract::ownership_contract([&](std::size_t n) { return nodes.add(n, nats.url()); });
}

TEST_CASE("the ownership over NATS is one for all nodes", "[nats][ownership]") {
    const test::NatsServer nats;
    test::NatsOwnershipNodes nodes;
    contract::shared_ownership_contract([&](std::size_t n) { return nodes.add(n, nats.url()); });
}

TEST_CASE("an address that is no NATS is refused", "[nats][ownership]") {
    asio::io_context io;
    core::SystemRng rng;
    core::NullLog log;
    const auto made = cluster::make_nats_ownership("http://x", {}, {io, rng, log});
    REQUIRE_FALSE(made);
    CHECK(made.error() == core::Error::broker_unavailable);
}

TEST_CASE("nodes on NATS have the names that they are given, and clusters their own keys",
          "[nats][ownership]") {
    const test::NatsServer nats;
    test::NatsOwnershipNodes nodes;
    const auto one = nodes.add(nats.url(), {.node = "one", .lease = test::kTestLease});
    const auto other =
        nodes.add(nats.url(), {.prefix = "b:", .node = "two", .lease = test::kTestLease});
    const Candidate ann(*one, "a");
    const Candidate bob(*other, "a");
    REQUIRE(ann.gets_it());
    REQUIRE(bob.gets_it());
    CHECK(ann.owner().node == "one");
    CHECK(bob.owner().node == "two");
}

TEST_CASE("nodes that claim many keys of NATS at once have each key once", "[nats][ownership]") {
    const test::NatsServer nats;
    test::NatsOwnershipNodes nodes;
    const auto one = nodes.add(nats.url());
    const auto two = nodes.add(nats.url());
    test::check_claims_at_once(*one, *two);
}

TEST_CASE("twenty thousand keys on NATS are renewed by one message, and gone when their node is",
          "[nats][ownership]") {
    constexpr std::size_t kKeys = 20'000;
    const test::NatsServer nats;
    test::NatsOwnershipNodes nodes;
    const cluster::OwnershipOptions options{.lease = std::chrono::seconds(3)};
    auto ann = nodes.add(nats.url(), options);
    std::vector<core::Ownership::Claim> claims;
    for (std::size_t i = 0; i < kKeys; ++i) {
        claims.push_back(ann->claim("room:" + std::to_string(i), [](const core::Owner&) {}));
    }
    REQUIRE(eventually([&] { return ann->stats().owned == kKeys; }, std::chrono::seconds(60)));
    const auto renewals = ann->stats().renewals_total;
    REQUIRE(eventually([&] { return ann->stats().renewals_total >= renewals + 3; },
                       std::chrono::seconds(30)));
    CHECK(ann->stats().owned == kKeys);
    CHECK(ann->stats().lapses_total == 0);

    const auto bob = nodes.add(nats.url(), options);
    const Candidate last(*bob, "room:" + std::to_string(kKeys - 1));
    REQUIRE(eventually([&] { return last.owner().node == ann->node(); }));
    ann.reset();
    CHECK(last.gets_it());
    // What it left behind is swept: the run, bob's session and its key are there.
    CHECK(eventually([&] { return test::messages_of(nats, "pulse:-o") == 3; },
                     std::chrono::seconds(60)));
    CHECK(bob->stats().lapses_total == 0);
}

TEST_CASE("nothing is left on NATS of what was given back", "[nats][ownership]") {
    const test::NatsServer nats;
    test::NatsOwnershipNodes nodes;
    const auto node = nodes.add(nats.url());
    {
        const Candidate ann(*node, "a");
        REQUIRE(ann.gets_it());
        CHECK(test::messages_of(nats, "pulse:-o") == 3);
    }
    CHECK(eventually([&] { return test::messages_of(nats, "pulse:-o") == 2; }));
    CHECK(node->stats().claimed == 0);
    CHECK(node->stats().owned == 0);
    CHECK(node->stats().given_total == 1);
}

TEST_CASE("a key that is too long for NATS is nobody's, and in nobody's way", "[nats][ownership]") {
    const test::NatsServer nats;
    test::NatsOwnershipNodes nodes;
    const auto node = nodes.add(nats.url());
    const Candidate ann(*node, std::string(3'000, 'x'));
    const Candidate bob(*node, std::string(2'000, '\xff'));
    CHECK(bob.gets_it());
    CHECK_FALSE(ann.has_it());
}

TEST_CASE("what ownership writes to NATS is read again, and nothing else is", "[nats][ownership]") {
    using namespace cluster::nats_lease;
    const KeyWord key{"node/1", 42, true, 7, "a b \n"};
    const auto read = read_key(write(key));
    REQUIRE(read);
    CHECK(read->session == key.session);
    CHECK(read->term == 42);
    CHECK(read->is_exact);
    CHECK(read->connection == 7);
    CHECK(read->key == key.key);
    const auto free = read_key(write(KeyWord{{}, 1, false, 0, ""}));
    REQUIRE(free);
    CHECK(free->session.empty());
    CHECK_FALSE(free->is_exact);
    CHECK(free->key.empty());
    for (const char* const text :
         {"", "a", "a 1 1 k", "a =x 1 k", "a =1 y k", "a = 1 k", " =1 1 k"}) {
        CHECK_FALSE(read_key(text));
    }
    const auto session = read_session(write(SessionWord{true, 3, "node/1"}));
    REQUIRE(session);
    CHECK(session->is_alive);
    CHECK(session->session == "node/1");
    const auto ended = read_session(write(SessionWord{false, 0, "node/1"}));
    REQUIRE(ended);
    CHECK_FALSE(ended->is_alive);
    for (const char* const text : {"", "x y", "a b node/1"}) CHECK_FALSE(read_session(text));
    const auto run = read_run(write(RunWord{true, "f00", 12, 34}));
    REQUIRE(run);
    CHECK(run->is_open);
    CHECK(run->run == "f00");
    CHECK(run->base == 12);
    CHECK(run->begin == 34);
    for (const char* const text : {"", "o", "o  1", "o r", "o r x 1", "o r 1", "p r 1 1"}) {
        CHECK_FALSE(read_run(text));
    }
}
