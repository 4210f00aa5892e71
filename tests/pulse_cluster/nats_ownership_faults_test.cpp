// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who owns what when nodes, NATS, or the way between them break.
#include "nats/nats_lease_words.hpp"
#include "nats_fixture.hpp"
#include "nats_stranger.hpp"
#include "ownership_fixture.hpp"

#include <array>
#include <future>
#include <random>

#include <asio/post.hpp>

using namespace pulse;
using namespace std::chrono_literals;
using contract::Beliefs;
using contract::Candidate;
using test::eventually;

namespace {

/// Two nodes, each with a way to NATS that can be cut; the first has "a", the second is a
/// candidate.
struct NatsPair {
    test::NatsServer nats;
    test::NatsProxy first_way{nats.port()};
    test::NatsProxy second_way{nats.port()};
    test::NatsOwnershipNodes nodes;
    std::shared_ptr<cluster::ClusterOwnership> first = nodes.add(first_way.url());
    asio::io_context& first_io = nodes.last_io();
    std::shared_ptr<cluster::ClusterOwnership> second = nodes.add(second_way.url());
    Beliefs beliefs;
    std::unique_ptr<Candidate> ann = std::make_unique<Candidate>(*first, "a", &beliefs);
    std::unique_ptr<Candidate> bob;

    NatsPair() {
        REQUIRE(ann->gets_it());
        bob = std::make_unique<Candidate>(*second, "a", &beliefs);
        REQUIRE(eventually([&] { return bob->owner().node == first->node(); }));
    }
    ~NatsPair() {
        CHECK(beliefs.conflicts() == 0);
        CHECK(beliefs.repeats() == 0);
    }
};

}  // namespace

