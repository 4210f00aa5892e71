// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a dialect of one's own may rely on: which call comes when, and what a connection does for
// it.
#include "support/catch.hpp"
#include "support/embedded_engine.hpp"
#include "support/eventually.hpp"
#include "support/hook_dialect.hpp"
#include "support/mailbox.hpp"
#include "support/ws_client.hpp"

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include <pulse/protocol/close_reason.hpp>

using namespace pulse::test;
using namespace std::chrono_literals;
namespace core = pulse::core;

namespace {

struct Ending {
    std::uint16_t code;
    std::string text;
    bool is_clean;
};

/// A dialect under /hooks in an engine of its own.
struct Hooked {
    Hooked() {
        hooks.closed = [this](const core::CloseEvent& event) {
            endings.put({event.code, std::string(event.text), event.is_clean});
        };
        hooks.destroyed = [this] { ++destroyed; };
    }
    void start(const EngineParts& parts = {}) {
        engine = std::make_unique<EmbeddedEngine>(
            parts, pulse::transport::HttpRouter{},
            std::vector<std::pair<std::string, core::Dialect*>>{{"/hooks", &hooks}});
    }
    [[nodiscard]] WsClient connect(const std::string& query = "",
                                   const std::string& header_lines = "") const {
        return WsClient(engine->port(),
                        {.path = "/hooks" + query, .header_lines = header_lines, .tcp = {}});
    }

    HookDialect hooks;
    Mailbox<Ending> endings;
    std::atomic<int> destroyed{0};
    std::unique_ptr<EmbeddedEngine> engine;
};

void echo(core::Connection& connection, core::ByteView message, core::MessageKind kind) {
    connection.send(message, kind);
}

}  // namespace

TEST_CASE("a dialect sees how a client asked for its connection", "[transport][hooks]") {
    Hooked server;
    Mailbox<std::vector<std::string>> seen;
    server.hooks.opening = [&](core::Connection& connection, const core::OpenRequest& request) {
        seen.put({std::string(request.path), std::string(request.query),
                  std::string(request.header("x-custom")), std::string(request.header("absent")),
                  request.peer.to_string(), std::to_string(request.peer.port),
                  request.is_encrypted ? "tls" : "plain",
                  request.peer == connection.peer() ? "same" : "different"});
    };
    server.start();
    WsClient client = server.connect("?a=b%20c", "X-Custom: value\r\nX-CUSTOM: second\r\n");
    CHECK(seen.take() ==
          std::vector<std::string>{"/hooks", "a=b%20c", "value, second", "", "127.0.0.1",
                                   std::to_string(client.tcp().local_port()), "plain", "same"});
}

TEST_CASE("a dialect may refuse a client in HTTP", "[transport][hooks]") {
    Hooked server;
    server.hooks.admits = [](const core::OpenRequest& request) -> std::optional<core::Refusal> {
        if (request.query == "please") return std::nullopt;
        return core::Refusal{402, "Say please"};
    };
    server.start();
    const HttpAnswer answer = http_exchange(
        server.engine->port(), upgrade_request({.path = "/hooks", .header_lines = {}, .tcp = {}}));
    CHECK(answer.status == 402);
    CHECK(answer.body == "Say please");
    CHECK(server.destroyed == 0);
    WsClient client = server.connect("?please");
    client.ping();
}

TEST_CASE("a refusal may be of any type and carry headers", "[transport][hooks]") {
    Hooked server;
    server.hooks.admits = [](const core::OpenRequest&) -> std::optional<core::Refusal> {
        return core::Refusal{
            429, R"({"error":"Slow"})", "application/json", {{"retry-after", "7"}}};
    };
    server.start();
    const HttpAnswer answer = http_exchange(
        server.engine->port(), upgrade_request({.path = "/hooks", .header_lines = {}, .tcp = {}}));
    CHECK(answer.status == 429);
    CHECK(answer.body == R"({"error":"Slow"})");
    CHECK(answer.header("content-type") == "application/json");
    CHECK(answer.header("retry-after") == "7");
}

