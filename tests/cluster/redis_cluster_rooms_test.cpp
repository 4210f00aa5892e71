// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Servers that have nothing but a Redis Cluster in common: it joins them, says who owns what, and
// has the store.
#include "room_servers.hpp"
#include "support/redis_cluster.hpp"

#include <algorithm>

using namespace pulse::test;
using namespace std::chrono_literals;

TEST_CASE("servers on a Redis Cluster share rooms, which outlive the server that had them",
          "[e2e][redis][cluster][rooms]") {
    const RedisCluster redis(3);
    RoomServers cluster(redis.url(), redis.url());
    check_a_room_outlives_its_server(cluster);
}

TEST_CASE("rooms on a Redis Cluster outlive the master that has them",
          "[e2e][redis][cluster][rooms][faults]") {
    RedisCluster redis(3, 3);
    RoomServers cluster(redis.url(), redis.url());
    {
        RoomClient ann(cluster.servers[0], "room=r&session=ann");
        ann.listen("counter");
        CHECK(ann.ask(count(2)) == counted("2"));
    }
    std::size_t home = 0;
    while (redis.redis(home).ask("EXISTS {pulse}:d") != ":1\r\n") ++home;
    // A replica may take over that has it all.
    CHECK(redis.redis(home).ask("WAIT 1 10000") == ":1\r\n");
    redis.redis(home).kill();
    CHECK(eventually(
        [&] {
            return std::all_of(cluster.servers.begin(), cluster.servers.end(),
                               [](const auto& each) { return readiness(each).status == 503; });
        },
        30s));
    REQUIRE(redis.becomes_master(home + 3));
    for (const ServerProcess& server : cluster.servers) CHECK(becomes_ready(server));
    RoomClient bob(cluster.servers[1], "room=r&session=bob");
    CHECK(bob.ask(R"({"type":"subscribe","data":"counter"})") == counted("2"));
    CHECK(bob.ask(count(1)) == counted("3"));
}
