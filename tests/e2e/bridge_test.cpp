// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The Roblox bridge in the real server: its registry outlives it, its store may be away, it drains.
#include "e2e/bridge_fixture.hpp"
#include "support/document.hpp"
#include "support/pulse_client.hpp"
#include "support/tcp_client.hpp"
#include "support/ws_client.hpp"

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

using namespace pulse::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

constexpr const char* kUniverse = "2745313133";

}  // namespace

TEST_CASE("an added universe is there after a restart, and after SIGKILL", "[e2e][bridge]") {
    const BridgeFixture bridge;
    {
        const ServerProcess server(bridge.settings());
        const Caller admin(server, bridge.key());
        REQUIRE(admin.is_served());
        const HttpAnswer added = admin.add(kUniverse);
        CHECK(added.status == 200);
        CHECK(added.body == R"({"success":true})");
        CHECK(admin.add(kUniverse).status == 409);
    }
    {
        ServerProcess server(bridge.settings());
        const Caller admin(server, bridge.key());
        REQUIRE(admin.is_served());
        CHECK(admin.get(std::string("/universe/") + kUniverse).status == 200);
        REQUIRE(admin.add("77").status == 200);
        server.signal(SIGKILL);
        CHECK(server.wait() == killed_by(SIGKILL));
    }
    const ServerProcess server(bridge.settings());
    const Caller admin(server, bridge.key());
    REQUIRE(admin.is_served());
    CHECK(admin.get(std::string("/universe/") + kUniverse).status == 200);
    CHECK(admin.get("/universe/77").status == 200);
    CHECK(eventually([&] { return server.metric("pulse_roblox_universes") == 2; }));
}

TEST_CASE("while the store is not there the bridge says so, and serves once it is",
          "[e2e][bridge]") {
    const BridgeFixture bridge;
    fs::create_directories(bridge.data() / "pulse.db");
    const ServerProcess server(bridge.settings());
    const HttpAnswer ready = http_get(server.port(), "/readyz");
    CHECK(ready.status == 503);
    CHECK_THAT(ready.body, Catch::Matchers::StartsWith("store: "));
    const Caller admin(server, bridge.key());
    for (const char* path : {"/universe/registry", "/universe/7/connect", "/universes/7/poll"}) {
        CAPTURE(path);
        const HttpAnswer answer = admin.get(path);
        CHECK(answer.status == 503);
        CHECK(answer.has_header("retry-after"));
        CHECK_THAT(answer.body, Contains("not loaded"));
    }
    CHECK(admin.add(kUniverse).status == 503);
    CHECK(http_get(server.port(), "/healthz").status == 200);

    fs::remove(bridge.data() / "pulse.db");
    CHECK(admin.is_served());
    CHECK(eventually([&] { return http_get(server.port(), "/readyz").status == 200; }));
    CHECK(admin.add(kUniverse).status == 200);
}

TEST_CASE("ids that are not canonical name no universe", "[e2e][bridge]") {
    const BridgeFixture bridge;
    const ServerProcess server(bridge.settings());
    const Caller admin(server, bridge.key());
    REQUIRE(admin.is_served());
    REQUIRE(admin.add("7").status == 200);
    for (const std::string id : {"007", "-1", "0", "+7", "7.0", "0x7", "9223372036854775808",
                                 "18446744073709551616", "18446744073709551623"}) {
        CAPTURE(id);
        CHECK(admin.get("/universe/" + id).status == 404);
        CHECK(admin.get("/universes/" + id + "/servers").status == 404);
        CHECK(admin
                  .post("/universe/" + id + "/send",
                        {{"topic", "t"}, {"message", 1}, {"destination", "server"}})
                  .status == 404);
        const HttpAnswer added = admin.add(id);
        CHECK(added.status == 400);
        CHECK(added.body == R"({"error":"Invalid universe id"})");
    }
    CHECK(admin.get("/universe/7").status == 200);
    CHECK(nlohmann::json::parse(admin.get("/universe/registry").body).at("universes").size() == 1);
}

