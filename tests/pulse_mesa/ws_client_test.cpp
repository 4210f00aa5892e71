// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The client of the library at a server of the library, over sockets, on one loop.
#include "support/catch.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include <pulse/core/clock.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/mesa.hpp>
#include <pulse/transport/loop.hpp>
#include <pulse/transport/server.hpp>

namespace {

using namespace pulse;
using namespace std::chrono_literals;
using mesa::ClientPtr;
using mesa::Message;

constexpr auto kPatience = 20s;

struct Town {
    explicit Town(mesa::ServerConfig config = {}) : mesa(hub, std::move(config)) {
        mesa.on_connection([this](const ClientPtr& client) {
            clients.push_back(client);
            client->authenticate([](std::string_view data, mesa::AuthDone done) {
                if (data.find("refuse") != std::string_view::npos) return done.fail();
                seen() = data;
                done({"A", R"({"name":"Ada"})"});
            });
            client->on_message([this, client = client.get()](const Message& message) {
                heard.push_back(message);
                if (message.type == "ECHO") client->send_direct(message);
            });
        });
        const auto listener =
            server.listen({.port = 0}, {.dialects = {{"*", &mesa.dialect()}}, .routes = nullptr});
        REQUIRE(listener);
        port = (*listener)->port();
    }
    ~Town() {
        // Clients first: they are told, and nobody hears of it.
        bool is_done = false;
        server.drain(0ms, 1s, [&] { is_done = true; });
        (void)until([&] { return is_done; });
    }
    Town(const Town&) = delete;
    Town& operator=(const Town&) = delete;

    /// What the last authentication said.
    static std::string& seen() {
        static thread_local std::string data;
        return data;
    }
    [[nodiscard]] std::string url() const {
        return "ws://127.0.0.1:" + std::to_string(port) + "/a?b=1";
    }
    [[nodiscard]] bool until(const std::function<bool()>& is_so) {
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (!is_so()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            io.run_one_for(100ms);
            io.restart();
        }
        return true;
    }

