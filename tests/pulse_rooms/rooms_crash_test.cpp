// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The server is killed with SIGKILL under load, again and again, at moments left to chance. What it
// has published is there when it is back: counters hold at least what was told of them, and every
// vote that was told of counts.
#include "support/catch.hpp"
#include "support/redis_server.hpp"
#include "support/server_process.hpp"
#include "support/temp_dir.hpp"
#include "support/ws_client.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

using namespace pulse;
using test::ServerProcess;
using test::WsClient;
using Json = nlohmann::json;

namespace {

constexpr int kRounds = 30;
constexpr int kClients = 4;
constexpr int kPipelined = 20;

std::unique_ptr<WsClient> join(const ServerProcess& server, const std::string& session) {
    test::UpgradeOptions options;
    options.path = "/websocket?room=crash&session=" + session;
    auto client = std::make_unique<WsClient>(server.port(), options);
    CHECK(Json::parse(client->read_message(test::kText))["type"] == "config");
    CHECK(Json::parse(client->read_message(test::kText))["type"] == "profile");
    return client;
}

/// What has been published, ever.
struct Told {
    std::int64_t count = 0;
    std::map<std::string, std::int64_t> votes;  ///< of one poll's answers, as last told
    std::size_t publications = 0;
};

void read_publication(WsClient& client, Told& told) {
    const Json message = Json::parse(client.read_message(test::kText));
    ++told.publications;
    if (message["type"] == "counter") {
        // Each increment has its own value, and none is told twice.
        const std::int64_t value = std::stoll(message["data"]["value"].get<std::string>());
        CHECK(value == told.count + 1);
        told.count = value;
    } else if (message["type"] == "poll") {
        told.votes = message["data"]["stats"].get<std::map<std::string, std::int64_t>>();
    }
}

/// Compares what a new server has with what was told; takes over what it has.
void check_left(const ServerProcess& server, Told& told) {
    const auto client = join(server, "auditor");
    client->send_text(R"({"type":"subscribe","data":"counter:hits"})");
    if (told.count > 0) {
        const Json snapshot = Json::parse(client->read_message(test::kText));
        const std::int64_t value = std::stoll(snapshot["data"]["value"].get<std::string>());
        CHECK(value >= told.count);
        told.count = value;
    }
    client->send_text(R"({"type":"subscribe","data":"poll:voters"})");
    if (!told.votes.empty()) {
        const Json snapshot = Json::parse(client->read_message(test::kText));
        const auto stats = snapshot["data"]["stats"].get<std::map<std::string, std::int64_t>>();
        // Each voter votes once, for an answer that counts up: none may be missing.
        for (const auto& [answer, count] : told.votes) {
            CAPTURE(answer);
            CHECK(stats.contains(answer));
            if (stats.contains(answer)) CHECK(stats.at(answer) >= count);
        }
        told.votes = stats;
    }
}

void kill_under_load(const test::Settings& settings) {
    std::mt19937 random(17);
    Told told;
    int voters = 0;
    for (int round = 0; round < kRounds; ++round) {
        CAPTURE(round);
        auto server = std::make_unique<ServerProcess>(settings);
        check_left(*server, told);
        // Hears of everything; the first subscription to something that is there shows it once.
        const auto listener = join(*server, "listener");
        listener->send_text(R"({"type":"subscribe","data":"counter:hits"})");
        if (told.count > 0) (void)listener->read_message(test::kText);
        listener->send_text(R"({"type":"subscribe","data":"poll:voters"})");
        if (!told.votes.empty()) (void)listener->read_message(test::kText);
        listener->ping();
        std::vector<std::unique_ptr<WsClient>> clients;
        for (int i = 0; i < kClients; ++i) {
            clients.push_back(join(*server, "voter-" + std::to_string(++voters)));
        }
        for (const auto& client : clients) {
            const std::string answer = std::to_string(voters % 3);
            client->send_text(R"({"type":"poll","data":{"id":"voters","answer":")" + answer +
                              "\"}}");
            for (int i = 0; i < kPipelined; ++i) {
                client->send_text(R"({"type":"counter","data":{"id":"hits","value":1}})");
            }
        }
        const auto wanted = 1 + random() % (kClients * (kPipelined + 1));
        for (std::size_t i = 0; i < wanted; ++i) read_publication(*listener, told);
        server->signal(SIGKILL);
        CHECK(server->wait() == test::killed_by(SIGKILL));
    }
    ServerProcess server(settings);
    check_left(server, told);
    CHECK(told.publications > static_cast<std::size_t>(kRounds));
}

}  // namespace

#ifdef PULSE_WITH_SQLITE
TEST_CASE("thirty kills under load lose no count and no vote that was published",
          "[rooms][crash]") {
    const test::TempDir directory;
    const std::string file = (directory.path() / "rooms.db").string();
    kill_under_load({{"roblox.enabled", "false"}, {"store.path", '"' + file + '"'}});
}
#endif

#ifdef PULSE_WITH_REDIS
TEST_CASE("nor do they when the store is on a Redis", "[rooms][crash][redis]") {
    const test::RedisServer redis;
    kill_under_load({{"roblox.enabled", "false"},
                     {"store.engine", "\"redis\""},
                     {"store.url", '"' + redis.url() + '"'}});
}
#endif
