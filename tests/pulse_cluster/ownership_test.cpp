// SPDX-License-Identifier: MIT OR Apache-2.0
#include "ownership_fixture.hpp"

#include <pulse/redis/error.hpp>

using namespace pulse;
using contract::Candidate;
using test::eventually;

TEST_CASE("the ownership over Redis keeps the contract", "[redis][ownership]") {
    const test::RedisServer redis;
    test::OwnershipNodes nodes;
    contract::ownership_contract([&](std::size_t n) { return nodes.add(n, redis.url()); });
}

TEST_CASE("the ownership over Redis is one for all nodes", "[redis][ownership]") {
    const test::RedisServer redis;
    test::OwnershipNodes nodes;
    contract::shared_ownership_contract([&](std::size_t n) { return nodes.add(n, redis.url()); });
}

TEST_CASE("an address that is none is refused", "[redis][ownership]") {
    asio::io_context io;
    core::SystemRng rng;
    core::NullLog log;
    const auto made = cluster::make_redis_ownership("http://x", {}, {io, rng, log});
    REQUIRE_FALSE(made);
    CHECK(made.error() == redis::Error::invalid_address);
}

TEST_CASE("nodes have the names that they are given, and clusters their own keys",
          "[redis][ownership]") {
    const test::RedisServer redis;
    test::OwnershipNodes nodes;
    const auto one = nodes.add(redis.url(), {.node = "one", .lease = test::kTestLease});
    const auto other =
        nodes.add(redis.url(), {.prefix = "b:", .node = "two", .lease = test::kTestLease});
    const Candidate ann(*one, "a");
    const Candidate bob(*other, "a");
    REQUIRE(ann.gets_it());
    REQUIRE(bob.gets_it());
    CHECK(ann.owner().node == "one");
    CHECK(bob.owner().node == "two");
}

TEST_CASE("a hundred thousand keys are renewed by one command, and gone when their node is",
          "[redis][ownership]") {
    constexpr std::size_t kKeys = 100'000;
    const test::RedisServer redis;
    test::OwnershipNodes nodes;
    // Long enough for machines that are slow: what a lease has to outlast is the telling.
    const cluster::OwnershipOptions options{.lease = std::chrono::seconds(3)};
    auto ann = nodes.add(redis.url(), options);
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

    const auto bob = nodes.add(redis.url(), options);
    const Candidate last(*bob, "room:99999");
    REQUIRE(eventually([&] { return last.owner().node == ann->node(); }));
    ann.reset();
    CHECK(last.gets_it());
    // What it left behind is swept, key by key.
    CHECK(eventually([&] { return redis.ask("HLEN pulse:{o}:k") == ":1\r\n"; },
                     std::chrono::seconds(60)));
    CHECK(eventually([&] { return redis.ask("ZCARD pulse:{o}:s") == ":1\r\n"; }));
}

TEST_CASE("nothing is left on Redis of what was given back", "[redis][ownership]") {
    const test::RedisServer redis;
    test::OwnershipNodes nodes;
    const auto node = nodes.add(redis.url());
    {
        const Candidate ann(*node, "a");
        REQUIRE(ann.gets_it());
        CHECK(redis.ask("HLEN pulse:{o}:k") == ":1\r\n");
    }
    CHECK(eventually([&] { return redis.ask("HLEN pulse:{o}:k") == ":0\r\n"; }));
    CHECK(node->stats().claimed == 0);
    CHECK(node->stats().owned == 0);
    CHECK(node->stats().given_total == 1);
}