TEST_CASE("a key's state is what Open Cloud says of it, and nothing is published to learn it",
          "[e2e][bridge]") {
    const BridgeFixture bridge;
    pulse::mock::ApiKey expired;
    expired.is_expired = true;
    pulse::mock::ApiKey elsewhere;
    elsewhere.scopes.at(0).universes = {"99"};
    pulse::mock::ApiKey powerless;
    powerless.scopes.clear();
    REQUIRE(bridge.mock->cloud()->put_key("expired", expired));
    REQUIRE(bridge.mock->cloud()->put_key("elsewhere", elsewhere));
    REQUIRE(bridge.mock->cloud()->put_key("powerless", powerless));
    const ServerProcess server(bridge.settings());
    const Caller admin(server, bridge.key());
    REQUIRE(admin.is_served());

    struct Refused {
        const char* key;
        const char* state;
    };
    for (const auto& [key, state] : std::vector<Refused>{{"nobody-knows-it", "rejected"},
                                                         {"expired", "expired"},
                                                         {"elsewhere", "wrong_universe"},
                                                         {"powerless", "missing_scope"}}) {
        CAPTURE(key);
        const HttpAnswer refused = admin.add(kUniverse, key);
        CHECK(refused.status == 400);
        CHECK(refused.body == R"({"error":"Invalid Open Cloud API Key"})");
        CHECK(refused.header("Pulse-Key-State") == state);
    }
    REQUIRE(admin.add(kUniverse).status == 200);
    CHECK(admin.key_state(kUniverse) == "valid");
    CHECK(admin.get("/universe/registry/list").body ==
          R"({"2745313133":{"valid":true,"clients":0}})");

    // Taken back at Roblox: known once somebody asks.
    pulse::mock::ApiKey disabled;
    disabled.is_enabled = false;
    REQUIRE(bridge.mock->cloud()->put_key(BridgeFixture::kCloudKey, disabled));
    CHECK(admin.post("/universe/2745313133/probe", nlohmann::json::object()).status == 200);
    CHECK(admin.key_state(kUniverse) != "valid");
    CHECK(eventually([&] {
        return server.metric("pulse_roblox_key_state{state=\"valid\"}") == 0 &&
               server.metric("pulse_roblox_universes") == 1;
    }));
    CHECK(server.metric("pulse_roblox_publish_seconds_count") == 0);
}

TEST_CASE("a drain answers the polls that wait", "[e2e][bridge]") {
    const BridgeFixture bridge;
    ServerProcess server(bridge.settings());
    const Caller admin(server, bridge.key());
    REQUIRE(admin.is_served());
    REQUIRE(admin.add(kUniverse).status == 200);
    const auto made = admin.post(
        "/universe/2745313133/tokens",
        {{"label", "game"}, {"rights", {"game.send", "game.poll"}}, {"expiresIn", nullptr}});
    REQUIRE(made.status == 201);
    const Caller game(server, nlohmann::json::parse(made.body).at("token"));
    constexpr int kServers = 5;
    std::vector<std::unique_ptr<TcpClient>> polls;
    for (int i = 0; i < kServers; ++i) {
        const std::string job = "job-" + std::to_string(i);
        CHECK(game.post("/universe/2745313133/hello", {{"server", job},
                                                       {"place", 1},
                                                       {"version", 1},
                                                       {"players", 0},
                                                       {"caps", {"v1", "poll"}},
                                                       {"shards", 0},
                                                       {"published", 0}})
                  .status == 200);
        polls.push_back(std::make_unique<TcpClient>(server.port()));
        polls.back()->send(
            game.request("GET", "/universe/2745313133/poll?server=" + job + "&wait=20"));
    }
    REQUIRE(eventually([&] { return server.metric("pulse_roblox_polls_open") == kServers; }));
    CHECK(server.metric("pulse_roblox_game_servers") == kServers);

    server.signal(SIGTERM);
    for (const auto& poll : polls) CHECK(read_answer(*poll).status == 204);
    CHECK(server.wait() == exited(0));
    CHECK_THAT(server.output(), Contains("\"event\":\"stopped\""));
    CHECK_FALSE(fs::exists(bridge.data() / "pulse.db-wal"));
}

TEST_CASE("what a token opened to native clients ends with it, and with the universe",
          "[e2e][bridge]") {
    const BridgeFixture bridge;
    const ServerProcess server(bridge.settings());
    const Caller admin(server, bridge.key());
    REQUIRE(admin.is_served());
    REQUIRE(admin.add(kUniverse).status == 200);
    const auto made =
        admin.post("/universe/2745313133/tokens",
                   {{"label", "board"}, {"rights", {"web.read"}}, {"expiresIn", nullptr}});
    REQUIRE(made.status == 201);
    const auto token = nlohmann::json::parse(made.body);
    const std::string channel = std::string("roblox:") + kUniverse + ":chat";

    PulseClient board(server.port());
    board.send(FrameView::connect(1, token.at("token").get<std::string>()));
    board.subscribe(channel);
    PulseClient operator_page(server.port());
    operator_page.send(FrameView::connect(1, bridge.key()));
    operator_page.subscribe(channel);
    const nlohmann::json message = {
        {"topic", "chat"}, {"message", "hi"}, {"destination", "server"}};
    REQUIRE(admin.post("/universe/2745313133/send", message).status == 200);
    CHECK(board.receive().channel == channel);
    CHECK(operator_page.receive().channel == channel);

    const std::string id = token.at("id");
    REQUIRE(
        http_exchange(server.port(), admin.request("DELETE", "/universe/2745313133/tokens/" + id))
            .status == 200);
    CHECK(board.receive() == Frame::error(0, ErrorCode::unauthorized, "Authentication failed"));
    CHECK(board.read_close().code == 1008);

    REQUIRE(admin.post("/universe/registry/remove", {{"universeId", kUniverse}}).status == 200);
    CHECK(operator_page.receive() ==
          Frame::error(0, ErrorCode::forbidden, "Subscription ended: " + channel));
    CHECK(operator_page.ask(FrameView::subscribe(2, channel)).code == 1004);
}

