// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Server-sent events of a universe over real sockets.
#include "bridge_server.hpp"

#include <nlohmann/json.hpp>

using namespace pulse::test;
using namespace std::chrono_literals;
namespace roblox = pulse::roblox;
using nlohmann::json;

namespace {

/// An event stream taken apart: HTTP/1.0, so that it comes without chunks.
class EventClient {
  public:
    EventClient(const BridgeServer& server, std::string_view name, std::string_view token,
                std::string_view header_lines = {})
        : tcp_(server.port()) {
        tcp_.send("GET " + server.path(name) + " HTTP/1.0\r\nauthorization: Bearer " +
                  std::string(token) + "\r\n" + std::string(header_lines) + "\r\n");
        head = tcp_.read_through("\r\n\r\n");
    }
    struct Event {
        std::string id;
        std::string name;
        std::string data;
    };
    /// The next event or comment; `retry` is passed over.
    Event next() {
        Event event;
        std::string text = tcp_.read_through("\n\n");
        while (!text.empty() && text.front() != '\n') {
            const std::size_t end = text.find('\n');
            const std::string line = text.substr(0, end);
            text.erase(0, end + 1);
            if (line.starts_with("id: ")) event.id = line.substr(4);
            if (line.starts_with("event: ")) event.name = line.substr(7);
            if (line.starts_with("data: ")) event.data = line.substr(6);
            if (line.starts_with("retry: ")) return next();
            if (line.starts_with(":")) event.name = "comment";
        }
        return event;
    }
    [[nodiscard]] bool is_ended() { return tcp_.is_ended_by_peer(); }

    std::string head;

  private:
    TcpClient tcp_;
};

}  // namespace

TEST_CASE("a stream says where it begins, gives messages, and stays alive", "[roblox][events]") {
    BridgeServer server;
    EventClient stream(server, "stream?topics=chat,match.*", server.web);
    CHECK(stream.head.find("200 OK") != std::string::npos);
    CHECK(stream.head.find("content-type: text/event-stream\r\n") != std::string::npos);
    CHECK(stream.head.find("cache-control: no-store\r\n") != std::string::npos);
    const EventClient::Event begin = stream.next();
    CHECK(begin.data.empty());
    CHECK(begin.id.find(':') != std::string::npos);
    for (const char* topic : {"chat", "other", "match.1"}) server.to_web(topic, R"({"a":1})");
    const EventClient::Event chat = stream.next();
    CHECK(json::parse(chat.data)["topic"] == "chat");
    CHECK(json::parse(chat.data)["message"] == json{{"a", 1}});
    CHECK(json::parse(chat.data)["seq"] == chat.id);
    const EventClient::Event match = stream.next();
    CHECK(json::parse(match.data)["topic"] == "match.1");
    server.clock.advance(15s);
    CHECK(stream.next().name == "comment");
    CHECK(server.clients->count(BridgeServer::kGame) == 1);

    // From after the first.
    EventClient again(server, "stream", server.web, "last-event-id: " + chat.id + "\r\n");
    CHECK(json::parse(again.next().data)["topic"] == "other");
    CHECK(json::parse(again.next().data)["topic"] == "match.1");
    EventClient query(server, "stream?since=" + begin.id, server.web);
    CHECK(query.next().id == chat.id);
    EventClient gap(server, "stream?since=zzzzzz:1", server.web);
    CHECK(gap.next().name == "gap");
}

TEST_CASE("a stream is for who may read, and ends with what it was opened with",
          "[roblox][events]") {
    BridgeServer server({.origins = {"https://game.example"}});
    CHECK(server.get("stream", "").status == 401);
    CHECK(server.get("stream?topics=", server.make_token({roblox::Right::web_send})).status == 403);
    CHECK(server.get("stream?since=nonsense", server.web).status == 400);
    CHECK(server.get("stream?topics=%01", server.web).status == 400);
    CHECK(server.request("GET", "/universe/999/stream", BridgeServer::kApiKey).status == 404);
    const std::string token = server.make_token({roblox::Right::web_read});
    EventClient stream(server, "stream", token, "origin: https://game.example\r\n");
    CHECK(stream.head.find("access-control-allow-origin: https://game.example\r\n") !=
          std::string::npos);
    (void)stream.next();
    server.access->remove_token(server.last_token_id);
    server.clock.advance(1s);
    CHECK(stream.is_ended());
}

TEST_CASE("a game server's stream brings what a poll would", "[roblox][events]") {
    BridgeServer server({.mode = roblox::Mode::v1});
    CHECK(server.get("stream", server.game).status == 400);
    const std::string hello = R"({"server":"job-1","caps":["v1","http","poll"]})";
    const std::string cursor =
        json::parse(server.post("hello", server.game, hello).body).value("cursor", "");
    const auto send = [&](int n) {
        CHECK(server
                  .post("send", server.web,
                        R"({"topic":"t","destination":"roblox","async":true,"message":)" +
                            std::to_string(n) + "}")
                  .status < 300);
    };
    std::string last;
    {
        EventClient stream(server, "stream?server=job-1&cursor=" + cursor, server.game);
        for (int i = 1; i <= 3; ++i) {
            send(i);
            const EventClient::Event event = stream.next();
            CHECK(json::parse(event.data)["topic"] == "t");
            CHECK(json::parse(event.data)["message"] == i);
            last = event.id;
        }
        server.clock.advance(15s);
        CHECK(stream.next().name == "comment");
    }
    send(4);
    EventClient again(server, "stream?server=job-1", server.game,
                      "last-event-id: " + last + "\r\n");
    CHECK(json::parse(again.next().data)["message"] == 4);
}
