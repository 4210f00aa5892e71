// SPDX-License-Identifier: MIT OR Apache-2.0
#include "protocol.hpp"

#include "payload.hpp"
#include "support/catch.hpp"
#include "websocket.hpp"

#include <algorithm>
#include <vector>

using namespace pulse::load;

namespace {

const ProtocolOptions kOptions{
    .host = "127.0.0.1", .port = 8080, .path = "/ws", .channel_prefix = "load"};

struct Recorder final : ReaderEvents {
    std::vector<std::string> log;

    void on_ready() override { log.emplace_back("ready"); }
    void on_subscribed() override { log.emplace_back("subscribed"); }
    void on_delivery(std::optional<std::uint32_t> channel, std::string_view payload) override {
        log.push_back("delivery " + (channel ? std::to_string(*channel) : "-") + " " +
                      std::string(payload));
    }
    void on_pong(std::uint64_t stamp) override { log.push_back("pong " + std::to_string(stamp)); }
    void on_reply(std::string bytes) override {
        log.push_back("reply " + std::to_string(bytes.size()));
    }
    void on_fault(std::string) override { log.emplace_back("fault"); }
};

using Log = std::vector<std::string>;

Log read_in_pieces(const Protocol& protocol, const std::string& bytes, std::size_t piece) {
    Recorder recorder;
    const auto reader = protocol.make_reader();
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        const std::string part = bytes.substr(at, piece);  // an own allocation, for the sanitizer
        reader->feed(part, recorder);
    }
    return recorder.log;
}

/// Feeds `bytes` whole and in pieces of every size; all must give `expected`.
void check(std::string_view protocol_name, const std::string& bytes, const Log& expected) {
    const auto protocol = make_protocol(protocol_name, kOptions);
    REQUIRE(protocol);
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
        INFO(protocol_name << " in pieces of " << piece);
        REQUIRE(read_in_pieces(*protocol, bytes, piece) == expected);
    }
}

/// Changes each byte in turn in several ways; the reader must survive whatever comes of it.
void check_damage(std::string_view protocol_name, const std::string& bytes) {
    const auto protocol = make_protocol(protocol_name, kOptions);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        for (const unsigned flip : {0x01U, 0x20U, 0x80U, 0xFFU}) {
            std::string damaged = bytes;
            damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ flip);
            const Log whole = read_in_pieces(*protocol, damaged, damaged.size());
            INFO(protocol_name << " byte " << at << " flip " << flip);
            REQUIRE(read_in_pieces(*protocol, damaged, 3) == whole);
        }
    }
}

const std::string kUpgraded =
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

std::string hex(std::string_view digits) {
    std::string out;
    std::string clean;
    std::copy_if(digits.begin(), digits.end(), std::back_inserter(clean),
                 [](char c) { return c != ' '; });
    for (std::size_t i = 0; i + 1 < clean.size(); i += 2) {
        out.push_back(static_cast<char>(std::stoi(clean.substr(i, 2), nullptr, 16)));
    }
    return out;
}

/// A server's frame: like a client's, without the mask.
std::string server_frame(unsigned first, const std::string& payload) {
    std::string out(1, static_cast<char>(first));
    if (payload.size() < 126) {
        out.push_back(static_cast<char>(payload.size()));
    } else {
        out.append({static_cast<char>(126), static_cast<char>(payload.size() >> 8U),
                    static_cast<char>(payload.size() & 0xFFU)});
    }
    return out + payload;
}

std::string native(std::string_view digits) {
    const std::string body = hex(digits);
    std::string message{0, 0, static_cast<char>(body.size() >> 8U),
                        static_cast<char>(body.size() & 0xFFU)};
    return server_frame(0x82, message + body);
}

const std::string kConnected = native(
    "84 a474797065 a9636f6e6e6563746564 ad636f6e6e656374696f6e5f6964 a8636f6e6e5f313233"
    "a776657273696f6e 01 a9686561727462656174 cd7530");
const std::string kAck = native("82 a474797065 a361636b a26964 01");
// publish, channel load:000007, payload Hello
const std::string kDelivery = native(
    "83 a474797065 a77075626c697368 a76368616e6e656c ab6c6f61643a303030303037"
    "a77061796c6f6164 c40548656c6c6f");
const std::string kPong = native("82 a474797065 a4706f6e67 a974696d657374616d70 ce0001e240");
const std::string kError =
    native("84 a474797065 a56572726f72 a26964 00 a4636f6465 cd03ee a76d657373616765 a16d");

}  // namespace