TEST_CASE("the first subprotocol a client names and the dialect speaks is agreed on",
          "[transport][hooks]") {
    Hooked server;
    Mailbox<std::string> agreed;
    server.hooks.protocols = {"pulse.v2", "pulse.v1"};
    server.hooks.opening = [&](core::Connection&, const core::OpenRequest& request) {
        agreed.put(std::string(request.subprotocol));
    };
    server.start();
    WsClient one = server.connect("", "Sec-WebSocket-Protocol: other, pulse.v1, pulse.v2\r\n");
    CHECK(one.handshake().header("sec-websocket-protocol") == "pulse.v1");
    CHECK(agreed.take() == "pulse.v1");
    WsClient none = server.connect("", "Sec-WebSocket-Protocol: other\r\n");
    CHECK_FALSE(none.handshake().has_header("sec-websocket-protocol"));
    CHECK(agreed.take().empty());
}

TEST_CASE("a dialect that judges origins itself is asked about every one", "[transport][hooks]") {
    Hooked server;
    server.start();
    const std::string foreign = "Origin: https://elsewhere.example\r\n";
    const std::string request =
        upgrade_request({.path = "/hooks", .header_lines = foreign, .tcp = {}});
    CHECK(http_exchange(server.engine->port(), request).status == 403);
    server.hooks.judges_origin = true;
    server.connect("", foreign).ping();
}

TEST_CASE("a route at a dialect's path gets the requests for no WebSocket", "[transport][hooks]") {
    HookDialect hooks;
    pulse::transport::HttpRouter routes;
    routes.add(pulse::transport::Route::immediate(
        "GET", "/rooms/{id}/connect", [](const pulse::transport::HttpRequest& request) {
            return pulse::transport::HttpResponse::text(
                426, std::string(request.parameter("id")) + ": by WebSocket, please");
        }));
    EmbeddedEngine engine({}, std::move(routes), {{"/rooms/{id}/connect", &hooks}});
    const HttpAnswer answer = http_get(engine.port(), "/rooms/7/connect");
    CHECK(answer.status == 426);
    CHECK(answer.body == "7: by WebSocket, please");
    WsClient client(engine.port(), {.path = "/rooms/7/connect", .header_lines = {}, .tcp = {}});
    client.ping();
}

TEST_CASE("the first thing sent in on_open is the first thing the client gets",
          "[transport][hooks]") {
    Hooked server;
    server.hooks.opened = [](core::Connection& connection) {
        connection.send(pulse::protocol::as_bytes("hello"), core::MessageKind::text);
    };
    server.hooks.got_message = echo;
    server.start();
    TcpClient tcp(server.engine->port());
    tcp.send(upgrade_request({.path = "/hooks", .header_lines = {}, .tcp = {}}) +
             ClientFrame{kText, "early"}.bytes());
    CHECK(read_answer(tcp).status == 101);
    CHECK(tcp.read_exactly(14) ==
          "\x81\x05hello\x81\x05"
          "early");
}

TEST_CASE("messages arrive whole and with their kind, whatever their size", "[transport][hooks]") {
    Hooked server;
    server.hooks.got_message = echo;
    server.start();
    WsClient client = server.connect();
    client.send_text("text");
    CHECK(client.read_message(kText) == "text");
    client.send_binary("binary");
    CHECK(client.read_message(kBinary) == "binary");
    client.send_binary("");
    CHECK(client.read_message(kBinary).empty());
    for (const std::size_t size : {125U, 126U, 65'535U, 65'536U, 3'000'000U}) {
        INFO(size);
        std::string message(size, '\0');
        for (std::size_t i = 0; i < size; ++i) message[i] = static_cast<char>(i * 7);
        client.send_binary(message);
        CHECK(client.read_message(kBinary) == message);
    }
    // In fragments, read while they come.
    std::string large(1'000'000, 'x');
    client.send_frame({.opcode = kBinary, .payload = large, .is_final = false});
    client.ping();
    client.send_frame({kContinuation, "end"});
    CHECK(client.read_message(kBinary) == large + "end");
}

