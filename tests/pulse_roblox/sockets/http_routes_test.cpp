// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The routes of messages over real sockets, row by row of docs/protocol/roblox.md.
#include "bridge_server.hpp"
#include "gzip.hpp"

#include <thread>

#include <nlohmann/json.hpp>

using namespace pulse::test;
using namespace std::chrono_literals;
namespace roblox = pulse::roblox;
using nlohmann::json;

namespace {

constexpr std::string_view kOk = R"({"success":true})";
constexpr std::string_view kSend =
    R"({"topic":"test","message":"hello world","destination":"roblox"})";

std::string error(std::string_view text) { return json{{"error", text}}.dump(); }

}  // namespace

TEST_CASE("send publishes the original's envelope, byte for byte", "[roblox][http]") {
    BridgeServer server;
    const HttpAnswer answer = server.post("send", server.web, kSend);
    CHECK(answer.status == 200);
    CHECK(answer.body == kOk);
    CHECK(answer.header("content-type") == "application/json");
    REQUIRE(server.cloud.sent().size() == 1);
    CHECK(server.cloud.sent()[0].first == "pulse");
    CHECK(server.cloud.sent()[0].second == R"({"topic":"test","message":"hello world"})");
}

TEST_CASE("send is refused as the original refuses it", "[roblox][http]") {
    struct Row {
        std::string body;
        std::string text;
    };
    const bool is_strict = GENERATE(false, true);
    CAPTURE(is_strict);
    BridgeServer server({.routes = {.is_strict = is_strict}});
    std::vector<Row> rows{
        {"null", "Expected object, received null"},
        {"[]", "Expected object, received array"},
        {R"("x")", "Expected object, received string"},
        {"1", "Expected object, received number"},
        {"true", "Expected object, received boolean"},
        {R"({"destination":"roblox"})", "Required"},
        {R"({"topic":1,"destination":"roblox"})", "Expected string, received number"},
        {R"({"topic":"t","serverId":null,"destination":"roblox"})",
         "Expected string, received null"},
        {R"({"topic":"t","destination":"web"})", "Invalid input"},
        {R"({"topic":"t","destination":"roblox","x":1,"y":2})",
         "Unrecognized key(s) in object: 'x', 'y'"},
        {"{", "Invalid JSON"},
        {"nonsense", "Invalid JSON"},
    };
    if (is_strict) {
        rows.push_back({R"({"topic":"t"})", "Invalid input"});
        rows.push_back({R"({"topic":"t","destination":"roblox","async":true})",
                        "Unrecognized key(s) in object: 'async'"});
    }
    for (const Row& row : rows) {
        CAPTURE(row.body);
        const HttpAnswer answer = server.post("send", server.web, row.body);
        CHECK(answer.status == 400);
        CHECK(answer.body == error(row.text));
    }
    CHECK(server.cloud.sent().empty());
}

TEST_CASE("a strict bridge takes any method for send", "[roblox][http]") {
    BridgeServer server({.routes = {.is_strict = true}});
    CHECK(server.request("PUT", server.path("send"), server.web, kSend).status == 200);
    CHECK(server.request("PATCH", server.path("send"), server.web, kSend).status == 200);
}

TEST_CASE("a message without destination goes away from its sender", "[roblox][http]") {
    BridgeServer server;
    CHECK(server.post("send", server.web, R"({"topic":"t","message":1})").status == 200);
    CHECK(server.cloud.sent().size() == 1);
    WsClient client = server.connect(server.web);
    CHECK(server.post("send", server.game, R"({"topic":"t","message":2})").status == 200);
    CHECK(client.read_message(kText) == R"({"topic":"t","message":2})");
    CHECK(server.cloud.sent().size() == 1);
}

TEST_CASE("send to web clients is accepted for any universe, with listeners or without",
          "[roblox][http]") {
    BridgeServer server;
    const std::string body = R"({"topic":"","destination":"server"})";
    CHECK(server.post("send", server.game, body).body == kOk);
    CHECK(server.request("POST", "/universe/999/send", BridgeServer::kApiKey, body).body == kOk);
    const HttpAnswer unknown =
        server.request("POST", "/universe/999/send", BridgeServer::kApiKey, kSend);
    CHECK(unknown.status == 404);
    CHECK(unknown.body == error("Universe does not exist"));
}

