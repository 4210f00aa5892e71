// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Every limit, and every error code with the words that go with it.
#include "support/catch.hpp"
#include "support/eventually.hpp"
#include "support/pulse_client.hpp"
#include "support/server_process.hpp"

#include <deque>
#include <string>
#include <vector>

using namespace pulse::test;

TEST_CASE("connections over the limit are answered 503, and let in when others leave",
          "[e2e][limits]") {
    const ServerProcess server(Settings{{"limits.max_connections", "3"}});
    std::deque<PulseClient> clients;
    for (int i = 0; i < 3; ++i) clients.emplace_back(server.port());
    const HttpAnswer full = http_exchange(server.port(), upgrade_request());
    CHECK(full.status == 503);
    CHECK(full.body == "Too many connections");
    CHECK(full.header("retry-after") == "1");
    // Plain HTTP is not counted.
    CHECK(http_get(server.port(), "/health").status == 200);
    CHECK(server.metric("pulse_connections_active") == 3);

    clients.pop_front();
    CHECK(
        eventually([&] { return http_exchange(server.port(), upgrade_request()).status == 101; }));
}

TEST_CASE("connections of one address over the limit are answered 429", "[e2e][limits]") {
    const ServerProcess server(Settings{{"limits.max_connections_per_address", "2"}});
    std::deque<PulseClient> clients;
    clients.emplace_back(server.port());
    clients.emplace_back(server.port());
    const HttpAnswer refused = http_exchange(server.port(), upgrade_request());
    CHECK(refused.status == 429);
    CHECK(refused.body == "Too many connections from this address");
    clients.pop_back();
    CHECK(
        eventually([&] { return http_exchange(server.port(), upgrade_request()).status == 101; }));
}

TEST_CASE("connections that come too fast are answered 429", "[e2e][limits]") {
    const ServerProcess server(
        Settings{{"limits.connections_per_second", "1"}, {"limits.connections_burst", "3"}});
    std::deque<PulseClient> clients;
    int refused = 0;
    // A slow machine refills the bucket meanwhile, so only the first answers are certain.
    for (int i = 0; i < 3; ++i) clients.emplace_back(server.port());
    for (int i = 0; i < 50; ++i) {
        const HttpAnswer answer = http_exchange(server.port(), upgrade_request());
        if (answer.status != 429) continue;
        ++refused;
        CHECK(answer.header("content-type") == "application/json");
        CHECK(answer.body == R"({"error":{"code":1006,"message":"Rate limited"}})");
        CHECK(answer.has_header("retry-after"));
    }
    CHECK(refused > 0);
}

TEST_CASE("a subscribe beyond the channel limit is refused with 1011", "[e2e][limits]") {
    const ServerProcess server(Settings{{"limits.max_channels", "2"}});
    PulseClient client(server.port());
    client.subscribe("one");
    client.subscribe("two");
    CHECK(client.ask(FrameView::subscribe(3, "three")) ==
          Frame::error(3, ErrorCode::server_error, "Maximum channels reached"));
    // Channels that exist are still open to all; publishing creates none.
    PulseClient other(server.port());
    other.subscribe("two");
    CHECK(other.ask(Frame::publish_with_ack(4, "four", payload_of("x"))) == Frame::ack(4));
    CHECK(server.metric("pulse_channels_active") == 2);
    client.unsubscribe("one");
    other.subscribe("three");
}

TEST_CASE("a connection may have so many subscriptions and no more", "[e2e][limits]") {
    const ServerProcess server(Settings{{"limits.max_subscriptions_per_connection", "2"}});
    PulseClient client(server.port());
    client.subscribe("one");
    client.subscribe("two");
    const Frame full = Frame::error(3, ErrorCode::invalid_channel, "Maximum subscriptions reached");
    CHECK(client.ask(FrameView::subscribe(3, "three")) == full);
    // The name is checked first, a repetition last.
    CHECK(client.ask(FrameView::subscribe(3, "two")) == full);
    CHECK(client.ask(FrameView::subscribe(3, "")).message ==
          "Invalid channel name: Channel name cannot be empty");
    client.unsubscribe("one");
    client.subscribe("three");
}