TEST_CASE("a conversation's close sends what was queued, then its code and text",
          "[transport][hooks]") {
    Hooked server;
    server.hooks.got_message = [](core::Connection& connection, core::ByteView message,
                                  core::MessageKind kind) {
        connection.send(message, kind);
        connection.close(4321, "that is all");
        // Too late, and the second close says nothing.
        connection.send(pulse::protocol::as_bytes("late"));
        connection.close(4322, "really");
    };
    server.start();
    WsClient client = server.connect();
    // The second message comes after the close and is not handed over.
    client.tcp().send(ClientFrame{kBinary, "one"}.bytes() + ClientFrame{kBinary, "two"}.bytes());
    CHECK(client.read_message() == "one");
    const CloseFrame close = client.read_close();
    CHECK(close.code == 4321);
    CHECK(close.reason == "that is all");
    client.send_close(4321, "as you like");
    CHECK(client.tcp().read_to_end().empty());
    const Ending ending = server.endings.take();
    CHECK(ending.code == 4321);
    CHECK(ending.text == "as you like");
    CHECK(ending.is_clean);
    CHECK(eventually([&] { return server.destroyed == 1; }));
    CHECK(server.endings.size() == 0);
}

TEST_CASE("a conversation may close before it got anything", "[transport][hooks]") {
    Hooked server;
    server.hooks.opened = [](core::Connection& connection) {
        connection.close(core::CloseReason::forbidden);
    };
    server.hooks.got_message = [](core::Connection&, core::ByteView, core::MessageKind) {
        FAIL_CHECK("a message after the close");
    };
    server.start();
    TcpClient tcp(server.engine->port());
    tcp.send(upgrade_request({.path = "/hooks", .header_lines = {}, .tcp = {}}) +
             ClientFrame{kText, "early"}.bytes());
    CHECK(read_answer(tcp).status == 101);
    CHECK(tcp.read_exactly(4) == std::string("\x88\x18\x03\xf0", 4));
    tcp.send(ClientFrame{kClose, close_payload(1008)}.bytes());
    CHECK(tcp.is_ended_by_peer());
    CHECK(server.endings.take().is_clean);
}

TEST_CASE("on_close tells how the peer ended the connection", "[transport][hooks]") {
    Hooked server;
    server.start();
    const auto ending_after = [&](auto&& act) {
        WsClient client = server.connect();
        act(client);
        return server.endings.take();
    };
    const Ending with_code =
        ending_after([](WsClient& client) { client.send_close(3456, "enough"); });
    CHECK(with_code.code == 3456);
    CHECK(with_code.text == "enough");
    CHECK(with_code.is_clean);
    const Ending without = ending_after([](WsClient& client) { client.send_frame({kClose, ""}); });
    CHECK(without.code == 1005);
    CHECK(without.is_clean);
    const Ending fin = ending_after([](WsClient& client) { client.tcp().close(); });
    CHECK(fin.code == 1006);
    CHECK_FALSE(fin.is_clean);
    CHECK(ending_after([](WsClient& client) { client.tcp().reset(); }).code == 1006);
    const Ending violation = ending_after([](WsClient& client) { client.tcp().send("\xff\xff"); });
    CHECK(violation.code == 1002);
    CHECK_FALSE(violation.is_clean);
    CHECK(eventually([&] { return server.destroyed == 5; }));
    CHECK(server.endings.size() == 0);
}

TEST_CASE("on_closing precedes a close by the server, and no other", "[transport][hooks]") {
    Hooked server;
    Mailbox<core::CloseReason> reasons;
    server.hooks.closing = [&](core::Connection& connection, core::CloseReason reason) {
        reasons.put(reason);
        connection.send(pulse::protocol::as_bytes("last word"), core::MessageKind::text);
    };
    EngineParts parts;
    parts.connections.idle_timeout = 60s;
    server.start(parts);
    WsClient idle = server.connect();
    WsClient leaver = server.connect();
    leaver.send_close(1000);
    CHECK(leaver.read_close().code == 1000);
    server.engine->clock.advance(61s);
    CHECK(idle.read_message(kText) == "last word");
    CHECK(idle.read_close().code == 1001);
    CHECK(reasons.take() == core::CloseReason::heartbeat_timeout);
    CHECK(reasons.size() == 0);
}

