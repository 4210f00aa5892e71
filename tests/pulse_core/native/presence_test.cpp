// SPDX-License-Identifier: MIT OR Apache-2.0
#include "pulse_core/native/native_fixture.hpp"
#include "support/catch.hpp"

#include <string>
#include <vector>

#include <pulse/protocol/value.hpp>

using namespace pulse::test;
using namespace std::chrono_literals;
namespace core = pulse::core;
namespace protocol = pulse::protocol;
using pulse::protocol::Value;

namespace {

std::vector<std::byte> packed(const Value& value) {
    std::vector<std::byte> bytes;
    REQUIRE(pulse::protocol::encode_value(value, bytes) == pulse::protocol::Error::none);
    return bytes;
}

Frame presence(std::uint64_t id, PresenceAction action) {
    return Frame::presence(id, "room", action);
}
Frame presence(std::uint64_t id, PresenceAction action, const Value& data) {
    return Frame::presence(id, "room", action, packed(data));
}

Value state(const NativeClient& client, const Value& data, std::uint64_t joined,
            std::uint64_t seen) {
    return Value::Object{
        {"connection_id", client.id()}, {"data", data}, {"joined_at", joined}, {"last_seen", seen}};
}
Value members(Value::Array states) { return Value::Object{{"members", std::move(states)}}; }

/// Subscribes and drops whatever it was sent so far.
void subscribe(NativeClient& client) {
    client.send(Frame::subscribe(1, "room"));
    (void)client.receive();
}

constexpr std::uint64_t kStart = ManualClock::kStartMs;

}  // namespace

TEST_CASE("the frames of a join, to the joiner and to the others", "[core][native][presence]") {
    NativeEngine engine;
    NativeClient ann(engine);
    NativeClient bob(engine);
    subscribe(ann);
    subscribe(bob);
    const Value record = state(ann, "hi", kStart, kStart);
    CHECK(ann.ask(presence(4, PresenceAction::join, "hi")) ==
          Frames{Frame::ack(4), presence(4, PresenceAction::sync, members({record}))});
    CHECK(bob.receive() == Frames{presence(0, PresenceAction::join, record)});

    engine.clock.advance(2s);
    const Value second = state(bob, Value(), kStart + 2000, kStart + 2000);
    CHECK(bob.ask(presence(5, PresenceAction::join)) ==
          Frames{Frame::ack(5), presence(5, PresenceAction::sync, members({record, second}))});
    CHECK(ann.receive() == Frames{presence(0, PresenceAction::join, second)});
}

TEST_CASE("a repeated join is an update that starts anew", "[core][native][presence]") {
    NativeEngine engine;
    NativeClient ann(engine);
    NativeClient bob(engine);
    subscribe(ann);
    subscribe(bob);
    (void)ann.ask(presence(1, PresenceAction::join, 1));
    (void)bob.receive();
    engine.clock.advance(1s);
    const Value record = state(ann, 2, kStart + 1000, kStart + 1000);
    CHECK(ann.ask(presence(2, PresenceAction::join, 2)) ==
          Frames{Frame::ack(2), presence(2, PresenceAction::sync, members({record}))});
    CHECK(bob.receive() == Frames{presence(0, PresenceAction::update, record)});
}

TEST_CASE("an update keeps when one joined, a leave tells the last state",
          "[core][native][presence]") {
    NativeEngine engine;
    NativeClient ann(engine);
    NativeClient bob(engine);
    subscribe(ann);
    subscribe(bob);
    (void)ann.ask(presence(1, PresenceAction::join, "here"));
    (void)bob.receive();
    engine.clock.advance(3s);
    const Value away = state(ann, "away", kStart, kStart + 3000);
    CHECK(ann.ask(presence(2, PresenceAction::update, "away")) == Frames{Frame::ack(2)});
    CHECK(bob.receive() == Frames{presence(0, PresenceAction::update, away)});
    CHECK(ann.ask(presence(3, PresenceAction::leave)) == Frames{Frame::ack(3)});
    CHECK(bob.receive() == Frames{presence(0, PresenceAction::leave, away)});
    CHECK(bob.ask(presence(4, PresenceAction::sync)) ==
          Frames{Frame::ack(4), presence(4, PresenceAction::sync, members({}))});
}

TEST_CASE("an update without data clears it", "[core][native][presence]") {
    NativeEngine engine;
    NativeClient ann(engine);
    subscribe(ann);
    (void)ann.ask(presence(1, PresenceAction::join, "here"));
    (void)ann.ask(presence(2, PresenceAction::update));
    CHECK(ann.ask(presence(3, PresenceAction::sync)).at(1) ==
          presence(3, PresenceAction::sync, members({state(ann, Value(), kStart, kStart)})));
}

