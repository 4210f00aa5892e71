// SPDX-License-Identifier: MIT OR Apache-2.0
#include "pulse_core/native/native_fixture.hpp"
#include "support/catch.hpp"

#include <string>

using namespace pulse::test;
using namespace std::chrono_literals;
namespace core = pulse::core;

TEST_CASE("a conversation begins with connected, and nothing else", "[core][native]") {
    NativeEngine engine;
    NativeClient client(engine);
    REQUIRE(client.greeting.size() == 1);
    CHECK(client.greeting[0].kind == MessageKind::binary);
    const auto connected =
        pulse::protocol::decode_owned(pulse::protocol::as_bytes(client.greeting[0].bytes)).frame;
    CHECK(connected.type == FrameType::connected);
    CHECK(connected.version == 1);
    CHECK(connected.heartbeat == 30'000);
    CHECK(connected.connection_id.starts_with("conn_"));
    CHECK_FALSE(client.connection.tick.has_value());
}

TEST_CASE("the heartbeat told to clients is cut to what fits the field", "[core][native]") {
    const auto heartbeat_told = [](std::chrono::milliseconds configured) {
        NativeEngine engine(with([&](auto& o) { o.heartbeat = configured; }));
        NativeClient client(engine);
        return pulse::protocol::decode_owned(pulse::protocol::as_bytes(client.greeting[0].bytes))
            .frame.heartbeat;
    };
    CHECK(heartbeat_told(0ms) == 0);
    CHECK(heartbeat_told(250ms) == 250);
    CHECK(heartbeat_told(std::chrono::milliseconds{0xffff'ffff}) == 0xffff'ffff);
    CHECK(heartbeat_told(std::chrono::milliseconds{0x1'0000'0000}) == 0xffff'ffff);
    CHECK(heartbeat_told(-1ms) == 0);
}

TEST_CASE("requests are answered one after another, deliveries behind them", "[core][native]") {
    NativeEngine engine;
    NativeClient client(engine);
    client.send({Frame::subscribe(1, "c"), Frame::publish_with_ack(2, "c", payload_of("x")),
                 publication("c", "y"), Frame::ping_with_timestamp(3), Frame::ping(), Frame::pong(),
                 Frame::subscribe(4, "c"), Frame::unsubscribe(5, "none"),
                 Frame::publish_with_ack(0, "nobody", {})});
    CHECK(client.receive() ==
          Frames{Frame::ack(1), Frame::ack(2), Frame::pong(3), Frame::pong(),
                 Frame::error(4, ErrorCode::invalid_channel, "Already subscribed to channel: c"),
                 Frame::error(5, ErrorCode::not_subscribed, "Not subscribed to channel: none"),
                 Frame::ack(0), publication("c", "x"), publication("c", "y")});
}

TEST_CASE("an unsubscribe puts what was published before in front of its ack", "[core][native]") {
    NativeEngine engine;
    NativeClient client(engine);
    NativeClient other(engine);
    client.send(Frame::subscribe(1, "c"));
    (void)client.receive();
    client.send(
        {publication("c", "1"), Frame::ping(), Frame::unsubscribe(2, "c"), publication("c", "2")});
    CHECK(client.receive() == Frames{Frame::pong(), publication("c", "1"), Frame::ack(2)});
}

TEST_CASE("a conversation reads frames however the stream is cut", "[core][native]") {
    const std::string stream = encoded({Frame::subscribe(1, "c"), publication("c", "x"),
                                        Frame::ping_with_timestamp(9), Frame::unsubscribe(2, "c")});
    const Frames expected{Frame::ack(1), Frame::pong(9), publication("c", "x"), Frame::ack(2)};
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        CAPTURE(cut);
        NativeEngine engine;
        NativeClient client(engine);
        // In one turn, so that the order of answers and deliveries is the same for all.
        client.connection.lane().begin_turn();
        client.conversation->on_message(
            pulse::protocol::as_bytes(std::string_view(stream).substr(0, cut)),
            MessageKind::binary);
        client.conversation->on_message(
            pulse::protocol::as_bytes(std::string_view(stream).substr(cut)), MessageKind::binary);
        CHECK(client.receive() == expected);
    }
}

TEST_CASE("a frame that cannot be read is answered and the next one read", "[core][native]") {
    NativeEngine engine;
    NativeClient client(engine);
    client.send(std::string("\0\0\0\0", 4) + encoded(Frame::ping().view()) +
                std::string("\0\0\0\x01\xc1", 5) + std::string("\0\0", 2));
    CHECK(client.receive() == Frames{invalid_frame(), Frame::pong(), invalid_frame()});
    CHECK_FALSE(client.connection.close_code.has_value());
    CHECK(engine.dialect.stats(0).invalid_frames.get() == 2);
    CHECK(engine.dialect.stats(0).errors_sent.get() == 2);
    // Still in step.
    client.send(std::string("\0\x0b", 2) + encoded(Frame::ping().view()).substr(4));
    CHECK(client.receive() == Frames{Frame::pong()});
}

TEST_CASE("a frame only a server sends is refused with its id", "[core][native]") {
    NativeEngine engine;
    NativeClient client(engine);
    CHECK(client.ask(Frame::ack(7)) == Frames{invalid_frame(7)});
    CHECK(client.ask(Frame::error(8, 1000, "x")) == Frames{invalid_frame(8)});
    CHECK(client.ask(Frame::connected("x", 1, 2)) == Frames{invalid_frame(0)});
}

TEST_CASE("a length beyond the limit ends the conversation", "[core][native]") {
    NativeEngine engine(with([](auto& o) { o.max_frame_bytes = 64; }));
    NativeClient client(engine);
    client.send(encoded(Frame::ping().view()) + std::string("\0\0\0\x41", 4) +
                encoded(Frame::ping().view()));
    CHECK(client.receive() ==
          Frames{Frame::pong(), Frame::error(0, ErrorCode::payload_too_large, "Frame too large")});
    CHECK(client.connection.close_code == 1009);
    // What still arrives is not heard.
    client.send(Frame::ping());
    CHECK(client.receive().empty());
}

TEST_CASE("another version ends the conversation before what follows", "[core][native]") {
    NativeEngine engine;
    NativeClient client(engine);
    client.send({Frame::subscribe(1, "c"), Frame::connect(1), Frame::connect(2), Frame::ping(),
                 publication("c", "x")});
    CHECK(client.receive() ==
          Frames{Frame::ack(1),
                 Frame::error(0, ErrorCode::protocol_mismatch, "Protocol version not supported")});
    CHECK(client.connection.close_code == 1002);
    CHECK(engine.hub.subscriber_count("c") == 0);
}

TEST_CASE("a conversation the server closes gets what is due, then the reason", "[core][native]") {
    NativeEngine engine;
    NativeClient client(engine);
    client.send(Frame::subscribe(1, "c"));
    (void)client.receive();
    (void)engine.publish("c", "before");
    client.connection.lane().begin_turn();
    client.conversation->on_closing(core::CloseReason::shutdown);
    client.connection.close(core::CloseReason::shutdown);
    (void)engine.publish("c", "after");
    CHECK(client.receive() ==
          Frames{publication("c", "before"),
                 Frame::error(0, ErrorCode::connection_closed, "Server is shutting down")});
    CHECK(client.connection.close_code == 1001);
    // A second reason adds nothing.
    client.conversation->on_closing(core::CloseReason::slow_consumer);
    CHECK(client.receive().empty());
}

TEST_CASE("a reason without an error code is closed without a word", "[core][native]") {
    NativeEngine engine;
    NativeClient client(engine);
    client.connection.lane().begin_turn();
    client.conversation->on_closing(core::CloseReason::message_too_big);
    CHECK(client.receive().empty());
}

TEST_CASE("a conversation that ended holds nothing in the hub", "[core][native]") {
    NativeEngine engine;
    NativeClient client(engine);
    for (int i = 0; i < 20; ++i) client.send(Frame::subscribe(1, "c" + std::to_string(i)));
    CHECK(engine.hub.stats().subscriptions == 20);
    client.end();
    CHECK(engine.hub.stats().subscriptions == 0);
    CHECK(engine.hub.stats().channels == 0);
    CHECK(engine.hub.stats().subscribed_sessions == 0);
}

TEST_CASE("subscribers on other lanes get the same frames", "[core][native]") {
    NativeEngine engine({}, nullptr, {.lanes = 2});
    NativeClient here(engine, "", 0);
    NativeClient there(engine, "", 1);
    here.send(Frame::subscribe(1, "c"));
    there.send(Frame::subscribe(1, "c"));
    (void)here.receive();
    (void)there.receive();
    here.send({publication("c", "1"), Frame::publish_event("c", "e", payload_of("2"), 5)});
    CHECK(here.receive() == Frames{Frame::ack(5), publication("c", "1"),
                                   Frame::publish_event("c", "e", payload_of("2"))});
    CHECK(there.receive() ==
          Frames{publication("c", "1"), Frame::publish_event("c", "e", payload_of("2"))});
    CHECK(engine.dialect.stats(0).publishes.get() == 2);
    CHECK(engine.dialect.stats(1).publishes.get() == 0);
}

TEST_CASE("a partial frame counts against the memory budget until it is whole or abandoned",
          "[core][native]") {
    NativeEngine engine({}, nullptr, {.memory_limit = 2'000'000});
    const std::size_t idle = engine.budget.used();
    const std::string start = std::string("\0\x08\0\0", 4) + std::string(300'000, '\0');
    {
        NativeClient client(engine);
        client.send(start);
        CHECK(engine.budget.used() >= idle + 300'000);
        client.send(std::string(0x80000 - 300'000, '\0'));
        CHECK(client.receive() == Frames{invalid_frame()});
        CHECK(engine.budget.used() < idle + 100'000);
        client.send(start);
        CHECK(engine.budget.used() >= idle + 300'000);
    }
    CHECK(engine.budget.used() < idle + 100'000);

    NativeClient first(engine);
    NativeClient second(engine);
    first.send(std::string("\0\xff\0\0", 4) + std::string(600'000, '\0'));
    CHECK_FALSE(first.connection.close_code.has_value());
    second.send(std::string("\0\xff\0\0", 4) + std::string(600'000, '\0'));
    CHECK(second.connection.close_code == 1013);
}

TEST_CASE("what a conversation reads and sends is counted once", "[core][native]") {
    NativeEngine engine;
    NativeClient client(engine);
    const std::string message =
        encoded({Frame::subscribe(1, "c"), publication("c", "12345"), Frame::ping()});
    client.send(message);
    const core::native::NativeStats& stats = engine.dialect.stats(0);
    CHECK(stats.frames_in.get() == 3);
    CHECK(stats.frame_bytes_in.get() == message.size());
    CHECK(stats.publishes.get() == 1);
    CHECK(stats.publish_bytes.get() == 5);
    CHECK(stats.errors_sent.get() == 0);
}