TEST_CASE("credentials are checked before anything else", "[roblox][http]") {
    BridgeServer server;
    const std::string reader = server.make_token({roblox::Right::web_read});
    const std::string foreign =
        server.make_token({roblox::Right::web_send}, BridgeServer::kOtherGame);
    for (const std::string name : {"send", "hello", "batch", "bye", "ticket"}) {
        CAPTURE(name);
        CHECK(server.post(name, "", "nonsense").status == 401);
        CHECK(server.post(name, "wrong", "nonsense").body == error("Invalid API Key"));
        CHECK(server.post(name, foreign, "nonsense").status == 403);
    }
    for (const std::string name : {"poll", "blob/x", "clients", "stream"}) {
        CAPTURE(name);
        CHECK(server.get(name, "").status == 401);
        CHECK(server.get(name, "wrong").body == error("Invalid API Key"));
    }
    // A leaked game token: no web traffic, no registry figures.
    CHECK(server.get("clients", server.game).status == 403);
    CHECK(server.post("ticket", server.game, "").status == 403);
    CHECK(server.post("send", reader, kSend).status == 403);
    CHECK(server.get("poll?server=a", server.web).status == 403);
    CHECK(server.post("batch", server.web, "{}").body == error("Forbidden"));
    // The scheme is case-sensitive, as in the original.
    CHECK(server
              .request("POST", server.path("send"), "", kSend,
                       "authorization: bearer " + server.web + "\r\n")
              .status == 401);
}

TEST_CASE("a universe has one name", "[roblox][http]") {
    BridgeServer server;
    for (const std::string id : {"007", "-1", "+1", "1.0", "18446744073709551616",
                                 "9223372036854775808", "0", "abc", "1%00", "%20 1"}) {
        CAPTURE(id);
        if (id.find(' ') != std::string::npos) continue;
        const HttpAnswer answer =
            server.request("POST", "/universe/" + id + "/send", BridgeServer::kApiKey, kSend);
        CHECK(answer.status == 404);
        CHECK(answer.body == error("Invalid path"));
    }
    const std::string plural = "/universes/" + BridgeServer::kGame.to_string() + "/send";
    CHECK(server.request("POST", plural, server.web, kSend).body == kOk);
    CHECK(server.cloud.sent().size() == 1);
}

TEST_CASE("wrong methods are answered with those that are right", "[roblox][http]") {
    BridgeServer server;
    const HttpAnswer send = server.request("GET", server.path("send"), server.web);
    CHECK(send.status == 405);
    CHECK(send.header("allow") == "POST, OPTIONS");
    CHECK(send.body == error("Method not allowed"));
    const HttpAnswer poll = server.post("poll", server.game, "{}");
    CHECK(poll.status == 405);
    CHECK(poll.header("allow") == "GET, HEAD, OPTIONS");
}

TEST_CASE("unknown paths are strangers' 401 and others' 404", "[roblox][http]") {
    BridgeServer server;
    CHECK(server.request("GET", "/universe/1/nothing", "").status == 401);
    const HttpAnswer known = server.request("GET", "/universe/1/nothing", BridgeServer::kApiKey);
    CHECK(known.status == 404);
    CHECK(known.body == error("Invalid path"));
}

TEST_CASE("what Roblox says is passed on", "[roblox][http]") {
    BridgeServer server;
    server.cloud.answer_next_with(400);
    const HttpAnswer rejected = server.post("send", server.web, kSend);
    CHECK(rejected.status == 502);
    CHECK(json::parse(rejected.body)["roblox"]["status"] == 400);
    server.cloud.answer_next_with(403);
    CHECK(server.post("send", server.web, kSend).status == 503);
    const HttpAnswer open = server.post("send", server.web, kSend);
    CHECK(open.status == 503);
    CHECK(json::parse(open.body).contains("error"));
}

TEST_CASE("a message that fits no frame is 413", "[roblox][http]") {
    BridgeServer server;
    const HttpAnswer answer = server.post(
        "send", server.web,
        R"({"topic":"t","destination":"roblox","message":")" + std::string(200'000, 'x') + "\"}");
    CHECK(answer.status == 413);
    CHECK(json::parse(answer.body).contains("error"));
}

TEST_CASE("Roblox that does not answer is 504 after five seconds", "[roblox][http]") {
    BridgeServer server;
    server.cloud.answer_next_with(AnsweringCloud::kSilence);
    Mailbox<HttpAnswer> answer;
    std::thread waits([&] { answer.put(server.post("send", server.web, kSend)); });
    CHECK(eventually([&] { return server.cloud.sent().size() == 1; }));
    server.clock.advance(5s);
    CHECK(answer.take().status == 504);
    waits.join();
}

