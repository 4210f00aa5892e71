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
constexpr const char* kUniverses = "universes_not_shared";

/// Joined by something that knows no owners, which need not be there for it.
constexpr const char* kWithoutOwners = "redis+cluster://127.0.0.1:1";

/// What knows them. NATS need not be there either.
std::vector<std::string> with_owners(const RedisServer& redis) {
    std::vector<std::string> urls{redis.url()};
#ifdef PULSE_WITH_NATS
    urls.emplace_back("nats://127.0.0.1:1");
#endif
    return urls;
}

}  // namespace

TEST_CASE("servers joined by what knows no owners, with stores of their own, warn of each part",
          "[e2e][cluster][bridge][rooms]") {
    SECTION("of both") {
        LaunchOptions options;
        options.waits_until_listening = false;
        ServerProcess server(cluster_settings(kWithoutOwners), options);
        for (const char* const event : {kRooms, kUniverses}) {
            const auto line = server.wait_for_event(event);
            CHECK(line.at("level") == "warn");
            CHECK(line.at("reason").get<std::string>().find("store.engine = \"redis\"") !=
                  std::string::npos);
        }
        (void)server.wait_for_event("listening");
    }
    SECTION("of rooms where there is no bridge") {
        const ServerProcess server(cluster_settings(kWithoutOwners, {{"roblox.enabled", "false"}}));
        CHECK(server.has_logged(kRooms));
        CHECK_FALSE(server.has_logged(kUniverses));
    }
    SECTION("of universes where there are no rooms") {
        const ServerProcess server(cluster_settings(kWithoutOwners, {{"rooms.enabled", "false"}}));
        CHECK_FALSE(server.has_logged(kRooms));
        CHECK(server.has_logged(kUniverses));
    }
}

TEST_CASE("servers whose rooms and universes have owners warn of no more than is so",
          "[e2e][redis][cluster][bridge][rooms]") {
    const RedisServer redis;
    const std::string quoted = "\"" + redis.url() + "\"";
    const Settings shared{{"store.engine", "\"redis\""}, {"store.url", quoted}};
    SECTION("nothing where the store is one, whatever joins them") {
        std::vector<std::string> urls = with_owners(redis);
        urls.emplace_back(kWithoutOwners);
        for (const std::string& joined_by : urls) {
            CAPTURE(joined_by);
            const ServerProcess server(cluster_settings(joined_by, shared));
            CHECK_FALSE(server.has_logged(kRooms));
            CHECK_FALSE(server.has_logged(kUniverses));
        }
    }
    SECTION("of rooms where each has a store of its own") {
        for (const std::string& joined_by : with_owners(redis)) {
            CAPTURE(joined_by);
            const ServerProcess server(cluster_settings(joined_by));
            CHECK(server.has_logged(kRooms));
            CHECK_FALSE(server.has_logged(kUniverses));
        }
    }
}

TEST_CASE("a server that stands alone warns of nothing that is not shared",
          "[e2e][bridge][rooms]") {
    const ServerProcess server;
    CHECK_FALSE(server.has_logged(kRooms));
    CHECK_FALSE(server.has_logged(kUniverses));
}
