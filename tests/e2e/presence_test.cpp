// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "support/pulse_client.hpp"
#include "support/server_process.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <pulse/protocol/value.hpp>

using namespace pulse::test;
using pulse::protocol::Value;

namespace {

std::vector<std::byte> packed(const Value& value) {
    std::vector<std::byte> bytes;
    REQUIRE(pulse::protocol::encode_value(value, bytes) == pulse::protocol::Error::none);
    return bytes;
}

/// The data of a presence frame. What the server sends must be canonical already: sorted keys and
/// minimal widths, so that a peer that decodes and encodes it again gets the same bytes.
Value data_of(const FrameView& raw) {
    REQUIRE(raw.data.has_value());
    const auto result = pulse::protocol::decode_value(*raw.data);
    REQUIRE(result);
    const std::vector<std::byte> again = packed(result.value);
    CHECK(std::equal(again.begin(), again.end(), raw.data->begin(), raw.data->end()));
    return result.value;
}

/// A member's record, checked for its shape.
struct Member {
    explicit Member(const Value& state) {
        const Value::Object* object = state.as_object();
        REQUIRE(object != nullptr);
        REQUIRE(object->size() == 4);
        id = *object->at("connection_id").as_string();
        data = object->at("data");
        joined_at = *object->at("joined_at").as_uint();
        last_seen = *object->at("last_seen").as_uint();
        CHECK(joined_at <= last_seen);
    }
    std::string id;
    Value data;
    std::uint64_t joined_at = 0;
    std::uint64_t last_seen = 0;
};

/// Reads a presence frame without going through an owned Frame, which would make it canonical.
struct PresenceFrame {
    explicit PresenceFrame(PulseClient& client) : bytes(client.read_message()) {
        std::vector<std::byte> scratch;
        const auto result = pulse::protocol::decode(pulse::protocol::as_bytes(bytes), scratch);
        REQUIRE(result);
        REQUIRE(result.frame.type == FrameType::presence);
        id = *result.frame.id;
        channel = result.frame.channel;
        action = result.frame.action;
        data = data_of(result.frame);
    }
    [[nodiscard]] Member member() const { return Member(data); }
    [[nodiscard]] std::vector<Member> members() const {
        REQUIRE(data.as_object()->size() == 1);
        std::vector<Member> all;
        for (const Value& state : *data.as_object()->at("members").as_array()) {
            all.emplace_back(state);
        }
        return all;
    }

    std::string bytes;
    std::uint64_t id = 0;
    std::string channel;
    PresenceAction action{};
    Value data;
};

Frame join(std::uint64_t id, const Value& data, const std::string& channel = "room") {
    return Frame::presence(id, channel, PresenceAction::join, packed(data));
}

/// Subscribes and joins, reading the ack and the sync.
std::vector<Member> enter(PulseClient& client, const Value& data) {
    client.subscribe("room");
    CHECK(client.ask(join(40, data)) == Frame::ack(40));
    const PresenceFrame sync(client);
    CHECK(sync.id == 40);
    CHECK(sync.action == PresenceAction::sync);
    CHECK(sync.channel == "room");
    return sync.members();
}

Frame simple(std::uint64_t id, PresenceAction action, const std::string& channel = "room") {
    return Frame::presence(id, channel, action);
}

}  // namespace

