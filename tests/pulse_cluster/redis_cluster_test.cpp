// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Nodes on a real Redis Cluster.
#include "support/redis_cluster.hpp"

#include "cluster_fixture.hpp"
#include "contract/broker_contract.hpp"
#include "contract/recovery_contract.hpp"
#include "order_check.hpp"
#include "redis/names.hpp"
#include "support/certificates.hpp"

#include <algorithm>
#include <functional>
#include <map>

#include <pulse/core/clock.hpp>
#include <pulse/core/error.hpp>
#include <pulse/redis/redirection.hpp>
#include <pulse/redis/slots.hpp>

using namespace pulse;
using namespace std::chrono_literals;
using test::eventually;
using test::OrderedNode;
using test::RedisCluster;

namespace {

const cluster::Names kNames("pulse:", true);

std::size_t slot_of_channel(std::string_view channel) {
    return redis::slot_of(kNames.pubsub(channel));
}

/// A channel that begins with `stem` and belongs to that master at first.
std::string channel_at(const RedisCluster& servers, const std::string& stem, std::size_t master) {
    for (int i = 0;; ++i) {
        const std::string channel = stem + std::to_string(i);
        if (servers.first_owner(slot_of_channel(channel)) == master) return channel;
    }
}

/// `answer_timeout`: long where nobody falls silent, so that a slow machine is not taken for that.
cluster::BrokerOptions quick(std::chrono::milliseconds answer_timeout = 30s) {
    cluster::BrokerOptions options;
    options.history = [](std::string_view channel) {
        return channel.starts_with("plain") ? core::HistoryPolicy{}
                                            : core::HistoryPolicy{.size = 10'000};
    };
    options.answer_timeout = answer_timeout;
    options.max_wait = 60s;
    return options;
}

cluster::BrokerOptions with_prefix_of_its_own() {
    static int n = 0;
    cluster::BrokerOptions options;
    options.prefix = "test" + std::to_string(++n) + ":";
    return options;
}

std::string why(const std::string& url) {
    test::RedisNodes nodes;
    const auto broker = nodes.add(url, quick());
    REQUIRE(eventually([&] { return broker->obstacle() != "broker: not connected yet"; }));
    CHECK_FALSE(broker->is_healthy());
    return broker->obstacle();
}

}  // namespace

TEST_CASE("all names of a channel are of one slot, and no two channels share one",
          "[redis][cluster]") {
    CHECK(redis::slot_of("123456789") == 12739);
    CHECK(redis::slot_of("a{b}c") == redis::slot_of("b"));
    CHECK(redis::slot_of("a{}c") != redis::slot_of(""));
    CHECK(redis::slot_of("{b") != redis::slot_of("b"));
    std::map<std::string, std::string> seen;
    for (const std::string& channel :
         {std::string(), std::string("a"), std::string("}"), std::string("{"), std::string("{}"),
          std::string("}a"), std::string("a}"), std::string("{a}"), std::string("-"),
          std::string("-}"), std::string("-}}"), std::string("a\0b: *{}>.\xff", 11)}) {
        INFO(channel);
        const std::string name = kNames.pubsub(channel);
        CHECK(kNames.channel_of(name) == channel);
        CHECK(redis::slot_of(kNames.stream(channel)) == redis::slot_of(name));
        CHECK(redis::slot_of(kNames.meta(channel)) == redis::slot_of(name));
        for (const std::string& each : {name, kNames.stream(channel), kNames.meta(channel)}) {
            CHECK(seen.emplace(each, channel).second);
        }
    }
    const cluster::Names plain("p:", false);
    CHECK(plain.pubsub("}a") == "p:c:}a");
    CHECK(plain.channel_of("p:c:}a") == "}a");
    for (const char* name :
         {"", "p:", "p:n:c", "pulse:c:a", "pulse:c:{a", "pulse:c", "pulse:s:{a}"}) {
        CHECK_FALSE(kNames.channel_of(name));
    }
}

TEST_CASE("redirections of a Redis Cluster are read", "[redis][cluster]") {
    const auto moved = redis::read_redirection("MOVED 3999 127.0.0.1:6381");
    REQUIRE(moved);
    CHECK_FALSE(moved->is_for_once);
    CHECK(moved->slot == 3999);
    CHECK(moved->host == "127.0.0.1");
    CHECK(moved->port == 6381);
    const auto ask = redis::read_redirection("ASK 0 ::1:1");
    REQUIRE(ask);
    CHECK(ask->is_for_once);
    CHECK(ask->host == "::1");
    CHECK(redis::read_redirection("MOVED 1 :6381")->host.empty());
    CHECK(redis::read_redirection("MOVED 1 ?:6381")->host.empty());
    for (const char* text :
         {"", "MOVED", "MOVED ", "MOVED 1", "MOVED 16384 a:1", "MOVED x a:1", "MOVED 1 a:0",
          "MOVED 1 a:", "MOVED 1:1", "TRYAGAIN x", "MOVEDX 1 a:1"}) {
        INFO(text);
        CHECK_FALSE(redis::read_redirection(text));
    }
    CHECK(redis::is_redirection("TRYAGAIN Multiple keys request during rehashing of slot"));
    CHECK(redis::is_redirection("CLUSTERDOWN The cluster is down"));
    CHECK_FALSE(redis::is_redirection("ERR MOVED 1 a:1"));
}

TEST_CASE("the Redis Cluster broker keeps the contract", "[redis][cluster][contract][broker]") {
    static const RedisCluster servers(3);
    test::RedisNodes nodes;
    contract::broker_contract([&](std::size_t count) {
        return nodes.add(count, servers.url(), with_prefix_of_its_own());
    });
}

TEST_CASE("the Redis Cluster broker keeps the contract of recovery",
          "[redis][cluster][contract][recovery]") {
    static const RedisCluster servers(3);
    test::RedisNodes nodes;
    contract::recovery_contract([&](std::size_t count, const core::HistoryPolicies& policies) {
        auto options = with_prefix_of_its_own();
        options.history = policies;
        return nodes.add(count, servers.url(), options);
    });
}

TEST_CASE("channels of all masters are served, and their members shared", "[redis][cluster]") {
    const RedisCluster servers(3);
    test::RedisNodes nodes;
    const core::SystemClock clock;
    const auto one = nodes.add(servers.url(), quick(), &clock);
    const auto two = nodes.add(servers.url(), quick(), &clock);
    REQUIRE(eventually([&] { return one->is_healthy() && two->is_healthy(); }));
    std::vector<std::string> channels;
    for (int i = 0; i < 30; ++i) channels.push_back("room" + std::to_string(i));
    OrderedNode ann(one, channels);
    for (std::size_t i = 0; i < channels.size(); ++i) {
        REQUIRE(one->presence()->join(channels[i], core::SessionId{{1, i}}, std::nullopt));
    }
    OrderedNode bob(two, channels);  // asks, and waits for the answers
    for (const std::string& channel : channels) {
        CHECK(two->presence()->count(channel) == 1);
        REQUIRE(two->presence()->join(channel, core::SessionId{{2, 2}}, std::nullopt));
    }
    test::SteadyPublisher publisher(two, channels);
    CHECK(eventually([&] { return publisher.acknowledged() >= 3 * channels.size(); }, 60s));
    publisher.stop();
    CHECK(publisher.failed() == 0);
    for (const std::string& channel : channels) {
        CHECK(eventually([&] { return one->presence()->count(channel) == 2; }));
    }
    for (OrderedNode* node : {&ann, &bob}) {
        CHECK(eventually([&] { return node->has_last_of(publisher); }));
        CHECK(node->problems() == std::vector<std::string>{});
        for (const std::string& channel : channels) CHECK(node->gaps(channel) == 0);
    }
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(servers.redis(i).ask("DBSIZE") != ":0\r\n");
    }
}

