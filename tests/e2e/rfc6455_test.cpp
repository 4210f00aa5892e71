// SPDX-License-Identifier: MIT OR Apache-2.0
//
// RFC 6455 from the client's side of the wire: what has to work, and what has to be refused with
// which close code. The cases follow the chapters of the well-known conformance suites: framing,
// pings, reserved bits, opcodes, fragmentation, UTF-8, closing, limits.
//
// Messages are frames of the native protocol, so that an answer shows that a message arrived whole.
#include "support/catch.hpp"
#include "support/pulse_client.hpp"
#include "support/server_process.hpp"

#include <initializer_list>
#include <string>
#include <vector>

using namespace pulse::test;

namespace {

struct Case {
    std::string name;
    std::string wire;
    /// What comes back, as described by describe(). A case whose last answer is no close must leave
    /// the connection usable.
    std::vector<std::string> answers;
};

std::string describe(const ServerFrame& frame) {
    if (!frame.is_final || frame.reserved_bits != 0) return "fragmented or reserved";
    switch (frame.opcode) {
        case kPong:
            return "ws-pong " + frame.payload;
        case kPing:
            return "ws-ping " + frame.payload;
        case kText:
            return "text " + frame.payload;
        case kClose:
            if (frame.payload.size() < 2) return "close";
            return "close " + std::to_string(static_cast<unsigned char>(frame.payload[0]) << 8 |
                                             static_cast<unsigned char>(frame.payload[1]));
        case kBinary: {
            const Frame message = decoded(frame.payload);
            if (message.type == FrameType::pong) {
                return "pong " + std::to_string(message.timestamp.value_or(0));
            }
            return pulse::protocol::to_string(message);
        }
        default:
            return "opcode " + std::to_string(frame.opcode);
    }
}

/// A native ping of exactly `bytes` bytes: what stands in the body behind the value is ignored.
std::string padded_ping(std::size_t bytes, std::uint64_t stamp) {
    std::string frame = encoded(FrameView::ping_with_timestamp(stamp));
    frame.resize(bytes, '\0');
    const std::size_t body = bytes - 4;
    for (int i = 0; i < 4; ++i)
        frame[static_cast<std::size_t>(i)] = static_cast<char>(body >> (24 - 8 * i));
    return frame;
}

std::string ping(std::uint64_t stamp) { return encoded(FrameView::ping_with_timestamp(stamp)); }

/// A JSON ping with this text in a field nobody knows.
std::string json_ping(std::string_view text) {
    return R"({"type":"ping","timestamp":7,"x":")" + std::string(text) + "\"}";
}

std::string frame(unsigned opcode, std::string payload, bool is_final = true) {
    return ClientFrame{.opcode = opcode, .payload = std::move(payload), .is_final = is_final}
        .bytes();
}

void run(const Case& test, std::uint16_t port, bool is_bytewise) {
    INFO(test.name << (is_bytewise ? ", byte by byte" : ", in one piece"));
    PulseClient client(port);
    if (is_bytewise) {
        // A refusal may come, and the socket end, before the last byte.
        for (std::size_t i = 0; i < test.wire.size(); ++i) {
            if (!client.tcp().try_send(std::string_view(test.wire).substr(i, 1))) break;
        }
    } else {
        client.tcp().send(test.wire);
    }
    for (const std::string& answer : test.answers) CHECK(describe(client.read_frame()) == answer);
    const bool is_over = !test.answers.empty() && test.answers.back().starts_with("close");
    if (!is_over) {
        client.send(FrameView::ping_with_timestamp(99));
        CHECK(client.receive() == Frame::pong(99));
        client.send_close(1000);
        CHECK(client.read_close().code == 1000);
    }
    client.tcp().shutdown_write();
    CHECK(client.tcp().is_ended_by_peer());
}

