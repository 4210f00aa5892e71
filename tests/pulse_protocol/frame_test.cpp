// SPDX-License-Identifier: MIT OR Apache-2.0

#include "support/catch.hpp"
#include "support/generators.hpp"
#include "support/vectors.hpp"

#include <memory>
#include <string>

#include <pulse/protocol/frame.hpp>

using namespace pulse::protocol;
using namespace pulse::protocol::test;

TEST_CASE("frame types have the documented numbers and their wire names", "[protocol][frame]") {
    const char* const names[] = {"subscribe", "unsubscribe", "publish", "presence", "ack",
                                 "error",     "ping",        "pong",    "connect",  "connected"};
    for (std::uint64_t number = 1; number <= 10; ++number) {
        const auto type = frame_type_from(number);
        REQUIRE(type.has_value());
        CHECK(static_cast<std::uint64_t>(*type) == number);
        CHECK(to_string(*type) == names[number - 1]);
        CHECK(frame_type_from(std::string_view(names[number - 1])) == *type);
    }
    for (const std::uint64_t number : {0ULL, 11ULL, 257ULL, ~0ULL}) {
        CHECK_FALSE(frame_type_from(number).has_value());
    }
    CHECK_FALSE(frame_type_from(std::string_view("Ping")).has_value());
    CHECK_FALSE(frame_type_from(std::string_view("")).has_value());
    CHECK(to_string(static_cast<FrameType>(0)) == "unknown");
    CHECK(to_string(static_cast<FrameType>(11)) == "unknown");
}

TEST_CASE("presence actions are numbered from 0", "[protocol][frame]") {
    const char* const names[] = {"join", "leave", "update", "sync"};
    for (std::uint64_t number = 0; number < 4; ++number) {
        const auto action = presence_action_from(number);
        REQUIRE(action.has_value());
        CHECK(to_string(*action) == names[number]);
    }
    CHECK_FALSE(presence_action_from(4).has_value());
    CHECK(to_string(static_cast<PresenceAction>(4)) == "unknown");
}

TEST_CASE("constructors set the fields of their type", "[protocol][frame]") {
    const Bytes payload = to_bytes("hi");
    const FrameView publish = FrameView::publish_event("c", "e", payload, 9);
    CHECK(publish.type == FrameType::publish);
    CHECK(publish.id == 9U);
    CHECK(publish.channel == "c");
    CHECK(publish.event == "e");
    CHECK(as_text(publish.payload) == "hi");

    CHECK_FALSE(FrameView::publish("c", payload).id.has_value());
    CHECK_FALSE(FrameView::publish("c", payload).event.has_value());
    CHECK(FrameView::publish_with_ack(0, "c", payload).id == 0U);
    CHECK(FrameView::ping().type == FrameType::ping);
    CHECK_FALSE(FrameView::ping().timestamp.has_value());
    CHECK(FrameView::ping_with_timestamp(5).timestamp == 5U);
    CHECK(FrameView::pong(5).type == FrameType::pong);
    CHECK(FrameView::connect(1, "t").token == "t");
    CHECK(FrameView::connected("x", 1, 30000).heartbeat == 30000);
    CHECK(FrameView::error(1, ErrorCode::not_subscribed, "m").code == 1008);
    CHECK(FrameView::presence(1, "c", PresenceAction::sync).action == PresenceAction::sync);
}

TEST_CASE("frames and views made alike are equal", "[protocol][frame]") {
    const Bytes bytes = to_bytes("\x01");
    CHECK(Frame::subscribe(1, "c") == Frame(FrameView::subscribe(1, "c")));
    CHECK(Frame::unsubscribe(1, "c") == Frame(FrameView::unsubscribe(1, "c")));
    CHECK(Frame::publish("c", bytes) == Frame(FrameView::publish("c", bytes)));
    CHECK(Frame::publish_with_ack(1, "c", bytes) ==
          Frame(FrameView::publish_with_ack(1, "c", bytes)));
    CHECK(Frame::publish_event("c", "e", bytes) ==
          Frame(FrameView::publish_event("c", "e", bytes)));
    CHECK(Frame::presence(1, "c", PresenceAction::join, bytes) ==
          Frame(FrameView::presence(1, "c", PresenceAction::join, ByteView(bytes))));
    CHECK(Frame::ack(1) == Frame(FrameView::ack(1)));
    CHECK(Frame::error(1, 1001, "m") == Frame(FrameView::error(1, 1001, "m")));
    CHECK(Frame::ping() == Frame(FrameView::ping()));
    CHECK(Frame::ping_with_timestamp(1) == Frame(FrameView::ping_with_timestamp(1)));
    CHECK(Frame::pong(1) == Frame(FrameView::pong(1)));
    CHECK(Frame::connect(1, "t") == Frame(FrameView::connect(1, "t")));
    CHECK(Frame::connected("x", 1, 2) == Frame(FrameView::connected("x", 1, 2)));
}

