// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The WebSocket of web clients over real sockets.
#include "bridge_server.hpp"

#include <algorithm>
#include <thread>

#include <nlohmann/json.hpp>
#include <sys/resource.h>

#include <pulse/core/receiver.hpp>

using namespace pulse::test;
using namespace std::chrono_literals;
namespace roblox = pulse::roblox;
namespace core = pulse::core;
using nlohmann::json;

namespace {

std::string error(std::string_view text) { return json{{"error", text}}.dump(); }

json next(WsClient& client) { return json::parse(client.read_message(kText)); }

/// One command and its answer, which is the next thing to come.
json ask(WsClient& client, const json& command) {
    client.send_text(command.dump());
    return next(client);
}

/// The handshake's answer, also when it is a refusal.
HttpAnswer try_connect(const BridgeServer& server, const std::string& path,
                       const std::string& header_lines = {}) {
    return http_exchange(server.port(),
                         upgrade_request({.path = path, .header_lines = header_lines, .tcp = {}}));
}

std::string bearer(std::string_view token) {
    return "authorization: Bearer " + std::string(token) + "\r\n";
}

}  // namespace

TEST_CASE("connecting is refused in the original's order", "[roblox][websocket]") {
    BridgeServer server;
    const std::string path = server.path("connect");
    const std::string unknown = "/universe/999/connect";
    const std::string key(BridgeServer::kApiKey);
    struct Row {
        std::string path;
        int status;
        std::string text;
    };
    for (const Row& row :
         {Row{path, 400, "Missing API Key"}, Row{path + "?apiKey=", 400, "Missing API Key"},
          Row{path + "?apiKey=wrong", 401, "Invalid API Key"},
          Row{unknown + "?apiKey=wrong", 401, "Invalid API Key"},
          Row{unknown + "?apiKey=" + key, 404, "Universe does not exist"},
          Row{"/universe/007/connect?apiKey=" + key, 404, "Invalid path"},
          Row{path + "?apiKey=" + server.game, 403, "Forbidden"}}) {
        CAPTURE(row.path);
        const HttpAnswer answer = try_connect(server, row.path);
        CHECK(answer.status == row.status);
        CHECK(answer.body == error(row.text));
        CHECK(answer.header("content-type") == "application/json");
        if (row.text == "Invalid path") continue;
        // The same without asking for a WebSocket.
        const HttpAnswer plain = http_get(server.port(), row.path);
        CHECK(plain.status == row.status);
        CHECK(plain.body == error(row.text));
    }
    const HttpAnswer plain = http_get(server.port(), path + "?apiKey=" + key);
    CHECK(plain.status == 426);
    CHECK(plain.body == error("Expected header Upgrade: websocket"));
    CHECK(try_connect(server, path + "?apiKey=" + key).status == 101);
    CHECK(try_connect(server,
                      "/universes/" + BridgeServer::kGame.to_string() + "/connect?apiKey=" + key)
              .status == 101);
}

TEST_CASE("a key may come by header, subprotocol, ticket or query", "[roblox][websocket]") {
    BridgeServer server;
    const std::string path = server.path("connect");
    CHECK(try_connect(server, path, bearer(server.web)).status == 101);
    const HttpAnswer protocol = try_connect(
        server, path, "sec-websocket-protocol: pulse.v1, bearer." + server.web + "\r\n");
    CHECK(protocol.status == 101);
    // The token is never sent back.
    CHECK(protocol.header("sec-websocket-protocol") == "pulse.v1");
    CHECK(try_connect(server, path, "sec-websocket-protocol: pulse.v1, bearer.wrong\r\n").status ==
          401);
    const std::string ticket = json::parse(server.post("ticket", server.web, "").body)["ticket"];
    CHECK(try_connect(server, path + "?ticket=" + ticket).status == 101);
    CHECK(try_connect(server, path + "?ticket=" + ticket).status == 401);
    const std::string old = json::parse(server.post("ticket", server.web, "").body)["ticket"];
    server.clock.advance(31s);
    CHECK(try_connect(server, path + "?ticket=" + old).status == 401);
    // A header that is wrong is not made good by a query that is right.
    CHECK(
        try_connect(server, path + "?apiKey=" + std::string(BridgeServer::kApiKey), bearer("wrong"))
            .status == 401);
}

