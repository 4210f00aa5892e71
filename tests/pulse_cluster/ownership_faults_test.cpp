// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who owns what when nodes, Redis, or the way between them break.
#include "ownership_fixture.hpp"
#include "support/unix_proxy.hpp"

#include <array>
#include <random>

using namespace pulse;
using namespace std::chrono_literals;
using contract::Beliefs;
using contract::Candidate;
using test::eventually;

namespace {

/// Two nodes, each with a way to Redis that can be cut; the first has "a", the second is a
/// candidate.
struct Pair {
    test::RedisServer redis;
    test::UnixProxy first_way{redis.path()};
    test::UnixProxy second_way{redis.path()};
    test::OwnershipNodes nodes;
    std::shared_ptr<cluster::ClusterOwnership> first = nodes.add(first_way.url());
    std::shared_ptr<cluster::ClusterOwnership> second = nodes.add(second_way.url());
    Beliefs beliefs;
    std::unique_ptr<Candidate> ann = std::make_unique<Candidate>(*first, "a", &beliefs);
    std::unique_ptr<Candidate> bob;

    explicit Pair(std::vector<std::string> redis_options = {}) : redis(std::move(redis_options)) {
        REQUIRE(ann->gets_it());
        bob = std::make_unique<Candidate>(*second, "a", &beliefs);
        REQUIRE(eventually([&] { return bob->owner().node == first->node(); }));
    }
    ~Pair() {
        CHECK(beliefs.conflicts() == 0);
        CHECK(beliefs.repeats() == 0);
    }
};

}  // namespace

TEST_CASE("a node that is cut off gives up what it has, and another gets it",
          "[redis][ownership]") {
    Pair pair;
    const auto term = pair.ann->owner().term;
    pair.first_way.set_open(false);
    REQUIRE(pair.bob->gets_it());
    CHECK_FALSE(pair.ann->has_it());
    CHECK(pair.bob->owner().term > term);
    CHECK(pair.first->stats().lapses_total == 1);
    CHECK_FALSE(pair.first->obstacle().empty());

    SECTION("and learns who has it when it is back") {
        pair.first_way.set_open(true);
        REQUIRE(eventually([&] {
            return pair.ann->owner() ==
                   core::Owner{pair.second->node(), false, pair.bob->owner().term};
        }));
        CHECK(eventually([&] { return pair.first->obstacle().empty(); }));
        CHECK(pair.bob->has_it());
    }
    SECTION("and gets it back when that one is cut off as well") {
        pair.first_way.set_open(true);
        pair.second_way.set_open(false);
        CHECK(pair.ann->gets_it());
    }
}

TEST_CASE("a connection that breaks and is back in time changes nothing", "[redis][ownership]") {
    Pair pair;
    for (int i = 0; i < 3; ++i) {
        const auto renewals = pair.first->stats().renewals_total;
        pair.first_way.cut();
        REQUIRE(eventually([&] { return pair.first->stats().renewals_total > renewals + 1; }));
    }
    CHECK(pair.first->stats().lapses_total == 0);
    CHECK(pair.ann->told().size() == 1);
}

TEST_CASE("a Redis that starts anew without its data takes nothing from those who have",
          "[redis][ownership]") {
    Pair pair;
    const auto before = pair.ann->owner();
    pair.redis.restart();
    REQUIRE(eventually([&] { return pair.first->stats().kept_total == 1; }));
    CHECK(pair.ann->told() == std::vector<core::Owner>{before});
    CHECK_FALSE(pair.bob->has_it());
    // A key that nobody has is not given away until those who might have it have spoken.
    Candidate cec(*pair.second, "b", &pair.beliefs);
    CHECK(cec.gets_it());
    pair.ann->drop();
    CHECK(pair.bob->gets_it());
}

TEST_CASE("data that is deleted under a cluster takes nothing from those who have",
          "[redis][ownership]") {
    Pair pair;
    REQUIRE(pair.redis.ask("FLUSHALL") == "+OK\r\n");
    REQUIRE(eventually([&] { return pair.first->stats().kept_total == 1; }));
    CHECK(pair.ann->told().size() == 1);
    pair.ann->drop();
    CHECK(pair.bob->gets_it());
}