TEST_CASE("clients of rooms listen to a universe with a token, as long as that is good",
          "[e2e][bridge][rooms]") {
    const BridgeFixture bridge;
    const ServerProcess server(bridge.settings());
    const Caller admin(server, bridge.key());
    REQUIRE(admin.is_served());
    REQUIRE(admin.add(kUniverse).status == 200);
    const auto token_with = [&](const char* right) {
        const auto made =
            admin.post("/universe/2745313133/tokens",
                       {{"label", "page"}, {"rights", {right}}, {"expiresIn", nullptr}});
        REQUIRE(made.status == 201);
        return nlohmann::json::parse(made.body);
    };
    const auto reader = token_with("web.read");
    const auto game = token_with("game.send");
    const std::string channel = std::string("roblox:") + kUniverse + ":news";
    const auto problem = [&](const std::string& text) {
        return nlohmann::json{{"type", "error"}, {"data", "Channel " + channel + ": " + text}};
    };

    WsClient page(server.port(), {"/websocket?room=lobby", {}, {}});
    const auto read = [&] { return nlohmann::json::parse(page.read_message(kText)); };
    const auto subscribe = [&](const nlohmann::json& data) {
        page.send_text(nlohmann::json{{"type", "subscribe"}, {"data", data}}.dump());
    };
    CHECK(read().at("type") == "config");
    CHECK(read().at("type") == "profile");
    subscribe({"channel", channel});
    CHECK(read() == problem("not allowed"));
    subscribe({"channel", channel, "no-such-token"});
    CHECK(read() == problem("not allowed"));
    subscribe({"channel", channel, game.at("token")});
    CHECK(read() == problem("not allowed"));
    subscribe({"channel", channel, reader.at("token")});
    // Whoever has the answer to what came behind it is subscribed.
    page.send_text(R"({"type":"profile"})");
    CHECK(read().at("type") == "profile");

    // From the game's server, and from the web.
    REQUIRE(Caller(server, game.at("token"))
                .post("/universe/2745313133/send",
                      {{"topic", "news"}, {"message", {{"lap", 1}}}, {"destination", "server"}})
                .status == 200);
    for (const int lap : {1, 2}) {
        if (lap == 2) {
            REQUIRE(
                admin
                    .post("/universe/2745313133/send",
                          {{"topic", "news"}, {"message", {{"lap", 2}}}, {"destination", "server"}})
                    .status == 200);
        }
        const auto got = read();
        CHECK(got.at("type") == "channel");
        CHECK(got.at("data").at("id") == channel);
        CHECK(got.at("data").at("payload").at("topic") == "news");
        CHECK(got.at("data").at("payload").at("message") == nlohmann::json{{"lap", lap}});
    }

    const std::string id = reader.at("id");
    REQUIRE(
        http_exchange(server.port(), admin.request("DELETE", "/universe/2745313133/tokens/" + id))
            .status == 200);
    CHECK(read() == problem("the subscription ended"));
    // The room stays.
    page.send_text(R"({"type":"profile"})");
    CHECK(read().at("type") == "profile");
}

TEST_CASE("the bridge's figures are those of the operator's page", "[e2e][bridge]") {
    const BridgeFixture bridge;
    const ServerProcess server(bridge.settings());
    const std::string text = server.metrics();
    std::size_t documented = 0;
    for (const TableRow& row :
         read_table(read_document("docs/operations/metrics.md"), "| name | kind |")) {
        if (!row.at(0).starts_with("pulse_roblox_")) continue;
        ++documented;
        CAPTURE(row.at(0));
        CHECK_THAT(text, Contains("\n# TYPE " + row.at(0) + " " + row.at(1) + "\n"));
    }
    CHECK(documented > 20);
    // No universe, topic or server is a label: whoever has a game must not make series.
    CHECK(text.find("universe=\"") == std::string::npos);
}