TEST_CASE("a node that is cut off from NATS gives up what it has, and another gets it",
          "[nats][ownership][fault]") {
    NatsPair pair;
    const auto term = pair.ann->owner().term;
    const auto began = std::chrono::steady_clock::now();
    pair.first_way.set_open(false);
    REQUIRE(pair.bob->gets_it());
    // A lease, the spread of sweeps, and what a busy machine takes.
    CHECK(std::chrono::steady_clock::now() - began < test::kTestLease + 1'500ms);
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

TEST_CASE("a connection to NATS that breaks and is back in time changes nothing",
          "[nats][ownership][fault]") {
    NatsPair pair;
    for (int i = 0; i < 3; ++i) {
        const auto renewals = pair.first->stats().renewals_total;
        pair.first_way.cut();
        pair.second_way.cut();
        REQUIRE(eventually([&] { return pair.first->stats().renewals_total > renewals + 1; }));
    }
    CHECK(pair.first->stats().lapses_total == 0);
    CHECK(pair.ann->told().size() == 1);
}

TEST_CASE("a node that does nothing for longer than its lease has lost what it had",
          "[nats][ownership][fault]") {
    NatsPair pair;
    std::promise<void> may_go_on;
    asio::post(pair.first_io, [&] { may_go_on.get_future().wait(); });
    // It cannot say that it has nothing any more: that is what terms are for. So nobody counts.
    pair.bob->drop();
    Candidate other(*pair.second, "a");
    CHECK(other.gets_it());
    CHECK(other.owner().term > pair.ann->owner().term);
    pair.ann->drop();
    may_go_on.set_value();
    CHECK(eventually([&] { return pair.first->stats().lapses_total == 1; }));
    CHECK(other.has_it());
}

TEST_CASE("a NATS that starts anew takes nothing from those who have", "[nats][ownership][fault]") {
    NatsPair pair;
    const auto before = pair.ann->owner();
    pair.nats.kill();
    SECTION("with the files that it had") {}
    SECTION("without them") { pair.nats.forget(); }
    pair.nats.start();
    REQUIRE(eventually([&] { return pair.first->stats().kept_total == 1; }));
    CHECK(pair.ann->told() == std::vector<core::Owner>{before});
    CHECK_FALSE(pair.bob->has_it());
    // A key that nobody has is not given away until those who might have it have spoken.
    const Candidate cec(*pair.second, "b", &pair.beliefs);
    CHECK(cec.gets_it());
    pair.ann->drop();
    CHECK(pair.bob->gets_it());
}

TEST_CASE("a stream that is deleted or emptied under a cluster takes nothing from those who have",
          "[nats][ownership][fault]") {
    NatsPair pair;
    // What the second asked for is answered: else it may write to the new stream what was for the
    // old one, which counts for nobody and yet stands in the way.
    for (const char* const key : {"x", "y", "z"}) {
        const Candidate each(*pair.second, key);
        REQUIRE(each.gets_it());
    }
    SECTION("deleted") {
        (void)test::Stranger(pair.nats).ask("$JS.API.STREAM.DELETE.pulse:-o", "");
    }
    SECTION("emptied") { (void)test::Stranger(pair.nats).ask("$JS.API.STREAM.PURGE.pulse:-o", ""); }
    REQUIRE(eventually([&] { return pair.first->stats().kept_total == 1; }));
    CHECK(pair.ann->told().size() == 1);
    pair.ann->drop();
    CHECK(pair.bob->gets_it());
}

TEST_CASE("while NATS is silent nobody gets anything, and what was had lapses",
          "[nats][ownership][fault]") {
    NatsPair pair;
    pair.nats.pause();
    CHECK(eventually([&] { return !pair.ann->has_it(); }));
    const Candidate cec(*pair.second, "b", &pair.beliefs);
    CHECK(eventually([&] { return pair.second->stats().lapses_total > 0; }));
    CHECK_FALSE(pair.bob->has_it());
    CHECK_FALSE(cec.has_it());
    pair.nats.resume();
    CHECK(cec.gets_it());
    CHECK(eventually([&] { return pair.ann->has_it() != pair.bob->has_it(); }));
}

TEST_CASE("a key that was given back while NATS was away is free when it is back",
          "[nats][ownership][fault]") {
    NatsPair pair;
    pair.first_way.set_open(false);
    pair.ann->drop();
    pair.first_way.set_open(true);
    CHECK(pair.bob->gets_it());
}

TEST_CASE("what NATS takes for a node when it has gone on without is not in anybody's way",
          "[nats][ownership][fault]") {
    using namespace cluster::nats_lease;
    const test::NatsServer nats;
    test::NatsOwnershipNodes nodes;
    const auto node = nodes.add(nats.url());
    const auto other = nodes.add(nats.url());
    const Candidate first(*node, "first");
    REQUIRE(first.gets_it());

    // A claim of a connection that is not there any more, which was on its way for too long.
    test::Stranger stranger(nats);
    std::optional<SessionWord> session;
    while (!session || !session->session.starts_with(node->node() + '/')) {
        session = read_session(test::Stranger(nats).hear("pulse:.o.s.*"));
    }
    REQUIRE(session->connection > 0);
    const KeyWord late{session->session, 0, false, session->connection - 1, "late"};
    stranger.publish("pulse:.o.k.late", write(late));

    SECTION("another one gets it") {
        const Candidate then(*other, "late");
        CHECK(then.gets_it());
    }
    SECTION("it has it, if it would have it by now") {
        const Candidate then(*node, "late");
        CHECK(then.gets_it());
    }
}

TEST_CASE("a stream of that name with another configuration is left alone",
          "[nats][ownership][fault]") {
    const test::NatsServer nats;
    (void)test::Stranger(nats).ask(
        "$JS.API.STREAM.CREATE.pulse:-o",
        R"({"name":"pulse:-o","subjects":["other"],"storage":"memory"})");
    test::NatsOwnershipNodes nodes;
    const auto node = nodes.add(nats.url());
    CHECK(eventually(
        [&] { return node->obstacle().find("another configuration") != std::string::npos; }));
}

TEST_CASE("at most one has a key, whatever breaks at random between nodes and NATS",
          "[nats][ownership][fault]") {
    constexpr std::size_t kNodes = 3;
    constexpr std::size_t kKeys = 4;
    const unsigned seed = GENERATE(1U, 2U, 3U, 4U);
    CAPTURE(seed);
    test::NatsServer nats;
    std::array<std::unique_ptr<test::NatsProxy>, kNodes> ways;
    for (auto& way : ways) way = std::make_unique<test::NatsProxy>(nats.port());
    test::NatsOwnershipNodes nodes;
    Beliefs beliefs;
    std::vector<std::shared_ptr<cluster::ClusterOwnership>> engines;
    for (auto& way : ways) engines.push_back(nodes.add(way->url()));
    std::array<std::array<std::unique_ptr<Candidate>, kKeys>, kNodes> candidates;
    std::mt19937 random(seed);
    for (int step = 0; step < 60; ++step) {
        const std::size_t n = random() % kNodes;
        const std::size_t key = random() % kKeys;
        auto& candidate = candidates[n][key];
        switch (random() % 10) {
            case 0:
                ways[n]->set_open(false);
                break;
            case 1:
                ways[n]->cut();
                break;
            case 2:
                if (random() % 2 == 0) {
                    nats.kill();
                    nats.start();
                }
                break;
            case 3:
                nats.pause();
                std::this_thread::sleep_for(std::chrono::milliseconds(random() % 2'200));
                nats.resume();
                break;
            case 4:
                if (random() % 3 == 0) {
                    const char* const how = random() % 2 == 0 ? "DELETE" : "PURGE";
                    (void)test::Stranger(nats).ask(
                        std::string("$JS.API.STREAM.") + how + ".pulse:-o", "");
                }
                break;
            case 5:
                engines[n].reset();
                engines[n] = nodes.add(ways[n]->url());
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
            for (auto& way : ways) way->set_open(true);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % 120));
    }
    for (auto& way : ways) way->set_open(true);
    CHECK(beliefs.conflicts() == 0);
    CHECK(beliefs.repeats() == 0);
    for (auto& node : candidates) {
        for (auto& each : node) each.reset();
    }
    for (std::size_t key = 0; key < kKeys; ++key) {
        const Candidate last(*engines[key % kNodes], std::to_string(key), &beliefs);
        const bool is_had = last.gets_it();
        CAPTURE(key, last.owner().node, engines[0]->obstacle(), engines[1]->obstacle(),
                engines[2]->obstacle());
        CHECK(is_had);
    }
}