TEST_CASE("a browser's cookie opens a socket from our pages and listed ones alone",
          "[roblox][websocket]") {
    BridgeServer server({.origins = {"https://game.example"}});
    const auto log_in = server.access->log_in(BridgeServer::kApiKey, core::PeerAddress{}, {});
    REQUIRE_FALSE(log_in.session.empty());
    const std::string cookie = "cookie: pulse.session=" + log_in.session + "\r\n";
    const auto from = [&](const std::string& origin) {
        return try_connect(server, server.path("connect"),
                           cookie + (origin.empty() ? "" : "origin: " + origin + "\r\n"))
            .status;
    };
    CHECK(from("https://game.example") == 101);
    CHECK(from("https://evil.example") == 403);
    CHECK(from("null") == 403);
    CHECK(from("") == 403);
    // Who proves himself otherwise may come from anywhere.
    CHECK(try_connect(server, server.path("connect"),
                      bearer(server.web) + "origin: https://evil.example\r\n")
              .status == 101);
    CHECK(try_connect(server, server.path("connect?apiKey=" + server.web),
                      cookie + "origin: https://evil.example\r\n")
              .status == 101);
}

TEST_CASE("the original's frames, byte for byte", "[roblox][websocket]") {
    BridgeServer server;
    WsClient client = server.connect(server.web);
    const auto answer = [&](std::string_view text) {
        client.send_text(text);
        return client.read_message(kText);
    };
    CHECK(answer("ping") == "pong");
    CHECK(answer(R"({"message":{"b":1,"a":[1.50]},"topic":"t","serverId":"job"})") ==
          R"({"success":true})");
    REQUIRE(server.cloud.sent().size() == 1);
    // Its own object, in its own order.
    CHECK(server.cloud.sent()[0].second ==
          R"({"message":{"b":1,"a":[1.5]},"topic":"t","serverId":"job"})");
    CHECK(answer("nonsense") == error("Invalid message"));
    CHECK(answer("{") == error("Invalid message"));
    CHECK(answer("") == error("Invalid message"));
    CHECK(answer("null") == error("Expected object, received null"));
    CHECK(answer("[]") == error("Expected object, received array"));
    CHECK(answer("{}") == error("Required"));
    CHECK(answer(R"({"topic":1})") == error("Expected string, received number"));
    CHECK(answer(R"({"topic":"t","serverId":null})") == error("Expected string, received null"));
    CHECK(answer(R"({"topic":"t","destination":"roblox"})") ==
          error("Unrecognized key(s) in object: 'destination'"));
    client.send_binary("ping");
    CHECK(client.read_message(kText) == error("Invalid message"));
    CHECK(server.cloud.sent().size() == 1);

    server.to_web("chat", R"({"text":"hi"})");
    CHECK(client.read_message(kText) == R"({"topic":"chat","message":{"text":"hi"}})");
    CHECK(server.post("send", server.game, R"({"topic":"a\"b","destination":"server"})").status ==
          200);
    CHECK(client.read_message(kText) == R"({"topic":"a\"b"})");
    // Nothing of the members behind the message shows, whatever the message looks like.
    const std::string sly = R"({"serverId":"x","seq":"e:1","ts":1})";
    server.to_web("chat", sly);
    CHECK(client.read_message(kText) == R"({"topic":"chat","message":)" + sly + "}");
    server.to_web("chat", R"("x\",\"serverId\":\"y")");
    CHECK(client.read_message(kText) == R"({"topic":"chat","message":"x\",\"serverId\":\"y"})");
}

TEST_CASE("failed publishes are told", "[roblox][websocket]") {
    BridgeServer server;
    WsClient client = server.connect(server.web);
    server.cloud.answer_next_with(400);
    client.send_text(R"({"topic":"t"})");
    CHECK(next(client).contains("error"));
    server.cloud.answer_next_with(400);
    const json ack = ask(client, {{"op", "pub"}, {"id", 3}, {"topic", "t"}, {"message", 1}});
    CHECK(ack["op"] == "ack");
    CHECK(ack["id"] == 3);
    CHECK(ack["success"] == false);
    CHECK(ack.contains("error"));
    WsClient reader = server.connect(server.make_token({roblox::Right::web_read}));
    CHECK(ask(reader, {{"topic", "t"}}) == json{{"error", "Forbidden"}});
}

