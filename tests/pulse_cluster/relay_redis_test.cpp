// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The relay over a real Redis, or Redis Cluster: its mail and its ownership.
#include "echo_dialect.hpp"
#include "support/redis_cluster.hpp"
#include "support/redis_server.hpp"

#include <deque>

#include <pulse/cluster/redis_broker.hpp>
#include <pulse/cluster/redis_ownership.hpp>

using namespace pulse;
using namespace pulse::test;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

struct RedisNode {
    RedisNode(const std::string& url, std::string name_) : name(std::move(name_)), echo(name) {
        hub.add_lane(hosts[0]);
        cluster::BrokerOptions broker_options;
        broker_options.answer_timeout = 500ms;
        broker = *cluster::make_redis_broker(url, broker_options, {loop.io(), rng, log});
        cluster::OwnershipOptions owner_options;
        owner_options.node = broker->mail().node();
        owner_options.lease = 1'000ms;
        owner_options.answer_timeout = 300ms;
        ownership = *cluster::make_redis_ownership(url, owner_options, {loop.io(), rng, log});
        REQUIRE(eventually([&] { return broker->is_healthy() && ownership->obstacle().empty(); }));
        cluster::RelayOptions options;
        options.framing = &line_framing();
        options.node_timeout = 800ms;
        options.linger = 50ms;
        relay = std::make_unique<cluster::Relay>(
            options, cluster::RelayServices{loop.io(), hub, *ownership, broker->mail()});
        dialect = relay->wrap(echo, echo.keys());
    }
    ~RedisNode() {
        dialect.reset();
        relay.reset();
        ownership.reset();
        broker.reset();
        loop.stop();
    }

    const std::string name;
    core::SystemClock clock;
    core::SystemRng rng;
    core::NullLog log;
    FakeHost hosts[1];
    core::Hub hub{{}, {clock, rng, log, nullptr, nullptr, nullptr, nullptr}};
    IoThread loop;
    std::shared_ptr<cluster::ClusterBroker> broker;
    std::shared_ptr<cluster::ClusterOwnership> ownership;
    EchoDialect echo;
    std::unique_ptr<cluster::Relay> relay;
    std::unique_ptr<core::Dialect> dialect;
};

template <typename Server>
struct Pair {
    /// `options`: of the server.
    template <typename... Options>
    explicit Pair(Options... options) : redis(options...) {
        for (const char* name : {"a", "b"}) {
            nodes.push_back(std::make_unique<RedisNode>(redis.url(), name));
        }
    }
    template <typename Predicate>
    [[nodiscard]] bool becomes(Predicate&& predicate,
                               std::chrono::milliseconds deadline = std::chrono::seconds(20)) {
        return eventually(
            [&] {
                for (const auto& node : nodes) {
                    if (node == nullptr) continue;
                    core::Lane& lane = *node->hub.lanes()[0];
                    lane.begin_turn();
                    lane.flush();
                }
                return predicate();
            },
            deadline);
    }
    Lines read(RoomPeer& peer, std::size_t n) {
        Lines all;
        (void)becomes([&] {
            for (std::string& each : peer.take()) all.push_back(std::move(each));
            return all.size() >= n || peer.close_code;
        });
        return all;
    }
    /// Tries until it is let in, as clients do; who greets it.
    std::unique_ptr<RoomPeer> join(std::size_t node, std::string& greeter) {
        std::unique_ptr<RoomPeer> peer;
        for (int i = 0; i < 20; ++i) {
            peer = std::make_unique<RoomPeer>(*nodes[node]->hub.lanes()[0], *nodes[node]->dialect,
                                              "key=k");
            const Lines greeting = read(*peer, 1);
            if (!greeting.empty()) {
                greeter = greeting[0].substr(0, 1);
                return peer;
            }
            peer->drop();
        }
        return nullptr;
    }

    Server redis;
    std::deque<std::unique_ptr<RedisNode>> nodes;
};

template <typename Server>
void check_carrying(Pair<Server>& c) {
    std::string greeter;
    auto near = c.join(0, greeter);
    REQUIRE(near != nullptr);
    CHECK(greeter == "a");
    auto far = c.join(1, greeter);
    REQUIRE(far != nullptr);
    CHECK(greeter == "a");
    Lines expected;
    for (int i = 0; i < 500; ++i) {
        far->say(std::to_string(i));
        expected.push_back("text " + std::to_string(i));
    }
    CHECK(c.read(*far, expected.size()) == expected);
    const std::string text = "all:" + std::string(300'000, 'x');
    far->say(text);
    CHECK((c.read(*far, 1) == Lines{text}));
    CHECK((c.read(*near, 1) == Lines{text}));
    CHECK(c.nodes[0]->relay->stats().losses_total == 0);
}

}  // namespace

TEST_CASE("connections are carried over Redis", "[redis][cluster][relay]") {
    Pair<RedisServer> pair;
    check_carrying(pair);
}

TEST_CASE("connections are carried over a Redis Cluster of several masters",
          "[redis][cluster][relay]") {
    Pair<RedisCluster> pair(std::size_t{3});
    check_carrying(pair);
}

TEST_CASE("a Redis that restarts costs carried clients their connection, and no more",
          "[redis][cluster][relay][faults]") {
    Pair<RedisServer> c;
    std::string greeter;
    auto near = c.join(0, greeter);
    auto far = c.join(1, greeter);
    REQUIRE(far != nullptr);
    c.redis.kill();
    CHECK(c.becomes([&] { return far->close_code == 1012; }));
    c.redis.start();
    far->drop();
    near->drop();
    auto back = c.join(1, greeter);
    REQUIRE(back != nullptr);
    back->say("x");
    CHECK(c.read(*back, 1) == Lines{"text x"});
}

TEST_CASE("a node that ends gives its keys to the next", "[redis][cluster][relay]") {
    Pair<RedisServer> c;
    std::string greeter;
    auto near = c.join(0, greeter);
    auto far = c.join(1, greeter);
    REQUIRE(far != nullptr);
    CHECK(greeter == "a");
    near->drop();
    near.reset();
    c.nodes[0]->relay->drain();
    CHECK(c.becomes([&] { return far->close_code == 1012; }));
    far->drop();
    auto back = c.join(1, greeter);
    REQUIRE(back != nullptr);
    CHECK(greeter == "b");
    CHECK(c.becomes([&] { return c.nodes[0]->relay->stats().keys == 0; }));
}
