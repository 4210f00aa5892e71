// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Everything that happens because time passes. The engine's clock is moved by hand; its timers look
// at it every quarter of a second.
#include "support/catch.hpp"
#include "support/embedded_engine.hpp"
#include "support/eventually.hpp"
#include "support/pulse_client.hpp"

#include <deque>
#include <string>

using namespace pulse::test;
using namespace std::chrono_literals;
namespace transport = pulse::transport;

namespace {

/// Two looks of the timers at the clock.
constexpr auto kTwoLooks = 600ms;

}  // namespace

TEST_CASE("a silent peer is pinged at the interval and closed at the timeout",
          "[transport][timeouts]") {
    EmbeddedEngine engine;
    PulseClient client(engine.port());
    engine.clock.advance(29s);
    CHECK_FALSE(client.tcp().has_input(kTwoLooks));
    engine.clock.advance(2s);
    CHECK(client.read_frame().opcode == kPing);
    engine.clock.advance(25s);
    CHECK_FALSE(client.tcp().has_input(kTwoLooks));
    engine.clock.advance(5s);
    CHECK(client.receive().code == 1010);
    CHECK(client.read_close().code == 1001);
    CHECK(engine.count(&transport::LoopStats::idle_closes) == 1);
}

TEST_CASE("any input starts the silence anew", "[transport][timeouts]") {
    EmbeddedEngine engine;
    PulseClient client(engine.port());
    const std::string ping = ClientFrame{kBinary, encoded(FrameView::ping())}.bytes();
    // A byte every 29 seconds: no ping is ever due.
    for (const char byte : ping) {
        engine.clock.advance(29s);
        const std::uint64_t before = engine.count(&transport::LoopStats::bytes_in);
        client.tcp().send(std::string_view(&byte, 1));
        REQUIRE(eventually(
            [&] { return engine.count(&transport::LoopStats::bytes_in) == before + 1; }));
    }
    CHECK(client.receive() == Frame::pong());
}

TEST_CASE("a peer is pinged again after it answered and fell silent again",
          "[transport][timeouts]") {
    EmbeddedEngine engine;
    PulseClient client(engine.port());
    for (int i = 0; i < 3; ++i) {
        engine.clock.advance(31s);
        const ServerFrame ping = client.read_frame();
        REQUIRE(ping.opcode == kPing);
        const std::uint64_t before = engine.count(&transport::LoopStats::bytes_in);
        client.send_frame({kPong, ping.payload});
        REQUIRE(eventually([&] { return engine.count(&transport::LoopStats::bytes_in) > before; }));
    }
    CHECK(client.ask(FrameView::ping()) == Frame::pong());
}

TEST_CASE("what a peer is sent is no sign of life", "[transport][timeouts]") {
    EmbeddedEngine engine;
    PulseClient client(engine.port());
    client.subscribe("c");
    for (int i = 0; i < 5; ++i) {
        engine.clock.advance(11s);
        (void)engine.publish("c", "x");
    }
    engine.clock.advance(10s);
    CHECK(client.skip_to_close().code == 1001);
}

TEST_CASE("a connection that comes after a long idle time has its full time",
          "[transport][timeouts]") {
    // No timer runs while there is no connection: what time it is has to be found out anew.
    EmbeddedEngine engine;
    for (int round = 0; round < 2; ++round) {
        engine.clock.advance(1h);
        TcpClient tcp(engine.port());
        CHECK_FALSE(tcp.has_input(kTwoLooks));
        tcp.send(upgrade_request());
        CHECK(read_answer(tcp).status == 101);
    }
}

TEST_CASE("a request that does not become complete is answered 408", "[transport][timeouts]") {
    transport::HttpRouter routes;
    routes.add(transport::Route::immediate("*", "/x", [](const transport::HttpRequest&) {
        return transport::HttpResponse::text(200, "x");
    }));
    EmbeddedEngine engine({}, std::move(routes));
    TcpClient head(engine.port());
    head.send("GET /x HTTP/1.1\r\n");
    TcpClient body(engine.port());
    body.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
    TcpClient silent(engine.port());
    REQUIRE(eventually([&] { return engine.server->stats().sockets == 3; }));
    engine.clock.advance(9s);
    CHECK_FALSE(head.has_input(kTwoLooks));
    head.send("Host: ");
    engine.clock.advance(2s);
    CHECK(read_answer(head).status == 408);
    CHECK(head.is_ended_by_peer());
    CHECK(read_answer(body).status == 408);
    CHECK(silent.is_ended_by_peer());
    // Whoever does not end its side is cut off.
    engine.clock.advance(6s);
    CHECK(eventually([&] { return engine.server->stats().sockets == 0; }));
}