TEST_CASE("extended commands and their answers", "[roblox][websocket]") {
    BridgeServer server;
    WsClient client = server.connect(server.web);
    CHECK(ask(client, {{"op", "ping"}, {"id", 4}}) == json{{"op", "pong"}, {"id", 4}});
    CHECK(ask(client, {{"op", "ping"}}) == json{{"op", "pong"}});
    CHECK(ask(client, {{"op", "ping"}, {"id", "a\"b"}}) == json{{"op", "pong"}, {"id", "a\"b"}});
    CHECK(ask(client, {{"op", "pub"}, {"id", 5}, {"topic", "t"}, {"message", nullptr}}) ==
          json{{"op", "ack"}, {"id", 5}, {"success", true}});
    CHECK(server.cloud.sent().back().second == R"({"topic":"t","message":null})");
    client.send_text(R"({"op":"pub","id":6,"topic":"t","message":1,"destination":"server"})");
    std::vector<json> both{next(client), next(client)};
    if (both[0].contains("op")) std::swap(both[0], both[1]);
    CHECK(both[0] == json{{"topic", "t"}, {"message", 1}});
    CHECK(both[1] == json{{"op", "ack"}, {"id", 6}, {"success", true}});

    struct Row {
        std::string text;
        std::string error;
    };
    for (const Row& row :
         {Row{R"({"op":"what","id":1})", "Unknown op"}, Row{R"({"op":1,"id":1})", "Unknown op"},
          Row{R"({"op":"sub","id":1})", "Invalid topics"},
          Row{R"({"op":"sub","id":1,"topics":"a"})", "Invalid topics"},
          Row{R"({"op":"sub","id":1,"topics":[1]})", "Invalid topics"},
          Row{R"({"op":"sub","id":1,"topics":[""]})", "Invalid topic"},
          Row{R"({"op":"pub","id":1})", "Required"},
          Row{R"({"op":"pub","id":1,"topic":2})", "Invalid topic"},
          Row{R"({"op":"pub","id":1,"topic":"t","destination":"web"})", "Invalid input"},
          Row{R"({"op":"pub","id":1,"topic":"t","ttl":0})",
              "Number must be greater than or equal to 1"},
          Row{R"({"op":"hello","id":1,"v":2})", "Unknown version"}}) {
        CAPTURE(row.text);
        client.send_text(row.text);
        CHECK(next(client) == json{{"op", "error"}, {"id", 1}, {"error", row.error}});
    }
    client.send_text(R"({"op":"ping","id":[]})");
    CHECK(next(client) == json{{"op", "error"}, {"error", "Invalid id"}});
    // No op of ours: the original's unknown key.
    client.send_text(R"({"topic":"t","message":{"op":1},"op2":"op"})");
    CHECK(next(client) == json{{"error", "Unrecognized key(s) in object: 'op2'"}});
}