TEST_CASE("channel names are checked on subscribe, with the words clients know", "[e2e][limits]") {
    const ServerProcess server;
    PulseClient client(server.port());
    const auto refusal = [&](const std::string& name) {
        return client.ask(FrameView::subscribe(1, name));
    };
    const auto invalid = [](const char* why) {
        return Frame::error(1, ErrorCode::invalid_channel,
                            std::string("Invalid channel name: ") + why);
    };
    const Frame empty = invalid("Channel name cannot be empty");
    const Frame too_long = invalid("Channel name too long");
    const Frame reserved = invalid("Channel names starting with '$' are reserved");
    const Frame characters = invalid("Channel name contains invalid characters");
    CHECK(refusal("") == empty);
    CHECK(refusal(std::string(257, 'a')) == too_long);
    CHECK(refusal(std::string(257, '\n')) == too_long);
    CHECK(refusal("$sys") == reserved);
    CHECK(refusal("$\n") == reserved);
    CHECK(refusal("a\nb") == characters);
    CHECK(refusal("\x7f") == characters);
    CHECK(refusal("caf\u00e9") == characters);
    for (const std::string& name :
         {std::string("a"), std::string(256, 'a'), std::string(" "), std::string("a$"),
          std::string("private:x"), std::string("~!@#%^&*()_+{}|:\"<>?`-=[]\\;',./")}) {
        INFO(name);
        CHECK(refusal(name) == Frame::ack(1));
    }
    // Publishing checks nothing: it is acknowledged and goes nowhere.
    for (const char* name : {"", "$sys", "a\nb"}) {
        CHECK(client.ask(Frame::publish_with_ack(2, name, {})) == Frame::ack(2));
    }
    CHECK(client.is_quiet());
}

TEST_CASE("a payload over the limit is refused with 1007 and the connection stays",
          "[e2e][limits]") {
    const ServerProcess server(Settings{{"limits.max_message_size", "100"}});
    PulseClient client(server.port());
    client.subscribe("c");
    const Frame too_large = Frame::error(6, ErrorCode::payload_too_large, "Payload too large");
    CHECK(client.ask(Frame::publish_with_ack(6, "c", payload_of(std::string(101, 'x')))) ==
          too_large);
    const Frame without_id = client.ask(Frame::publish("c", payload_of(std::string(101, 'x'))));
    CHECK(without_id == Frame::error(0, ErrorCode::payload_too_large, "Payload too large"));
    // It is the payload that counts, not the frame around it.
    client.send(
        Frame::publish_event("c", std::string(200, 'e'), payload_of(std::string(100, 'x'))));
    CHECK(client.receive().payload.size() == 100);
    CHECK(client.is_quiet());
}

