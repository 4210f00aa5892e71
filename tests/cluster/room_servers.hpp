// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two servers with the same rooms, and clients of them.
#pragma once

#include "servers.hpp"
#include "support/catch.hpp"
#include "support/redis_server.hpp"
#include "support/ws_client.hpp"

#include <chrono>
#include <csignal>
#include <deque>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

namespace pulse::test {

using Json = nlohmann::json;

struct RoomServers {
    /// Joined by the Redis that has the rooms, unless another broker or store is named.
    explicit RoomServers(const std::string& broker = {}, const std::string& store = {}) {
        const Settings settings =
            cluster_settings(broker.empty() ? redis.url() : broker,
                             {{"store.engine", "\"redis\""},
                              {"store.url", '"' + (store.empty() ? redis.url() : store) + '"'},
                              {"roblox.enabled", "false"},
                              {"rooms.api_key", "\"key\""},
                              {"cluster.lease_ms", "1500"},
                              {"cluster.node_timeout_ms", "1200"},
                              {"server.threads", "2"}});
        for (std::size_t i = 0; i < 2; ++i) servers.emplace_back(settings);
        for (const ServerProcess& server : servers) REQUIRE(becomes_ready(server));
    }
    RedisServer redis;
    std::deque<ServerProcess> servers;
};

/// In a room, greeted; tries until it is let in, as clients do.
class RoomClient {
  public:
    RoomClient(const ServerProcess& server, const std::string& query) {
        const bool is_in = eventually(
            [&] {
                try {
                    ws_ = std::make_unique<WsClient>(server.port(),
                                                     UpgradeOptions{"/websocket?" + query, {}, {}});
                    config = read();
                    profile = read();
                    return true;
                } catch (const std::exception&) {
                    return false;  // closed, to try again
                }
            },
            std::chrono::seconds(30));
        REQUIRE(is_in);
    }

    void say(const std::string& message) { ws_->send_text(message); }
    [[nodiscard]] Json read() { return Json::parse(ws_->read_message(kText)); }
    [[nodiscard]] Json ask(const std::string& message) {
        say(message);
        return read();
    }
    void listen(const std::string& event) {
        say(R"({"type":"subscribe","data":")" + event + R"("})");
        REQUIRE(ask(R"({"type":"profile"})").at("type") == "profile");
    }
    [[nodiscard]] CloseFrame close() { return ws_->skip_to_close(); }

    Json config;
    Json profile;

  private:
    std::unique_ptr<WsClient> ws_;
};

inline Json counted(const std::string& value) {
    return {{"type", "counter"}, {"data", {{"id", "c"}, {"value", value}}}};
}
inline std::string count(int by) {
    return R"({"type":"counter","data":{"id":"c","value":)" + std::to_string(by) + "}}";
}

/// Clients of both servers meet in a room of the first one, which dies.
inline void check_a_room_outlives_its_server(RoomServers& cluster) {
    RoomClient near(cluster.servers[0], "room=r&session=near");
    RoomClient far(cluster.servers[1], "room=r&session=far");
    CHECK(far.profile["data"]["suffix"] == 2);
    near.listen("counter");
    far.listen("counter");
    CHECK(far.ask(count(2)) == counted("2"));
    CHECK(near.read() == counted("2"));

    cluster.servers[0].signal(SIGKILL);
    CHECK(cluster.servers[0].wait() == killed_by(SIGKILL));
    CHECK(far.close().code == 1012);
    RoomClient back(cluster.servers[1], "room=r&session=far");
    CHECK(back.ask(R"({"type":"subscribe","data":"counter"})") == counted("2"));
}

}  // namespace pulse::test