TEST_CASE("clients with subscriptions get what they asked for, others everything",
          "[roblox][websocket]") {
    BridgeServer server;
    WsClient all = server.connect(server.web);
    WsClient some = server.connect(server.web);
    CHECK(
        ask(some, {{"op", "sub"}, {"id", 1}, {"topics", {"chat", "match.*", "match.1", "mat*"}}}) ==
        json{{"op", "ok"}, {"id", 1}});
    const std::vector<std::string> topics{"chat", "chats", "match.1", "match.", "match", "x"};
    for (const std::string& topic : topics) server.to_web(topic, "1");
    for (const std::string& topic : topics) CHECK(next(all)["topic"] == topic);
    for (const char* topic : {"chat", "match.1", "match.", "match"}) {
        CHECK(next(some)["topic"] == topic);
    }
    CHECK(ask(some, {{"op", "unsub"}, {"id", 2}, {"topics", {"mat*", "nothing"}}})["op"] == "ok");
    for (const char* topic : {"match", "match.2"}) server.to_web(topic, "2");
    CHECK(next(some)["topic"] == "match.2");
    CHECK(ask(some, {{"op", "sub"}, {"id", 3}, {"topics", {"*"}}})["op"] == "ok");
    server.to_web("anything", "3");
    CHECK(next(some)["topic"] == "anything");
    CHECK(ask(some, {{"op", "unsub"}, {"id", 4}, {"topics", {"*"}}})["op"] == "ok");
    server.to_web("anything", "4");
    server.to_web("chat", "5");
    CHECK(next(some)["message"] == 5);
    // Another universe's messages are nobody's here.
    CHECK(server
              .request("POST", "/universe/7/send", BridgeServer::kApiKey,
                       R"({"topic":"chat","message":6,"destination":"server"})")
              .status == 200);
    CHECK(ask(some, {{"op", "ping"}})["op"] == "pong");
}

TEST_CASE("topics are compared as they are, however they are written", "[roblox][websocket]") {
    BridgeServer server;
    WsClient client = server.connect(server.web);
    CHECK(ask(client, {{"op", "sub"}, {"topics", {"a\"b", "\\*", "größe"}}})["op"] == "ok");
    for (const char* topic : {R"(a\"b)", R"(\\c)", R"(gr\u00f6\u00dfe)", R"(\u002a)"}) {
        server.to_web(topic, "1");
    }
    CHECK(next(client)["topic"] == "a\"b");
    CHECK(next(client)["topic"] == "\\c");
    CHECK(next(client)["topic"] == "größe");
    CHECK(ask(client, {{"op", "ping"}})["op"] == "pong");
}

TEST_CASE("subscriptions are bounded", "[roblox][websocket]") {
    BridgeServer server({.clients = {.max_topics = 3}});
    WsClient client = server.connect(server.web);
    CHECK(ask(client, {{"op", "sub"}, {"topics", {"a", "b", "b"}}})["op"] == "ok");
    CHECK(ask(client, {{"op", "sub"}, {"topics", {"c", "d"}}})["error"] == "Too many topics");
    CHECK(ask(client, {{"op", "sub"}, {"topics", {"a", "c"}}})["op"] == "ok");
}

TEST_CASE("after hello messages say who, where and when, and a client can resume",
          "[roblox][websocket]") {
    BridgeServer server({.bridge = {.web_ring = {.max_messages = 300}}});
    std::string place;
    std::string start;
    {
        WsClient client = server.connect(server.web);
        start = ask(client, {{"op", "hello"}, {"v", 1}})["cursor"];
        server.to_web("t", "1");
        const json message = next(client);
        place = message["seq"];
        CHECK(message["ts"] == ManualClock::kStartMs);
        CHECK_FALSE(message.contains("serverId"));
    }
    const int missed = GENERATE(0, 5, 200, 400);
    for (int i = 0; i < missed; ++i) server.to_web(i % 2 == 0 ? "t" : "u", std::to_string(i));
    WsClient client = server.connect(server.web);
    CHECK(ask(client, {{"op", "sub"}, {"topics", {"t"}}})["op"] == "ok");
    client.send_text(json{{"op", "hello"}, {"v", 1}, {"id", 9}, {"since", place}}.dump());
    int first = 0;
    if (missed == 400) {
        CHECK(next(client) == json{{"op", "gap"}});
        first = 100;
    }
    for (int i = first; i < missed; i += 2) CHECK(next(client)["message"] == i);
    const json hello = next(client);
    CHECK(hello["op"] == "hello");
    CHECK(hello["id"] == 9);
    server.to_web("t", "1000");
    const json live = next(client);
    CHECK(live["message"] == 1000);
    CHECK(live["seq"] != hello["cursor"]);
}

