// SPDX-License-Identifier: MIT OR Apache-2.0
#include "pulse_core/native/native_fixture.hpp"
#include "support/catch.hpp"

#include <string>

using namespace pulse::test;

namespace {

std::vector<std::string> texts(NativeClient& client) {
    std::vector<std::string> all;
    for (const SentMessage& message : client.connection.take()) {
        REQUIRE(message.kind == MessageKind::text);
        all.push_back(message.bytes);
    }
    return all;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("answers take the form of the last message", "[core][native][json]") {
    NativeEngine engine;
    NativeClient client(engine);
    client.send_text(R"({"type":"ping"})");
    CHECK(texts(client) == Texts{R"({"type":"pong"})"});
    client.send_text(R"({"type":"publish","id":3,"channel":"x","payload":"y"})");
    CHECK(texts(client) == Texts{R"({"type":"ack","id":3})"});
    CHECK(client.ask(Frame::ping()) == Frames{Frame::pong()});
}

TEST_CASE("a query asks for JSON from the first message on", "[core][native][json]") {
    NativeEngine engine;
    for (const char* query :
         {"format=json", "a&format=json", "format=json&b=c", "x=&format=json&"}) {
        INFO(query);
        NativeClient client(engine, query);
        REQUIRE(client.greeting.size() == 1);
        CHECK(client.greeting[0].kind == MessageKind::text);
        CHECK(
            client.greeting[0].bytes.starts_with(R"({"type":"connected","connection_id":"conn_)"));
    }
    for (const char* query : {"", "format", "format=", "format=jso", "format=jsonp", "xformat=json",
                              "FORMAT=json", "&&", "=format=json"}) {
        INFO(query);
        CHECK(NativeClient(engine, query).greeting[0].kind == MessageKind::binary);
    }
}

TEST_CASE("a subscription keeps the form it was made in", "[core][native][json]") {
    NativeEngine engine;
    NativeClient client(engine);
    client.send_text(R"({"type":"subscribe","id":1,"channel":"as-text"})");
    (void)client.connection.take();
    client.send(Frame::subscribe(2, "as-binary"));
    (void)client.connection.take();
    (void)engine.publish("as-text", "one");
    (void)engine.publish("as-binary", "two");
    engine.turn();
    const auto messages = client.connection.take();
    REQUIRE(messages.size() == 2);
    CHECK(messages[0].bytes == R"({"type":"publish","channel":"as-text","payload":"one"})");
    CHECK(messages[1].bytes == encoded(publication("as-binary", "two").view()));
}

TEST_CASE("text in the middle of a frame belongs to it", "[core][native][json]") {
    NativeEngine engine;
    NativeClient client(engine);
    const std::string frame = encoded(Frame::publish_with_ack(5, "x", payload_of("{}{}")).view());
    client.send(frame.substr(0, frame.size() - 4));
    client.send_text(frame.substr(frame.size() - 4));
    CHECK(client.receive() == Frames{Frame::ack(5)});
    // A prefix is plain text.
    client.send_text(frame.substr(0, 4));
    client.send(frame.substr(4));
    CHECK(client.receive() == Frames{Frame::ack(5)});
}

TEST_CASE("text that begins neither a frame nor an object is refused", "[core][native][json]") {
    NativeEngine engine;
    NativeClient client(engine);
    for (const char* text : {"x", "[]", " {}", "\x02", "\xc3\xa9"}) {
        client.send_text(text);
        CHECK(client.receive() == Frames{invalid_frame()});
    }
    client.send_text("");
    CHECK(client.receive().empty());
    CHECK(engine.dialect.stats(0).invalid_frames.get() == 5);
}

TEST_CASE("JSON requests are under the same limits", "[core][native][json]") {
    NativeEngine engine(with([](auto& o) {
        o.max_payload_bytes = 4;
        o.publishes = {.per_second = 1, .burst = 1};
    }));
    NativeClient client(engine);
    client.send_text(R"({"type":"publish","id":1,"channel":"x","payload":"12345"})");
    CHECK(texts(client) ==
          Texts{R"({"type":"error","id":1,"code":1007,"message":"Payload too large"})"});
    client.send_text(R"({"type":"publish","id":2,"channel":"x","payload":"1234"})");
    CHECK(texts(client) ==
          Texts{R"({"type":"error","id":2,"code":1006,"message":"Rate limited"})"});
    client.send_text(R"({"type":"connect","version":9})");
    CHECK(
        texts(client) ==
        Texts{R"({"type":"error","id":0,"code":1012,"message":"Protocol version not supported"})"});
    CHECK(client.connection.close_code == 1002);
}

TEST_CASE("a JSON frame is no longer than the frame limit", "[core][native][json]") {
    NativeEngine engine(with([](auto& o) {
        o.max_payload_bytes = 0;
        o.max_frame_bytes = 1000;
    }));
    NativeClient client(engine);
    client.send_text(R"({"type":"publish","id":1,"channel":"x","payload":")" +
                     std::string(2000, 'x') + "\"}");
    const auto answers = texts(client);
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].find("\"code\":1007") != std::string::npos);
}