void run_all(const std::vector<Case>& cases, const Settings& settings = {}) {
    const ServerProcess server(settings);
    for (const Case& test : cases) {
        run(test, server.port(), false);
        // Long cases add nothing but system calls.
        if (test.wire.size() <= 512) run(test, server.port(), true);
    }
}

}  // namespace

TEST_CASE("messages of every length class arrive whole", "[e2e][rfc6455]") {
    std::vector<Case> cases{{"an empty message is nothing", frame(kBinary, ""), {}},
                            {"an empty text is nothing", frame(kText, ""), {}}};
    for (const std::size_t bytes : {125U, 126U, 127U, 128U, 65'535U, 65'536U, 300'000U}) {
        cases.push_back({std::to_string(bytes) + " bytes",
                         frame(kBinary, padded_ping(bytes, bytes)),
                         {"pong " + std::to_string(bytes)}});
    }
    std::string many;
    std::vector<std::string> pongs;
    for (std::uint64_t i = 1; i <= 200; ++i) {
        many += frame(kBinary, ping(i));
        pongs.push_back("pong " + std::to_string(i));
    }
    cases.push_back({"200 messages in one segment", many, pongs});
    run_all(cases);
}

TEST_CASE("pings are answered with their payload, pongs are swallowed", "[e2e][rfc6455]") {
    const std::string longest(125, '\xfe');
    std::string ten;
    std::vector<std::string> ten_pongs;
    for (int i = 0; i < 10; ++i) {
        ten += frame(kPing, "p" + std::to_string(i));
        ten_pongs.push_back("ws-pong p" + std::to_string(i));
    }
    run_all({
        {"ping without payload", frame(kPing, ""), {"ws-pong "}},
        {"ping with text", frame(kPing, "Hello"), {"ws-pong Hello"}},
        {"ping with bytes that are no text",
         frame(kPing, std::string("\0\xff\xfe\0", 4)),
         {"ws-pong " + std::string("\0\xff\xfe\0", 4)}},
        {"ping of 125 bytes", frame(kPing, longest), {"ws-pong " + longest}},
        {"ping of 126 bytes", frame(kPing, longest + "x"), {"close 1002"}},
        {"ten pings in one segment", ten, ten_pongs},
        {"unasked pong",
         frame(kPong, "") + frame(kPong, "more") + frame(kPing, "p"),
         {"ws-pong p"}},
        {"pong of 126 bytes", frame(kPong, longest + "x"), {"close 1002"}},
    });
}

TEST_CASE("reserved bits and opcodes end the connection with 1002", "[e2e][rfc6455]") {
    std::vector<Case> cases;
    for (const unsigned bits : {1U, 2U, 4U, 7U}) {
        for (const unsigned opcode : {kText, kBinary, kPing, kPong, kClose}) {
            cases.push_back(
                {"reserved bits " + std::to_string(bits) + " on opcode " + std::to_string(opcode),
                 ClientFrame{.opcode = opcode, .reserved_bits = bits}.bytes(),
                 {"close 1002"}});
        }
    }
    for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
        cases.push_back({"opcode " + std::to_string(opcode), frame(opcode, "x"), {"close 1002"}});
    }
    cases.push_back({"what came before is still answered",
                     frame(kBinary, ping(1)) + frame(kPing, "p") + frame(11, ""),
                     {"pong 1", "ws-pong p", "close 1002"}});
    cases.push_back({"what comes after is not",
                     frame(3, "") + frame(kBinary, ping(1)) + frame(kPing, "p"),
                     {"close 1002"}});
    run_all(cases);
}