TEST_CASE("a message has its time, whatever else its sender does", "[transport][timeouts]") {
    EngineParts parts;
    parts.connections.ping_interval = 0ms;
    parts.connections.idle_timeout = 0ms;
    EmbeddedEngine engine(parts);
    PulseClient client(engine.port());
    const std::string message =
        ClientFrame{kBinary, encoded(FrameView::ping_with_timestamp(1))}.bytes();
    const auto send = [&](std::string_view bytes) {
        const std::uint64_t before = engine.count(&transport::LoopStats::bytes_in);
        client.tcp().send(bytes);
        REQUIRE(eventually([&] {
            return engine.count(&transport::LoopStats::bytes_in) == before + bytes.size();
        }));
    };
    // Each message anew, however close they follow one another.
    send(message.substr(0, 3));
    engine.clock.advance(50s);
    send(message.substr(3) + message.substr(0, 3));
    CHECK(client.receive() == Frame::pong(1));
    engine.clock.advance(50s);
    CHECK_FALSE(client.tcp().has_input(kTwoLooks));
    // A byte now and then is a sign of life, but not the message.
    send(message.substr(3, 1));
    engine.clock.advance(11s);
    CHECK(client.receive() ==
          Frame::error(0, ErrorCode::connection_closed, "The rest of a message did not come"));
    CHECK(client.read_close().code == 1008);
}

TEST_CASE("a body has its own time, from its beginning on", "[transport][timeouts]") {
    transport::HttpRouter routes;
    routes.add(transport::Route::immediate("POST", "/x", [](const transport::HttpRequest& request) {
        return transport::HttpResponse::text(200, request.body);
    }));
    EmbeddedEngine engine({}, std::move(routes));
    TcpClient tcp(engine.port());
    const auto send = [&](std::string_view bytes) {
        const std::uint64_t before = engine.count(&transport::LoopStats::bytes_in);
        tcp.send(bytes);
        REQUIRE(eventually([&] {
            return engine.count(&transport::LoopStats::bytes_in) == before + bytes.size();
        }));
    };
    send("POST /x HTTP/1.1\r\nHost: h\r\n");
    engine.clock.advance(8s);
    send("Content-Length: 4\r\n\r\nab");
    engine.clock.advance(8s);
    CHECK_FALSE(tcp.has_input(kTwoLooks));
    send("cd");
    CHECK(read_answer(tcp).body == "abcd");
}

TEST_CASE("a connection between requests is closed after the keep-alive time",
          "[transport][timeouts]") {
    EngineParts parts;
    parts.connections.keep_alive_timeout = 5s;  // shorter than the time for a request
    transport::HttpRouter routes;
    routes.add(transport::Route::immediate("GET", "/x", [](const transport::HttpRequest&) {
        return transport::HttpResponse::text(200, "x");
    }));
    EmbeddedEngine engine(parts, std::move(routes));
    TcpClient tcp(engine.port());
    tcp.send(get_request("/x"));
    CHECK(read_answer(tcp).body == "x");
    engine.clock.advance(4s);
    CHECK_FALSE(tcp.has_input(kTwoLooks));
    tcp.send(get_request("/x"));
    CHECK(read_answer(tcp).body == "x");
    engine.clock.advance(4s);
    CHECK_FALSE(tcp.has_input(kTwoLooks));
    engine.clock.advance(2s);
    CHECK(tcp.read_to_end().empty());
}

TEST_CASE("a handler's time is not the peer's", "[transport][timeouts]") {
    std::optional<transport::HttpResponder> pending;
    std::atomic<bool> has_come{false};
    transport::HttpRouter routes;
    routes.add(
        {"GET", "/later", [&](const transport::HttpRequest&, transport::HttpResponder responder) {
             pending.emplace(std::move(responder));
             has_come = true;
         }});
    EmbeddedEngine engine({}, std::move(routes));
    TcpClient tcp(engine.port());
    tcp.send(get_request("/later"));
    REQUIRE(eventually([&] { return has_come.load(); }));
    engine.clock.advance(10min);
    CHECK_FALSE(tcp.has_input(kTwoLooks));
    pending->respond(transport::HttpResponse::text(200, "at last"));
    CHECK(read_answer(tcp).body == "at last");
}

TEST_CASE("a peer that does not answer a close, or does not go, is cut off",
          "[transport][timeouts]") {
    EmbeddedEngine engine;
    PulseClient silent(engine.port());
    silent.send(FrameView::connect(9));
    CHECK(silent.skip_to_close().code == 1002);
    PulseClient lingering(engine.port());
    lingering.send_close(1000);
    CHECK(lingering.read_close().code == 1000);
    CHECK(lingering.tcp().read_to_end().empty());
    PulseClient chatty(engine.port());
    chatty.send(FrameView::connect(9));
    CHECK(chatty.skip_to_close().code == 1002);
    engine.clock.advance(4s);
    CHECK(chatty.tcp().try_send(ClientFrame{kBinary, encoded(FrameView::ping())}.bytes()));
    CHECK(engine.server->stats().sockets == 3);
    engine.clock.advance(2s);
    CHECK(eventually([&] { return engine.server->stats().sockets == 0; }));
}

TEST_CASE("new intervals hold for connections that wait under the old ones",
          "[transport][timeouts]") {
    EngineParts parts;
    parts.connections.ping_interval = 0ms;
    parts.connections.idle_timeout = 0ms;
    EmbeddedEngine engine(parts);
    PulseClient client(engine.port());
    engine.clock.advance(60s);
    CHECK_FALSE(client.tcp().has_input(kTwoLooks));
    transport::ConnectionOptions options;
    options.ping_interval = 10s;
    options.idle_timeout = 100s;
    engine.server->set_connection_options(options);
    CHECK(eventually([&] {
        engine.clock.advance(250ms);
        return client.tcp().has_input(0ms);
    }));
    CHECK(client.read_frame().opcode == kPing);
    engine.clock.advance(41s);
    CHECK(client.skip_to_close().code == 1001);
}