TEST_CASE("leaving a channel or going away leaves its presence", "[core][native][presence]") {
    NativeEngine engine;
    NativeClient bob(engine);
    subscribe(bob);
    {
        NativeClient ann(engine);
        subscribe(ann);
        (void)ann.ask(presence(1, PresenceAction::join, "x"));
        (void)bob.receive();
        const Value record = state(ann, "x", kStart, kStart);
        CHECK(ann.ask(Frame::unsubscribe(2, "room")) == Frames{Frame::ack(2)});
        CHECK(bob.receive() == Frames{presence(0, PresenceAction::leave, record)});
        // Once is enough.
        ann.end();
        CHECK(bob.receive().empty());
    }
    NativeClient eve(engine);
    subscribe(eve);
    (void)eve.ask(presence(1, PresenceAction::join, "y"));
    (void)bob.receive();
    const Value record = state(eve, "y", kStart, kStart);
    eve.end();
    CHECK(bob.receive() == Frames{presence(0, PresenceAction::leave, record)});
}

TEST_CASE("members that have grown stale are announced as gone", "[core][native][presence]") {
    NativeEngine engine;
    NativeClient ann(engine);
    NativeClient bob(engine);
    subscribe(ann);
    subscribe(bob);
    (void)ann.ask(presence(1, PresenceAction::join, "x"));
    (void)bob.receive();
    engine.clock.advance(10s);
    CHECK(engine.hub.prune_presence(60s) == 0);
    CHECK(engine.hub.prune_presence(5s) == 1);
    const Value record = state(ann, "x", kStart, kStart);
    CHECK(bob.receive() == Frames{presence(0, PresenceAction::leave, record)});
    // She is told as well, and may join again.
    CHECK(ann.receive() == Frames{presence(0, PresenceAction::leave, record)});
    CHECK(ann.ask(presence(2, PresenceAction::update)).at(0).code == 1008);
    CHECK(ann.ask(presence(3, PresenceAction::join)).at(0) == Frame::ack(3));
}

TEST_CASE("requests without a right to them", "[core][native][presence]") {
    NativeEngine engine;
    NativeClient ann(engine);
    NativeClient bob(engine);
    for (const auto action : {PresenceAction::join, PresenceAction::leave, PresenceAction::update,
                              PresenceAction::sync}) {
        CHECK(ann.ask(presence(1, action)) ==
              Frames{Frame::error(1, ErrorCode::channel_not_found, "Channel not found")});
    }
    subscribe(bob);
    for (const auto action : {PresenceAction::join, PresenceAction::leave, PresenceAction::update,
                              PresenceAction::sync}) {
        CHECK(
            ann.ask(presence(2, action)) ==
            Frames{Frame::error(2, ErrorCode::not_subscribed, "Not subscribed to channel: room")});
    }
    subscribe(ann);
    for (const auto action : {PresenceAction::leave, PresenceAction::update}) {
        CHECK(ann.ask(presence(3, action)) ==
              Frames{Frame::error(3, ErrorCode::not_subscribed,
                                  "Not a member of the channel's presence")});
    }
    CHECK(bob.receive().empty());
}

TEST_CASE("data over the payload limit is refused before anything happens",
          "[core][native][presence]") {
    NativeEngine engine(with([](auto& o) { o.max_payload_bytes = 100; }));
    NativeClient ann(engine);
    subscribe(ann);
    CHECK(ann.ask(presence(1, PresenceAction::join, std::string(200, 'x'))) ==
          Frames{Frame::error(1, ErrorCode::payload_too_large, "Payload too large")});
    CHECK(engine.hub.presence().count("room") == 0);
}

TEST_CASE("data is kept in canonical form", "[core][native][presence]") {
    NativeEngine engine;
    NativeClient ann(engine);
    subscribe(ann);
    Frame join = presence(1, PresenceAction::join);
    using namespace std::string_literals;
    // Keys out of order and twice, a wide integer, a short float.
    join.data = payload_of(
        "\x83\xa1"s
        "b\xcd\0\x05\xa1"s
        "a\xca\x3f\xc0\0\0\xa1"s
        "b\x07"s);
    (void)ann.ask(join);
    const auto kept = engine.hub.presence().members("room");
    REQUIRE(kept.size() == 1);
    CHECK(*kept[0].data == packed(Value::Object{{"a", 1.5}, {"b", 7}}));
}

TEST_CASE("a member list beyond a frame is an error, not a broken frame",
          "[core][native][presence]") {
    HubParts parts;
    parts.options.max_presence_bytes = 0;
    NativeEngine engine(with([](auto& o) { o.max_payload_bytes = 0; }), nullptr, std::move(parts));
    NativeClient ann(engine);
    subscribe(ann);
    const std::vector<std::byte> megabyte = packed(std::string(1'000'000, 'x'));
    for (std::uint64_t i = 1; i <= 17; ++i) {
        REQUIRE(
            engine.hub.presence_join("room", core::SessionId{{i, 9}}, megabyte, &ann.connection));
    }
    CHECK(ann.ask(presence(6, PresenceAction::sync)) ==
          Frames{Frame::ack(6), Frame::error(6, ErrorCode::server_error, "Member list too large")});
}

