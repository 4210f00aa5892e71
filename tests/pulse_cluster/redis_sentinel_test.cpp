// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Failover by real sentinels. What a client gets is compared with what was published: positions go
// up by one but behind a gap that was told, and nothing comes twice.
#include "cluster_fixture.hpp"
#include "contract/recovery_contract.hpp"
#include "order_check.hpp"
#include "ownership_fixture.hpp"
#include "support/redis_sentinels.hpp"

#include <atomic>

#include <pulse/core/error.hpp>

using namespace pulse;
using namespace std::chrono_literals;
using test::eventually;
using test::OrderedNode;

namespace {

cluster::BrokerOptions quick() {
    cluster::BrokerOptions options;
    options.history = [](std::string_view channel) {
        return channel.starts_with("plain") ? core::HistoryPolicy{}
                                            : core::HistoryPolicy{.size = 10'000};
    };
    options.answer_timeout = 1'000ms;
    options.max_wait = 60s;
    return options;
}

}  // namespace

TEST_CASE("the master that the sentinels name is used", "[redis][sentinel]") {
    test::RedisSentinels servers({"--user", "pulse", "on", ">secret", "~*", "&*", "+@all"},
                                 "user guard on >sentinel ~* &* +@all\n");
    test::RedisNodes nodes;
    const std::string at = "redis+sentinel://pulse:secret@" + servers.hosts();
    const std::string login = "?sentinel_user=guard&sentinel_password=sentinel";
    const auto broker = nodes.add(at + "/main/2" + login, quick());
    REQUIRE(eventually([&] { return broker->is_healthy(); }));
    CHECK_FALSE(contract::publish_and_wait(*broker, core::PublicationView{"news"}));
    CHECK(servers.redis(0).ask("INFO keyspace").find("db2:") != std::string::npos);

    const auto unknown = nodes.add(at + "/other" + login, quick());
    CHECK(eventually(
        [&] { return unknown->obstacle().find("No such master") != std::string::npos; }));
    const auto stranger = nodes.add(at + "/main" + login + "x", quick());
    CHECK(eventually([&] { return stranger->obstacle().find("WRONGPASS") != std::string::npos; }));
}

TEST_CASE("when the master dies nodes go to the promoted replica, and gaps are told",
          "[redis][sentinel][fault]") {
    test::RedisSentinels servers;
    test::RedisNodes nodes;
    const auto one = nodes.add(servers.url(), quick());
    const auto two = nodes.add(servers.url(), quick());
    REQUIRE(eventually([&] { return one->is_healthy() && two->is_healthy(); }));
    OrderedNode ann(one, {"news", "plain"});
    OrderedNode bob(two, {"news", "plain"});
    test::SteadyPublisher publisher(one, {"news", "plain"});
    REQUIRE(eventually([&] { return publisher.acknowledged() >= 50; }));

    SECTION("killed") { servers.redis(0).kill(); }
    SECTION("silent") { servers.redis(0).pause(); }
    REQUIRE(servers.becomes_master(1));
    REQUIRE(eventually([&] { return one->is_healthy() && two->is_healthy(); }, 30s));
    const std::uint64_t before = publisher.acknowledged();
    REQUIRE(eventually([&] { return publisher.acknowledged() >= before + 50; }, 30s));
    // The silent one is back, and is told that it is a replica: nobody is led astray.
    servers.redis(0).resume();
    for (OrderedNode* node : {&ann, &bob}) {
        CHECK(eventually([&] { return node->epochs("news") == 2; }, 30s));
    }
    const std::uint64_t resumed = publisher.acknowledged();
    CHECK(eventually([&] { return publisher.acknowledged() >= resumed + 50; }, 30s));
    publisher.stop();
    for (OrderedNode* node : {&ann, &bob}) {
        CHECK(eventually([&] { return node->has_last_of(publisher); }, 30s));
        CHECK(node->gaps("news") >= 1);
        CHECK(node->gaps("plain") >= 1);
        CHECK(node->epochs("news") == 2);
        CHECK(node->problems() == std::vector<std::string>{});
    }
}

TEST_CASE("a failover there and back again never gives an offset twice",
          "[redis][sentinel][fault]") {
    // The process that was the master at first is it again in the end, with the same run_id, and
    // with what the other one had of it when it took over.
    test::RedisSentinels servers;
    test::RedisNodes nodes;
    const auto broker = nodes.add(servers.url(), quick());
    REQUIRE(eventually([&] { return broker->is_healthy(); }));
    OrderedNode ann(broker, {"news"});
    core::StreamPosition last;
    // Published to under the first reign and the last, and of no interest to anybody in between:
    // the one between has nothing to say about what it has of it.
    core::StreamPosition quiet;
    const auto publish = [&](std::string_view channel) {
        REQUIRE(eventually(
            [&] { return !contract::publish_and_wait(*broker, core::PublicationView{channel}); },
            30s));
        return contract::read_history(*broker, channel, nullptr, 0).top;
    };
    for (std::size_t round = 0; round < 3; ++round) {
        const std::size_t master = round % 2;
        REQUIRE(servers.becomes_master(master));
        REQUIRE(eventually([&] { return !servers.is_master(1 - master); }, 30s));
        const core::StreamPosition now = publish("news");
        CHECK(now.epoch != last.epoch);
        last = now;
        if (round == 0) quiet = publish("quiet");
        if (round == 2) break;
        servers.wait_for_replica(1 - master);
        // Not answered "in progress" or "no good replica" any more.
        REQUIRE(eventually(
            [&] { return servers.ask_sentinel(0, "SENTINEL FAILOVER main") == "+OK\r\n"; }, 30s));
    }
    CHECK(publish("quiet").epoch != quiet.epoch);
    CHECK(ann.problems() == std::vector<std::string>{});
}

TEST_CASE("sentinels that are gone, or silent, do not matter while one is there",
          "[redis][sentinel][fault]") {
    test::RedisSentinels servers;
    test::RedisNodes nodes;
    servers.sentinel(0).kill();
    servers.sentinel(1).signal(SIGSTOP);
    const auto broker = nodes.add(servers.url(), quick());
    CHECK(eventually([&] { return broker->is_healthy(); }));
    servers.sentinel(2).kill();
    const auto late = nodes.add(servers.url(), quick());
    CHECK(eventually(
        [&] { return late->obstacle().find("no sentinel knows main") != std::string::npos; }));
    // What is connected does not need them.
    CHECK(broker->is_healthy());
    CHECK_FALSE(contract::publish_and_wait(*broker, core::PublicationView{"news"}));
}

TEST_CASE("when the master dies a key has one owner at most, and one again",
          "[redis][sentinel][ownership][fault]") {
    test::RedisSentinels servers;
    test::OwnershipNodes nodes;
    const auto one = nodes.add(servers.url());
    const auto two = nodes.add(servers.url());
    contract::Beliefs beliefs;
    contract::Candidate ann(*one, "room", &beliefs);
    contract::Candidate bob(*two, "room", &beliefs);
    const auto has_owner = [&] { return ann.has_it() || bob.has_it(); };
    REQUIRE(eventually(has_owner, 30s));

    servers.redis(0).kill();
    REQUIRE(servers.becomes_master(1));
    REQUIRE(
        eventually([&] { return one->stats().is_up && two->stats().is_up && has_owner(); }, 30s));
    ann.drop();
    CHECK(bob.gets_it());
    CHECK(beliefs.conflicts() == 0);
}