TEST_CASE("a master that dies takes its own channels along until its replica is there",
          "[redis][cluster][fault]") {
    RedisCluster servers(3, 1);
    test::RedisNodes nodes;
    const core::SystemClock clock;
    const auto one = nodes.add(servers.url(), quick(3s), &clock);
    const auto two = nodes.add(servers.url(), quick(3s), &clock);
    REQUIRE(eventually([&] { return one->is_healthy() && two->is_healthy(); }));
    const std::string kept = channel_at(servers, "kept", 0);
    const std::string plain = channel_at(servers, "plain", 0);
    const std::string other = channel_at(servers, "other", 1);
    const std::string plain_other = channel_at(servers, "plain", 2);
    const std::vector<std::string> its{kept, plain};
    const std::vector<std::string> others{other, plain_other};
    const std::vector<std::string> all{kept, plain, other, plain_other};
    OrderedNode ann(one, all);
    OrderedNode bob(two, all);
    test::SteadyPublisher of_it(one, its);
    test::SteadyPublisher of_others(two, others);
    REQUIRE(eventually([&] { return of_it.acknowledged() >= 50 && of_others.acknowledged() >= 50; },
                       60s));

    const bool is_killed = GENERATE(true, false);
    INFO((is_killed ? "killed" : "silent"));
    is_killed ? servers.redis(0).kill() : servers.redis(0).pause();
    REQUIRE(eventually([&] { return !one->is_healthy() && !two->is_healthy(); }, 30s));
    CHECK(one->obstacle().find(std::to_string(servers.port(0))) != std::string::npos);
    // Two that see each other only once it is back.
    REQUIRE(one->presence()->join(kept, core::SessionId{{1, 1}}, std::nullopt));
    REQUIRE(two->presence()->join(kept, core::SessionId{{2, 2}}, std::nullopt));
    const std::uint64_t meanwhile = of_others.acknowledged();
    CHECK(eventually([&] { return of_others.acknowledged() >= meanwhile + 50; }, 60s));
    REQUIRE(servers.becomes_master(3));
    REQUIRE(eventually([&] { return one->is_healthy() && two->is_healthy(); }, 30s));
    const std::uint64_t before = of_it.acknowledged();
    CHECK(eventually([&] { return of_it.acknowledged() >= before + 50; }, 30s));
    // The silent one goes on where it was, and takes itself for the master for a moment.
    if (!is_killed) servers.redis(0).resume();
    for (OrderedNode* node : {&ann, &bob}) {
        CHECK(eventually([&] { return node->epochs(kept) == 2; }, 30s));
    }
    const std::uint64_t resumed = of_it.acknowledged();
    CHECK(eventually([&] { return of_it.acknowledged() >= resumed + 50; }, 60s));
    of_it.stop();
    of_others.stop();
    CHECK(of_others.failed() == 0);
    for (OrderedNode* node : {&ann, &bob}) {
        CHECK(eventually([&] { return node->has_last_of(of_it) && node->has_last_of(of_others); }));
        CHECK(node->problems() == std::vector<std::string>{});
        for (const std::string& channel : its) CHECK(node->gaps(channel) >= 1);
        for (const std::string& channel : others) CHECK(node->gaps(channel) == 0);
        CHECK(node->epochs(kept) == 2);
    }
    CHECK(eventually(
        [&] { return one->presence()->count(kept) == 2 && two->presence()->count(kept) == 2; }));
}

