// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Servers whose durable state is on a Redis: what /readyz says of it, how it is shared, and that
// what was acknowledged is there after the server, or the Redis, was killed.
#include "support/catch.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/redis_server.hpp"
#include "support/server_process.hpp"
#include "support/ws_client.hpp"

#include <csignal>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

using namespace pulse::test;
using Catch::Matchers::Contains;
using Json = nlohmann::json;

namespace {

Settings on_redis(const std::string& url, const Settings& others = {}) {
    Settings settings{{"roblox.enabled", "false"},         {"rooms.api_key", "\"key\""},
                      {"store.engine", "\"redis\""},       {"store.url", '"' + url + '"'},
                      {"store.answer_timeout_ms", "1000"}, {"server.threads", "1"}};
    for (const auto& [key, value] : others) settings[key] = value;
    return settings;
}

HttpAnswer readiness(const ServerProcess& server) { return http_get(server.port(), "/readyz"); }

bool becomes(const ServerProcess& server, int status) {
    return eventually([&] { return readiness(server).status == status; }, std::chrono::seconds(30));
}

/// Keeps a text as the config of a room; the answer's status.
int keep(const ServerProcess& server, const std::string& room, const std::string& text) {
    return http_exchange(server.port(), "PUT /v1/rooms/" + room +
                                            "/config HTTP/1.1\r\nHost: localhost\r\nConnection: "
                                            "close\r\nAuthorization: Bearer key\r\n"
                                            "Content-Length: " +
                                            std::to_string(text.size()) + "\r\n\r\n" + text)
        .status;
}

/// What somebody who comes to the room is told of its config.
std::string kept(const ServerProcess& server, const std::string& room) {
    WsClient ws(server.port(), {"/websocket?room=" + room, {}, {}});
    return Json::parse(ws.read_message(kText)).at("data").get<std::string>();
}

}  // namespace

TEST_CASE("a store on Redis is opened, watched, and closed by the drain", "[e2e][store][redis]") {
    RedisServer redis({"--appendonly", "yes"});
    ServerProcess server(on_redis(redis.url()));
    CHECK(readiness(server).body == "ready\n");
    CHECK(server.metric("pulse_store_up") == 1);
    CHECK(keep(server, "lobby", "blue") == 200);
    CHECK(server.metric("pulse_store_operations_total{operation=\"commit\"}") >= 1);
    CHECK(server.metric("pulse_store_stored_bytes") > 0);
    CHECK_THAT(server.metrics(), Contains("\npulse_store_commit_seconds_bucket{le=\"+Inf\"} "));

    redis.kill();
    CHECK(becomes(server, 503));
    CHECK_THAT(readiness(server).body, Contains("store: cannot reach Redis"));
    CHECK(http_get(server.port(), "/healthz").status == 200);
    CHECK(server.metric("pulse_store_up") == 0);
    CHECK(keep(server, "lobby", "red") >= 500);
    redis.start();
    CHECK(becomes(server, 200));
    CHECK(keep(server, "lobby", "green") == 200);
    server.signal(SIGTERM);
    CHECK(server.wait() == exited(0));
}

TEST_CASE("servers with one store have one state", "[e2e][store][redis]") {
    RedisServer redis;
    const ServerProcess first(on_redis(redis.url()));
    CHECK(keep(first, "lobby", "blue") == 200);
    const ServerProcess second(on_redis(redis.url()));
    CHECK(kept(second, "lobby") == "blue");
    const ServerProcess stranger(on_redis(redis.url(), {{"store.prefix", "\"other\""}}));
    CHECK(kept(stranger, "lobby").empty());
}

TEST_CASE("a server without its Redis starts, says so, and works when it comes",
          "[e2e][store][redis]") {
    RedisServer redis;
    redis.kill();
    const ServerProcess server(on_redis(redis.url()));
    CHECK(readiness(server).status == 503);
    CHECK(http_get(server.port(), "/healthz").status == 200);
    redis.start();
    CHECK(becomes(server, 200));
    CHECK(keep(server, "lobby", "blue") == 200);
}

TEST_CASE("what a server acknowledged is there after it was killed, and after Redis was",
          "[e2e][store][redis]") {
    RedisServer redis({"--appendonly", "yes", "--appendfsync", "always"});
    auto server = std::make_unique<ServerProcess>(on_redis(redis.url()));
    std::string last;
    for (int round = 0; round < 5; ++round) {
        CAPTURE(round);
        for (int i = 0; i < 20; ++i) {
            last = std::to_string(round) + "/" + std::to_string(i);
            REQUIRE(keep(*server, "lobby", last) == 200);
        }
        server->signal(SIGKILL);
        CHECK(server->wait() == killed_by(SIGKILL));
        if (round % 2 == 1) redis.restart();
        server = std::make_unique<ServerProcess>(on_redis(redis.url()));
        REQUIRE(becomes(*server, 200));
        CHECK(kept(*server, "lobby") == last);
    }
}
