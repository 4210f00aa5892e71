// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Rooms of servers that NATS joins: who owns them stands in the Redis of their store, or on NATS.
#include "room_servers.hpp"
#include "support/nats_server.hpp"

#include <csignal>

using namespace pulse::test;
using namespace std::chrono_literals;

TEST_CASE("servers joined over NATS share rooms, which outlive the server that had them",
          "[e2e][nats][redis][cluster][rooms]") {
    NatsServer nats;
    RoomServers cluster(nats.url());
    check_a_room_outlives_its_server(cluster);
}

TEST_CASE("servers that have nothing but NATS in common meet in one room while its server is there",
          "[e2e][nats][cluster][rooms]") {
    NatsServer nats;
    const Settings settings = cluster_settings(nats.url(), {{"store.engine", "\"memory\""},
                                                            {"roblox.enabled", "false"},
                                                            {"cluster.lease_ms", "1500"},
                                                            {"cluster.node_timeout_ms", "1200"}});
    ServerProcess one(settings);
    ServerProcess two(settings);
    for (const ServerProcess* server : {&one, &two}) REQUIRE(becomes_ready(*server));
    RoomClient near(one, "room=r&session=near");
    RoomClient far(two, "room=r&session=far");
    CHECK(far.profile["data"]["suffix"] == 2);
    near.listen("counter");
    far.listen("counter");
    CHECK(far.ask(count(2)) == counted("2"));
    CHECK(near.read() == counted("2"));

    one.signal(SIGTERM);
    CHECK(one.wait() == exited(0));
    CHECK(far.close().code == 1012);
    // It is let in again, though into a room that begins anew: a store that both have is missing.
    const RoomClient back(two, "room=r&session=far");
    CHECK(back.profile["data"]["suffix"] == 1);
    CHECK(two.has_logged("rooms_not_shared"));
}