TEST_CASE("a slot that moves under load takes its channels along", "[redis][cluster][fault]") {
    RedisCluster servers(3);
    test::RedisNodes nodes;
    const auto one = nodes.add(servers.url(), quick());
    const auto two = nodes.add(servers.url(), quick());
    REQUIRE(eventually([&] { return one->is_healthy() && two->is_healthy(); }));
    const std::string kept = channel_at(servers, "kept", 0);
    const std::size_t slot = slot_of_channel(kept);
    // A name of the same slot, by the same tag.
    std::string plain;
    for (int i = 0; plain.empty(); ++i) {
        const std::string channel = "plain" + std::to_string(i);
        if (slot_of_channel(channel) == slot) plain = channel;
    }
    const std::string other = channel_at(servers, "other", 0);
    const std::vector<std::string> all{kept, plain, other};
    OrderedNode ann(one, all);
    OrderedNode bob(two, all);
    // One on each node, so that one is redirected that does not know yet.
    test::SteadyPublisher publisher(one, {kept, plain});
    test::SteadyPublisher elsewhere(two, {other});
    REQUIRE(eventually([&] { return publisher.acknowledged() >= 50; }, 60s));
    const std::string keys = kNames.stream(kept) + " " + kNames.meta(kept);
    std::size_t from = 0;
    for (const std::size_t to : {1U, 2U, 0U}) {
        const auto go_on = [&] {
            const std::uint64_t before = publisher.acknowledged();
            CHECK(eventually([&] { return publisher.acknowledged() >= before + 20; }, 60s));
        };
        const auto count_gaps = [&] {
            std::vector<std::size_t> gaps;
            for (OrderedNode* node : {&ann, &bob}) {
                for (const std::string& channel : {kept, plain}) {
                    gaps.push_back(node->gaps(channel));
                }
            }
            return gaps;
        };
        const auto before_it = count_gaps();
        servers.begin_to_move(slot, from, to);
        go_on();
        servers.move_keys(keys, from, to);
        go_on();  // sent after them, each time
        servers.end_move(slot, to);
        // All of them are told, and hear what is published from then on.
        CHECK(eventually(
            [&] {
                const auto now = count_gaps();
                return std::equal(now.begin(), now.end(), before_it.begin(), std::greater<>());
            },
            60s));
        go_on();
        from = to;
    }
    publisher.stop();
    elsewhere.stop();
    // Nothing was lost: what Redis sends elsewhere is sent again.
    CHECK(publisher.failed() == 0);
    CHECK(elsewhere.failed() == 0);
    for (OrderedNode* node : {&ann, &bob}) {
        CHECK(eventually(
            [&] { return node->has_last_of(publisher) && node->has_last_of(elsewhere); }));
        CHECK(node->problems() == std::vector<std::string>{});
        CHECK(node->gaps(other) == 0);
    }
}

