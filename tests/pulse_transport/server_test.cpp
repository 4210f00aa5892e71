// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Listening, draining, and coming apart in whatever order.
#include "support/catch.hpp"
#include "support/embedded_engine.hpp"
#include "support/eventually.hpp"
#include "support/hook_dialect.hpp"
#include "support/mailbox.hpp"
#include "support/pulse_client.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

using namespace pulse::test;
using namespace std::chrono_literals;
using pulse::transport::Listener;
using pulse::transport::ListenerOptions;
using pulse::transport::Loop;
using pulse::transport::LoopThreads;
using pulse::transport::Mounts;
using pulse::transport::Server;
namespace core = pulse::core;

namespace {

Mounts at_ws(core::Dialect& dialect) { return {{{"/ws", &dialect}}, nullptr}; }

/// Raises the soft limit as far as needed and allowed.
bool may_open_descriptors(rlim_t wanted) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted) return true;
    limit.rlim_cur = std::min(wanted, limit.rlim_max);
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= wanted;
}

ListenerOptions on_port(std::uint16_t port) {
    ListenerOptions options;
    options.port = port;
    return options;
}

/// Whether the socket of this process whose other end has that port sends small messages at once.
/// Nothing when there is no such socket.
std::optional<bool> sends_at_once(std::uint16_t peer_port) {
    for (int fd = 0; fd < 1024; ++fd) {
        sockaddr_in peer{};
        socklen_t size = sizeof peer;
        if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0 ||
            peer.sin_family != AF_INET || ntohs(peer.sin_port) != peer_port) {
            continue;
        }
        int is_on = 0;
        size = sizeof is_on;
        if (::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &is_on, &size) != 0) return std::nullopt;
        return is_on != 0;
    }
    return std::nullopt;
}

}  // namespace

TEST_CASE("a listener tells its port and address", "[transport][server]") {
    EmbeddedEngine engine;
    CHECK(engine.port() != 0);
    CHECK(engine.listener().address() == "127.0.0.1:" + std::to_string(engine.port()));
    ListenerOptions v6;
    v6.host = "::1";
    if (auto listener = engine.server->listen(v6, {})) {
        CHECK((*listener)->address() == "[::1]:" + std::to_string((*listener)->port()));
    }
    ListenerOptions name;
    name.host = "localhost";
    CHECK(engine.server->listen(name, {}).has_value());
}

TEST_CASE("what cannot be listened on is an error of the system", "[transport][server]") {
    for (const std::size_t loops : {1U, 2U}) {
        for (const bool has_socket_per_loop : {true, false}) {
            CAPTURE(loops, has_socket_per_loop);
            EngineParts parts;
            parts.loops = loops;
            EmbeddedEngine engine(parts);
            ListenerOptions taken = on_port(engine.port());
            taken.has_socket_per_loop = has_socket_per_loop;
            const auto listener = engine.server->listen(taken, {});
            REQUIRE_FALSE(listener.has_value());
            CHECK(listener.error() == std::errc::address_in_use);
        }
    }
    EmbeddedEngine engine;
    ListenerOptions foreign;
    foreign.host = "192.0.2.1";  // TEST-NET-1: nobody's
    const auto listener = engine.server->listen(foreign, {});
    REQUIRE_FALSE(listener.has_value());
    CHECK(listener.error() == std::errc::address_not_available);
    ListenerOptions nonsense;
    nonsense.host = "no such host.invalid";
    CHECK_FALSE(engine.server->listen(nonsense, {}).has_value());
}

TEST_CASE("a port is shared only when both sides want it", "[transport][server]") {
    EngineCore core;
    LoopThreads loops(core.hub, 2);
    Server one(core.hub, loops.loops());
    Server two(core.hub, loops.loops());
    ListenerOptions shared;
    shared.is_port_shared = true;
    const auto first = one.listen(shared, at_ws(core.native));
    REQUIRE(first.has_value());
    shared.port = (*first)->port();
    CHECK(two.listen(shared, at_ws(core.native)).has_value());
    shared.is_port_shared = false;
    CHECK_FALSE(two.listen(shared, at_ws(core.native)).has_value());
}

TEST_CASE("accepted sockets do not hold small messages back", "[transport][server]") {
    // An acknowledgement and the echo behind it would be 40 ms apart.
    EmbeddedEngine engine;
    PulseClient client(engine.port());
    CHECK(sends_at_once(client.tcp().local_port()) == true);
}

TEST_CASE("one accepting loop deals connections out in turn", "[transport][server]") {
    EngineCore core;
    LoopThreads loops(core.hub, 2);
    Server server(core.hub, loops.loops());
    ListenerOptions options;
    options.has_socket_per_loop = false;
    const auto listener = server.listen(options, at_ws(core.native));
    REQUIRE(listener.has_value());
    loops.start();
    std::deque<PulseClient> clients;
    for (int i = 0; i < 10; ++i) clients.emplace_back((*listener)->port());
    for (Loop* loop : loops.loops()) CHECK(loop->stats().websockets.get() == 5);
    for (PulseClient& client : clients) client.subscribe("c");
    clients[0].send(publication("c", "to all"));
    for (PulseClient& client : clients) CHECK(client.receive() == publication("c", "to all"));
    CHECK(server.stats().websockets == 10);
    CHECK(server.stats().sockets == 10);
    clients.clear();
    CHECK(eventually([&] { return server.stats().sockets == 0; }));
    loops.stop();
}

