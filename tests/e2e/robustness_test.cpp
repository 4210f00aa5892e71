// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What an unlucky network and unfriendly peers do.
#include "support/catch.hpp"
#include "support/eventually.hpp"
#include "support/pulse_client.hpp"
#include "support/server_process.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <sys/resource.h>

using namespace pulse::test;
using namespace std::chrono_literals;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

}  // namespace

// UndefinedBehaviorSanitizer looks at a pointer through a pipe of its own before it trusts a vptr:
// without descriptors it reports valid objects.
#ifndef __SANITIZE_ADDRESS__
TEST_CASE("out of descriptors the server pauses, serves on, and recovers", "[e2e][robustness]") {
    LaunchOptions options;
    options.max_descriptors = 64;
    ServerProcess server({}, options);
    PulseClient first(server.port());
    first.subscribe("c");
    // More than fit; the kernel accepts them all into its queue.
    std::deque<TcpClient> crowd;
    for (int i = 0; i < 120; ++i) crowd.emplace_back(server.port());
    CHECK(server.wait_for_event("accept_paused").contains("error"));
    // Who is in is served as before.
    for (int i = 0; i < 10; ++i) {
        first.send(publication("c", "still here"));
        CHECK(first.receive() == publication("c", "still here"));
    }
    // Those who cannot be served are turned away rather than left hanging, one by one.
    CHECK(eventually([&] {
        std::size_t turned_away = 0;
        for (TcpClient& tcp : crowd) turned_away += tcp.is_ended_by_peer(0ms) ? 1U : 0U;
        return turned_away > 0;
    }));
    CHECK(server.open_descriptors() <= 64);
    crowd.clear();
    CHECK(eventually([&] {
        try {
            return PulseClient(server.port()).is_quiet();
        } catch (const ClientError&) {
            return false;
        }
    }));
    CHECK(server.metric("pulse_accept_pauses_total") > 0);
    CHECK(first.is_quiet());
}
#endif

TEST_CASE("waves of connections leave neither descriptors nor memory behind", "[e2e][robustness]") {
    const ServerProcess server;
    const auto wave = [&](std::size_t n) {
        std::vector<std::unique_ptr<PulseClient>> clients;
        for (std::size_t i = 0; i < n; ++i) {
            clients.push_back(std::make_unique<PulseClient>(server.port()));
            clients.back()->send(FrameView::subscribe(1, "c" + std::to_string(i % 50)));
        }
        for (auto& client : clients) REQUIRE(client->receive() == Frame::ack(1));
        for (std::size_t i = 0; i < n; ++i) {
            if (i % 3 == 0) clients[i]->send_close(1000);
            if (i % 3 == 1) clients[i]->tcp().reset();
        }
        clients.clear();
        REQUIRE(eventually([&] { return server.metric("pulse_sockets_active") == 1; }));
    };
    // The first wave warms up what is kept on purpose: pools, tables, the allocator's arenas.
    wave(400);
    const std::size_t descriptors = server.open_descriptors();
    const std::size_t resident = server.resident_bytes();
    for (int i = 0; i < 4; ++i) wave(400);
    CHECK(eventually([&] { return server.open_descriptors() <= descriptors; }));
    CHECK(server.metric("pulse_connections_total") == 2000);
    CHECK(server.metric("pulse_channels_active") == 0);
    if (!kIsSanitized) CHECK(server.resident_bytes() < resident + 4 * 1024 * 1024);
}

TEST_CASE("a connection may be reset at any byte of a conversation", "[e2e][robustness]") {
    const ServerProcess server;
    const std::string conversation =
        upgrade_request() + ClientFrame{kBinary, encoded(FrameView::subscribe(1, "c"))}.bytes() +
        ClientFrame{kBinary, encoded(publication("c", std::string(200, 'x')).view())}.bytes() +
        ClientFrame{kText, R"({"type":"ping"})", false}.bytes() +
        ClientFrame{kClose, close_payload(1000, "bye")}.bytes();
    PulseClient listener(server.port());
    listener.subscribe("c");
    for (std::size_t cut = 0; cut <= conversation.size(); ++cut) {
        TcpClient tcp(server.port());
        tcp.send(std::string_view(conversation).substr(0, cut));
        // Each way of going: reset, FIN, and FIN after waiting for whatever comes.
        if (cut % 3 == 0) {
            tcp.reset();
        } else if (cut % 3 == 1) {
            tcp.shutdown_write();
        }
    }
    CHECK(eventually([&] { return server.metric("pulse_sockets_active") == 2; }));
    CHECK(server.metric("pulse_subscriptions_active") == 1);
    CHECK(server.metric("pulse_queue_bytes") == 0);
    // The listener is unharmed; what others managed to publish has reached it.
    listener.send(publication("c", "last"));
    Frame frame = listener.receive();
    while (frame != publication("c", "last")) frame = listener.receive();
    CHECK(listener.is_quiet());
}