TEST_CASE("the native dialect is read", "[load][protocol]") {
    check("pulse", kUpgraded + kConnected + kAck + kDelivery + server_frame(0x89, "hi") + kPong,
          {"ready", "subscribed", "delivery 7 Hello", "reply 8", "pong 123456"});
    check("pulse", kUpgraded + kConnected + kError + kDelivery, {"ready", "fault"});
    check_damage("pulse", kUpgraded + kConnected + kAck + kDelivery + kPong);
}

TEST_CASE("the native dialect's order and framing are enforced", "[load][protocol]") {
    check("pulse", kUpgraded + kAck, {"fault"});
    check("pulse", kUpgraded + kConnected + kConnected, {"ready", "fault"});
    // Two frames in one message, a text message, a length that is too large.
    const std::string frame = kAck.substr(2);
    check("pulse", kUpgraded + kConnected + server_frame(0x82, frame + frame), {"ready", "fault"});
    check("pulse", kUpgraded + kConnected + server_frame(0x81, frame), {"ready", "fault"});
    std::string longer = frame;
    ++longer[3];
    check("pulse", kUpgraded + kConnected + server_frame(0x82, longer), {"ready", "fault"});
}

TEST_CASE("WebSocket rules that bind a server are enforced", "[load][protocol]") {
    const std::string whole = kUpgraded + kConnected;
    for (const std::string& bad : {
             hex("c2 00"),                               // reserved bit
             hex("83 00"),                               // unknown opcode
             hex("82 80 00000000"),                      // masked
             hex("80 00"),                               // continuation of nothing
             hex("09 00"),                               // fragmented control frame
             hex("82 7e 0005 0000000000"),               // length not minimal
             hex("82 7f 000000000000ffff"),              // length not minimal
             hex("82 7f 8000000000000000"),              // length out of bounds
             hex("89 7e 0080") + std::string(128, 'x'),  // long control frame
             hex("02 01 00 82 00"),                      // message within a message
             hex("88 02 03e8"),                          // closed by the server
         }) {
        check("pulse", whole + bad, {"ready", "fault"});
    }
    const std::string body = kAck.substr(2);
    check("pulse",
          whole + server_frame(0x02, body.substr(0, 3)) + server_frame(0x89, "") +
              server_frame(0x00, body.substr(3, 5)) + server_frame(0x80, body.substr(8)),
          {"ready", "reply 6", "subscribed"});
}