TEST_CASE("a tick comes once, after the time last asked for", "[transport][hooks]") {
    Hooked server;
    Mailbox<int> ticks;
    server.hooks.opened = [](core::Connection& connection) {
        connection.request_tick(100s);
        connection.request_tick(5s);
    };
    server.hooks.ticked = [&](core::Connection& connection) {
        ticks.put(1);
        connection.send(pulse::protocol::as_bytes("tick"), core::MessageKind::text);
    };
    EngineParts parts;
    parts.connections.idle_timeout = 0ms;
    parts.connections.ping_interval = 0ms;
    server.start(parts);
    WsClient client = server.connect();
    server.engine->clock.advance(4s);
    CHECK_FALSE(client.tcp().has_input(600ms));  // two turns of the timer
    server.engine->clock.advance(2s);
    CHECK(client.read_message(kText) == "tick");
    server.engine->clock.advance(200s);
    CHECK_FALSE(client.tcp().has_input(600ms));
    CHECK(ticks.size() == 1);
}

TEST_CASE("a paused connection is not read until it is resumed", "[transport][hooks]") {
    Hooked server;
    Mailbox<core::ConnectionHandle> handles;
    Mailbox<std::string> messages;
    server.hooks.got_message = [&](core::Connection& connection, core::ByteView message,
                                   core::MessageKind) {
        messages.put(std::string(pulse::protocol::as_text(message)));
        if (messages.size() == 1) {
            connection.pause_reading(true);
            handles.put(connection.handle());
        }
    };
    server.start();
    WsClient client = server.connect();
    client.send_text("first");
    const core::ConnectionHandle handle = handles.take();
    client.send_text("second");
    // Neither messages nor pings.
    client.send_frame({kPing, "p"});
    CHECK_FALSE(client.tcp().has_input(100ms));
    CHECK(messages.size() == 1);
    // Sending is not paused.
    handle.post([](core::Connection& connection) {
        connection.send(pulse::protocol::as_bytes("meanwhile"), core::MessageKind::text);
    });
    CHECK(client.read_message(kText) == "meanwhile");
    handle.post([](core::Connection& connection) { connection.pause_reading(false); });
    CHECK(client.read_frame().payload == "p");
    CHECK(messages.take() == "first");
    CHECK(messages.take() == "second");
}

TEST_CASE("whom nobody reads is not silent", "[transport][hooks]") {
    Hooked server;
    Mailbox<core::ConnectionHandle> handles;
    server.hooks.got_message = [&](core::Connection& connection, core::ByteView,
                                   core::MessageKind) {
        connection.pause_reading(true);
        handles.put(connection.handle());
    };
    EngineParts parts;
    parts.connections.idle_timeout = 60s;
    server.start(parts);
    WsClient client = server.connect();
    client.send_text("much work");
    const core::ConnectionHandle handle = handles.take();
    WsClient witness = server.connect();
    client.send_frame({kPing, "unread"});
    server.engine->clock.advance(61s);
    CHECK(witness.read_close().code == 1001);
    CHECK_FALSE(client.tcp().has_input(600ms));
    handle.post([](core::Connection& connection) { connection.pause_reading(false); });
    CHECK(client.read_frame().payload == "unread");
    // From then on it counts.
    server.engine->clock.advance(61s);
    CHECK(client.read_close().code == 1001);
}

TEST_CASE("a close that comes while the conversation pauses is its business afterwards",
          "[transport][hooks]") {
    Hooked server;
    Mailbox<core::ConnectionHandle> handles;
    server.hooks.got_message = [&](core::Connection& connection, core::ByteView,
                                   core::MessageKind) {
        connection.pause_reading(true);
        handles.put(connection.handle());
    };
    server.start();
    WsClient client = server.connect();
    // Both are read at once.
    client.tcp().send(ClientFrame{kBinary, "work"}.bytes() +
                      ClientFrame{kClose, close_payload(4000, "done")}.bytes());
    const core::ConnectionHandle handle = handles.take();
    CHECK_FALSE(client.tcp().has_input(100ms));
    CHECK(server.endings.size() == 0);
    handle.post([](core::Connection& connection) {
        connection.send(pulse::protocol::as_bytes("worked"));
        connection.pause_reading(false);
    });
    CHECK(client.read_message(kBinary) == "worked");
    CHECK(client.read_close().code == 4000);
    const Ending ending = server.endings.take();
    CHECK(ending.code == 4000);
    CHECK(ending.text == "done");
    CHECK(ending.is_clean);
}