TEST_CASE("the default payload limit admits 64 KiB and no byte more", "[e2e][limits]") {
    const ServerProcess server;
    PulseClient client(server.port());
    client.subscribe("c");
    client.send(Frame::publish("c", payload_of(std::string(65'536, 'x'))));
    CHECK(client.receive().payload.size() == 65'536);
    CHECK(client.ask(Frame::publish("c", payload_of(std::string(65'537, 'x')))).code == 1007);
}

TEST_CASE("publishes over the rate are refused with 1006", "[e2e][limits]") {
    const ServerProcess server(
        Settings{{"limits.publishes_per_second", "1"}, {"limits.publishes_burst", "5"}});
    PulseClient client(server.port());
    client.subscribe("c");
    std::string message;
    for (std::uint64_t id = 1; id <= 5; ++id) {
        message += encoded(FrameView::publish_with_ack(id, "c", {}));
    }
    message += encoded(FrameView::publish_with_ack(6, "c", {}));
    message += encoded(FrameView::publish("c", {}));
    // One message is handled at one moment: the bucket is not refilled in between.
    client.send_binary(message);
    for (std::uint64_t id = 1; id <= 5; ++id) CHECK(client.receive() == Frame::ack(id));
    CHECK(client.receive() == Frame::error(6, ErrorCode::rate_limited, "Rate limited"));
    CHECK(client.receive() == Frame::error(0, ErrorCode::rate_limited, "Rate limited"));
    for (int i = 0; i < 5; ++i) CHECK(client.receive() == Frame::publish("c", {}));
    // Other connections have their own bucket, other requests are not counted.
    PulseClient other(server.port());
    CHECK(other.ask(Frame::publish_with_ack(7, "d", {})) == Frame::ack(7));
    CHECK(client.ask(FrameView::ping()) == Frame::pong());
    client.subscribe("d");
    CHECK(server.metric("pulse_rate_limited_total") == 2);
    // And it goes on when there is room again.
    CHECK(eventually([&] {
        client.send(FrameView::publish_with_ack(8, "nobody", {}));
        return client.receive() == Frame::ack(8);
    }));
}

TEST_CASE("subscribes, unsubscribes and presence over the rate are refused with 1006",
          "[e2e][limits]") {
    const ServerProcess server(
        Settings{{"limits.subscribes_per_second", "1"}, {"limits.subscribes_burst", "3"}});
    PulseClient client(server.port());
    client.send_together({Frame::subscribe(1, "a"), Frame::unsubscribe(2, "a"),
                          Frame::subscribe(3, "b"), Frame::subscribe(4, "c"),
                          Frame::unsubscribe(5, "b"),
                          Frame::presence(6, "b", PresenceAction::join)});
    for (std::uint64_t id = 1; id <= 3; ++id) CHECK(client.receive() == Frame::ack(id));
    for (std::uint64_t id = 4; id <= 6; ++id) {
        CHECK(client.receive() == Frame::error(id, ErrorCode::rate_limited, "Rate limited"));
    }
    CHECK(client.ask(Frame::publish_with_ack(7, "x", {})) == Frame::ack(7));
}

TEST_CASE("without auto-creation only channels that exist can be subscribed to", "[e2e][limits]") {
    const ServerProcess server(Settings{{"limits.auto_create_channels", "false"}});
    PulseClient client(server.port());
    CHECK(client.ask(FrameView::subscribe(1, "new")) ==
          Frame::error(1, ErrorCode::channel_not_found, "Channel not found"));
    CHECK(client.ask(FrameView::subscribe(1, "")).code == 1002);
}

TEST_CASE("a repeated subscribe is refused with 1002, or with 1009 when so configured",
          "[e2e][limits]") {
    const std::string text = "Already subscribed to channel: c";
    {
        const ServerProcess server;
        PulseClient client(server.port());
        client.subscribe("c");
        CHECK(client.ask(FrameView::subscribe(2, "c")) ==
              Frame::error(2, ErrorCode::invalid_channel, text));
    }
    const ServerProcess server(Settings{{"compat.documented_error_codes", "true"}});
    PulseClient client(server.port());
    client.subscribe("c");
    CHECK(client.ask(FrameView::subscribe(2, "c")) ==
          Frame::error(2, ErrorCode::already_subscribed, text));
}

TEST_CASE("frames that only servers send are refused with 1001 and their id", "[e2e][limits]") {
    const ServerProcess server;
    PulseClient client(server.port());
    const auto invalid = [](std::uint64_t id) {
        return Frame::error(id, ErrorCode::invalid_frame, "Invalid frame");
    };
    CHECK(client.ask(FrameView::ack(5)) == invalid(5));
    CHECK(client.ask(FrameView::error(6, 1000, "mine")) == invalid(6));
    CHECK(client.ask(FrameView::connected("conn_1", 1, 1)) == invalid(0));
    CHECK(server.metric(R"(pulse_errors_total{type="frame"})") == 3);
    // A pong and a connect of our version are heard in silence.
    client.send_together(
        {Frame::pong(), Frame::pong(3), Frame::connect(1), Frame::connect(1, "t")});
    CHECK(client.is_quiet());
}

TEST_CASE("ids are echoed whatever they are", "[e2e][limits]") {
    const ServerProcess server;
    PulseClient client(server.port());
    for (const std::uint64_t id : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{65'536},
                                   std::uint64_t{1} << 53, ~std::uint64_t{0}}) {
        CHECK(client.ask(Frame::publish_with_ack(id, "x", {})) == Frame::ack(id));
        CHECK(client.ask(FrameView::unsubscribe(id, "x")) ==
              Frame::error(id, ErrorCode::not_subscribed, "Not subscribed to channel: x"));
    }
    CHECK(client.ask(FrameView::ping_with_timestamp(~std::uint64_t{0})) ==
          Frame::pong(~std::uint64_t{0}));
}

TEST_CASE("another protocol version is refused with 1012 and ends the connection",
          "[e2e][limits]") {
    const ServerProcess server;
    for (const int version : {0, 2, 9, 255}) {
        PulseClient client(server.port());
        client.send_together({Frame::connect(static_cast<std::uint8_t>(version)), Frame::ping()});
        CHECK(client.receive() ==
              Frame::error(0, ErrorCode::protocol_mismatch, "Protocol version not supported"));
        CHECK(client.read_close().code == 1002);
        client.send_close(1002);
        CHECK(client.tcp().is_ended_by_peer());
    }
}

TEST_CASE("input beyond the memory budget ends the connection that brings it, not the server",
          "[e2e][limits]") {
    const ServerProcess server(Settings{{"transport.memory_budget_bytes", "\"2MiB\""},
                                        {"transport.outbox_max_bytes", "\"1MiB\""}});
    PulseClient bystander(server.port());
    PulseClient greedy(server.port());
    // An unfinished frame of 8 MiB.
    std::string start("\0\x80\0\0", 4);
    (void)greedy.tcp().try_send(ClientFrame{kBinary, start + std::string(4'000'000, '\0')}.bytes());
    CHECK(greedy.tcp().is_ended_by_peer());
    CHECK(bystander.is_quiet());
    CHECK(server.metric("pulse_memory_budget_refusals_total") > 0);
    // What was held is given back.
    CHECK(eventually([&] { return server.metric("pulse_memory_budget_used_bytes") < 512 * 1024; }));
}