    asio::io_context io{1};
    core::SystemClock clock;
    core::SystemRng rng;
    core::NullLog log;
    core::Hub hub{{}, {clock, rng, log}};
    transport::Loop loop{io, hub};
    mesa::Server mesa;
    transport::Server server{hub, {&loop}};
    std::uint16_t port = 0;
    std::vector<ClientPtr> clients;
    std::vector<Message> heard;
};

/// What a client has told.
struct Diary {
    mesa::WsClientListeners listeners() {
        return {.on_connected = [this](const mesa::Connected& each) { connected.push_back(each); },
                .on_message = [this](const Message& each) { messages.push_back(each); },
                .on_disconnected =
                    [this](std::uint16_t code, std::string_view reason, bool is_reconnecting) {
                        ends.push_back({code, std::string(reason), is_reconnecting});
                    },
                .on_error = [this](const mesa::ErrorEvent& each) { errors.push_back(each.code); }};
    }
    struct End {
        std::uint16_t code;
        std::string reason;
        bool is_reconnecting;
    };
    std::vector<mesa::Connected> connected;
    std::vector<Message> messages;
    std::vector<End> ends;
    std::vector<std::error_code> errors;
};

TEST_CASE("a client authenticates, sends and is sent to", "[mesa][client]") {
    Town town;
    Diary diary;
    mesa::WsClient client(town.io, town.url(), town.rng, diary.listeners());
    CHECK(client.send(Message(0)) == mesa::make_error_code(mesa::Error::closed));
    REQUIRE_FALSE(client.connect());
    // Waits for the connection.
    REQUIRE_FALSE(client.send(Message(0, "[1]", "ECHO")));
    REQUIRE(town.until([&] { return !diary.messages.empty(); }));
    REQUIRE(diary.connected.size() == 1);
    CHECK(diary.connected[0].is_first);
    CHECK(diary.connected[0].is_first_of_session);
    CHECK_FALSE(diary.connected[0].is_automatic);
    CHECK(diary.messages[0] == Message(0, "[1]", "ECHO"));
    CHECK(town.clients.at(0)->request().path == "/a");

    std::string user;
    REQUIRE_FALSE(client.authenticate(R"({"token":"t"})", [&](core::Result<std::string> answer) {
        user = answer.value_or("?");
    }));
    REQUIRE(town.until([&] { return !user.empty(); }));
    CHECK(Town::seen() == R"({"token":"t","shouldSync":true})");
    CHECK(user == R"({"name":"Ada"})");
    std::string later;
    REQUIRE_FALSE(client.authenticate(
        "{}", [&](core::Result<std::string> answer) { later = answer.error().message(); }));
    CHECK(client.authenticate("{}", {}) ==
          mesa::make_error_code(mesa::Error::too_many_authentications));
    CHECK(client.is_authenticated());
    town.mesa.send(Message(0, R"({"n":1})", "NEWS"), {"A"});
    REQUIRE(town.until([&] { return diary.messages.size() == 2; }));
    CHECK(diary.messages[1] == Message(0, R"({"n":1})", "NEWS"));
    CHECK(diary.errors.empty());
    client.disconnect();
    REQUIRE(town.until([&] { return !later.empty(); }));
}

TEST_CASE("a large message arrives, both ways", "[mesa][client]") {
    Town town;
    Diary diary;
    mesa::WsClient client(town.io, town.url(), town.rng, diary.listeners());
    REQUIRE_FALSE(client.connect());
    for (const std::size_t size : {125U, 126U, 65'535U, 65'536U, 500'000U}) {
        const Message sent(0, '"' + std::string(size, 'x') + '"', "ECHO");
        REQUIRE_FALSE(client.send(sent));
        REQUIRE(town.until([&] { return !diary.messages.empty(); }));
        CHECK(diary.messages.back() == sent);
        diary.messages.clear();
    }
}

TEST_CASE("heartbeats are answered, and the version is said", "[mesa][client]") {
    mesa::ServerConfig config;
    config.heartbeat = {.is_enabled = true, .interval = 20ms, .max_attempts = 2};
    config.versions.is_enforced = true;
    Town town(config);
    Diary diary;
    mesa::WsClient client(town.io, town.url(), town.rng, diary.listeners());
    REQUIRE_FALSE(client.connect());
    REQUIRE(town.until([&] { return !town.heard.empty(); }));
    CHECK(town.heard[0] == Message(0, R"({"v":"1.5.8"})", "CLIENT_VERSION"));
    // Who does not answer is closed four intervals after connecting.
    town.io.run_for(300ms);
    town.io.restart();
    CHECK(client.is_connected());
    CHECK(diary.messages.empty());

    Diary other;
    mesa::WsClient stranger(town.io, town.url(), town.rng, other.listeners(), {.version = "9"});
    REQUIRE_FALSE(stranger.connect());
    REQUIRE(town.until([&] { return !other.ends.empty(); }));
    CHECK(other.ends[0].code == 1002);
}

TEST_CASE("a client comes back where the server asked for it, but not from its own end",
          "[mesa][client]") {
    mesa::ServerConfig config;
    config.reconnect = {.is_enabled = true, .interval = 20ms};
    Town town(config);
    Diary diary;
    mesa::WsClient client(town.io, town.url(), town.rng, diary.listeners());
    REQUIRE_FALSE(client.connect());
    REQUIRE(town.until([&] { return town.clients.size() == 1 && client.is_connected(); }));
    // The greeting says so.
    REQUIRE_FALSE(client.send(Message(0, "{}", "ECHO")));
    REQUIRE(town.until([&] { return diary.messages.size() == 1; }));
    town.clients[0]->disconnect(4000);
    REQUIRE(town.until([&] { return diary.connected.size() == 2; }));
    REQUIRE(diary.ends.size() == 1);
    CHECK(diary.ends[0].code == 4000);
    CHECK(diary.ends[0].is_reconnecting);
    CHECK_FALSE(diary.connected[1].is_first);
    CHECK_FALSE(diary.connected[1].is_first_of_session);
    CHECK(diary.connected[1].is_automatic);

    client.disconnect(4001, "bye");
    REQUIRE(town.until([&] { return diary.ends.size() == 2; }));
    CHECK(diary.ends[1].code == 4001);
    CHECK_FALSE(diary.ends[1].is_reconnecting);
    CHECK(client.send(Message(0)) == mesa::make_error_code(mesa::Error::closed));
    REQUIRE_FALSE(client.connect());
    REQUIRE(town.until([&] { return diary.connected.size() == 3; }));
    CHECK(diary.connected[2].is_first_of_session);
    CHECK_FALSE(diary.connected[2].is_automatic);
}

TEST_CASE("what waited for a connection does not outlive the application's end of it",
          "[mesa][client]") {
    mesa::ServerConfig config;
    config.reconnect = {.is_enabled = true, .interval = 1h};
    Town town(config);
    Diary diary;
    mesa::WsClient client(town.io, town.url(), town.rng, diary.listeners());
    REQUIRE_FALSE(client.connect());
    REQUIRE_FALSE(client.send(Message(0, "{}", "ECHO")));
    REQUIRE(town.until([&] { return diary.messages.size() == 1; }));
    town.clients[0]->disconnect(4000);
    REQUIRE(town.until([&] { return diary.ends.size() == 1; }));
    REQUIRE_FALSE(client.send(Message(0, "{}", "OLD")));
    client.disconnect();
    REQUIRE_FALSE(client.connect());
    REQUIRE_FALSE(client.send(Message(0, "{}", "ECHO")));
    REQUIRE(town.until([&] { return diary.messages.size() == 2; }));
    REQUIRE(town.heard.size() == 2);
    CHECK(town.heard[1].type == "ECHO");
}

TEST_CASE("an end in the moment in which it would have come back is one", "[mesa][client]") {
    constexpr auto kInterval = 20ms;
    mesa::ServerConfig config;
    config.reconnect = {.is_enabled = true, .interval = kInterval};
    Town town(config);
    Diary diary;
    mesa::WsClient client(town.io, town.url(), town.rng, diary.listeners());
    REQUIRE_FALSE(client.connect());
    REQUIRE_FALSE(client.send(Message(0, "{}", "ECHO")));
    REQUIRE(town.until([&] { return diary.messages.size() == 1; }));
    town.clients[0]->disconnect(4000);
    REQUIRE(town.until([&] { return diary.ends.size() == 1; }));
    // Both have run out when the loop looks: this one is called first, the client's follows.
    asio::steady_timer first(town.io, 0ms);
    first.async_wait([&](const asio::error_code&) { client.disconnect(); });
    std::this_thread::sleep_for(2 * kInterval);
    town.io.run_for(10 * kInterval);
    town.io.restart();
    CHECK(diary.connected.size() == 1);
    CHECK_FALSE(client.is_connected());
}

TEST_CASE("a refused authentication ends, as does one that nobody answers", "[mesa][client]") {
    Town town;
    Diary diary;
    mesa::WsClient client(town.io, town.url(), town.rng, diary.listeners());
    REQUIRE_FALSE(client.connect());
    REQUIRE(town.until([&] { return client.is_connected(); }));
    CHECK(client.authenticate("[]", {}) == mesa::make_error_code(mesa::Error::invalid_json));
    std::error_code why;
    REQUIRE_FALSE(client.authenticate(
        R"({"refuse":1})", [&](core::Result<std::string> answer) { why = answer.error(); }));
    REQUIRE(town.until([&] { return !diary.ends.empty(); }));
    CHECK(why == mesa::make_error_code(mesa::Error::closed));
    CHECK(diary.ends[0].code == 1008);
    CHECK_FALSE(client.is_authenticated());
}

TEST_CASE("what waits for a connection is bounded", "[mesa][client]") {
    Town town;
    mesa::WsClient client(town.io, town.url(), town.rng, {}, {.max_queued_bytes = 100});
    REQUIRE_FALSE(client.connect());
    CHECK_FALSE(client.send(Message(0, '"' + std::string(60, 'x') + '"')));
    CHECK(client.send(Message(0, '"' + std::string(60, 'x') + '"')) ==
          mesa::make_error_code(mesa::Error::queue_full));
}

TEST_CASE("a client may end in whatever it is told", "[mesa][client]") {
    mesa::ServerConfig config;
    config.reconnect = {.is_enabled = true, .interval = 10ms};
    Town town(config);
    for (int where = 0; where < 3; ++where) {
        CAPTURE(where);
        std::unique_ptr<mesa::WsClient> client;
        bool is_told = false;
        const auto end_at = [&](int place) {
            if (place != where) return;
            is_told = true;
            client.reset();
        };
        mesa::WsClientListeners listeners;
        listeners.on_connected = [&](const mesa::Connected&) { end_at(0); };
        listeners.on_message = [&](const Message&) { end_at(1); };
        listeners.on_disconnected = [&](std::uint16_t, std::string_view, bool) { end_at(2); };
        client = std::make_unique<mesa::WsClient>(town.io, town.url(), town.rng, listeners);
        REQUIRE_FALSE(client->connect());
        REQUIRE_FALSE(client->send(Message(0, "{}", where == 2 ? "END" : "ECHO")));
        if (where == 2) {
            REQUIRE(
                town.until([&] { return !town.heard.empty() && town.heard.back().type == "END"; }));
            town.clients.back()->disconnect();
        }
        REQUIRE(town.until([&] { return is_told; }));
        town.io.run_for(50ms);
        town.io.restart();
    }
}

TEST_CASE("what is no address of a WebSocket is refused", "[mesa][client]") {
    asio::io_context io;
    core::SeededRng rng{1};
    for (const char* url :
         {"", "http://h/", "ws://", "ws://:80", "ws://h:0", "ws://h:x", "ws://a@h", "ws://h/a b",
          "ws://h/\r\nX: y", "ws://[::1", "ws://[::1]x"}) {
        CAPTURE(url);
        mesa::WsClient client(io, url, rng, {});
        CHECK(client.connect() == mesa::make_error_code(mesa::Error::invalid_address));
    }
    mesa::WsClient client(io, "wss://h/", rng, {});
    CHECK(client.connect() == mesa::make_error_code(mesa::Error::not_supported));
}

}  // namespace