TEST_CASE("who joins is acknowledged, told who is there, and announced to the others",
          "[e2e][presence]") {
    const ServerProcess server;
    PulseClient listener(server.port());
    listener.subscribe("room");
    PulseClient ann(server.port());
    const auto before = std::chrono::system_clock::now();

    const std::vector<Member> alone = enter(ann, Value::Object{{"name", "Ann"}});
    REQUIRE(alone.size() == 1);
    CHECK(alone[0].id == ann.connected().connection_id);
    CHECK(alone[0].data == Value(Value::Object{{"name", "Ann"}}));
    CHECK(alone[0].joined_at == alone[0].last_seen);
    const auto joined_at =
        std::chrono::system_clock::time_point(std::chrono::milliseconds(alone[0].joined_at));
    CHECK(std::chrono::abs(joined_at - before) < std::chrono::minutes{5});

    const PresenceFrame told(listener);
    CHECK(told.id == 0);
    CHECK(told.action == PresenceAction::join);
    CHECK(told.member().id == ann.connected().connection_id);
    CHECK(told.member().data == alone[0].data);
    CHECK(told.member().joined_at == alone[0].joined_at);

    PulseClient bob(server.port());
    const std::vector<Member> both = enter(bob, Value());
    REQUIRE(both.size() == 2);
    CHECK(both[0].id == ann.connected().connection_id);
    CHECK(both[1].id == bob.connected().connection_id);
    CHECK(both[1].data.is_nil());
    CHECK(PresenceFrame(listener).member().id == bob.connected().connection_id);
    CHECK(PresenceFrame(ann).member().id == bob.connected().connection_id);
    // The one who joined is not told again.
    CHECK(ann.is_quiet());
    CHECK(bob.is_quiet());
    CHECK(listener.is_quiet());
}

TEST_CASE("a repeated join is announced as an update", "[e2e][presence]") {
    const ServerProcess server;
    PulseClient listener(server.port());
    PulseClient ann(server.port());
    listener.subscribe("room");
    enter(ann, "first");
    CHECK(PresenceFrame(listener).action == PresenceAction::join);

    CHECK(ann.ask(join(41, "second")) == Frame::ack(41));
    const PresenceFrame sync(ann);
    CHECK(sync.action == PresenceAction::sync);
    REQUIRE(sync.members().size() == 1);
    CHECK(sync.members()[0].data == Value("second"));
    const PresenceFrame told(listener);
    CHECK(told.id == 0);
    CHECK(told.action == PresenceAction::update);
    CHECK(told.member().data == Value("second"));
}

TEST_CASE("an update and a leave are acknowledged and told to the others", "[e2e][presence]") {
    const ServerProcess server;
    PulseClient listener(server.port());
    PulseClient ann(server.port());
    listener.subscribe("room");
    const Member joined = enter(ann, "here").at(0);
    (void)PresenceFrame(listener);

    CHECK(ann.ask(Frame::presence(50, "room", PresenceAction::update, packed("away"))) ==
          Frame::ack(50));
    const PresenceFrame update(listener);
    CHECK(update.id == 0);
    CHECK(update.action == PresenceAction::update);
    CHECK(update.member().data == Value("away"));
    CHECK(update.member().joined_at == joined.joined_at);

    CHECK(ann.ask(simple(51, PresenceAction::leave)) == Frame::ack(51));
    const PresenceFrame left(listener);
    CHECK(left.id == 0);
    CHECK(left.action == PresenceAction::leave);
    CHECK(left.member().id == ann.connected().connection_id);
    CHECK(left.member().data == Value("away"));

    CHECK(ann.is_quiet());
    // Gone from presence, still subscribed.
    listener.send(publication("room", "hello"));
    CHECK(ann.receive() == publication("room", "hello"));
    CHECK(ann.ask(simple(52, PresenceAction::leave)).code == 1008);
}

TEST_CASE("any subscriber may ask who is there", "[e2e][presence]") {
    const ServerProcess server;
    PulseClient listener(server.port());
    PulseClient ann(server.port());
    listener.subscribe("room");
    CHECK(listener.ask(simple(60, PresenceAction::sync)) == Frame::ack(60));
    const PresenceFrame empty(listener);
    CHECK(empty.id == 60);
    CHECK(empty.members().empty());

    enter(ann, "here");
    (void)PresenceFrame(listener);
    CHECK(listener.ask(simple(61, PresenceAction::sync)) == Frame::ack(61));
    const PresenceFrame one(listener);
    CHECK(one.id == 61);
    REQUIRE(one.members().size() == 1);
    CHECK(one.members()[0].id == ann.connected().connection_id);
    CHECK(ann.is_quiet());
}

