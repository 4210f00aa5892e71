// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The Roblox bridge on two servers: whichever is asked, one sends to Open Cloud.
#include "e2e/bridge_fixture.hpp"
#include "servers.hpp"
#include "support/redis_cluster.hpp"
#include "support/redis_server.hpp"
#ifdef PULSE_WITH_NATS
#include "support/nats_server.hpp"
#endif

#include <csignal>
#include <memory>
#include <set>
#include <string>

using namespace pulse::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kUniverse = "2745313133";

/// Servers with one key of administrators, and a universe that both know.
struct Pair {
    /// `joined`: what joins them, and where the registry is.
    explicit Pair(const Settings& joined) {
        REQUIRE(bridge.mock->cloud()->universe(std::stoull(kUniverse)) != nullptr);
        Settings settings = bridge.settings(joined);
        settings.emplace("cluster.lease_ms", "1500");
        for (std::unique_ptr<ServerProcess>& server : servers) {
            // One after the other: the first makes the keys that both use.
            server = std::make_unique<ServerProcess>(settings);
            REQUIRE(becomes_ready(*server));
            REQUIRE(caller(*server).is_served());
        }
        REQUIRE(caller(*servers[0]).add(kUniverse).status == 200);
        for (const auto& server : servers) {
            if (joined.at("store.engine") == "\"redis\"") {
                REQUIRE(eventually([&] { return knows(*server); }));
            } else if (!knows(*server)) {
                REQUIRE(caller(*server).add(kUniverse).status == 200);
            }
        }
        REQUIRE(eventually([&] { return owner() != nullptr; }, 30s));
    }
    [[nodiscard]] bool knows(const ServerProcess& server) const {
        return caller(server).get(std::string("/universe/") + kUniverse).status == 200;
    }
    [[nodiscard]] Caller caller(const ServerProcess& server) const {
        return {server, bridge.key()};
    }
    static bool owns(const ServerProcess& server) {
        return server.metric("pulse_roblox_universes_owned") == 1;
    }
    /// The one server that says so.
    [[nodiscard]] ServerProcess* owner() const {
        const bool first = servers[0] && owns(*servers[0]);
        const bool second = servers[1] && owns(*servers[1]);
        if (first == second) return nullptr;
        return servers[first ? 0 : 1].get();
    }
    [[nodiscard]] int send(const ServerProcess& server, const std::string& text) const {
        const HttpAnswer answer =
            caller(server).post(std::string("/universe/") + kUniverse + "/send",
                                {{"topic", "news"}, {"message", text}, {"destination", "roblox"}});
        UNSCOPED_INFO(answer.body);
        return answer.status;
    }
    /// How often Open Cloud has taken it.
    [[nodiscard]] std::size_t count(const std::string& text) const {
        std::size_t count = 0;
        const auto cloud = bridge.mock->cloud();
        for (const auto& entry : cloud->records().log) {
            count += entry.status == 200 && entry.message.find(text) != std::string::npos;
        }
        return count;
    }

    BridgeFixture bridge;
    std::unique_ptr<ServerProcess> servers[2];
};

template <typename Server>
Settings on_redis(const Server& redis) {
    return cluster_settings(redis.url(),
                            {{"store.engine", "\"redis\""}, {"store.url", toml_text(redis.url())}});
}

void check_owners(Pair& pair) {
    ServerProcess* const owner = pair.owner();
    const std::size_t first = owner == pair.servers[0].get() ? 0 : 1;
    ServerProcess& other = *pair.servers[1 - first];
    CHECK(pair.send(*owner, "one") == 200);
    CHECK(pair.count("one") == 1);
    // Carried to the owner, or told to come again; never unknown.
    const int elsewhere = pair.send(other, "two");
    CHECK((elsewhere == 200 || elsewhere == 503));
    CHECK(pair.count("two") == (elsewhere == 200 ? 1U : 0U));

    SECTION("killed") {
        owner->signal(SIGKILL);
        CHECK(owner->wait() == killed_by(SIGKILL));
    }
    SECTION("ended, with what it had taken sent") {
        owner->signal(SIGTERM);
        CHECK(owner->wait() == exited(0));
    }
    pair.servers[first].reset();
    REQUIRE(eventually([&] { return pair.send(other, "three") == 200; }, 30s));
    CHECK(pair.count("three") == 1);
    CHECK(pair.owner() == &other);
    CHECK(other.metric("pulse_roblox_universes_gained_total") == 1);
}

}  // namespace

TEST_CASE("one server of a cluster sends for a universe, and another one when it is gone",
          "[e2e][redis][cluster][bridge]") {
    const RedisServer redis;
    Pair pair(on_redis(redis));
    check_owners(pair);
}

TEST_CASE("one of two servers on a Redis Cluster sends for a universe",
          "[e2e][redis][cluster][bridge]") {
    const RedisCluster redis(3);
    Pair pair(on_redis(redis));
    check_owners(pair);
}

#ifdef PULSE_WITH_NATS
TEST_CASE("one of two servers that have nothing but NATS in common sends for a universe",
          "[e2e][nats][cluster][bridge]") {
    const NatsServer nats;
    Pair pair(cluster_settings(nats.url(), {{"store.engine", "\"memory\""}}));
    check_owners(pair);
}
#endif

TEST_CASE("what one server changes in the registry another one knows",
          "[e2e][redis][cluster][bridge]") {
    const RedisServer redis;
    const Pair pair(on_redis(redis));
    const Caller first = pair.caller(*pair.servers[0]);
    const Caller second = pair.caller(*pair.servers[1]);
    REQUIRE(second.add("77").status == 200);
    CHECK(eventually([&] { return first.get("/universe/77").status == 200; }));
    REQUIRE(first.post("/universe/registry/remove", {{"universeId", "77"}}).status == 200);
    CHECK(eventually([&] { return second.get("/universe/77").status == 404; }));
    // Each has one owner.
    CHECK(eventually([&] {
        return pair.servers[0]->metric("pulse_roblox_universes_owned") +
                   pair.servers[1]->metric("pulse_roblox_universes_owned") ==
               1;
    }));
}