TEST_CASE("who promises a hello hears nothing before it, and nothing twice",
          "[roblox][websocket]") {
    BridgeServer server;
    WsClient client = server.connect(server.web, {}, "?v=1");
    WsClient witness = server.connect(server.web);
    server.to_web("t", "1");
    // Joined later, hence served later.
    CHECK(next(witness) == json{{"topic", "t"}, {"message", 1}});
    CHECK(ask(client, {{"op", "ping"}})["op"] == "pong");
    CHECK(ask(client, {{"op", "hello"}, {"v", 1}, {"since", "zzzzzz:1"}}) == json{{"op", "gap"}});
    CHECK(next(client)["message"] == 1);
    CHECK(next(client)["op"] == "hello");
    server.to_web("t", "2");
    CHECK(next(client)["message"] == 2);
}

TEST_CASE("a place of another epoch is a gap", "[roblox][websocket]") {
    BridgeServer server;
    server.to_web("t", "1");
    WsClient client = server.connect(server.web);
    for (const char* since : {"zzzzzz:1", "nonsense", "a:b"}) {
        CHECK(ask(client, {{"op", "hello"}, {"v", 1}, {"since", since}}) == json{{"op", "gap"}});
        json frame = next(client);
        if (frame.contains("topic")) frame = next(client);  // what is still there
        CHECK(frame["op"] == "hello");
    }
}

TEST_CASE("nothing is lost or repeated while a client resumes", "[roblox][websocket]") {
    BridgeServer server;
    WsClient first = server.connect(server.web);
    const std::string start = ask(first, {{"op", "hello"}, {"v", 1}})["cursor"];
    // One batch of 250 per turn keeps the bridge's loop and the client's busy at the same time.
    std::atomic<bool> is_over{false};
    std::thread sender([&] {
        for (int batch = 1; batch <= 12; ++batch) {
            std::string messages;
            for (int i = 0; i < 100; ++i) {
                if (i != 0) messages += ',';
                messages += "[\"t\"," + std::to_string(batch * 100 + i) + "]";
            }
            (void)server.post("batch", server.game,
                              R"({"server":"job-1","batch":"job-1-)" + std::to_string(batch) +
                                  R"(","msgs":[)" + messages + "]}");
        }
        is_over = true;
    });
    std::vector<std::unique_ptr<WsClient>> clients;
    std::string since = start;
    for (int i = 0; i < 5; ++i) {
        clients.push_back(std::make_unique<WsClient>(server.connect(server.web)));
        clients.back()->send_text(json{{"op", "hello"}, {"v", 1}, {"since", start}}.dump());
    }
    sender.join();
    server.to_web("t", "-1");
    for (const auto& client : clients) {
        int expected = 100;
        for (;;) {
            const json frame = next(*client);
            if (!frame.contains("topic")) continue;  // pong, or hello somewhere in between
            // Before hello was understood the client got messages in the old form, too.
            if (!frame.contains("seq")) continue;
            if (frame["message"] == -1) break;
            REQUIRE(frame["message"] == expected);
            ++expected;
        }
        CHECK(expected == 1300);
    }
}

