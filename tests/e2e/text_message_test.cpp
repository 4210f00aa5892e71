// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Text messages: JSON frames, text as part of the binary stream, and text that is neither.
#include "support/catch.hpp"
#include "support/pulse_client.hpp"
#include "support/server_process.hpp"

#include <string>

#include <nlohmann/json.hpp>

using namespace pulse::test;
using nlohmann::json;

namespace {

const Frame kInvalid = Frame::error(0, ErrorCode::invalid_frame, "Invalid frame");

/// Asks in JSON and returns the answer, parsed.
json ask(PulseClient& client, const json& frame) {
    client.send_text(frame.dump());
    return json::parse(client.read_message(kText));
}

}  // namespace

TEST_CASE("a JSON frame is answered in JSON", "[e2e][text]") {
    const ServerProcess server;
    PulseClient client(server.port());
    client.send_text(R"({"type":"ping"})");
    CHECK(client.read_message(kText) == R"({"type":"pong"})");
    client.send_text("{\"timestamp\": 12, \"type\": \"ping\"}  \n");
    CHECK(client.read_message(kText) == R"({"type":"pong","timestamp":12})");
    CHECK(ask(client, {{"type", "subscribe"}, {"id", 1}, {"channel", "j"}}) ==
          json{{"type", "ack"}, {"id", 1}});
    CHECK(ask(client, {{"type", "subscribe"}, {"id", 2}, {"channel", "j"}}) ==
          json{{"type", "error"},
               {"id", 2},
               {"code", 1002},
               {"message", "Already subscribed to channel: j"}});
    CHECK(ask(client, {{"type", "publish"}, {"channel", "j"}, {"payload", "hi"}}) ==
          json{{"type", "publish"}, {"channel", "j"}, {"payload", "hi"}});
}

TEST_CASE("JSON and MessagePack subscribers of a channel see the same messages", "[e2e][text]") {
    const ServerProcess server;
    PulseClient binary(server.port());
    PulseClient text(server.port());
    binary.subscribe("mixed");
    CHECK(ask(text, {{"type", "subscribe"}, {"id", 1}, {"channel", "mixed"}}).at("type") == "ack");

    binary.send(publication("mixed", "from binary"));
    CHECK(binary.receive() == publication("mixed", "from binary"));
    CHECK(json::parse(text.read_message(kText)).at("payload") == "from binary");

    text.send_text(R"({"type":"publish","channel":"mixed","payload":"from text"})");
    CHECK(binary.receive() == publication("mixed", "from text"));
    CHECK(json::parse(text.read_message(kText)).at("payload") == "from text");

    binary.send(publication("mixed", "\xff\x00"));
    CHECK(binary.receive() == publication("mixed", "\xff\x00"));
    CHECK(json::parse(text.read_message(kText)).at("payload_base64") == "/w==");
}

TEST_CASE("a client that asked for JSON in its address is greeted in JSON", "[e2e][text]") {
    const ServerProcess server;
    for (const char* path : {"/ws?format=json", "/ws?a=b&format=json&c"}) {
        UpgradeOptions options;
        options.path = path;
        WsClient client(server.port(), options);
        const json connected = json::parse(client.read_message(kText));
        CHECK(connected.at("type") == "connected");
        CHECK(connected.at("version") == 1);
        CHECK(connected.at("heartbeat") == 30'000);
        CHECK(connected.at("connection_id").get<std::string>().starts_with("conn_"));
        CHECK(connected.size() == 4);
    }
    UpgradeOptions other;
    other.path = "/ws?format=jsonx&xformat=json";
    CHECK(PulseClient(server.port(), other).connected().type == FrameType::connected);
}

TEST_CASE("text in the middle of a frame is part of the frame", "[e2e][text]") {
    const ServerProcess server;
    PulseClient client(server.port());
    // The prefix of a short frame is valid UTF-8; so is any run of ASCII inside a frame.
    const std::string frame = encoded(FrameView::publish("channel", payload_of("plain text")));
    REQUIRE(static_cast<unsigned char>(frame[4]) >= 0x80);
    client.subscribe("channel");

    client.send_text(frame.substr(0, 4));
    client.send_binary(frame.substr(4));
    CHECK(client.receive() == publication("channel", "plain text"));

    client.send_binary(frame.substr(0, frame.size() - 4));
    client.send_text(frame.substr(frame.size() - 4));
    CHECK(client.receive() == publication("channel", "plain text"));

    // Even if it looks like JSON.
    const std::string braces = encoded(FrameView::publish("channel", payload_of("{\"type\":")));
    client.send_binary(braces.substr(0, braces.size() - 8));
    client.send_text(braces.substr(braces.size() - 8));
    CHECK(client.receive() == publication("channel", "{\"type\":"));
    CHECK(client.is_quiet());
}

TEST_CASE("text that is neither JSON nor part of a frame is answered with 1001", "[e2e][text]") {
    const ServerProcess server;
    PulseClient client(server.port());
    for (const char* text : {"hello", "[1,2]", " {\"type\":\"ping\"}", "\"x\"", "\u00e9", "\x02"}) {
        INFO(text);
        client.send_text(text);
        CHECK(client.receive() == kInvalid);
        CHECK(client.is_quiet());
    }
}

TEST_CASE("JSON that is no frame is answered with 1001, in JSON", "[e2e][text]") {
    const ServerProcess server;
    PulseClient client(server.port());
    const json invalid{{"type", "error"}, {"id", 0}, {"code", 1001}, {"message", "Invalid frame"}};
    for (const char* text :
         {"{", "{}", R"({"type":"nonsense"})", R"({"type":"subscribe","id":1})",
          R"({"type":"ping"} x)", R"({"type":"ping"}{"type":"ping"})", R"({"type":"Ping"})",
          R"({"type":"subscribe","id":-1,"channel":"c"})"}) {
        INFO(text);
        client.send_text(text);
        CHECK(json::parse(client.read_message(kText)) == invalid);
    }
    // A client may not send these; the id is that of the frame.
    client.send_text(R"({"type":"ack","id":77})");
    CHECK(json::parse(client.read_message(kText)).at("id") == 77);
}

TEST_CASE("a client may change between the forms at any message", "[e2e][text]") {
    const ServerProcess server;
    PulseClient client(server.port());
    for (int round = 0; round < 3; ++round) {
        CHECK(client.ask(FrameView::ping_with_timestamp(1)) == Frame::pong(1));
        CHECK(ask(client, {{"type", "ping"}, {"timestamp", 2}}).at("timestamp") == 2);
    }
}

TEST_CASE("text that is not UTF-8 ends the connection with 1007", "[e2e][text]") {
    const ServerProcess server;
    PulseClient client(server.port());
    // What happens to clients that send native frames as text.
    client.send_text(encoded(FrameView::ping()));
    CHECK(client.read_close().code == 1007);
    client.send_close(1007);
    CHECK(client.tcp().is_ended_by_peer());
}

TEST_CASE("JSON nested beyond the limit is refused, not followed", "[e2e][text]") {
    const ServerProcess server;
    PulseClient client(server.port());
    std::string deep = R"({"type":"presence","id":1,"channel":"c","action":0,"data":)";
    deep.append(200'000, '[');
    client.send_text(deep);
    CHECK(json::parse(client.read_message(kText)).at("code") == 1001);
    deep.append(200'000, ']').append("}");
    client.send_text(deep);
    CHECK(json::parse(client.read_message(kText)).at("code") == 1001);
}