TEST_CASE("sockets of each loop take connections, and all of them are served",
          "[transport][server]") {
    EngineParts parts;
    parts.loops = 2;
    EmbeddedEngine engine(parts);
    std::deque<PulseClient> clients;
    for (int i = 0; i < 40; ++i) clients.emplace_back(engine.port()).subscribe("c");
    // The kernel spreads by hash: 40 of them on one side happens once in 10^12.
    for (Loop* loop : engine.loops.loops()) CHECK(loop->stats().websockets.get() > 0);
    engine.publish("c", "to all");
    for (PulseClient& client : clients) CHECK(client.receive() == publication("c", "to all"));
}

TEST_CASE("listeners can be added while the loops run", "[transport][server]") {
    EngineParts parts;
    parts.loops = 2;
    EmbeddedEngine engine(parts);
    PulseClient first(engine.port());
    first.subscribe("c");
    for (int i = 0; i < 5; ++i) {
        const auto listener = engine.server->listen({}, at_ws(engine.native));
        REQUIRE(listener.has_value());
        PulseClient client((*listener)->port());
        client.send(publication("c", "from another port"));
        CHECK(first.receive() == publication("c", "from another port"));
    }
}

TEST_CASE("a drain without connections is over at once", "[transport][server]") {
    EmbeddedEngine engine;
    Mailbox<int> done;
    engine.server->drain(10s, 60s, [&] { done.put(1); });
    CHECK(done.take() == 1);
    CHECK_THROWS_AS(PulseClient(engine.port()), ClientError);
}

TEST_CASE("a drain closes each connection at its moment and tells when all are gone",
          "[transport][server]") {
    EngineParts parts;
    parts.loops = 2;
    EmbeddedEngine engine(parts);
    std::deque<PulseClient> clients;
    for (int i = 0; i < 40; ++i) clients.emplace_back(engine.port());
    Mailbox<int> done;
    engine.server->drain(20s, 120s, [&] { done.put(1); });
    // Half of the time: some have had their moment, others have not. (All or none of forty, each at
    // random: once in 10^12.)
    engine.clock.advance(10s);
    std::deque<PulseClient*> waiting;
    CHECK(eventually([&] {
        waiting.clear();
        for (PulseClient& client : clients) {
            if (!client.tcp().has_input(0ms)) waiting.push_back(&client);
        }
        return waiting.size() < clients.size();
    }));
    CHECK(waiting.size() > 0);
    engine.clock.advance(11s);
    for (PulseClient& client : clients) {
        CHECK(client.receive().code == 1010);
        CHECK(client.read_close().code == 1001);
        CHECK(done.size() == 0);
        client.send_close(1001);
        CHECK(client.tcp().is_ended_by_peer());
    }
    CHECK(done.take() == 1);
    CHECK(engine.server->stats().sockets == 0);
}

TEST_CASE("plain HTTP connections are kept to the end of a drain's spread, and told",
          "[transport][server]") {
    pulse::transport::HttpRouter routes;
    routes.add(pulse::transport::Route::immediate(
        "GET", "/x", [](const auto&) { return pulse::transport::HttpResponse::text(200, "x"); }));
    EmbeddedEngine engine({}, std::move(routes));
    TcpClient asks(engine.port());
    TcpClient waits(engine.port());
    for (TcpClient* tcp : {&asks, &waits}) {
        tcp->send(get_request("/x"));
        CHECK_FALSE(read_answer(*tcp).has_header("connection"));
    }
    Mailbox<int> done;
    engine.server->drain(20s, 120s, [&] { done.put(1); });
    engine.clock.advance(15s);
    CHECK_FALSE(waits.has_input(600ms));
    asks.send(get_request("/x"));
    CHECK(read_answer(asks).header("connection") == "close");
    CHECK(asks.is_ended_by_peer());
    CHECK(done.size() == 0);
    engine.clock.advance(6s);
    CHECK(waits.read_to_end().empty());
    CHECK(done.take() == 1);
}

TEST_CASE("a drain cuts off at its deadline whoever is left", "[transport][server]") {
    EmbeddedEngine engine;
    PulseClient client(engine.port());
    TcpClient silent(engine.port());
    Mailbox<int> done;
    engine.server->drain(3600s, 50ms, [&] { done.put(1); });
    CHECK(done.take() == 1);
    CHECK(client.tcp().is_ended_by_peer());
    CHECK(silent.is_ended_by_peer());
    CHECK(eventually([&] { return engine.server->stats().sockets == 0; }));
}