TEST_CASE("asked for it, send answers as soon as the message is queued", "[roblox][http]") {
    BridgeServer server;
    const HttpAnswer body =
        server.post("send", server.web, R"({"topic":"t","destination":"roblox","async":true})");
    CHECK(body.status == 202);
    CHECK(json::parse(body.body)["queued"] == true);
    const HttpAnswer header =
        server.post("send", server.web, kSend, "prefer: wait=5, Respond-Async\r\n");
    CHECK(header.status == 202);
}

TEST_CASE("a repeated idempotency key is answered as before and sends nothing", "[roblox][http]") {
    BridgeServer server;
    const std::string key = "idempotency-key: once\r\n";
    CHECK(server.post("send", server.web, kSend, key).body == kOk);
    const HttpAnswer again = server.post("send", server.web, kSend, key);
    CHECK(again.body == kOk);
    CHECK(again.header("idempotent-replayed") == "true");
    CHECK(server.cloud.sent().size() == 1);
    // Another caller's key is another key.
    CHECK(server.request("POST", server.path("send"), BridgeServer::kApiKey, kSend, key)
              .header("idempotent-replayed")
              .empty());
    CHECK(server.cloud.sent().size() == 2);
    CHECK(
        server.post("send", server.web, kSend, "idempotency-key: " + std::string(129, 'x') + "\r\n")
            .status == 400);
}

TEST_CASE("bodies may be gzip, within bounds", "[roblox][http]") {
    BridgeServer server;
    const std::string gzip_line = "content-encoding: gzip\r\n";
    CHECK(server.post("send", server.web, roblox::gzip(kSend), gzip_line).body == kOk);
    SECTION("damage is 400") {
        std::string damaged = roblox::gzip(kSend);
        damaged[damaged.size() - 6] ^= 1;
        const HttpAnswer answer = server.post("send", server.web, damaged, gzip_line);
        CHECK(answer.status == 400);
        CHECK(answer.body == error("Invalid gzip"));
        CHECK(server.post("send", server.web, kSend, gzip_line).status == 400);
    }
    SECTION("a bomb is refused") {
        const HttpAnswer ratio =
            server.post("send", server.web, roblox::gzip(std::string(3 << 20, '0')), gzip_line);
        CHECK(ratio.status == 400);
        // Little enough packing to pass the ratio, and still too much.
        std::string body;
        std::uint64_t seed = 1;
        while (body.size() < (std::size_t{5} << 20)) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            body += std::to_string(seed >> 48);
            body.append(64, ' ');
        }
        const std::string packed = roblox::gzip(body);
        REQUIRE(packed.size() < (std::size_t{1} << 20));
        CHECK(server.post("send", server.web, packed, gzip_line).status == 413);
    }
    SECTION("other encodings are 415") {
        const HttpAnswer answer =
            server.post("send", server.web, kSend, "content-encoding: br\r\n");
        CHECK(answer.status == 415);
        CHECK(answer.header("accept-encoding") == "gzip");
    }
    SECTION("more than a megabyte is 413 before it is read") {
        TcpClient tcp(server.port());
        tcp.send("POST " + server.path("send") +
                 " HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1048577\r\n\r\n");
        const HttpAnswer answer = read_answer(tcp);
        CHECK(answer.status == 413);
        CHECK(answer.header("content-type") == "application/json");
        CHECK(answer.body == R"({"error":"Body too large"})");
    }
    SECTION("what is no body is 400") {
        TcpClient tcp(server.port());
        tcp.send("POST " + server.path("send") +
                 " HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nnone\r\n");
        const HttpAnswer answer = read_answer(tcp);
        CHECK(answer.status == 400);
        CHECK(answer.body == R"({"error":"Malformed body"})");
    }
}

TEST_CASE("pages of listed origins may ask, others may not", "[roblox][http]") {
    BridgeServer server({.origins = {"https://game.example"}});
    const std::string good = "origin: https://game.example\r\n";
    const std::string bad = "origin: https://evil.example\r\n";
    const HttpAnswer preflight = server.request("OPTIONS", server.path("send"), "", {},
                                                good + "access-control-request-method: POST\r\n");
    CHECK(preflight.status == 204);
    CHECK(preflight.header("access-control-allow-origin") == "https://game.example");
    CHECK(preflight.header("access-control-allow-methods") == "POST");
    CHECK(preflight.header("access-control-allow-headers").find("Authorization") !=
          std::string::npos);
    CHECK(preflight.header("vary") == "Origin");
    const HttpAnswer refused = server.request("OPTIONS", server.path("send"), "", {}, bad);
    CHECK(refused.status == 204);
    CHECK_FALSE(refused.has_header("access-control-allow-origin"));
    CHECK(refused.header("vary") == "Origin");
    const HttpAnswer answer = server.post("send", server.web, kSend, good);
    CHECK(answer.header("access-control-allow-origin") == "https://game.example");
    CHECK(answer.header("vary").find("Origin") != std::string::npos);
    CHECK_FALSE(
        server.post("send", server.web, kSend, bad).has_header("access-control-allow-origin"));
    CHECK_FALSE(server.post("send", "wrong", kSend, "origin: null\r\n")
                    .has_header("access-control-allow-origin"));
    BridgeServer closed;
    CHECK_FALSE(
        closed.post("send", closed.web, kSend, good).has_header("access-control-allow-origin"));
}