TEST_CASE("presence reaches JSON and MessagePack subscribers alike", "[core][native][presence]") {
    NativeEngine engine;
    NativeClient ann(engine);
    NativeClient text(engine, "format=json");
    subscribe(ann);
    text.send_text(R"({"type":"subscribe","id":1,"channel":"room"})");
    (void)text.connection.take();
    (void)ann.ask(presence(1, PresenceAction::join, Value::Object{{"n", 1}}));
    engine.turn();
    const auto told = text.connection.take();
    REQUIRE(told.size() == 1);
    CHECK(told[0].kind == MessageKind::text);
    CHECK(told[0].bytes == R"({"type":"presence","id":0,"channel":"room","action":0,"data":)"
                           R"({"connection_id":")" +
                               ann.id() + R"(","data":{"n":1},"joined_at":)" +
                               std::to_string(kStart) + R"(,"last_seen":)" +
                               std::to_string(kStart) + "}}");
    text.send_text(R"({"type":"presence","id":2,"channel":"room","action":0,"data":[true]})");
    CHECK(ann.receive() == Frames{presence(0, PresenceAction::join,
                                           state(text, Value::Array{true}, kStart, kStart))});
}

TEST_CASE("the member lists one client is given in a turn are bounded",
          "[core][native][presence]") {
    NativeEngine engine(with([](auto& o) { o.max_payload_bytes = 0; }));
    engine.lane().set_limits({.max_bytes = 100'000});
    NativeClient ann(engine);
    subscribe(ann);
    (void)ann.ask(presence(1, PresenceAction::join, std::string(40'000, 'x')));
    // The join was answered with a list as well, in a turn of its own.
    engine.clock.advance(1ms);
    std::string many;
    for (std::uint64_t id = 1; id <= 50; ++id) {
        many += encoded(presence(id, PresenceAction::sync).view());
    }
    ann.send(many);
    const Frames frames = ann.receive();
    std::size_t lists = 0;
    std::size_t refused = 0;
    for (const Frame& frame : frames) {
        lists += frame.type == FrameType::presence ? 1 : 0;
        refused += frame.code == 1006 ? 1 : 0;
    }
    CHECK(lists == 3);
    CHECK(refused == 47);
    CHECK(frames.back() == Frame::error(50, ErrorCode::rate_limited, "Rate limited"));
    // In the next turn there is room again.
    engine.clock.advance(1ms);
    CHECK(ann.ask(presence(51, PresenceAction::sync)).at(0) == Frame::ack(51));
}

TEST_CASE("presence data goes as deep as a list of members can carry", "[core][native][presence]") {
    const auto nested = [](std::size_t depth) {
        std::vector<std::byte> data(depth, std::byte{0x91});
        data.push_back(std::byte{0xc0});
        return data;
    };
    const auto join = [&](NativeClient& client, std::size_t depth) {
        const auto data = nested(depth);
        client.send(encoded(
            FrameView::presence(1, "room", PresenceAction::join, protocol::ByteView{data})));
        return client.receive();
    };
    NativeEngine engine;
    NativeClient ann(engine);
    NativeClient bob(engine);
    subscribe(ann);
    subscribe(bob);
    CHECK(join(ann, protocol::kMaxDepth - 3) == Frames{invalid_frame(1)});
    CHECK(bob.receive().empty());
    // receive() decodes what both are sent.
    const Frames answers = join(ann, protocol::kMaxDepth - 4);
    REQUIRE(answers.size() == 2);
    CHECK(answers[1].action == PresenceAction::sync);
    CHECK(bob.receive().size() == 1);
}

TEST_CASE("a channel's presence is bounded", "[core][native][presence]") {
    HubParts parts;
    parts.options.max_presence_bytes = 10'000;
    NativeEngine engine({}, nullptr, std::move(parts));
    NativeClient ann(engine);
    NativeClient bob(engine);
    subscribe(ann);
    subscribe(bob);
    CHECK(ann.ask(presence(1, PresenceAction::join, std::string(6'000, 'x'))).size() == 2);
    (void)bob.receive();
    const Frames full{Frame::error(2, ErrorCode::server_error, "Presence of the channel is full")};
    CHECK(bob.ask(presence(2, PresenceAction::join, std::string(6'000, 'x'))) == full);
    CHECK(ann.receive().empty());
    CHECK(ann.ask(presence(2, PresenceAction::update, std::string(10'000, 'x'))) == full);
    // What gets shorter makes room.
    CHECK(ann.ask(presence(3, PresenceAction::update, std::string(10, 'x'))) ==
          Frames{Frame::ack(3)});
    CHECK(bob.ask(presence(3, PresenceAction::join, std::string(6'000, 'x'))).size() == 3);
}
