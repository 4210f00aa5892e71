// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Rooms as the server serves them: its own side over HTTP, what a reload changes, and whom it
// believes where clients are. What clients say to one another is in tests/conversations.
#include "support/catch.hpp"
#include "support/server_process.hpp"
#include "support/temp_dir.hpp"
#include "support/ws_client.hpp"

#include <csignal>
#include <fstream>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

using namespace pulse::test;
using Json = nlohmann::json;

namespace {

const Settings kAlone{{"roblox.enabled", "false"}};

Settings with(Settings more) {
    more.insert(kAlone.begin(), kAlone.end());
    return more;
}

HttpAnswer ask(const ServerProcess& server, const std::string& request_line,
               std::string_view body = {}, std::string_view key = "key") {
    std::string request = request_line + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    if (!key.empty()) request.append("Authorization: Bearer ").append(key).append("\r\n");
    request.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n");
    return http_exchange(server.port(), request.append(body));
}

/// In a room, greeted.
struct Client {
    Client(const ServerProcess& server, const std::string& room, std::string header_lines = {})
        : ws(server.port(), {"/websocket?room=" + room, std::move(header_lines), {}}),
          config(read()),
          profile(read()) {}

    [[nodiscard]] Json read() { return Json::parse(ws.read_message(kText)); }
    [[nodiscard]] Json ask(const std::string& message) {
        ws.send_text(message);
        return read();
    }
    [[nodiscard]] Json details() const { return profile.at("data").at("connectionDetails"); }

    WsClient ws;
    Json config;
    Json profile;
};

Json message(const std::string& type, const Json& data) { return {{"type", type}, {"data", data}}; }

void reload(ServerProcess& server, const Settings& settings) {
    server.write_settings(with(settings));
    server.signal(SIGHUP);
    server.wait_for_event("reloaded");
}

}  // namespace

TEST_CASE("the server's side of rooms changes configs and broadcasts", "[e2e][rooms]") {
    ServerProcess server(with({{"rooms.api_key", "\"key\""}}));
    Client a(server, "a%2Fb");
    Client b(server, "a%2Fb");
    const std::string path = "/v1/rooms/a%2Fb/";
    CHECK(ask(server, "PUT " + path + "config", R"({"theme":"dark"})").status == 200);
    const Json config = message("config", R"({"theme":"dark"})");
    CHECK(a.read() == config);
    CHECK(b.read() == config);
    CHECK(Client(server, "a%2Fb").config == config);
    // What is published behind it says that the subscription has been heard.
    b.ws.send_text(R"({"type":"subscribe","data":"weather:paris"})");
    CHECK(b.ask(R"({"type":"profile"})").at("type") == "profile");
    const HttpAnswer some = ask(server, "POST " + path + "broadcast",
                                R"({"to":"weather:paris","type":"forecast","data":{"rain":true}})");
    CHECK(some.status == 200);
    CHECK(some.body == R"({"success":true})");
    CHECK(ask(server, "POST " + path + "broadcast", R"({"type":"news","to":null})").status == 200);
    CHECK(b.read() == message("forecast", {{"rain", true}}));
    CHECK(b.read() == Json{{"type", "news"}});
    CHECK(a.read() == Json{{"type", "news"}});
    // A room that nobody is in.
    CHECK(ask(server, "POST /v1/rooms/empty/broadcast", R"({"type":"t"})").status == 200);
    CHECK(ask(server, "PUT /v1/rooms/empty/config", "").status == 200);
}

