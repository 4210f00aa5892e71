// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Rooms of several servers on one Redis, as their clients see them.
#include "room_servers.hpp"

#include <csignal>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

using namespace pulse::test;
using namespace std::chrono_literals;

namespace {

HttpAnswer ask_api(const ServerProcess& server, const std::string& request_line,
                   std::string_view body) {
    std::string request = request_line +
                          " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                          "Authorization: Bearer key\r\nContent-Length: " +
                          std::to_string(body.size()) + "\r\n\r\n";
    return http_exchange(server.port(), request.append(body));
}

}  // namespace

TEST_CASE("clients of two servers meet in one room", "[e2e][redis][cluster][rooms]") {
    RoomServers cluster;
    RoomClient a(cluster.servers[0], "room=r&session=a");
    RoomClient b(cluster.servers[1], "room=r&session=b");
    CHECK(a.profile["data"]["suffix"] == 1);
    CHECK(b.profile["data"]["suffix"] == 2);
    for (const char* event : {"chat", "counter", "poll"}) {
        a.listen(event);
        b.listen(event);
    }
    a.say(R"({"type":"chat","data":"hello"})");
    for (RoomClient* const each : {&a, &b}) {
        const Json chat = each->read();
        CHECK(chat["type"] == "chat");
        CHECK(chat["data"]["message"] == "hello");
        CHECK(chat["data"]["user"]["suffix"] == 1);
    }
    b.say(count(2));
    a.say(count(3));
    for (RoomClient* const each : {&a, &b}) {
        CHECK(each->read()["type"] == "counter");
        const Json second = each->read();
        CHECK(second == counted("5"));
    }
    b.say(R"({"type":"poll","data":{"id":"tea","answer":"yes"}})");
    for (RoomClient* const each : {&a, &b}) {
        CHECK(each->read()["data"]["stats"] == Json{{"yes", 1}});
    }
    const double carried = cluster.servers[0].metric("pulse_relay_connections") +
                           cluster.servers[1].metric("pulse_relay_connections");
    CHECK(carried == 1);
}

TEST_CASE("a server that does not have a room answers about it as the one that has",
          "[e2e][redis][cluster][rooms]") {
    RoomServers cluster;
    RoomClient a(cluster.servers[0], "room=r");
    RoomClient b(cluster.servers[1], "room=r");
    for (const ServerProcess& server : cluster.servers) {
        const Json details = Json::parse(http_get(server.port(), "/details?room=r").body);
        CHECK(details["count"] == 2);
        CHECK(Json::parse(http_get(server.port(), "/users?room=r").body)["users"].size() == 2);
        CHECK(ask_api(server, "PUT /v1/rooms/r/config", "dark").status == 200);
        for (RoomClient* const each : {&a, &b}) CHECK(each->read()["data"] == "dark");
        CHECK(ask_api(server, "POST /v1/rooms/r/broadcast", R"({"type":"news"})").status == 200);
        for (RoomClient* const each : {&a, &b}) CHECK(each->read() == Json{{"type", "news"}});
        CHECK(ask_api(server, "POST /v1/rooms/r/broadcast", "no").status == 400);
    }
}

TEST_CASE("a room outlives the server that had it: nothing acknowledged is lost",
          "[e2e][redis][cluster][rooms]") {
    RoomServers cluster;
    auto near = std::make_unique<RoomClient>(cluster.servers[0], "room=r&session=near");
    RoomClient far(cluster.servers[1], "room=r&session=far");
    far.listen("counter");
    for (int i = 1; i <= 50; ++i) CHECK(far.ask(count(1)) == counted(std::to_string(i)));
    const int signal = GENERATE(SIGKILL, SIGTERM);
    cluster.servers[0].signal(signal);
    CHECK(cluster.servers[0].wait() == (signal == SIGKILL ? killed_by(SIGKILL) : exited(0)));
    CHECK(far.close().code == 1012);
    RoomClient back(cluster.servers[1], "room=r&session=far");
    CHECK(back.profile["data"]["suffix"] == 2);
    CHECK(back.ask(R"({"type":"subscribe","data":"counter"})") == counted("50"));
    CHECK(back.ask(count(1)) == counted("51"));
    CHECK(cluster.servers[1].metric("pulse_relay_owned") == 1);
}

TEST_CASE("a server that was stopped for longer than its lease changes nothing any more",
          "[e2e][redis][cluster][rooms]") {
    RoomServers cluster;
    RoomClient old(cluster.servers[0], "room=r&session=old");
    RoomClient far(cluster.servers[1], "room=r&session=far");
    old.listen("counter");
    CHECK(old.ask(count(1)) == counted("1"));
    cluster.servers[0].signal(SIGSTOP);
    CHECK(far.close().code == 1012);
    RoomClient next(cluster.servers[1], "room=r&session=far");
    CHECK(next.ask(R"({"type":"subscribe","data":"counter"})") == counted("1"));
    CHECK(next.ask(count(1)) == counted("2"));
    old.say(count(100));
    cluster.servers[0].signal(SIGCONT);
    CHECK(old.close().code == 1012);
    CHECK(next.ask(count(1)) == counted("3"));
    // The two nodes find one another again meanwhile; who is closed by that comes back.
    CHECK(eventually(
        [&] {
            try {
                RoomClient again(cluster.servers[0], "room=r&session=old");
                return again.ask(R"({"type":"subscribe","data":"counter"})") == counted("3");
            } catch (const std::exception&) {
                return false;
            }
        },
        30s));
}

TEST_CASE("servers that shall have rooms of their own have them", "[e2e][redis][cluster][rooms]") {
    RedisServer redis;
    std::deque<ServerProcess> servers;
    for (int i = 0; i < 2; ++i) {
        servers.emplace_back(cluster_settings(redis.url(), {{"store.engine", "\"memory\""},
                                                            {"roblox.enabled", "false"},
                                                            {"cluster.rooms", "false"}}));
        REQUIRE(becomes_ready(servers.back()));
    }
    RoomClient a(servers[0], "room=r");
    RoomClient b(servers[1], "room=r");
    CHECK(b.profile["data"]["suffix"] == 1);
}