TEST_CASE("unsubscribing and going away in any manner are announced as a leave",
          "[e2e][presence]") {
    const ServerProcess server;
    PulseClient listener(server.port());
    listener.subscribe("room");
    const auto expect_leave_after = [&](auto&& act) {
        PulseClient client(server.port());
        const std::string id = client.connected().connection_id;
        enter(client, "soon gone");
        CHECK(PresenceFrame(listener).action == PresenceAction::join);
        act(client);
        const PresenceFrame left(listener);
        CHECK(left.id == 0);
        CHECK(left.action == PresenceAction::leave);
        CHECK(left.member().id == id);
        CHECK(left.member().data == Value("soon gone"));
    };
    expect_leave_after([](PulseClient& client) { client.unsubscribe("room"); });
    expect_leave_after([](PulseClient& client) { client.send_close(1000); });
    expect_leave_after([](PulseClient& client) { client.tcp().close(); });
    expect_leave_after([](PulseClient& client) { client.tcp().reset(); });
    expect_leave_after([](PulseClient& client) { client.tcp().send("\xff\xff"); });  // violation
    expect_leave_after([](PulseClient& client) { client.send(FrameView::connect(9)); });
    CHECK(listener.is_quiet());
    CHECK(listener.ask(simple(1, PresenceAction::sync)) == Frame::ack(1));
    CHECK(PresenceFrame(listener).members().empty());
}

TEST_CASE("presence without a subscription is refused", "[e2e][presence]") {
    const ServerProcess server;
    PulseClient ann(server.port());
    PulseClient other(server.port());
    for (const PresenceAction action : {PresenceAction::join, PresenceAction::leave,
                                        PresenceAction::update, PresenceAction::sync}) {
        INFO(static_cast<int>(action));
        CHECK(ann.ask(simple(70, action, "nowhere")) ==
              Frame::error(70, ErrorCode::channel_not_found, "Channel not found"));
    }
    other.subscribe("room");
    for (const PresenceAction action : {PresenceAction::join, PresenceAction::leave,
                                        PresenceAction::update, PresenceAction::sync}) {
        INFO(static_cast<int>(action));
        CHECK(ann.ask(simple(71, action)) ==
              Frame::error(71, ErrorCode::not_subscribed, "Not subscribed to channel: room"));
    }
    // Subscribed, but no member.
    ann.subscribe("room");
    for (const PresenceAction action : {PresenceAction::leave, PresenceAction::update}) {
        INFO(static_cast<int>(action));
        const Frame answer = ann.ask(simple(72, action));
        CHECK(answer.type == FrameType::error);
        CHECK(answer.id == 72U);
        CHECK(answer.code == 1008);
    }
    CHECK(other.is_quiet());
}