TEST_CASE("frames that are not masked or badly measured end the connection with 1002",
          "[e2e][rfc6455]") {
    run_all({
        {"unmasked message",
         ClientFrame{.payload = ping(1), .is_masked = false}.bytes(),
         {"close 1002"}},
        {"unmasked ping", ClientFrame{.opcode = kPing, .is_masked = false}.bytes(), {"close 1002"}},
        {"unmasked close",
         ClientFrame{.opcode = kClose, .payload = close_payload(1000), .is_masked = false}.bytes(),
         {"close 1002"}},
        {"short length in two bytes",
         ClientFrame{.payload = ping(1), .length_bytes = 3}.bytes(),
         {"close 1002"}},
        {"short length in eight bytes",
         ClientFrame{.payload = ping(1), .length_bytes = 9}.bytes(),
         {"close 1002"}},
        {"middle length in eight bytes",
         ClientFrame{.payload = padded_ping(300, 1), .length_bytes = 9}.bytes(),
         {"close 1002"}},
        {"length with the top bit set",
         ClientFrame{.length_bytes = 9, .announced_bytes = 0x8000'0000'0000'0005}.bytes(),
         {"close 1002"}},
        {"ping with its length in two bytes",
         ClientFrame{.opcode = kPing, .payload = "p", .length_bytes = 3}.bytes(),
         {"close 1002"}},
    });
}

TEST_CASE("messages are put together from fragments", "[e2e][rfc6455]") {
    const std::string message = ping(3);
    const auto cut = [&](std::size_t from, std::size_t n) { return message.substr(from, n); };
    std::string bytewise;
    for (std::size_t i = 0; i < message.size(); ++i) {
        bytewise += frame(i == 0 ? kBinary : kContinuation, cut(i, 1), i + 1 == message.size());
    }
    std::string with_empty_ends = frame(kBinary, "", false);
    with_empty_ends += frame(kContinuation, message, false) + frame(kContinuation, "", true);
    run_all({
        {"two fragments",
         frame(kBinary, cut(0, 9), false) + frame(kContinuation, cut(9, 99)),
         {"pong 3"}},
        {"a fragment for each byte", bytewise, {"pong 3"}},
        {"empty first and last fragment", with_empty_ends, {"pong 3"}},
        {"only empty fragments", frame(kBinary, "", false) + frame(kContinuation, ""), {}},
        {"a ping between fragments",
         frame(kBinary, cut(0, 9), false) + frame(kPing, "in between") +
             frame(kContinuation, cut(9, 99)),
         {"ws-pong in between", "pong 3"}},
        {"a pong between fragments",
         frame(kBinary, cut(0, 9), false) + frame(kPong, "") + frame(kContinuation, cut(9, 99)),
         {"pong 3"}},
        {"pings between many fragments",
         frame(kBinary, cut(0, 5), false) + frame(kPing, "a") +
             frame(kContinuation, cut(5, 5), false) + frame(kPing, "b") +
             frame(kContinuation, cut(10, 99)),
         {"ws-pong a", "ws-pong b", "pong 3"}},
        {"a close between fragments",
         frame(kBinary, cut(0, 9), false) + frame(kClose, close_payload(1000)),
         {"close 1000"}},
        {"fragmented ping",
         frame(kPing, "half", false) + frame(kContinuation, "half"),
         {"close 1002"}},
        {"fragmented pong", frame(kPong, "half", false), {"close 1002"}},
        {"fragmented close", frame(kClose, "", false), {"close 1002"}},
        {"continuation of nothing", frame(kContinuation, message), {"close 1002"}},
        {"continuation of nothing, not final",
         frame(kContinuation, message, false),
         {"close 1002"}},
        {"continuation behind a whole message",
         frame(kBinary, message) + frame(kContinuation, ""),
         {"pong 3", "close 1002"}},
        {"a new message inside a fragmented one",
         frame(kBinary, cut(0, 9), false) + frame(kBinary, message),
         {"close 1002"}},
        {"a text inside a fragmented message",
         frame(kBinary, cut(0, 9), false) + frame(kText, "{}", false),
         {"close 1002"}},
        {"a reserved bit on a continuation",
         frame(kBinary, cut(0, 9), false) +
             ClientFrame{.opcode = kContinuation, .reserved_bits = 4}.bytes(),
         {"close 1002"}},
    });
}

TEST_CASE("text has to be UTF-8, wherever it is cut", "[e2e][rfc6455]") {
    const std::string answer = R"(text {"type":"pong","timestamp":7})";
    std::vector<Case> cases;
    const std::vector<std::pair<const char*, std::string>> good{
        {"two bytes", "\u00e9\u03ba\u03cc\u03c3\u03bc\u03b5"},
        {"three bytes", "\ud55c\uae00 \u20ac"},
        {"four bytes", "\U0001f600\U0010ffff"},
        {"borders of the lengths", "\u0080\u07ff\u0800\uffff\U00010000"},
        {"around the surrogates", "\ud7ff\ue000"},
        {"what is no character but valid", "\ufffe\uffff\ufdd0"},
    };
    for (const auto& [name, text] : good) {
        const std::string message = json_ping(text);
        cases.push_back({name, frame(kText, message), {answer}});
        std::string pieces;
        for (std::size_t i = 0; i < message.size(); ++i) {
            pieces += frame(i == 0 ? kText : kContinuation, message.substr(i, 1),
                            i + 1 == message.size());
        }
        cases.push_back({std::string(name) + ", cut inside characters", pieces, {answer}});
    }
    const std::vector<std::pair<const char*, std::string>> bad{
        {"a lone continuation byte", "\x80"},
        {"two continuation bytes", "\x80\xbf"},
        {"a first byte alone", "\xc3"},
        {"a cut three-byte character", "\xe2\x82"},
        {"a cut four-byte character", "\xf0\x9f\x98"},
        {"two overlong bytes", "\xc0\xaf"},
        {"three overlong bytes", "\xe0\x80\xaf"},
        {"four overlong bytes", "\xf0\x80\x80\xaf"},
        {"highest overlong of two", "\xc1\xbf"},
        {"highest overlong of three", "\xe0\x9f\xbf"},
        {"highest overlong of four", "\xf0\x8f\xbf\xbf"},
        {"first surrogate", "\xed\xa0\x80"},
        {"last surrogate", "\xed\xbf\xbf"},
        {"a surrogate pair", "\xed\xa0\x81\xed\xb0\x80"},
        {"beyond the last code point", "\xf4\x90\x80\x80"},
        {"five bytes", "\xf8\x88\x80\x80\x80"},
        {"six bytes", "\xfc\x84\x80\x80\x80\x80"},
        {"fe", "\xfe"},
        {"ff", "\xff"},
    };
    for (const auto& [name, text] : bad) {
        const std::string message = json_ping(text);
        cases.push_back({name, frame(kText, message), {"close 1007"}});
        cases.push_back({std::string(name) + ", in a first fragment that nothing follows",
                         frame(kText, text + "..", false),
                         {"close 1007"}});
    }
    cases.push_back({"a message that ends inside a character",
                     frame(kText, "{\"\xe2", false) + frame(kContinuation, "\x82"),
                     {"close 1007"}});
    cases.push_back({"a character whose rest is another one",
                     frame(kText, "\xe2", false) + frame(kContinuation, "a", false),
                     {"close 1007"}});
    run_all(cases);
}

TEST_CASE("a close is answered with its own code, once, and nothing after it is read",
          "[e2e][rfc6455]") {
    std::vector<Case> cases{
        {"close without payload", frame(kClose, ""), {"close"}},
        {"close with a reason", frame(kClose, close_payload(1000, "so long")), {"close 1000"}},
        {"close with the longest reason",
         frame(kClose, close_payload(1000, std::string(123, 'r'))),
         {"close 1000"}},
        {"messages behind the close",
         frame(kClose, close_payload(1000)) + frame(kBinary, ping(1)) + frame(kPing, "p"),
         {"close 1000"}},
        {"a second close",
         frame(kClose, close_payload(1000)) + frame(kClose, close_payload(1001)),
         {"close 1000"}},
        {"rubbish behind the close",
         frame(kClose, close_payload(1000)) + "\xff\xff\xff\xff",
         {"close 1000"}},
        {"answers due before the close are sent",
         frame(kBinary, ping(1) + ping(2)) + frame(kClose, close_payload(1000)),
         {"pong 1", "pong 2", "close 1000"}},
        {"close with half a code", frame(kClose, "\x03"), {"close 1002"}},
        {"close of 126 bytes",
         frame(kClose, close_payload(1000, std::string(124, 'r'))),
         {"close 1002"}},
        {"close whose reason is not UTF-8",
         frame(kClose, close_payload(1000, "\xce\xba\xff")),
         {"close 1007"}},
    };
    for (const std::uint16_t code :
         std::initializer_list<std::uint16_t>{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011,
                                              1012, 1013, 1014, 3000, 3999, 4000, 4999}) {
        cases.push_back({"code " + std::to_string(code),
                         frame(kClose, close_payload(code)),
                         {"close " + std::to_string(code)}});
    }
    for (const std::uint16_t code : std::initializer_list<std::uint16_t>{
             0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
        cases.push_back(
            {"code " + std::to_string(code), frame(kClose, close_payload(code)), {"close 1002"}});
    }
    run_all(cases);
}

TEST_CASE("frames and messages beyond the limits end the connection with 1009", "[e2e][rfc6455]") {
    const auto announce = [](std::uint64_t bytes) {
        return ClientFrame{.announced_bytes = bytes}.bytes();
    };
    SECTION("of a frame, as soon as it is announced") {
        const ServerProcess server;
        run({"one byte too many", announce(16U * 1024 * 1024 + 1), {"close 1009"}}, server.port(),
            false);
        run({"far too many", announce(0x7fff'ffff'ffff'ffff), {"close 1009"}}, server.port(),
            false);
        PulseClient client(server.port());
        client.tcp().send(announce(16U * 1024 * 1024));
        CHECK_FALSE(client.tcp().has_input(std::chrono::milliseconds{50}));
    }
    SECTION("of a frame, as configured") {
        const std::string longer = padded_ping(3000, 5);
        run_all(
            {
                {"a frame at the limit", frame(kBinary, padded_ping(2048, 5)), {"pong 5"}},
                {"a frame beyond it", frame(kBinary, padded_ping(2049, 5)), {"close 1009"}},
                {"more than it in fragments",
                 frame(kBinary, longer.substr(0, 1500), false) +
                     frame(kContinuation, longer.substr(1500)),
                 {"pong 5"}},
            },
            {{"limits.max_message_size", "512"},
             {"transport.max_frame_bytes", "4096"},
             {"transport.max_websocket_frame_bytes", "2048"}});
    }
    SECTION("of a message, counted over its fragments") {
        run_all(
            {
                {"one frame at the limit", frame(kBinary, padded_ping(2048, 5)), {"pong 5"}},
                {"one frame beyond it", frame(kBinary, padded_ping(2049, 5)), {"close 1009"}},
                {"fragments up to the limit",
                 frame(kBinary, padded_ping(2048, 5).substr(0, 1024), false) +
                     frame(kContinuation, padded_ping(2048, 5).substr(1024)),
                 {"pong 5"}},
                {"fragments beyond it",
                 frame(kBinary, padded_ping(2048, 5), false) + frame(kContinuation, "x"),
                 {"close 1009"}},
                {"a text beyond it",
                 frame(kText, json_ping(std::string(2048, 'x'))),
                 {"close 1009"}},
                {"a limit for each message, not for all",
                 frame(kBinary, padded_ping(2048, 1)) + frame(kBinary, padded_ping(2048, 2)),
                 {"pong 1", "pong 2"}},
            },
            {{"limits.max_message_size", "512"},
             {"transport.max_frame_bytes", "4096"},
             {"transport.max_websocket_message_bytes", "2048"}});
    }
}
