// SPDX-License-Identifier: MIT OR Apache-2.0
#include "pulse_core/native/native_fixture.hpp"
#include "support/catch.hpp"

#include <string>

using namespace pulse::test;
using namespace std::chrono_literals;
namespace core = pulse::core;

namespace {

Frame limited(std::uint64_t id) {
    return Frame::error(id, ErrorCode::rate_limited, "Rate limited");
}

}  // namespace

TEST_CASE("a payload at the limit passes, one byte more does not", "[core][native][limits]") {
    NativeEngine engine(with([](auto& o) { o.max_payload_bytes = 10; }));
    NativeClient client(engine);
    client.send(Frame::subscribe(1, "c"));
    (void)client.receive();
    CHECK(client.ask(publication("c", "0123456789")) == Frames{publication("c", "0123456789")});
    const auto refused = [](std::uint64_t id) {
        return Frame::error(id, ErrorCode::payload_too_large, "Payload too large");
    };
    CHECK(client.ask(publication("c", "0123456789x")) == Frames{refused(0)});
    CHECK(client.ask(Frame::publish_with_ack(5, "c", payload_of("0123456789x"))) ==
          Frames{refused(5)});
    CHECK_FALSE(client.connection.close_code.has_value());
    CHECK(engine.dialect.stats(0).publishes.get() == 1);
}

TEST_CASE("options that are changed hold for conversations under way", "[core][native][limits]") {
    NativeEngine engine;
    NativeClient client(engine);
    client.send(Frame::subscribe(1, "c"));
    (void)client.receive();
    core::native::NativeOptions options;
    options.max_payload_bytes = 1;
    options.has_documented_error_codes = true;
    options.publishes = {.per_second = 1, .burst = 1};
    engine.dialect.set_options(options);
    CHECK(client.ask(publication("c", "xy")).at(0).code == 1007);
    CHECK(client.ask(Frame::subscribe(2, "c")).at(0).code == 1009);
    // The refused publish took the one token.
    CHECK(client.ask(Frame::publish_with_ack(3, "c", {})) == Frames{limited(3)});
    engine.dialect.set_options({});
    CHECK(client.ask(Frame::publish_with_ack(4, "x", payload_of("xy"))) == Frames{Frame::ack(4)});
}

TEST_CASE("publishes are limited by a bucket that fills with time", "[core][native][limits]") {
    NativeEngine engine(with([](auto& o) { o.publishes = {.per_second = 10, .burst = 2}; }));
    NativeClient client(engine);
    client.send({Frame::publish_with_ack(1, "x", {}), Frame::publish_with_ack(2, "x", {}),
                 Frame::publish_with_ack(3, "x", {}), Frame::publish("x", {})});
    CHECK(client.receive() == Frames{Frame::ack(1), Frame::ack(2), limited(3), limited(0)});
    engine.clock.advance(100ms);
    client.send({Frame::publish_with_ack(4, "x", {}), Frame::publish_with_ack(5, "x", {})});
    CHECK(client.receive() == Frames{Frame::ack(4), limited(5)});
    // Never more than the burst, however long it was quiet.
    engine.clock.advance(1h);
    client.send({Frame::publish_with_ack(6, "x", {}), Frame::publish_with_ack(7, "x", {}),
                 Frame::publish_with_ack(8, "x", {})});
    CHECK(client.receive() == Frames{Frame::ack(6), Frame::ack(7), limited(8)});
    CHECK(engine.dialect.stats(0).rate_limited.get() == 4);
}

TEST_CASE("subscribe, unsubscribe and presence share a bucket", "[core][native][limits]") {
    NativeEngine engine(with([](auto& o) { o.subscribes = {.per_second = 1, .burst = 3}; }));
    NativeClient client(engine);
    client.send({Frame::subscribe(1, "a"), Frame::presence(2, "a", PresenceAction::leave),
                 Frame::unsubscribe(3, "a"), Frame::unsubscribe(4, "a"), Frame::subscribe(5, "a"),
                 Frame::presence(6, "a", PresenceAction::join), Frame::ping(),
                 Frame::publish_with_ack(7, "a", {})});
    const Frames frames = client.receive();
    REQUIRE(frames.size() == 8);
    CHECK(frames[0] == Frame::ack(1));
    CHECK(frames[1].code == 1008);
    CHECK(frames[2] == Frame::ack(3));
    CHECK(frames[3] == limited(4));
    CHECK(frames[4] == limited(5));
    CHECK(frames[5] == limited(6));
    CHECK(frames[6] == Frame::pong());
    CHECK(frames[7] == Frame::ack(7));
    // Each connection has its own.
    NativeClient other(engine);
    CHECK(other.ask(Frame::subscribe(1, "a")) == Frames{Frame::ack(1)});
}

TEST_CASE("refusals of the hub have the codes and words clients know", "[core][native][limits]") {
    HubParts parts;
    parts.options.max_channels = 2;
    parts.options.max_subscriptions_per_session = 2;
    NativeEngine engine({}, nullptr, parts);
    NativeClient client(engine);
    NativeClient other(engine);
    const auto refused = [](NativeClient& who, const std::string& channel) {
        return who.ask(Frame::subscribe(1, channel)).at(0);
    };
    CHECK(refused(client, "") ==
          Frame::error(1, ErrorCode::invalid_channel,
                       "Invalid channel name: Channel name cannot be empty"));
    CHECK(
        refused(client, std::string(257, 'x')) ==
        Frame::error(1, ErrorCode::invalid_channel, "Invalid channel name: Channel name too long"));
    CHECK(refused(client, "$x") ==
          Frame::error(1, ErrorCode::invalid_channel,
                       "Invalid channel name: Channel names starting with '$' are reserved"));
    CHECK(refused(client, "\x01") ==
          Frame::error(1, ErrorCode::invalid_channel,
                       "Invalid channel name: Channel name contains invalid characters"));
    CHECK(refused(client, "one") == Frame::ack(1));
    CHECK(refused(client, "two") == Frame::ack(1));
    CHECK(refused(client, "three") ==
          Frame::error(1, ErrorCode::invalid_channel, "Maximum subscriptions reached"));
    CHECK(refused(other, "three") ==
          Frame::error(1, ErrorCode::server_error, "Maximum channels reached"));
    engine.hub.set_auto_create_channels(false);
    CHECK(refused(other, "three") ==
          Frame::error(1, ErrorCode::channel_not_found, "Channel not found"));
    CHECK(refused(other, "one") == Frame::ack(1));
}

TEST_CASE("a delivery that would not fit a frame reaches nobody and harms nothing",
          "[core][native][limits]") {
    NativeEngine engine(with([](auto& o) { o.max_payload_bytes = 0; }));
    NativeClient client(engine);
    client.send(Frame::subscribe(1, "c"));
    (void)client.receive();
    // In array form a publish of the largest body is shorter than as delivered.
    const std::size_t payload = pulse::protocol::kMaxFrameBytes - 18;
    std::string body =
        "\x95\xa7publish\x09\xa1"
        "c\xc0\xc6";
    for (int shift = 24; shift >= 0; shift -= 8) body += static_cast<char>(payload >> shift);
    body.append(payload, 'x');
    REQUIRE(body.size() == pulse::protocol::kMaxFrameBytes);
    client.send(std::string("\x01\0\0\0", 4) + body);
    const Frames frames = client.receive();
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].id == 9U);
    CHECK(frames[0].type == FrameType::error);
    CHECK(client.ask(Frame::ping()) == Frames{Frame::pong()});
}
