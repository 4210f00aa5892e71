// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ownership on a Redis Cluster: all of it is of one slot, wherever that is.
#include "ownership_fixture.hpp"
#include "support/redis_cluster.hpp"

#include <pulse/redis/slots.hpp>

using namespace pulse;
using namespace std::chrono_literals;
using contract::Beliefs;
using contract::Candidate;
using test::eventually;
using test::RedisCluster;

namespace {

const std::size_t kSlot = redis::slot_of("pulse:{o}:m");

/// Two nodes; the first has "a", the second is a candidate.
struct Pair {
    explicit Pair(std::size_t masters, std::size_t replicas = 0) : servers(masters, replicas) {
        REQUIRE(ann.gets_it());
        bob = std::make_unique<Candidate>(*second, "a", &beliefs);
        REQUIRE(eventually([&] { return bob->owner().node == first->node(); }));
    }
    ~Pair() {
        CHECK(beliefs.conflicts() == 0);
        CHECK(beliefs.repeats() == 0);
    }
    /// Nodes that are told there what changes hands.
    [[nodiscard]] bool is_heard_at(std::size_t master) const {
        const std::string info = servers.redis(master).ask("INFO server");
        constexpr std::string_view kName = "run_id:";
        const std::string run = info.substr(info.find(kName) + kName.size(), 40);
        return servers.redis(master).ask("PUBSUB NUMSUB pulse:{o}@" + run).ends_with(":2\r\n");
    }

    RedisCluster servers;
    std::size_t home = servers.first_owner(kSlot);
    test::OwnershipNodes nodes;
    std::shared_ptr<cluster::ClusterOwnership> first = nodes.add(servers.url());
    std::shared_ptr<cluster::ClusterOwnership> second = nodes.add(servers.url());
    Beliefs beliefs;
    Candidate ann{*first, "a", &beliefs};
    std::unique_ptr<Candidate> bob;
};

}  // namespace

TEST_CASE("the ownership over a Redis Cluster is one for all nodes",
          "[redis][cluster][ownership]") {
    const RedisCluster servers(3);
    test::OwnershipNodes nodes;
    contract::shared_ownership_contract([&](std::size_t n) { return nodes.add(n, servers.url()); });
}

TEST_CASE("a slot of owners that moves takes nothing from those who have",
          "[redis][cluster][ownership][fault]") {
    Pair pair(2);
    const std::size_t to = 1 - pair.home;
    REQUIRE(pair.is_heard_at(pair.home));
    const core::Owner before = pair.ann.owner();
    pair.servers.move_slot(kSlot, pair.home, to);

    CHECK(eventually([&] { return pair.is_heard_at(to); }, 30s));
    REQUIRE(eventually([&] { return pair.first->stats().is_up && pair.second->stats().is_up; }));
    CHECK(pair.ann.told() == std::vector<core::Owner>{before});
    // Whoever is new waits for the length of a lease, as on every Redis that is another one.
    Candidate cec(*pair.second, "b", &pair.beliefs);
    CHECK(cec.gets_it());
    pair.ann.drop();
    CHECK(pair.bob->gets_it());
}

TEST_CASE("when the master of the owners' slot dies its replica knows them, and a key has one",
          "[redis][cluster][ownership][fault]") {
    Pair pair(3, 3);
    const std::size_t replica = pair.home + 3;
    SECTION("killed") { pair.servers.redis(pair.home).kill(); }
    SECTION("silent") { pair.servers.redis(pair.home).pause(); }
    REQUIRE(pair.servers.becomes_master(replica));
    REQUIRE(
        eventually([&] { return pair.first->stats().is_up && pair.second->stats().is_up; }, 30s));
    pair.servers.redis(pair.home).resume();
    CHECK(eventually([&] { return pair.is_heard_at(replica); }, 30s));
    CHECK(eventually([&] { return pair.ann.has_it() != pair.bob->has_it(); }, 30s));
    pair.ann.drop();
    CHECK(pair.bob->gets_it());
}

TEST_CASE("what keeps nodes from the owners' slot is said", "[redis][cluster][ownership]") {
    test::OwnershipNodes nodes;
    const auto said = [&](const std::string& url, const std::string& what) {
        const auto node = nodes.add(url);
        return eventually([&] { return node->obstacle().find(what) != std::string::npos; });
    };
    CHECK(said("redis+cluster://127.0.0.1:1", "Connection refused"));
    RedisCluster servers(2);
    const std::size_t home = servers.first_owner(kSlot);
    for (std::size_t i = 0; i < 2; ++i) {
        REQUIRE(servers.redis(i).ask("CLUSTER DELSLOTS " + std::to_string(kSlot)) == "+OK\r\n");
    }
    CHECK(said(servers.url(), "nobody has slot " + std::to_string(kSlot)));
    REQUIRE(servers.redis(home).ask("CLUSTER ADDSLOTS " + std::to_string(kSlot)) == "+OK\r\n");
    const auto node = nodes.add(servers.url());
    const Candidate ann(*node, "a");
    CHECK(ann.gets_it());
}
