// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Rooms of servers that NATS joins: who owns them stands in the Redis of their store.
#include "room_servers.hpp"
#include "support/nats_server.hpp"

#include <csignal>

using namespace pulse::test;
using namespace std::chrono_literals;

TEST_CASE("servers joined over NATS share rooms, which outlive the server that had them",
          "[e2e][nats][redis][cluster][rooms]") {
    NatsServer nats;
    RoomServers cluster(nats.url());
    auto near = std::make_unique<RoomClient>(cluster.servers[0], "room=r&session=near");
    RoomClient far(cluster.servers[1], "room=r&session=far");
    CHECK(far.profile["data"]["suffix"] == 2);
    near->listen("counter");
    far.listen("counter");
    CHECK(far.ask(count(2)) == counted("2"));
    CHECK(near->read() == counted("2"));

    cluster.servers[0].signal(SIGKILL);
    CHECK(cluster.servers[0].wait() == killed_by(SIGKILL));
    CHECK(far.close().code == 1012);
    RoomClient back(cluster.servers[1], "room=r&session=far");
    CHECK(back.ask(R"({"type":"subscribe","data":"counter"})") == counted("2"));
}

TEST_CASE("servers joined over NATS without a store in common have rooms of their own",
          "[e2e][nats][cluster][rooms]") {
    NatsServer nats;
    const Settings settings =
        cluster_settings(nats.url(), {{"store.engine", "\"memory\""}, {"roblox.enabled", "false"}});
    ServerProcess one(settings);
    ServerProcess two(settings);
    for (const ServerProcess* server : {&one, &two}) REQUIRE(becomes_ready(*server));
    RoomClient a(one, "room=r");
    RoomClient b(two, "room=r");
    CHECK(a.profile["data"]["suffix"] == 1);
    CHECK(b.profile["data"]["suffix"] == 1);
}
