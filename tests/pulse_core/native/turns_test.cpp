// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One client may send a lot at once: others have their turn in between, and the rest of what was
// begun has to come in time.
#include "pulse_core/native/native_fixture.hpp"

#include <string>

using namespace pulse::test;
namespace protocol = pulse::protocol;
using namespace std::chrono_literals;
namespace core = pulse::core;

namespace {

/// As it was sent, whatever has been answered so far.
std::string pings(std::uint64_t from, std::uint64_t count) {
    std::string message;
    for (std::uint64_t i = from; i < from + count; ++i)
        message += encoded(FrameView::ping_with_timestamp(i));
    return message;
}

}  // namespace

TEST_CASE("a message of very many frames is handled over several turns, in order",
          "[core][native][turns]") {
    NativeEngine engine;
    NativeClient ann(engine);
    core::Lane& lane = engine.lane();
    lane.begin_turn();
    ann.conversation->on_message(protocol::as_bytes(pings(0, 10'000)), MessageKind::binary);
    CHECK(ann.connection.is_paused);
    // What the transport had read already waits for its turn.
    ann.conversation->on_message(protocol::as_bytes(pings(10'000, 2)), MessageKind::binary);
    std::size_t turns = 0;
    std::uint64_t next = 0;
    while (ann.connection.is_paused) {
        lane.flush();
        REQUIRE(++turns < 10);
        lane.begin_turn();
    }
    lane.flush();
    CHECK(turns >= 2);
    for (const Frame& frame : ann.receive()) REQUIRE(frame == Frame::pong(next++));
    CHECK(next == 10'002);
    engine.lane().pool().clear();
    CHECK(engine.budget.used() == 0);
}

TEST_CASE("a message that makes much output is handled over several turns",
          "[core][native][turns]") {
    NativeEngine engine(with([](auto& o) { o.max_payload_bytes = 0; }));
    NativeClient ann(engine);
    CHECK(ann.ask(Frame::subscribe(1, "c")) == Frames{Frame::ack(1)});
    const std::string text(100'000, 'x');
    std::string message;
    for (int i = 0; i < 10; ++i) message += encoded(publication("c", text).view());
    engine.lane().begin_turn();
    ann.conversation->on_message(protocol::as_bytes(message), MessageKind::binary);
    CHECK(ann.connection.is_paused);
    engine.lane().flush();
    engine.turn();
    engine.turn();
    CHECK_FALSE(ann.connection.is_paused);
    CHECK(ann.receive() == Frames(10, publication("c", text)));
}

TEST_CASE("a client that ends in the middle of a long message leaves nothing behind",
          "[core][native][turns]") {
    NativeEngine engine;
    {
        NativeClient ann(engine);
        engine.lane().begin_turn();
        ann.conversation->on_message(protocol::as_bytes(pings(0, 10'000)), MessageKind::binary);
        CHECK(engine.budget.used() > 0);
        ann.end();
    }
    engine.turn();
    engine.lane().pool().clear();
    CHECK(engine.budget.used() == 0);
}

TEST_CASE("the rest of a frame has to come in time", "[core][native][turns]") {
    NativeEngine engine;
    NativeClient ann(engine);
    const std::string frame = encoded(Frame::subscribe(1, "c").view());
    const auto tick = [&] {
        engine.lane().begin_turn();
        ann.conversation->on_tick(engine.lane().now());
        engine.turn();
    };
    ann.send(frame.substr(0, 5));
    CHECK(ann.connection.tick == 60s);
    // Other input is no excuse, and too early is not too late.
    engine.clock.advance(59s);
    ann.send(frame.substr(5, 1));
    tick();
    CHECK_FALSE(ann.connection.close_code);
    CHECK(ann.connection.tick == 1s);
    SECTION("when it comes, the next frame has its own time") {
        ann.send(frame.substr(6) + frame.substr(0, 3));
        CHECK(ann.receive() == Frames{Frame::ack(1)});
        CHECK(ann.connection.tick == 60s);
        engine.clock.advance(59s);
        tick();
        CHECK_FALSE(ann.connection.close_code);
        ann.send(frame.substr(3));
        engine.clock.advance(1h);
        tick();
        CHECK_FALSE(ann.connection.close_code);
    }
    SECTION("when it does not, the client is told and closed") {
        engine.clock.advance(1s);
        tick();
        CHECK(ann.receive() == Frames{Frame::error(0, ErrorCode::connection_closed,
                                                   "The rest of a message did not come")});
        CHECK(ann.connection.close_code == 1008);
    }
}

TEST_CASE("a client that overruns its answers is not answered any more", "[core][native][turns]") {
    NativeEngine engine;
    engine.lane().set_limits({.max_bytes = 10'000});
    NativeClient ann(engine);
    ann.send(pings(0, 4000));
    CHECK(ann.connection.is_overflowed());
    const std::uint64_t handled = engine.dialect.stats(0).frames_in.get();
    CHECK(handled < 4000);
    // Nor is anything that comes before it is closed looked at, or the rest of that message, whose
    // bytes are another's by now.
    ann.send(pings(0, 1));
    ann.send_text(R"({"type":"ping"})");
    CHECK(engine.dialect.stats(0).frames_in.get() == handled);
}
