// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "support/eventually.hpp"
#include "support/pulse_client.hpp"
#include "support/server_process.hpp"

#include <csignal>
#include <deque>
#include <fstream>
#include <string>

using namespace pulse::test;

TEST_CASE("SIGHUP applies changed limits to connections that exist", "[e2e][reload]") {
    ServerProcess server;
    PulseClient client(server.port());
    client.subscribe("one");
    client.subscribe("two");
    CHECK(client.ask(Frame::publish_with_ack(1, "x", payload_of("12345678"))) == Frame::ack(1));

    server.write_settings({{"limits.max_subscriptions_per_connection", "2"},
                           {"limits.max_message_size", "4"},
                           {"limits.max_connections", "1"},
                           {"limits.max_channels", "2"},
                           {"limits.publishes_per_second", "1"},
                           {"compat.documented_error_codes", "true"}});
    server.signal(SIGHUP);
    server.wait_for_event("reloaded");
    CHECK(client.ask(FrameView::subscribe(2, "three")).message == "Maximum subscriptions reached");
    CHECK(client.ask(Frame::publish_with_ack(3, "x", payload_of("12345678"))).code == 1007);
    CHECK(http_exchange(server.port(), upgrade_request()).status == 503);
    client.unsubscribe("one");
    CHECK(client.ask(FrameView::subscribe(4, "two")).code == 1009);
    std::size_t refused = 0;
    for (std::uint64_t id = 0; id < 20; ++id) {
        const Frame answer = client.ask(Frame::publish_with_ack(id, "x", {}));
        if (answer.code == 1006) ++refused;
    }
    CHECK(refused > 0);

    // And back.
    server.write_settings({});
    server.signal(SIGHUP);
    server.wait_for_event("reloaded");
    client.subscribe("three");
    CHECK(client.ask(Frame::publish_with_ack(5, "x", payload_of("12345678"))) == Frame::ack(5));
    CHECK(PulseClient(server.port()).is_quiet());
}

TEST_CASE("SIGHUP changes the log level", "[e2e][reload]") {
    ServerProcess server;
    server.write_settings({{"logging.level", "\"error\""}});
    server.signal(SIGHUP);
    // "setting_changed" is said at the old level, "reloaded" no more.
    const auto changed = server.wait_for_event("setting_changed");
    CHECK(changed.at("key") == "logging.level");
    CHECK(changed.at("value").get<std::string>().find("error") != std::string::npos);
    server.write_settings({});
    server.signal(SIGHUP);
    server.wait_for_event("reloaded");
}

TEST_CASE("a change that needs a restart is named and left alone", "[e2e][reload]") {
    ServerProcess server;
    server.write_settings({{"server.threads", "1"}, {"limits.max_channels", "5"}});
    server.signal(SIGHUP);
    CHECK(server.wait_for_event("setting_needs_restart").at("key") == "server.threads");
    server.wait_for_event("reloaded");
    CHECK(PulseClient(server.port()).is_quiet());
}

TEST_CASE("a configuration that is wrong changes nothing", "[e2e][reload]") {
    ServerProcess server(Settings{{"limits.max_subscriptions_per_connection", "3"}});
    PulseClient client(server.port());
    server.write_settings(
        {{"limits.max_subscriptions_per_connection", "1"}, {"limits.max_chanels", "5"}});
    server.signal(SIGHUP);
    const std::string problem = server.wait_for_event("configuration").at("problem");
    CHECK(problem.find("did you mean limits.max_channels?") != std::string::npos);
    server.wait_for_event("reload_refused");
    client.subscribe("one");
    client.subscribe("two");
    CHECK_FALSE(server.has_ended());
}

TEST_CASE("SIGHUP replaces the tokens, for connects from then on", "[e2e][reload]") {
    ServerProcess server(Settings{{"auth.tokens", R"(["old"])"}});
    PulseClient before(server.port());
    before.send(FrameView::connect(1, "old"));
    before.subscribe("c");
    server.write_settings({{"auth.tokens", R"(["new"])"}});
    server.signal(SIGHUP);
    server.wait_for_event("reloaded");
    // Who is in stays in.
    CHECK(before.ask(Frame::publish_with_ack(1, "x", {})) == Frame::ack(1));
    PulseClient late(server.port());
    late.send(FrameView::connect(1, "old"));
    CHECK(late.receive().code == 1003);
    PulseClient after(server.port());
    after.send(FrameView::connect(1, "new"));
    after.subscribe("c");
}

TEST_CASE("a shorter heartbeat reaches connections that were idle before", "[e2e][reload]") {
    ServerProcess server;
    PulseClient client(server.port());
    server.write_settings({{"heartbeat.interval_ms", "250"}, {"heartbeat.timeout_ms", "750"}});
    server.signal(SIGHUP);
    server.wait_for_event("reloaded");
    // The old interval of thirty seconds would outlast the test's patience.
    CHECK(client.read_frame(std::chrono::seconds{15}).opcode == kPing);
}

TEST_CASE("a new outbox limit and policy reach every loop", "[e2e][reload]") {
    ServerProcess server;
    server.write_settings({{"transport.outbox_max_bytes", "\"64KiB\""},
                           {"transport.slow_consumer", "\"drop_newest\""}});
    server.signal(SIGHUP);
    server.wait_for_event("reloaded");
    UpgradeOptions slow;
    slow.tcp.receive_buffer_bytes = 4096;
    // Enough of them that each of the two loops has one.
    std::deque<PulseClient> stalled;
    for (int i = 0; i < 6; ++i) stalled.emplace_back(server.port(), slow).subscribe("c");
    PulseClient publisher(server.port());
    const Frame frame = Frame::publish_with_ack(1, "c", payload_of(std::string(32'768, 'x')));
    std::size_t sent = 0;
    while (server.metric(R"(pulse_dropped_total{reason="drop_newest"})") < 100) {
        REQUIRE(++sent < 2000);
        REQUIRE(publisher.ask(frame) == Frame::ack(1));
    }
    CHECK(server.metric("pulse_queue_bytes") <= 6 * 65'536);
    CHECK(server.metric(R"(pulse_evictions_total{reason="slow_consumer"})") == 0);
}