TEST_CASE("a difference in any field of the type makes frames unequal", "[protocol][frame]") {
    const Bytes a = to_bytes("a");
    const Bytes b = to_bytes("b");
    CHECK_FALSE(Frame::ping() == Frame::pong());
    CHECK_FALSE(Frame::ping() == Frame::ping_with_timestamp(0));
    CHECK_FALSE(Frame::subscribe(1, "c") == Frame::unsubscribe(1, "c"));
    CHECK_FALSE(Frame::subscribe(1, "c") == Frame::subscribe(2, "c"));
    CHECK_FALSE(Frame::subscribe(1, "c") == Frame::subscribe(1, "d"));
    CHECK_FALSE(Frame::publish("c", a) == Frame::publish("c", b));
    CHECK_FALSE(Frame::publish("c", a) == Frame::publish_with_ack(0, "c", a));
    CHECK_FALSE(Frame::publish("c", a) == Frame::publish_event("c", "", a));
    CHECK_FALSE(Frame::presence(1, "c", PresenceAction::join) ==
                Frame::presence(1, "c", PresenceAction::leave));
    CHECK_FALSE(Frame::presence(1, "c", PresenceAction::join) ==
                Frame::presence(1, "c", PresenceAction::join, a));
    CHECK_FALSE(Frame::presence(1, "c", PresenceAction::join, b) ==
                Frame::presence(1, "c", PresenceAction::join, a));
    CHECK_FALSE(Frame::error(1, 1001, "m") == Frame::error(1, 1002, "m"));
    CHECK_FALSE(Frame::error(1, 1001, "m") == Frame::error(1, 1001, "n"));
    CHECK_FALSE(Frame::connect(1) == Frame::connect(1, ""));
    CHECK_FALSE(Frame::connect(1) == Frame::connect(2));
    CHECK_FALSE(Frame::connected("x", 1, 2) == Frame::connected("x", 1, 3));
    CHECK_FALSE(Frame::connected("x", 1, 2) == Frame::connected("y", 1, 2));
}

TEST_CASE("fields of other types do not count", "[protocol][frame]") {
    Frame frame = Frame::ack(1);
    frame.channel = "left over";
    CHECK(frame == Frame::ack(1));
}

TEST_CASE("an owned frame does not depend on what its view borrowed", "[protocol][frame]") {
    Random random(1);
    for (int i = 0; i < 200; ++i) {
        auto source = std::make_unique<Frame>(random.frame());
        const Frame expected = *source;
        const Frame copy(source->view());
        source.reset();
        CHECK(copy == expected);
    }
}

TEST_CASE("the debug form names the fields and keeps to one line", "[protocol][frame]") {
    CHECK(to_string(Frame::subscribe(1, "chat:lobby")) ==
          R"(subscribe{id=1, channel="chat:lobby"})");
    CHECK(to_string(Frame::publish_event("c", "e\n\"", to_bytes("hello"), 9)) ==
          R"(publish{id=9, channel="c", event="e\x0a\"", payload=5 bytes})");
    CHECK(to_string(Frame::presence(4, "room", PresenceAction::update, to_bytes("\xc3"))) ==
          R"(presence{id=4, channel="room", action=update, data=1 bytes})");
    CHECK(to_string(Frame::ack(7)) == "ack{id=7}");
    CHECK(to_string(Frame::error(0, 1001, "Invalid frame")) ==
          R"(error{id=0, code=1001, message="Invalid frame"})");
    CHECK(to_string(Frame::ping()) == "ping{}");
    CHECK(to_string(Frame::pong(3)) == "pong{timestamp=3}");
    CHECK(to_string(Frame::connected("conn_1", 1, 30000)) ==
          R"(connected{connection_id="conn_1", version=1, heartbeat=30000})");
}

TEST_CASE("the debug form shows no token and cuts long text", "[protocol][frame]") {
    CHECK(to_string(Frame::connect(1, "secret")) == "connect{version=1, token=6 bytes}");
    const std::string shown = to_string(Frame::subscribe(1, std::string(1000, 'x')));
    CHECK(shown.size() < 120);
    CHECK(shown.find("(1000 bytes)") != std::string::npos);
}