TEST_CASE("new channels of a slot that is on its way wait until it has arrived",
          "[redis][cluster][fault]") {
    RedisCluster servers(2);
    test::RedisNodes nodes;
    const auto broker = nodes.add(servers.url(), quick());
    REQUIRE(eventually([&] { return broker->is_healthy(); }));
    const std::string channel = channel_at(servers, "new", 0);
    const std::size_t slot = slot_of_channel(channel);
    servers.begin_to_move(slot, 0, 1);
    std::promise<std::error_code> answer;
    broker->publish_confirmed(core::PublicationView{channel},
                              [&answer](std::error_code error) { answer.set_value(error); });
    auto answered = answer.get_future();
    CHECK(answered.wait_for(300ms) == std::future_status::timeout);
    servers.end_move(slot, 1);
    CHECK_FALSE(answered.get());
    CHECK(contract::read_history(*broker, channel, nullptr).top.offset == 1);
}

TEST_CASE("the rights that the manual names are enough", "[redis][cluster]") {
    // docs/operations/clustering.md, "What an ACL user needs".
    const RedisCluster servers(1, 0, {"--user",        "pulse",         "on",
                                      ">secret",       "~pulse:*",      "&pulse:*",
                                      "+ping",         "+info",         "+select",
                                      "+script|load",  "+evalsha",      "+publish",
                                      "+subscribe",    "+unsubscribe",  "+hmget",
                                      "+hset",         "+xadd",         "+xrange",
                                      "+xdel",         "+del",          "+time",
                                      "+pexpire",      "+persist",      "+spublish",
                                      "+ssubscribe",   "+asking",       "+sunsubscribe",
                                      "+cluster|info", "+cluster|slots"});
    test::RedisNodes nodes;
    const core::SystemClock clock;
    const auto broker =
        nodes.add("redis+cluster://pulse:secret@127.0.0.1:" + std::to_string(servers.port(0)),
                  quick(), &clock);
    REQUIRE(eventually([&] { return broker->is_healthy(); }));
    OrderedNode node(broker, {"kept", "plain"});
    test::SteadyPublisher publisher(broker, {"kept", "plain"});
    CHECK(eventually([&] { return publisher.acknowledged() >= 10; }));
    publisher.stop();
    CHECK(publisher.failed() == 0);
    CHECK(eventually([&] { return node.has_last_of(publisher); }));
    CHECK(contract::read_history(*broker, "kept", nullptr).publications.size() >= 5);
    CHECK(broker->is_healthy());
}

TEST_CASE("a Redis Cluster may speak TLS", "[redis][cluster][tls]") {
    test::Authority authority;
    authority.sign("server", "IP:127.0.0.1");
    const std::uint16_t port = test::free_ports(1).front();
    const RedisCluster servers(
        1, 0,
        {"--tls-port", std::to_string(port), "--tls-cert-file", authority.certificate("server"),
         "--tls-key-file", authority.key("server"), "--tls-ca-cert-file", authority.certificate(),
         "--tls-auth-clients", "no", "--tls-cluster", "yes"});
    test::RedisNodes nodes;
    const auto broker = nodes.add(
        "rediss+cluster://127.0.0.1:" + std::to_string(port) + "?cafile=" + authority.certificate(),
        quick());
    REQUIRE(eventually([&] { return broker->is_healthy(); }));
    CHECK_FALSE(contract::publish_and_wait(*broker, core::PublicationView{"news"}));
}

TEST_CASE("a Redis of another kind than the address says is refused with that reason",
          "[redis][cluster]") {
    const std::uint16_t port = test::free_ports(1).front();
    const test::RedisServer single({"--bind", "127.0.0.1", "--port", std::to_string(port)});
    CHECK(
        why("redis+cluster://127.0.0.1:" + std::to_string(port)).find("cluster support disabled") !=
        std::string::npos);
    const RedisCluster servers(1);
    CHECK(why(servers.redis(0).url()).find("redis+cluster://") != std::string::npos);
}
