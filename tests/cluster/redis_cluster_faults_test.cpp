// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The fault table of faults_test.cpp, on a Redis Cluster of three masters: what happens to the one
// that has the channel's slot, and to another one.
#include "scene.hpp"
#include "support/redis_cluster.hpp"

using namespace pulse::test;
using namespace std::chrono_literals;

namespace {

template <std::size_t replicas>
struct SlotsBus {
    struct Server {
        RedisCluster redis{3, replicas};
        // Where the scene's channel is.
        std::size_t slot = number(redis.redis(0).ask("CLUSTER KEYSLOT kept"));
        std::size_t home = redis.first_owner(slot);
        std::size_t other = (home + 1) % 3;

        [[nodiscard]] std::string url() const { return redis.url(); }
        static std::size_t number(const std::string& answer) {
            return std::stoul(answer.substr(1));
        }
    };
    /// None: servers are told by Redis where its masters are.
    struct Proxy {
        std::string address;
        [[nodiscard]] const std::string& url() const { return address; }
    };
    static Proxy address(const Server& server) { return {server.url()}; }
};
template <std::size_t replicas = 0>
using SlotsScene = Scene<SlotsBus<replicas>>;

}  // namespace

TEST_CASE("chaos: a server on a Redis Cluster is killed, and its clients recover on another",
          "[e2e][redis][cluster][chaos]") {
    SlotsScene<> scene("Redis Cluster, node killed");
    scene.kill_a_server();
}

TEST_CASE("chaos: a channel's master is killed, and its replica takes over",
          "[e2e][redis][cluster][chaos]") {
    SlotsScene<3> scene("Redis Cluster, master killed");
    scene.server.redis.redis(scene.server.home).kill();
    scene.pause(300ms);
    REQUIRE(scene.server.redis.becomes_master(scene.server.home + 3));
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps >= 6);
}

TEST_CASE("chaos: a channel's master is silent, its replica takes over, and it is back",
          "[e2e][redis][cluster][chaos]") {
    SlotsScene<3> scene("Redis Cluster, master silent");
    scene.server.redis.redis(scene.server.home).pause();
    REQUIRE(scene.server.redis.becomes_master(scene.server.home + 3));
    scene.pause(300ms);
    scene.server.redis.redis(scene.server.home).resume();
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps >= 6);
}

TEST_CASE("chaos: a channel's master is paused, and nobody takes its place",
          "[e2e][redis][cluster][chaos]") {
    SlotsScene<> scene("Redis Cluster, master paused");
    scene.server.redis.redis(scene.server.home).pause();
    scene.pause(2500ms);
    scene.server.redis.redis(scene.server.home).resume();
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps == 0);
}

TEST_CASE("chaos: another master than the channel's is killed", "[e2e][redis][cluster][chaos]") {
    SlotsScene<> scene("Redis Cluster, another master killed");
    scene.server.redis.redis(scene.server.other).kill();
    scene.pause(2500ms);
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps == 0);
}

TEST_CASE("chaos: the connections to a channel's master are cut again and again",
          "[e2e][redis][cluster][chaos]") {
    SlotsScene<> scene("Redis Cluster, connections cut");
    const auto end = std::chrono::steady_clock::now() + fault_time(1s);
    RedisServer& master = scene.server.redis.redis(scene.server.home);
    while (std::chrono::steady_clock::now() < end) {
        CHECK(master.ask("CLIENT KILL TYPE normal").starts_with(':'));
        CHECK(master.ask("CLIENT KILL TYPE pubsub").starts_with(':'));
        std::this_thread::sleep_for(70ms);
    }
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps == 0);
}

TEST_CASE("chaos: a channel's slot moves to another master and back",
          "[e2e][redis][cluster][chaos]") {
    SlotsScene<> scene("Redis Cluster, slot moved");
    auto& [redis, slot, home, other] = scene.server;
    const auto end = std::chrono::steady_clock::now() + fault_time(1s);
    do {
        redis.move_slot(slot, home, other);
        scene.go_on();
        redis.move_slot(slot, other, home);
        scene.go_on();
    } while (std::chrono::steady_clock::now() < end);
    const Verdict verdict = scene.finish();
    CHECK(verdict.gaps >= 12);
}