TEST_CASE("hello, batch and bye of a game server", "[roblox][http]") {
    BridgeServer server;
    const HttpAnswer hello = server.post(
        "hello", server.game,
        R"({"server":"job-1","place":5,"version":2,"players":3,"caps":["v1","http","poll"]})");
    CHECK(hello.status == 200);
    CHECK(json::parse(hello.body)["serverId"] == "job-1");
    CHECK(server.post("hello", server.game, "{").body == error("Invalid JSON"));
    CHECK(server.post("hello", server.game, R"({"server":"a b"})").body ==
          error("Invalid server id"));

    WsClient client = server.connect(server.web);
    client.send_text(R"({"op":"hello","v":1,"id":1})");
    CHECK(json::parse(client.read_message(kText))["op"] == "hello");
    const std::string batch =
        R"({"server":"job-1","batch":"job-1-1","msgs":[["chat",{"n":1}],["chat",{"n":2}]]})";
    const HttpAnswer first = server.post("batch", server.game, batch);
    CHECK(first.status == 200);
    CHECK(json::parse(first.body)["accepted"] == 2);
    const json message = json::parse(client.read_message(kText));
    CHECK(message["topic"] == "chat");
    CHECK(message["message"] == json{{"n", 1}});
    CHECK(message["serverId"] == "job-1");
    CHECK(json::parse(client.read_message(kText))["message"]["n"] == 2);
    const HttpAnswer again = server.post("batch", server.game, batch);
    CHECK(json::parse(again.body)["dup"] == true);
    server.to_web("chat", "3");
    CHECK(json::parse(client.read_message(kText))["message"] == 3);

    CHECK(server.post("bye", server.game, R"({"server":"job-1"})").body == kOk);
    CHECK(server.post("bye", server.game, R"({"server":5})").status == 400);
    CHECK(server.post("batch", server.game, R"({"server":"x","batch":"y-1"})").status == 400);
    CHECK(
        server
            .request("POST", "/universe/999/hello", BridgeServer::kApiKey, R"({"server":"job-1"})")
            .status == 404);
}

TEST_CASE("a token that may only send gets nothing back", "[roblox][http]") {
    BridgeServer server({.mode = roblox::Mode::v1});
    const std::string sender = server.make_token({roblox::Right::game_send});
    const std::string hello = R"({"server":"job-1","caps":["v1","http","poll"]})";
    const std::string cursor =
        json::parse(server.post("hello", server.game, hello).body).value("cursor", "");
    (void)server.get("poll?server=job-1&wait=0&cursor=" + cursor, server.game);
    CHECK(server.post("send", server.web, R"({"topic":"t","destination":"roblox","async":true})")
              .status < 300);
    const HttpAnswer answer =
        server.post("batch", sender,
                    R"({"server":"job-1","batch":"job-1-1","ack":")" + cursor + R"(","msgs":[]})");
    CHECK(answer.status == 200);
    const json body = json::parse(answer.body);
    CHECK((!body.contains("down") || body["down"].empty()));
}