TEST_CASE("a token that is removed or expires, and a universe that goes, close their sockets",
          "[roblox][websocket]") {
    BridgeServer server;
    SECTION("removed token") {
        const std::string token = server.make_token({roblox::Right::web_read});
        WsClient client = server.connect(token);
        WsClient other = server.connect(server.web);
        server.access->remove_token(server.last_token_id);
        server.clock.advance(1s);
        const CloseFrame close = client.read_close();
        CHECK(close.code == 1008);
        CHECK(close.reason == "Invalid API Key");
        other.ping();
    }
    SECTION("expired token") {
        const std::string token = server.make_token({roblox::Right::web_read}, BridgeServer::kGame,
                                                    ManualClock::kStartMs + 10'000);
        WsClient client = server.connect(token);
        server.clock.advance(31s);
        CHECK(client.skip_to_close().code == 1008);
    }
    SECTION("removed universe") {
        WsClient client = server.connect(server.web);
        server.access->remove_universe(BridgeServer::kGame);
        server.clock.advance(1s);
        const CloseFrame close = client.read_close();
        CHECK(close.code == 1008);
        CHECK(close.reason == "Universe does not exist");
        CHECK(try_connect(server, server.path("connect"), bearer(BridgeServer::kApiKey)).status ==
              404);
    }
}

TEST_CASE("messages and publishes of one client are bounded", "[roblox][websocket]") {
    BridgeServer server({.dialect = {.max_message_bytes = 1'000, .max_open_publishes = 2}});
    WsClient client = server.connect(server.web);
    for (int i = 0; i < 2; ++i) server.cloud.answer_next_with(AnsweringCloud::kSilence);
    for (int i = 0; i < 2; ++i) client.send_text(R"({"op":"pub","id":1,"topic":"t"})");
    const json refused = ask(client, {{"op", "pub"}, {"id", 2}, {"topic", "t"}});
    CHECK(refused["id"] == 2);
    CHECK(refused["error"] == "Too many requests");
    CHECK(refused["retryAfter"] == 1);
    client.send_text(std::string(1'001, ' '));
    CHECK(client.read_close().code == 1009);
}

TEST_CASE("a thousand clients get every message though one of them reads nothing",
          "[roblox][websocket][slow]") {
    // Both ends of each socket are here.
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = std::max<rlim_t>(limit.rlim_cur, std::min<rlim_t>(limit.rlim_max, 4'096));
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    BridgeServer server({.clients = {.max_backlog_bytes = 256 * 1024}});
    constexpr int kClients = 999;
    constexpr int kMessages = 20;
    WsClient slow = server.connect(server.web, {.receive_buffer_bytes = 4096});
    std::vector<std::unique_ptr<WsClient>> clients;
    std::vector<WsClient*> unfiltered;
    for (int i = 0; i < kClients; ++i) {
        clients.push_back(std::make_unique<WsClient>(server.connect(server.web)));
        WsClient& client = *clients.back();
        if (i % 30 == 0) {
            unfiltered.push_back(&client);
            continue;
        }
        if (i % 2 == 0) CHECK(ask(client, {{"op", "hello"}, {"v", 1}})["op"] == "hello");
        CHECK(ask(client, {{"op", "sub"}, {"topics", {"t", "other"}}})["op"] == "ok");
    }
    CHECK(server.clients->count(BridgeServer::kGame) == kClients + 1);
    for (int i = 0; i < kMessages; ++i) {
        server.to_web("t", R"({"n":)" + std::to_string(i) + R"(,"m":0})");
        for (const auto& client : clients) {
            const std::string text = client->read_message(kText);
            REQUIRE(text.find(R"("message":{"n":)" + std::to_string(i) + ",") != std::string::npos);
        }
    }
    // More than the sockets of one connection hold, for the slow one and a few others.
    const std::string filler = '"' + std::string(60'000, 'x') + '"';
    for (int i = 0; i < 150; ++i) {
        server.to_web("flood", filler);
        for (WsClient* client : unfiltered) {
            REQUIRE(client->read_message(kText).size() > filler.size());
        }
    }
    // It does not read the close either, and gets five seconds for that.
    server.on_bridge([](roblox::Bridge&) {});
    server.clock.advance(6s);
    CHECK(eventually([&] { return server.clients->count(BridgeServer::kGame) == kClients; }));
    server.to_web("t", "1");
    for (const auto& client : clients) {
        REQUIRE(client->read_message(kText).find(R"("message":1)") != std::string::npos);
    }
}

TEST_CASE("clients of other dialects can listen to a topic", "[roblox][websocket]") {
    BridgeServer server;
    auto topic = server.hub.subscribe("roblox:2745313133:chat");
    REQUIRE(topic.has_value());
    server.to_web("chat", "1");
    server.to_web("other", "2");
    server.to_web("chat", "3");
    const auto take = [&] {
        const auto* publication = topic->receive(10s);
        REQUIRE(publication != nullptr);
        return json::parse(pulse::protocol::as_text((*publication)->payload));
    };
    CHECK(take()["message"] == 1);
    CHECK(take()["message"] == 3);
    // What they publish is no message of the universe.
    WsClient client = server.connect(server.web);
    core::PublicationView foreign{"roblox:2745313133"};
    foreign.payload = pulse::protocol::as_bytes(std::string_view(R"({"topic":"x","message":1})"));
    CHECK(server.hub.publish(foreign).has_value());
    CHECK(ask(client, {{"op", "ping"}})["op"] == "pong");
}
