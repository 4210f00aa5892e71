// SPDX-License-Identifier: MIT OR Apache-2.0
//
// More than a peer, or the server, can take: what is bounded, and who hears of it.
#include "support/catch.hpp"
#include "support/embedded_engine.hpp"
#include "support/eventually.hpp"
#include "support/pulse_client.hpp"

#include <atomic>
#include <functional>
#include <future>
#include <string>
#include <vector>

using namespace pulse::test;
using namespace std::chrono_literals;
namespace core = pulse::core;
namespace transport = pulse::transport;

namespace {

UpgradeOptions slow() {
    UpgradeOptions options;
    options.tcp.receive_buffer_bytes = 4096;
    return options;
}

EngineParts with_outbox(std::size_t bytes, std::size_t loops = 1) {
    EngineParts parts;
    parts.loops = loops;
    parts.connections.outbox.max_bytes = bytes;
    return parts;
}

}  // namespace

TEST_CASE("a slow consumer is told why it is closed although publishing never pauses",
          "[transport][overload]") {
    EmbeddedEngine engine(with_outbox(64 * 1024, 2));
    std::atomic<bool> is_over{false};
    auto flood = std::async(std::launch::async, [&] {
        const std::string text(8 * 1024, 'x');
        while (!is_over) {
            (void)engine.publish("flood", text);
            std::this_thread::yield();
        }
    });
    struct AtEnd {
        std::atomic<bool>& flag;
        ~AtEnd() { flag = true; }
    } const stop{is_over};
    for (int round = 0; round < 10; ++round) {
        PulseClient client(engine.port(), slow());
        client.send(FrameView::subscribe(1, "flood"));
        const std::uint64_t before = engine.count(&transport::LoopStats::slow_closes);
        // Asleep until it has been given up.
        REQUIRE(
            eventually([&] { return engine.count(&transport::LoopStats::slow_closes) > before; }));
        Frame last = client.receive();
        while (last.type != FrameType::error) last = client.receive();
        CHECK(last == Frame::error(0, ErrorCode::connection_closed,
                                   "Connection does not read fast enough"));
        CHECK(client.read_close().code == 1008);
    }
}

TEST_CASE("answers that a peer does not read are bounded", "[transport][overload]") {
    EngineParts parts = with_outbox(1024 * 1024);
    parts.connections.max_unread_reply_bytes = 64 * 1024;
    EmbeddedEngine engine(parts);
    // 5,000 members: a sync of some 600 KB for a request of 45 bytes.
    REQUIRE_FALSE(engine.hub.create_channel("crowd"));
    for (std::uint64_t i = 0; i < 5000; ++i) {
        REQUIRE(engine.hub.presence_join("crowd", core::SessionId{{i, 1}}, std::nullopt));
    }
    PulseClient client(engine.port(), slow());
    client.subscribe("crowd");
    const std::string request =
        ClientFrame{kBinary, encoded(Frame::presence(7, "crowd", PresenceAction::sync))}.bytes();
    // Either the peer is not read from any more, or it is closed: what is held for it stays within
    // a few syncs, however many it asks for.
    std::size_t most = 0;
    CHECK(eventually([&] {
        // Member lists are limited by turn as well, and a turn goes by the clock.
        engine.clock.advance(1ms);
        if (!client.tcp().try_send(request)) return false;
        most = std::max(most, engine.budget.used());
        return engine.count(&transport::LoopStats::slow_closes) > 0 ||
               engine.loop().lane().stats().backlog_outlets.get() > 0;
    }));
    CHECK(most < 32U * 1024 * 1024);
}

TEST_CASE("a full memory budget refuses publications until the slow ones are gone",
          "[transport][overload]") {
    EngineParts parts;
    parts.memory_limit = 4 * 1024 * 1024;
    EmbeddedEngine engine(parts);
    PulseClient reader(engine.port());
    reader.subscribe("c");
    std::vector<std::unique_ptr<PulseClient>> stalled;
    for (int i = 0; i < 4; ++i) {
        stalled.push_back(std::make_unique<PulseClient>(engine.port(), slow()));
        stalled.back()->subscribe("c");
    }
    const std::string text(32 * 1024, 'x');
    std::uint64_t published = 0;
    std::uint64_t delivered = 0;
    for (int i = 0; i < 600 && engine.budget.refusals() < 5; ++i) {
        published += engine.publish("c", text).has_value() ? 1U : 0U;
        // The reader keeps up, and gets whatever was taken.
        while (delivered < published) {
            REQUIRE(reader.receive() == publication("c", text));
            ++delivered;
        }
    }
    CHECK(engine.budget.refusals() >= 5);
    CHECK(engine.budget.used() <= parts.memory_limit);
    stalled.clear();
    CHECK(eventually([&] { return engine.server->stats().websockets == 1; }));
    CHECK(eventually([&] { return engine.budget.used() < parts.memory_limit / 2; }));
    CHECK(reader.ask(FrameView::ping()) == Frame::pong());
}

TEST_CASE("one connection that floods does not starve another on the same loop",
          "[transport][overload]") {
    EmbeddedEngine engine;
    PulseClient polite(engine.port());
    std::atomic<bool> is_over{false};
    auto flood = std::async(std::launch::async, [&] {
        PulseClient client(engine.port());
        std::string burst;
        for (int i = 0; i < 5000; ++i) burst += encoded(publication("x", "flood").view());
        while (!is_over) client.send_binary(burst);
    });
    struct AtEnd {
        std::atomic<bool>& flag;
        ~AtEnd() { flag = true; }
    } const stop{is_over};
    for (int i = 0; i < 20; ++i) CHECK(polite.ask(FrameView::ping()) == Frame::pong());
}

TEST_CASE("a subscriber paused by its own unread answers still gets deliveries in order",
          "[transport][overload]") {
    EmbeddedEngine engine;
    PulseClient client(engine.port(), slow());
    client.subscribe("c");
    std::string pings;
    for (int i = 0; i < 20'000; ++i) pings += encoded(FrameView::ping_with_timestamp(~0ULL));
    client.tcp().send(ClientFrame{kBinary, pings}.bytes());
    for (int i = 0; i < 100; ++i) REQUIRE(engine.publish("c", std::to_string(i)).has_value());
    int pongs = 0;
    int next = 0;
    while (pongs < 20'000 || next < 100) {
        const Frame frame = client.receive();
        if (frame.type == FrameType::publish) {
            REQUIRE(text_of(frame.payload) == std::to_string(next));
            ++next;
        } else {
            REQUIRE(frame == Frame::pong(~0ULL));
            ++pongs;
        }
    }
    CHECK(client.is_quiet());
}