TEST_CASE("an upgrade that fails is a fault", "[load][protocol]") {
    check("bench", "HTTP/1.1 404 Not Found\r\n\r\n", {"fault"});
    check("bench", "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n\r\n",
          {"fault"});
    check("bench", "HTTP/1.1 101 Switching Protocols\r\n\r\n", {"fault"});
    const auto protocol = make_protocol("bench", kOptions);
    CHECK(read_in_pieces(*protocol, std::string(20'000, 'x'), 1000) == Log{"fault"});
}

TEST_CASE("the bench protocol is read", "[load][protocol]") {
    const std::string bytes = kUpgraded + server_frame(0x82, hex("53 00000000")) +
                              server_frame(0x82, "Shello") + server_frame(0x82, "Sixty");
    // Five bytes beginning with S acknowledge; payloads are never that short in a run.
    check("bench", bytes, {"ready", "subscribed", "delivery - Shello", "subscribed"});
    check_damage("bench", bytes);
}

TEST_CASE("web clients of the bridge are read", "[load][protocol]") {
    const std::string bytes =
        kUpgraded + server_frame(0x81, R"({"op":"ok","id":1})") +
        server_frame(0x81, R"({"topic":"load.000003","message":"~~PULSE~#ab"})") +
        server_frame(0x81, R"({"op":"ack","success":true})") +
        server_frame(0x81, R"({"topic":"load.000004","message":""})");
    check("roblox", bytes, {"ready", "subscribed", "delivery 3 ~~PULSE~#ab", "delivery 4 "});
    check_damage("roblox", bytes);
    for (const char* wrong :
         {R"({"error":"Forbidden"})", R"({"op":"ack","success":false,"error":"no"})", "pong",
          R"({"op":"error","id":1,"error":"Too many topics"})", R"({"topic":"load.000003"})",
          R"({"topic":"other.000003","message":"x"})", R"({"topic":"load.000003","message":"x")",
          R"({"topic":"load.000003","message":"})", R"({"topic":"load.)"}) {
        INFO(wrong);
        check("roblox", kUpgraded + server_frame(0x81, wrong), {"ready", "fault"});
    }
    check("roblox", kUpgraded + server_frame(0x82, R"({"op":"ok","id":1})"), {"ready", "fault"});
}

TEST_CASE("NATS is read through any WebSocket borders", "[load][protocol]") {
    const std::string text =
        "PONG\r\nPING\r\nPONG\r\nMSG load.000003 1 5\r\nHe\r\no\r\nMSG load.000003 1 0\r\n\r\n";
    const Log expected{"reply",      "ready", "reply 12", "subscribed", "delivery 3 He\r\no",
                       "delivery 3 "};
    for (std::size_t border = 1; border < text.size(); ++border) {
        const std::string bytes = kUpgraded + server_frame(0x82, "INFO {}\r\n") +
                                  server_frame(0x82, text.substr(0, border)) +
                                  server_frame(0x82, text.substr(border));
        Log log = read_in_pieces(*make_protocol("nats", kOptions), bytes, bytes.size());
        REQUIRE_FALSE(log.empty());
        CHECK(log.front().starts_with("reply "));
        log.front() = "reply";
        INFO("border " << border);
        CHECK(log == expected);
    }
    check("nats", kUpgraded + server_frame(0x82, "-ERR 'Slow Consumer'\r\n"), {"fault"});
    check_damage("nats", kUpgraded + server_frame(0x82, text));
}

TEST_CASE("Redis is read", "[load][protocol]") {
    const std::string bytes =
        "*3\r\n$9\r\nsubscribe\r\n$11\r\nload:000002\r\n:1\r\n"
        "*3\r\n$7\r\nmessage\r\n$11\r\nload:000002\r\n$4\r\na\r\nb\r\n:12\r\n";
    check("redis", bytes, {"subscribed", "delivery 2 a\r\nb"});
    check("redis", "-ERR no\r\n", {"fault"});
    check_damage("redis", bytes);
}

TEST_CASE("MQTT is read", "[load][protocol]") {
    const std::string topic = "load/000009";
    std::string publish = hex("30 8f 01 00 0b") + topic + std::string(130, 'x');
    check("mqtt", hex("20 02 0000 90 03 000100 d0 00") + publish,
          {"ready", "subscribed", "delivery 9 " + std::string(130, 'x')});
    check("mqtt", hex("20 02 0005"), {"fault"});
    check("mqtt", hex("30 ff ff ff ff 01"), {"fault"});
    check_damage("mqtt", hex("20 02 0000 90 03 000100") + publish);
}

TEST_CASE("native requests are the bytes of the protocol page", "[load][protocol]") {
    const auto protocol = make_protocol("pulse", kOptions);
    const std::string subscribe = protocol->subscribe(7);
    CHECK(subscribe == hex("82 ac 00000000 00000028 83 a474797065 a9737562736372696265 a26964 01"
                           "a76368616e6e656c ab6c6f61643a303030303037"));
    const RequestTemplate ping = *protocol->ping();
    CHECK(ping.bytes == hex("82 a2 00000000 0000001e 82 a474797065 a470696e67"
                            "a974696d657374616d70 cf0000000000000000"));
    CHECK(ping.stamp_at == ping.bytes.size() - 8);
}

TEST_CASE("a template's stamp lies where its payload begins", "[load][protocol]") {
    for (const char* name : {"pulse", "roblox", "bench", "nats", "redis", "mqtt"}) {
        for (const std::size_t size : {32U, 64U, 125U, 126U, 1000U, 65'535U, 65'536U, 70'000U}) {
            const std::string payload = make_payload(size, 1, 2);
            const auto protocol = make_protocol(name, kOptions);
            const RequestTemplate request = protocol->publish(1, payload);
            INFO(name << " " << size);
            CHECK(request.bytes.compare(request.stamp_at, size, payload) == 0);
            if (const auto echo = protocol->echo(payload)) {
                CHECK(echo->bytes.compare(echo->stamp_at, size, payload) == 0);
            }
        }
    }
}

TEST_CASE("channel names round-trip and foreign ones are refused", "[load][protocol]") {
    for (const std::uint32_t number : {0U, 7U, 999'999U, 4'000'000'000U}) {
        CHECK(channel_number("load", ':', channel_name(kOptions, number, ':')) == number);
    }
    for (const char* name : {"", "load", "load:", "load:x", "load.000001", "other:000001",
                             "load:000001 ", "load:99999999999"}) {
        INFO(name);
        CHECK_FALSE(channel_number("load", ':', name));
    }
}