TEST_CASE("what the server's side of rooms cannot do, it says in JSON", "[e2e][rooms]") {
    ServerProcess server(with({{"rooms.api_key", "\"key\""}, {"rooms.max_config_bytes", "1024"}}));
    const Client a(server, "r");
    const struct {
        const char* request;
        std::string body;
        const char* key;
        int status;
    } cases[] = {
        {"PUT /v1/rooms/r/config", "x", "", 401},
        {"PUT /v1/rooms/r/config", "x", "ke", 401},
        {"PUT /v1/rooms/r/config", "x", "key2", 401},
        {"POST /v1/rooms/r/broadcast", R"({"type":"t"})", "no", 401},
        {"PUT /v1/rooms/r/config", "\xff", "key", 400},
        {"PUT /v1/rooms/%ff/config", "x", "key", 400},
        {"PUT /v1/rooms/r/config", std::string(1'025, 'x'), "key", 413},
        {"PUT /v1/rooms/r/config", std::string(1'048'577, 'x'), "key", 413},
        {"POST /v1/rooms/r/broadcast", std::string(1'048'577, 'x'), "key", 413},
        {"POST /v1/rooms/r/broadcast", "", "key", 400},
        {"POST /v1/rooms/r/broadcast", "[]", "key", 400},
        {"POST /v1/rooms/r/broadcast", R"({"type":5})", "key", 400},
        {"POST /v1/rooms/r/broadcast", R"({"type":""})", "key", 400},
        {"POST /v1/rooms/r/broadcast", R"({"type":"t","to":5})", "key", 400},
        {"POST /v1/rooms/r/broadcast", R"({"type":"t","to":":x"})", "key", 400},
        {"POST /v1/rooms/r/broadcast", R"({"type":"t")", "key", 400},
        {"POST /v1/rooms/r/broadcast", "{\"type\":\"\xff\"}", "key", 400},
    };
    for (const auto& each : cases) {
        INFO(each.request << ' ' << each.body.substr(0, 40) << ' ' << each.key);
        const HttpAnswer answer = ask(server, each.request, each.body, each.key);
        CHECK(answer.status == each.status);
        CHECK(answer.header("content-type") == "application/json");
        CHECK(Json::parse(answer.body).at("error").is_string());
        CHECK(answer.header("www-authenticate") == (each.status == 401 ? "Bearer" : ""));
    }
    CHECK(ask(server, "GET /v1/rooms/r/config").status == 405);
    CHECK(Client(server, "r").config == message("config", ""));

    ServerProcess keyless(kAlone);
    CHECK(ask(keyless, "PUT /v1/rooms/r/config", "x", "").status == 403);
    CHECK(ask(keyless, "POST /v1/rooms/r/broadcast", R"({"type":"t"})", "").status == 403);
}

TEST_CASE("SIGHUP changes what rooms allow and know, for who is there, too", "[e2e][rooms]") {
    const TempDir directory;
    const std::string places = (directory.path() / "places.csv").string();
    std::ofstream(places) << "network,city\n127.0.0.1,Here\n";
    ServerProcess server(with({{"rooms.places_file", '"' + places + '"'},
                               {"rooms.max_name_bytes", "4"},
                               {"rooms.api_key", "\"key\""}}));
    Client a(server, "r");
    CHECK(a.details().at("city") == "Here");
    CHECK(a.details().at("latitude") == "0");
    const std::string subscribe = R"({"type":"subscribe","data":"counter"})";
    CHECK(a.ask(subscribe) ==
          Json{{"type", "error"}, {"data", "The subscription's name is too long"}});

    std::ofstream(places) << "network,city\n127.0.0.1,There\n";
    const Settings changed{{"rooms.places_file", '"' + places + '"'},
                           {"rooms.latitude", "\"7\""},
                           {"rooms.any_origin", "false"},
                           {"rooms.counter_value", "\"number\""},
                           {"rooms.api_key", "\"other\""}};
    server.write_settings(with(changed));
    server.signal(SIGHUP);
    CHECK(server.wait_for_event("setting_needs_restart").at("key") == "rooms.api_key");
    CHECK(server.wait_for_event("setting_needs_restart").at("key") == "rooms.counter_value");
    server.wait_for_event("reloaded");
    a.ws.send_text(subscribe);
    // Sums stay in the form that they had.
    CHECK(a.ask(R"({"type":"counter","data":{"id":"c","value":0.5}})") ==
          message("counter", {{"id", "c"}, {"value", "0.5"}}));
    const Client b(server, "r");
    CHECK(b.details().at("city") == "There");
    CHECK(b.details().at("latitude") == "7");
    CHECK(ask(server, "PUT /v1/rooms/r/config", "x", "other").status == 401);
    CHECK(ask(server, "PUT /v1/rooms/r/config", "x", "key").status == 200);
    const std::string foreign =
        upgrade_request({"/websocket?room=r", "Origin: https://example.com\r\n", {}});
    CHECK(http_exchange(server.port(), foreign).status == 403);

    // What cannot be read replaces nothing.
    std::ofstream(places) << "nonsense\n";
    server.signal(SIGHUP);
    const std::string why = server.wait_for_event("places_kept").at("reason");
    CHECK(why.find("places.csv:1: ") != std::string::npos);
    server.wait_for_event("reloaded");
    CHECK(Client(server, "r").details().at("city") == "There");
    reload(server, {});
    CHECK_FALSE(Client(server, "r").details().contains("city"));
}

TEST_CASE("a client is where the last address is that a trusted proxy names, on whichever line",
          "[e2e][rooms]") {
    const TempDir directory;
    const std::string places = (directory.path() / "places.csv").string();
    std::ofstream(places) << "network,city\n192.0.2.0/24,Said\n198.51.100.0/24,Seen\n";
    ServerProcess server(with({{"rooms.places_file", '"' + places + '"'},
                               {"rooms.address_header", "\"x-forwarded-for\""},
                               {"rooms.trusted_proxies", "[\"127.0.0.1\"]"}}));
    for (const char* const lines :
         {"X-Forwarded-For: 198.51.100.7\r\n", "X-Forwarded-For: 192.0.2.1, 198.51.100.7\r\n",
          "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 198.51.100.7\r\n",
          "x-forwarded-for: 192.0.2.1\r\nHost2: x\r\nX-FORWARDED-FOR: 192.0.2.9, "
          "198.51.100.7\r\n"}) {
        INFO(lines);
        CHECK(Client(server, "r", lines).details().at("city") == "Seen");
    }
}

TEST_CASE("a client of a room that answers no ping is gone, and its vote with it", "[e2e][rooms]") {
    ServerProcess server(
        with({{"heartbeat.interval_ms", "250"}, {"heartbeat.timeout_ms", "2000"}}));
    Client watcher(server, "r");
    watcher.ws.send_text(R"({"type":"subscribe","data":"ephemeralPoll"})");
    // Reads nothing from here on, so it answers nothing either.
    Client dead(server, "r");
    dead.ws.send_text(R"({"type":"ephemeralPoll","data":{"id":"p","answer":"here"}})");
    CHECK(watcher.read() == message("ephemeralPoll", {{"id", "p"}, {"stats", {{"here", 1}}}}));
    CHECK(watcher.read() == message("ephemeralPoll", {{"id", "p"}, {"stats", Json::object()}}));
}