TEST_CASE("servers on the same loops drain and end without one another", "[transport][server]") {
    EngineParts parts;
    parts.loops = 2;
    EmbeddedEngine engine(parts);
    auto other = std::make_unique<Server>(engine.hub, engine.loops.loops());
    const auto listener = other->listen({}, at_ws(engine.native));
    REQUIRE(listener.has_value());
    PulseClient stays(engine.port());
    PulseClient drained((*listener)->port());
    PulseClient cut((*listener)->port());
    Mailbox<int> done;
    other->drain(0s, 60s, [&] { done.put(1); });
    engine.clock.advance(1s);
    CHECK(drained.skip_to_close().code == 1001);
    drained.send_close(1001);
    CHECK(stays.is_quiet());
    other.reset();
    CHECK(cut.tcp().is_ended_by_peer());
    CHECK(stays.is_quiet());
}

TEST_CASE("a server that goes ends its connections and lets go of every conversation",
          "[transport][server]") {
    HookDialect hooks;
    std::atomic<int> closed{0};
    std::atomic<int> destroyed{0};
    hooks.closed = [&](const core::CloseEvent& event) {
        CHECK(event.code == 1006);
        ++closed;
    };
    hooks.destroyed = [&] { ++destroyed; };
    const auto connect = [](std::uint16_t port) { return WsClient(port); };
    EngineCore core;
    SECTION("while its loops run") {
        LoopThreads loops(core.hub, 2);
        auto server = std::make_unique<Server>(core.hub, loops.loops());
        const auto listener = server->listen({}, at_ws(hooks));
        REQUIRE(listener.has_value());
        loops.start();
        std::deque<WsClient> clients;
        for (int i = 0; i < 10; ++i) clients.push_back(connect((*listener)->port()));
        TcpClient plain((*listener)->port());
        plain.send("GET /half");
        server.reset();
        CHECK(closed == 10);
        CHECK(destroyed == 10);
        for (WsClient& client : clients) CHECK(client.tcp().is_ended_by_peer());
        CHECK(plain.is_ended_by_peer());
    }
    SECTION("when its loops have stopped") {
        LoopThreads loops(core.hub, 2);
        auto server = std::make_unique<Server>(core.hub, loops.loops());
        const auto listener = server->listen({}, at_ws(hooks));
        REQUIRE(listener.has_value());
        loops.start();
        std::deque<WsClient> clients;
        for (int i = 0; i < 10; ++i) clients.push_back(connect((*listener)->port()));
        loops.stop();
        server.reset();
        CHECK(closed == 10);
        CHECK(destroyed == 10);
        for (WsClient& client : clients) CHECK(client.tcp().is_ended_by_peer());
    }
    SECTION("that never ran") {
        LoopThreads loops(core.hub, 2);
        Server server(core.hub, loops.loops());
        CHECK(server.listen({}, at_ws(hooks)).has_value());
    }
    SECTION("in the middle of a drain") {
        LoopThreads loops(core.hub, 2);
        auto server = std::make_unique<Server>(core.hub, loops.loops());
        const auto listener = server->listen({}, at_ws(hooks));
        REQUIRE(listener.has_value());
        loops.start();
        std::deque<WsClient> clients;
        for (int i = 0; i < 10; ++i) clients.push_back(connect((*listener)->port()));
        server->drain(3600s, 3600s, [] { FAIL_CHECK("a drain that was over"); });
        server.reset();
        CHECK(destroyed == 10);
    }
}

TEST_CASE("subscriptions of connections that a server's end cut off are gone",
          "[transport][server]") {
    EmbeddedEngine engine;
    PulseClient client(engine.port());
    client.subscribe("c");
    CHECK(engine.hub.subscriber_count("c") == 1);
    engine.server.reset();
    CHECK(engine.hub.subscriber_count("c") == 0);
    CHECK(engine.hub.stats().channels == 0);
    CHECK(engine.budget.used() < 8 * 1024 * 1024);
}

TEST_CASE("options changed while connections are open hold for them", "[transport][server]") {
    EngineParts parts;
    parts.loops = 2;
    EmbeddedEngine engine(parts);
    PulseClient client(engine.port());
    pulse::transport::ConnectionOptions options;
    options.max_frame_bytes = 100;
    engine.server->set_connection_options(options);
    client.send_binary(std::string(101, '\0'));
    CHECK(client.skip_to_close().code == 1009);
    pulse::transport::ClientLimits limits;
    limits.max_connections = 1;
    engine.server->set_client_limits(limits);
    CHECK(eventually([&] { return engine.server->stats().websockets <= 1; }));
}

TEST_CASE("sockets beyond what the limits allow are closed unanswered", "[transport][server]") {
    if (!may_open_descriptors(3000)) {
        WARN("skipped: too few file descriptors allowed");
        return;
    }
    EngineParts parts;
    parts.clients.max_connections = 1;  // and 1,024 more for HTTP
    EmbeddedEngine engine(parts);
    std::deque<TcpClient> crowd;
    for (int i = 0; i < 1025; ++i) crowd.emplace_back(engine.port());
    CHECK(eventually([&] { return engine.server->stats().sockets == 1025; }));
    TcpClient refused(engine.port());
    CHECK(refused.is_ended_by_peer());
    CHECK(engine.count(&pulse::transport::LoopStats::refused) == 1);
    crowd.clear();
    CHECK(eventually([&] { return engine.server->stats().sockets == 0; }));
    CHECK(PulseClient(engine.port()).is_quiet());
}
