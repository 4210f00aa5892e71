// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What servers of one cluster do not share is in the log of each.
#include "servers.hpp"
#include "support/catch.hpp"
#include "support/redis_server.hpp"

#include <string>
#include <vector>

using namespace pulse::test;

namespace {

constexpr const char* kRooms = "rooms_not_shared";

/// What may join servers; NATS and the Redis Cluster need not be there for a warning.
std::vector<std::string> urls(const RedisServer& redis) {
    std::vector<std::string> urls{redis.url(), "redis+cluster://127.0.0.1:1"};
#ifdef PULSE_WITH_NATS
    urls.emplace_back("nats://127.0.0.1:1");
#endif
    return urls;
}

}  // namespace

TEST_CASE("servers of one cluster with stores of their own warn of what rooms lose",
          "[e2e][redis][cluster][rooms]") {
    const RedisServer redis;
    for (const std::string& joined_by : urls(redis)) {
        CAPTURE(joined_by);
        LaunchOptions options;
        options.waits_until_listening = false;
        ServerProcess server(cluster_settings(joined_by), options);
        const auto line = server.wait_for_event(kRooms);
        CHECK(line.at("level") == "warn");
        CHECK(line.at("reason").get<std::string>().find("store.engine = \"redis\"") !=
              std::string::npos);
        (void)server.wait_for_event("listening");
    }
}

TEST_CASE("servers whose rooms are shared, or that have none, or stand alone, warn of nothing",
          "[e2e][redis][cluster][rooms]") {
    const RedisServer redis;
    SECTION("of a store that all have") {
        const std::string quoted = "\"" + redis.url() + "\"";
        for (const std::string& joined_by : urls(redis)) {
            CAPTURE(joined_by);
            const ServerProcess server(cluster_settings(
                joined_by, {{"store.engine", "\"redis\""}, {"store.url", quoted}}));
            CHECK_FALSE(server.has_logged(kRooms));
        }
    }
    SECTION("without rooms") {
        const ServerProcess server(cluster_settings(redis.url(), {{"rooms.enabled", "false"}}));
        CHECK_FALSE(server.has_logged(kRooms));
    }
    SECTION("alone") {
        const ServerProcess server;
        CHECK_FALSE(server.has_logged(kRooms));
    }
}