TEST_CASE("a poll answers at once, holds, ends empty, and gives way to another", "[roblox][http]") {
    BridgeServer server({.mode = roblox::Mode::v1});
    const std::string hello = R"({"server":"job-1","caps":["v1","http","poll"]})";
    const std::string cursor =
        json::parse(server.post("hello", server.game, hello).body).value("cursor", "");
    const std::string poll = "poll?server=job-1&cursor=" + cursor;
    const std::string message = R"({"topic":"t","message":1,"destination":"roblox","async":true})";
    const auto polls_open = [&] {
        std::size_t open = 0;
        server.on_bridge([&](roblox::Bridge& bridge) { open = bridge.metrics().polls_open; });
        return open;
    };
    Mailbox<HttpAnswer> answers;
    std::vector<std::thread> threads;
    const auto start = [&] {
        threads.emplace_back([&] { answers.put(server.get(poll, server.game)); });
    };
    SECTION("held until there is something") {
        start();
        CHECK(eventually([&] { return polls_open() == 1; }));
        CHECK(server.post("send", server.web, message).status < 300);
        const HttpAnswer answer = answers.take();
        CHECK(answer.status == 200);
        const json body = json::parse(answer.body);
        REQUIRE(body["msgs"].size() == 1);
        CHECK(body["msgs"][0][1] == "t");
        CHECK(body["msgs"][0][2] == 1);
        CHECK(body["missed"] == false);
    }
    SECTION("204 when the wait is over") {
        start();
        CHECK(eventually([&] { return polls_open() == 1; }));
        server.clock.advance(21s);
        CHECK(answers.take().status == 204);
    }
    SECTION("one poll per server") {
        start();
        CHECK(eventually([&] { return polls_open() == 1; }));
        start();
        CHECK(answers.take().status == 204);
        server.clock.advance(21s);
        CHECK(answers.take().status == 204);
    }
    SECTION("204 when the bridge shuts down, and nothing is taken from then on") {
        start();
        CHECK(eventually([&] { return polls_open() == 1; }));
        Mailbox<bool> drained;
        server.host->shut_down(5s, [&](bool is_drained) { drained.put(is_drained); });
        CHECK(answers.take().status == 204);
        CHECK(drained.take());
        CHECK(server.post("send", server.web, kSend).status == 503);
        CHECK(server.post("hello", server.game, hello).status == 503);
    }
    SECTION("refusals") {
        CHECK(server.get("poll?server=a%20b", server.game).status == 400);
        CHECK(server.get(poll + "&wait=x", server.game).status == 400);
        CHECK(server.get(poll + "&topics=a%00", server.game).status == 400);
        CHECK(server.get("poll?server=a&cursor=" + std::string(65, 'x'), server.game).status ==
              400);
        CHECK(server.get("blob/unknown", server.game).body == error("Blob does not exist"));
    }
    for (std::thread& thread : threads) thread.join();
}

TEST_CASE("a bridge that cannot send what waits ends all the same", "[roblox][http]") {
    BridgeServer server;
    server.cloud.answer_next_with(AnsweringCloud::kSilence);
    CHECK(server.post("send", server.web, R"({"topic":"t","destination":"roblox","async":true})")
              .status == 202);
    CHECK(eventually([&] { return server.cloud.sent().size() == 1; }));
    Mailbox<bool> drained;
    server.host->shut_down(2s, [&](bool is_drained) { drained.put(is_drained); });
    server.on_bridge([](roblox::Bridge&) {});  // it has begun
    server.clock.advance(2s);
    CHECK_FALSE(drained.take());
}

TEST_CASE("long answers are packed for who accepts that", "[roblox][http]") {
    BridgeServer server({.mode = roblox::Mode::v1});
    const std::string hello = R"({"server":"job-1","caps":["v1","http","poll"]})";
    const std::string cursor =
        json::parse(server.post("hello", server.game, hello).body).value("cursor", "");
    (void)server.get("poll?server=job-1&wait=0&cursor=" + cursor, server.game);
    CHECK(server
              .post("send", server.web,
                    R"({"topic":"t","destination":"roblox","async":true,"message":")" +
                        std::string(20'000, 'x') + "\"}")
              .status < 300);
    const std::string poll = "poll?server=job-1&wait=0&cursor=" + cursor;
    const HttpAnswer plain = server.get(poll, server.game);
    REQUIRE(plain.status == 200);
    CHECK_FALSE(plain.has_header("content-encoding"));
    CHECK(plain.header("vary").find("Accept-Encoding") != std::string::npos);
    const HttpAnswer packed = server.get(poll, server.game, "accept-encoding: br, gzip;q=0.5\r\n");
    CHECK(packed.header("content-encoding") == "gzip");
    CHECK(packed.body.size() < 1'000);
    CHECK(*roblox::gunzip(packed.body, {.max_ratio = 2'000}) == plain.body);
    CHECK_FALSE(server.get(poll, server.game, "accept-encoding: gzip;q=0.0\r\n")
                    .has_header("content-encoding"));
}

TEST_CASE("clients are counted for admins", "[roblox][http]") {
    BridgeServer server;
    CHECK(server.get("clients", BridgeServer::kApiKey).body == R"({"clients":0})");
    {
        WsClient client = server.connect(server.web);
        CHECK(server.get("clients", BridgeServer::kApiKey).body == R"({"clients":1})");
    }
    CHECK(eventually([&] { return server.clients->count(BridgeServer::kGame) == 0; }));
    CHECK(server.request("GET", "/universe/999/clients", BridgeServer::kApiKey).body ==
          R"({"clients":0})");
}