TEST_CASE("presence data of any JSON kind comes back canonical", "[e2e][presence]") {
    const ServerProcess server;
    PulseClient listener(server.port());
    PulseClient ann(server.port());
    listener.subscribe("room");
    ann.subscribe("room");
    const auto sent_as = [&](std::string_view raw) {
        Frame frame = simple(80, PresenceAction::join);
        frame.data.emplace(payload_of(raw));
        return frame;
    };
    struct Form {
        std::string sent;
        Value meaning;
    };
    using namespace std::string_literals;
    const std::vector<Form> forms{
        {"\xc0", Value()},
        {"\xc3", true},
        {"\x05", 5},
        {"\xcf\0\0\0\0\0\0\0\x05"s, 5},
        {"\xd3\xff\xff\xff\xff\xff\xff\xff\xff"s, -1},
        {"\xcf\xff\xff\xff\xff\xff\xff\xff\xff"s, 0xffff'ffff'ffff'ffffU},
        {"\xca\x3f\xc0\0\0"s, 1.5},
        {"\xcb\x7f\xf8\0\0\0\0\0\0"s, Value()},  // NaN
        {"\xda\0\x01x"s, "x"},
        {"\x93\x01\x02\x03", Value::Array{1, 2, 3}},
        {"\x83\xa1"s
         "b\x01\xa1"s
         "a\x02\xa1"s
         "b\x03"s,
         Value::Object{{"a", 2}, {"b", 3}}},
    };
    for (const Form& form : forms) {
        CAPTURE(form.sent);
        CHECK(ann.ask(sent_as(form.sent)) == Frame::ack(80));
        CHECK(PresenceFrame(ann).members().at(0).data == form.meaning);
        CHECK(PresenceFrame(listener).member().data == form.meaning);
    }
}

TEST_CASE("presence data over the message limit is refused with 1007", "[e2e][presence]") {
    const ServerProcess server(Settings{{"limits.max_message_size", "1000"}});
    PulseClient ann(server.port());
    ann.subscribe("room");
    CHECK(ann.ask(join(90, std::string(2000, 'x'))) ==
          Frame::error(90, ErrorCode::payload_too_large, "Payload too large"));
    CHECK(ann.ask(simple(91, PresenceAction::sync)) == Frame::ack(91));
    CHECK(PresenceFrame(ann).members().empty());
}

TEST_CASE("presence ends with its channel", "[e2e][presence]") {
    const ServerProcess server;
    {
        PulseClient ann(server.port());
        enter(ann, "first life");
        ann.unsubscribe("room");
        CHECK(ann.is_quiet());
        const std::vector<Member> again = enter(ann, "second life");
        REQUIRE(again.size() == 1);
        CHECK(again[0].data == Value("second life"));
    }
    PulseClient bob(server.port());
    // Whether Ann's connection is gone by now or not, she is told of or gone; never there for good.
    bob.subscribe("room");
    const Deadline deadline;
    for (;;) {
        bob.send(simple(1, PresenceAction::sync));
        Frame answer = bob.receive();
        while (answer.type == FrameType::presence) answer = bob.receive();
        REQUIRE(answer == Frame::ack(1));
        if (PresenceFrame(bob).members().empty()) break;
        REQUIRE_FALSE(deadline.has_passed());
    }
}

TEST_CASE("presence of many is complete on every loop", "[e2e][presence]") {
    const ServerProcess server(Settings{{"server.threads", "2"}});
    PulseClient listener(server.port());
    listener.subscribe("room");
    std::vector<std::unique_ptr<PulseClient>> clients;
    std::vector<std::string> joined;
    for (int i = 0; i < 40; ++i) {
        clients.push_back(std::make_unique<PulseClient>(server.port()));
        joined.push_back(clients.back()->connected().connection_id);
        CHECK(enter(*clients.back(), i).size() == joined.size());
    }
    std::vector<std::string> told;
    for (std::size_t i = 0; i < joined.size(); ++i)
        told.push_back(PresenceFrame(listener).member().id);
    CHECK(told == joined);
    clients.clear();
    std::vector<std::string> left;
    for (std::size_t i = 0; i < joined.size(); ++i) {
        const PresenceFrame frame(listener);
        CHECK(frame.action == PresenceAction::leave);
        left.push_back(frame.member().id);
    }
    std::sort(left.begin(), left.end());
    std::sort(joined.begin(), joined.end());
    CHECK(left == joined);
    CHECK(listener.is_quiet());
}

TEST_CASE("a member who is silent for longer than configured is taken out, and may come back",
          "[e2e][presence]") {
    const ServerProcess server(Settings{{"heartbeat.presence_timeout_ms", "1000"}});
    PulseClient listener(server.port());
    listener.subscribe("room");
    PulseClient ann(server.port());
    CHECK(enter(ann, Value(std::string("Ann"))).size() == 1);
    const PresenceFrame came(listener);
    const PresenceFrame gone(listener);
    CHECK(gone.id == 0);
    CHECK(gone.action == PresenceAction::leave);
    CHECK(gone.member().id == ann.connected().connection_id);
    CHECK(gone.member().data == Value(std::string("Ann")));
    const PresenceFrame told(ann);
    CHECK(told.id == 0);
    CHECK(told.action == PresenceAction::leave);
    // Its subscription is what it was.
    CHECK(ann.ask(simple(1, PresenceAction::leave)).code == 1008);
    CHECK(ann.ask(join(2, Value())) == Frame::ack(2));
    CHECK(PresenceFrame(ann).members().size() == 1);
    CHECK(PresenceFrame(listener).action == PresenceAction::join);
}