TEST_CASE("a connection may be reset while the server writes to it", "[e2e][robustness]") {
    const ServerProcess server;
    UpgradeOptions slow;
    slow.tcp.receive_buffer_bytes = 4096;
    PulseClient publisher(server.port());
    for (int round = 0; round < 5; ++round) {
        std::deque<PulseClient> stalled;
        for (int i = 0; i < 4; ++i) stalled.emplace_back(server.port(), slow).subscribe("c");
        const Deadline deadline;
        const std::string burst = encoded(publication("c", std::string(60'000, 'x')).view());
        while (server.metric("pulse_queue_connections") < 4) {
            REQUIRE_FALSE(deadline.has_passed());
            for (int i = 0; i < 10; ++i) publisher.send_binary(burst);
            publisher.ping();
        }
        for (PulseClient& client : stalled) client.tcp().reset();
        publisher.send_binary(burst);
        publisher.ping();
        CHECK(eventually([&] { return server.metric("pulse_queue_bytes") == 0; }));
    }
    CHECK(eventually([&] { return server.metric("pulse_connections_active") == 1; }));
}

TEST_CASE("a reset in the middle of the closing handshake is survived", "[e2e][robustness]") {
    const ServerProcess server;
    for (int i = 0; i < 30; ++i) {
        PulseClient client(server.port());
        if (i % 2 == 0) {
            client.send(FrameView::connect(9));
            CHECK(client.receive().code == 1012);
        } else {
            client.send_close(1000);
        }
        client.tcp().reset();
    }
    CHECK(eventually([&] { return server.metric("pulse_sockets_active") == 1; }));
}

TEST_CASE("many clients that trickle do not keep others from being served", "[e2e][robustness]") {
    const ServerProcess server(Settings{{"transport.handshake_timeout_ms", "1500"}});
    std::deque<TcpClient> crowd;
    for (int i = 0; i < 100; ++i) crowd.emplace_back(server.port());
    PulseClient client(server.port());
    client.subscribe("c");
    const std::string request = upgrade_request();
    // A byte each, again and again, until the server has enough of them.
    std::size_t rounds = 0;
    const Deadline deadline;
    while (!crowd.front().has_input(10ms)) {
        REQUIRE_FALSE(deadline.has_passed());
        for (TcpClient& tcp : crowd) {
            if (rounds + 1 < request.size()) {
                (void)tcp.try_send(std::string_view(request).substr(rounds, 1));
            }
        }
        ++rounds;
        client.send(publication("c", "served"));
        CHECK(client.receive() == publication("c", "served"));
    }
    for (TcpClient& tcp : crowd) CHECK(tcp.is_ended_by_peer());
    CHECK(client.is_quiet());
}

TEST_CASE("a flood of tiny fragments costs no more than its bytes", "[e2e][robustness]") {
    const ServerProcess server;
    PulseClient client(server.port());
    std::string wire = ClientFrame{.opcode = kBinary, .payload = "", .is_final = false}.bytes();
    const std::string empty =
        ClientFrame{.opcode = kContinuation, .payload = "", .is_final = false}.bytes();
    for (int i = 0; i < 20'000; ++i) wire += empty;
    wire += ClientFrame{kContinuation, encoded(FrameView::ping())}.bytes();
    client.tcp().send(wire);
    CHECK(client.receive() == Frame::pong());
    CHECK(server.metric("pulse_memory_budget_used_bytes") < 4 * 1024 * 1024);
}

TEST_CASE("half-closed WebSocket connections end", "[e2e][robustness]") {
    const ServerProcess server;
    PulseClient client(server.port());
    client.send(FrameView::ping());
    client.tcp().shutdown_write();
    CHECK(client.receive() == Frame::pong());
    CHECK(client.tcp().is_ended_by_peer());
}

TEST_CASE("a client that asks for more answers than it can be held is told and closed",
          "[e2e][robustness]") {
    const ServerProcess server(Settings{{"transport.outbox_max_bytes", "65536"}});
    PulseClient client(server.port());
    std::string pings;
    const std::string ping = encoded(FrameView::ping_with_timestamp(1'700'000'000'000));
    while (pings.size() < 4 * 1024 * 1024) pings += ping;
    client.send_binary(pings);
    Frame last = client.receive();
    while (last.type != FrameType::error) last = client.receive();
    CHECK(last ==
          Frame::error(0, ErrorCode::connection_closed, "Connection does not read fast enough"));
    CHECK(client.read_close().code == 1008);
}

TEST_CASE("metrics are there when clients have taken every socket", "[e2e][robustness]") {
    // A user's soft limit is often 1,024. The server raises its own; this is for the crowd here.
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = std::max<rlim_t>(limit.rlim_cur, std::min<rlim_t>(limit.rlim_max, 4'096));
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    const ServerProcess server(Settings{{"limits.max_connections", "10"}});
    std::deque<TcpClient> crowd;
    for (int i = 0; i < 10 + 1024; ++i) crowd.emplace_back(server.port());
    CHECK(eventually([&] { return server.metric("pulse_sockets_active") >= 10 + 1024; }));
    TcpClient one_more(server.port());
    CHECK(one_more.is_ended_by_peer());
    CHECK(server.metric("pulse_connections_active") == 0);
}

TEST_CASE("a low soft limit of descriptors is none for the server", "[e2e][robustness]") {
    LaunchOptions options;
    options.soft_descriptors = 64;
    const ServerProcess server(Settings{{"limits.max_connections", "300"}}, options);
    std::deque<PulseClient> crowd;
    for (int i = 0; i < 200; ++i) crowd.emplace_back(server.port());
    CHECK(crowd.back().ask(FrameView::ping_with_timestamp(1)) == Frame::pong(1));
    CHECK(server.metric("pulse_connections_active") == 200);
}

TEST_CASE("a limit of descriptors that does not hold all connections is said at start",
          "[e2e][robustness]") {
    LaunchOptions options;
    options.max_descriptors = 1'000;
    options.waits_until_listening = false;
    ServerProcess server(Settings{{"limits.max_connections", "5000"}}, options);
    CHECK(server.wait_for_event("descriptor_limit_low").at("limit") == 1'000);
    (void)server.wait_for_event("listening");
}