TEST_CASE("a handle reaches its connection from any thread, and nothing once it is gone",
          "[transport][hooks]") {
    Hooked server;
    Mailbox<core::ConnectionHandle> handles;
    server.hooks.opened = [&](core::Connection& connection) { handles.put(connection.handle()); };
    server.start();
    std::optional<WsClient> client(server.connect());
    const core::ConnectionHandle handle = handles.take();
    for (int i = 0; i < 100; ++i) {
        handle.post([i](core::Connection& connection) {
            connection.send(pulse::protocol::as_bytes(std::to_string(i)), core::MessageKind::text);
        });
    }
    for (int i = 0; i < 100; ++i) REQUIRE(client->read_message(kText) == std::to_string(i));
    client.reset();
    (void)server.endings.take();
    CHECK(eventually([&] { return server.destroyed == 1; }));
    handle.post([](core::Connection&) { FAIL_CHECK("posted to a connection that is gone"); });
    // Behind it on the same loop.
    Mailbox<int> done;
    server.engine->loop().lane().post([&] { done.put(1); });
    CHECK(done.take() == 1);
    core::ConnectionHandle{}.post([](core::Connection&) { FAIL_CHECK("posted to nobody"); });
}

TEST_CASE("a connection closed through its handle gets what was posted before",
          "[transport][hooks]") {
    Hooked server;
    Mailbox<core::ConnectionHandle> handles;
    server.hooks.opened = [&](core::Connection& connection) { handles.put(connection.handle()); };
    server.start();
    WsClient client = server.connect();
    const core::ConnectionHandle handle = handles.take();
    handle.post([](core::Connection& c) { c.send(pulse::protocol::as_bytes("a")); });
    handle.post([](core::Connection& c) { c.close(1000, "bye"); });
    handle.post([](core::Connection& c) { c.send(pulse::protocol::as_bytes("b")); });
    CHECK(client.read_message() == "a");
    CHECK(client.read_close().reason == "bye");
}

TEST_CASE("a reason that does not fit a close frame is cut between characters",
          "[transport][hooks]") {
    Hooked server;
    server.hooks.opened = [](core::Connection& connection) {
        std::string reason(122, 'x');
        connection.close(4000, reason + "\u20ac\u20ac");
    };
    server.start();
    WsClient client = server.connect();
    CHECK(client.read_close().reason == std::string(122, 'x'));
}

TEST_CASE("a dialect that throws pays with one connection", "[transport][hooks]") {
    Hooked server;
    const auto raise = [] { throw std::runtime_error("a bug in the dialect"); };
    server.hooks.closed = [&](const core::CloseEvent& event) {
        if (event.code == 4999) raise();
    };
    server.hooks.got_message = [&](core::Connection& connection, core::ByteView message,
                                   core::MessageKind kind) {
        if (message.empty()) raise();
        connection.send(message, kind);
    };
    server.start();
    WsClient bystander = server.connect();
    const auto expect_end = [&](WsClient& client) {
        CHECK(client.tcp().is_ended_by_peer());
        bystander.send_text("still here");
        CHECK(bystander.read_message(kText) == "still here");
    };
    {
        WsClient client = server.connect();
        client.send_binary("");
        expect_end(client);
    }
    {
        WsClient client = server.connect();
        client.send_close(4999);
        expect_end(client);
    }
}

TEST_CASE("a dialect that throws at its tick or at once pays with one connection",
          "[transport][hooks]") {
    Hooked server;
    std::atomic<int> opened{0};
    server.hooks.opened = [&](core::Connection& connection) {
        if (++opened == 1) throw std::runtime_error("a bug in the dialect");
        if (opened == 2) connection.request_tick(1s);
    };
    server.hooks.ticked = [](core::Connection&) { throw std::runtime_error("another"); };
    server.hooks.got_message = echo;
    server.start();
    TcpClient first(server.engine->port());
    first.send(upgrade_request({.path = "/hooks", .header_lines = {}, .tcp = {}}));
    CHECK(first.is_ended_by_peer());
    WsClient second = server.connect();
    WsClient third = server.connect();
    server.engine->clock.advance(2s);
    CHECK(second.tcp().is_ended_by_peer());
    third.send_text("unharmed");
    CHECK(third.read_message(kText) == "unharmed");
}
