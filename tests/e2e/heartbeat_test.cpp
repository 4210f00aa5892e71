// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Finding out that a peer is gone. Intervals are as short as the timers' quarter of a second
// allows; nothing here asserts how long something took beyond "well before the default".
#include "support/catch.hpp"
#include "support/eventually.hpp"
#include "support/pulse_client.hpp"
#include "support/server_process.hpp"

#include <string>

using namespace pulse::test;
using namespace std::chrono_literals;

TEST_CASE("a silent peer is pinged, then closed", "[e2e][heartbeat]") {
    const ServerProcess server(
        Settings{{"heartbeat.interval_ms", "250"}, {"heartbeat.timeout_ms", "1000"}});
    PulseClient client(server.port());
    CHECK(client.connected().heartbeat == 250);
    const ServerFrame ping = client.read_frame();
    CHECK(ping.opcode == kPing);
    CHECK(ping.payload.empty());
    // No second one before it has answered: the silence is one silence.
    CHECK(client.receive() ==
          Frame::error(0, ErrorCode::connection_closed, "Nothing heard for too long"));
    CHECK(client.read_close().code == 1001);
    CHECK(server.metric(R"(pulse_evictions_total{reason="idle"})") == 1);
}

TEST_CASE("a peer that answers pings stays", "[e2e][heartbeat]") {
    const ServerProcess server(
        Settings{{"heartbeat.interval_ms", "250"}, {"heartbeat.timeout_ms", "1000"}});
    PulseClient client(server.port());
    // Six times the interval is well beyond the timeout.
    for (int i = 0; i < 6; ++i) {
        const ServerFrame ping = client.read_frame();
        REQUIRE(ping.opcode == kPing);
        client.send_frame({kPong, ping.payload});
    }
    CHECK(client.is_quiet());
}

TEST_CASE("any byte counts as a sign of life", "[e2e][heartbeat]") {
    const ServerProcess server(
        Settings{{"heartbeat.interval_ms", "500"}, {"heartbeat.timeout_ms", "1500"}});
    PulseClient client(server.port());
    // A single frame, sent over longer than the timeout. On a machine too slow to keep the pace
    // the server rightly closes; then the test says nothing.
    const std::string wire = ClientFrame{kBinary, encoded(FrameView::ping())}.bytes();
    const auto begin = std::chrono::steady_clock::now();
    auto longest_gap = 0ms;
    auto last = begin;
    for (std::size_t i = 0; i < wire.size(); ++i) {
        if (!client.tcp().try_send(std::string_view(wire).substr(i, 1))) break;
        const auto now = std::chrono::steady_clock::now();
        longest_gap = std::max(longest_gap,
                               std::chrono::duration_cast<std::chrono::milliseconds>(now - last));
        last = now;
        (void)client.tcp().take_input(100ms);
    }
    if (longest_gap > 1s) {
        WARN("the machine stood still for " << longest_gap.count() << " ms");
        return;
    }
    CHECK(std::chrono::steady_clock::now() - begin > 2s);
    CHECK(client.receive() == Frame::pong());
}

TEST_CASE("zero switches pings and the timeout off", "[e2e][heartbeat]") {
    const ServerProcess server(
        Settings{{"heartbeat.interval_ms", "0"}, {"heartbeat.timeout_ms", "0"}});
    PulseClient client(server.port());
    CHECK(client.connected().heartbeat == 0);
    CHECK_FALSE(client.tcp().has_input(1s));
    CHECK(client.is_quiet());
}

TEST_CASE("a peer that vanished without a word is found out", "[e2e][heartbeat]") {
    const ServerProcess server(
        Settings{{"heartbeat.interval_ms", "250"}, {"heartbeat.timeout_ms", "500"}});
    PulseClient watcher(server.port());
    PulseClient vanished(server.port());
    CHECK(server.metric("pulse_connections_active") == 2);
    // The kernel still acknowledges, nobody answers. The watcher goes on answering pings.
    CHECK(eventually([&] {
        watcher.ping();
        return server.metric(R"(pulse_evictions_total{reason="idle"})") >= 1;
    }));
}

TEST_CASE("a closed connection that does not go away is cut off", "[e2e][heartbeat]") {
    // The peer neither answers the close nor ends the socket: after the close timeout of five
    // seconds the server does.
    const ServerProcess server;
    PulseClient client(server.port());
    client.send(FrameView::connect(9));
    CHECK(client.receive().code == 1012);
    CHECK(client.read_close().code == 1002);
    CHECK(eventually([&] { return server.metric("pulse_connections_active") == 0; }, 20s));
}