TEST_CASE("a Redis that is back with old data takes nothing from those who have",
          "[redis][ownership]") {
    Pair pair;
    // The snapshot says that the first has it; then the second gets it.
    REQUIRE(pair.redis.ask("SAVE") == "+OK\r\n");
    pair.ann->drop();
    REQUIRE(pair.bob->gets_it());
    pair.redis.restart();
    REQUIRE(eventually([&] { return pair.second->stats().kept_total == 1; }));
    CHECK(pair.bob->has_it());
    const Candidate again(*pair.first, "a", &pair.beliefs);
    REQUIRE(eventually([&] { return again.owner().node == pair.second->node(); }));
    pair.bob->drop();
    CHECK(again.gets_it());
}

TEST_CASE("while Redis is silent nobody gets anything, and what was had lapses",
          "[redis][ownership]") {
    Pair pair;
    pair.redis.pause();
    CHECK(eventually([&] { return !pair.ann->has_it(); }));
    const Candidate cec(*pair.second, "b", &pair.beliefs);
    CHECK(eventually([&] { return pair.second->stats().lapses_total > 0; }));
    CHECK_FALSE(pair.bob->has_it());
    CHECK_FALSE(cec.has_it());
    pair.redis.resume();
    CHECK(cec.gets_it());
    CHECK(eventually([&] { return pair.ann->has_it() != pair.bob->has_it(); }));
}

TEST_CASE("scripts that Redis has forgotten are loaded again", "[redis][ownership]") {
    Pair pair;
    REQUIRE(pair.redis.ask("SCRIPT FLUSH") == "+OK\r\n");
    const Candidate cec(*pair.second, "b", &pair.beliefs);
    CHECK(cec.gets_it());
    CHECK(pair.ann->told().size() == 1);
}

TEST_CASE("a key that was given back while Redis was away is free when it is back",
          "[redis][ownership]") {
    Pair pair;
    pair.first_way.set_open(false);
    pair.ann->drop();
    pair.first_way.set_open(true);
    CHECK(pair.bob->gets_it());
}

TEST_CASE("at most one has a key, whatever breaks at random", "[redis][ownership]") {
    constexpr std::size_t kNodes = 3;
    constexpr std::size_t kKeys = 4;
    const unsigned seed = GENERATE(1U, 2U, 3U, 4U);
    CAPTURE(seed);
    test::RedisServer redis;
    std::array<test::UnixProxy, kNodes> ways{test::UnixProxy(redis.path()),
                                             test::UnixProxy(redis.path()),
                                             test::UnixProxy(redis.path())};
    test::OwnershipNodes nodes;
    Beliefs beliefs;
    std::vector<std::shared_ptr<cluster::ClusterOwnership>> engines;
    for (auto& way : ways) engines.push_back(nodes.add(way.url()));
    std::array<std::array<std::unique_ptr<Candidate>, kKeys>, kNodes> candidates;
    std::mt19937 random(seed);
    for (int step = 0; step < 60; ++step) {
        const std::size_t n = random() % kNodes;
        const std::size_t key = random() % kKeys;
        auto& candidate = candidates[n][key];
        switch (random() % 10) {
            case 0:
                ways[n].set_open(false);
                break;
            case 1:
                ways[n].cut();
                break;
            case 2:
                if (random() % 2 == 0) redis.restart();
                break;
            case 3:
                redis.pause();
                std::this_thread::sleep_for(std::chrono::milliseconds(random() % 2'200));
                redis.resume();
                break;
            case 4:
                if (random() % 3 == 0) (void)redis.ask("FLUSHALL");
                break;
            case 5:
                engines[n].reset();
                engines[n] = nodes.add(ways[n].url());
                // Claims of an engine that ended are told nothing any more.
                for (auto& each : candidates[n]) each.reset();
                break;
            case 6:
                candidate.reset();
                break;
            default:
                if (candidate) break;
                candidate = std::make_unique<Candidate>(*engines[n], std::to_string(key), &beliefs);
                break;
        }
        if (random() % 3 == 0) {
            for (auto& way : ways) way.set_open(true);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % 120));
    }
    for (auto& way : ways) way.set_open(true);
    CHECK(beliefs.conflicts() == 0);
    CHECK(beliefs.repeats() == 0);
    for (auto& node : candidates) {
        for (auto& each : node) each.reset();
    }
    for (std::size_t key = 0; key < kKeys; ++key) {
        const Candidate last(*engines[key % kNodes], std::to_string(key), &beliefs);
        CHECK(last.gets_it());
    }
}
