// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the parser takes and what it refuses, rule by rule. Each stream of the tables is fed whole,
// split at every byte, in single bytes, and cut short at every byte.
#include "websocket/parser.hpp"

#include "pulse_transport/websocket/client_frames.hpp"
#include "pulse_transport/websocket/parser_runner.hpp"
#include "support/catch.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace pulse::test;
using namespace std::string_literals;

namespace {

const std::string kEuro = "\xE2\x82\xAC";

struct Case {
    std::string_view rule;
    std::string stream;
    std::vector<Heard> heard;
    std::uint16_t error_code = 0;
};

std::vector<Case> good_streams() {
    const std::string kilobyte(1000, 'k');
    const std::string large(70'000, 'l');
    std::vector<Case> cases{
        {"nothing", "", {}},
        {"binary", binary_frame("\x00\xFF!"s), {{"binary", "\x00\xFF!"s}}},
        {"text", text_frame("hello"), {{"text", "hello"}}},
        {"text with code points of each length",
         text_frame("a\xC3\xA9" + kEuro + "\xF0\x9F\x98\x80"),
         {{"text", "a\xC3\xA9" + kEuro + "\xF0\x9F\x98\x80"}}},
        {"text is told from binary",
         binary_frame("\xFF") + text_frame(""),
         {{"binary", "\xFF"}, {"text", ""}}},
        {"empty messages", binary_frame("") + text_frame(""), {{"binary", ""}, {"text", ""}}},
        {"16 bit length", binary_frame(kilobyte), {{"binary", kilobyte}}},
        {"64 bit length", binary_frame(large), {{"binary", large}}},
        {"several messages",
         text_frame("1") + text_frame("2") + binary_frame("3"),
         {{"text", "1"}, {"text", "2"}, {"binary", "3"}}},
        {"ping and pong",
         ping_frame() + ping_frame("p") + pong_frame("q"),
         {{"ping", ""}, {"ping", "p"}, {"pong", "q"}}},
        {"largest control frame",
         ping_frame(std::string(125, 'p')),
         {{"ping", std::string(125, 'p')}}},
        {"control payload need not be text", ping_frame("\xFF\xFE"), {{"ping", "\xFF\xFE"}}},
        {"fragments",
         text_frame("a", false) + continuation_frame("b", false) + continuation_frame("c", true),
         {{"text", "abc"}}},
        {"empty fragments",
         binary_frame("", false) + continuation_frame("", false) + continuation_frame("x", false) +
             continuation_frame("", true),
         {{"binary", "x"}}},
        {"message of nothing but empty fragments",
         text_frame("", false) + continuation_frame("", true),
         {{"text", ""}}},
        {"control frames between fragments",
         text_frame("a", false) + ping_frame("1") + continuation_frame("b", false) +
             pong_frame("2") + ping_frame() + continuation_frame("c", true),
         {{"ping", "1"}, {"pong", "2"}, {"ping", ""}, {"text", "abc"}}},
        {"code points split between fragments",
         text_frame(kEuro.substr(0, 1), false) + continuation_frame(kEuro.substr(1, 1), false) +
             ping_frame("\x80") + continuation_frame(kEuro.substr(2), true),
         {{"ping", "\x80"}, {"text", kEuro}}},
        {"a message after a fragmented one",
         binary_frame("a", false) + continuation_frame("b", true) + text_frame("c"),
         {{"binary", "ab"}, {"text", "c"}}},
        {"large fragments",
         binary_frame(large, false) + continuation_frame(large, true),
         {{"binary", large + large}}},
        {"close without payload", close_frame_payload(""), {{"close 1005", ""}}},
        {"close with code", close_frame(1000), {{"close 1000", ""}}},
        {"close with reason", close_frame(4999, kEuro), {{"close 4999", kEuro}}},
        {"longest close reason",
         close_frame(1001, std::string(123, 'r')),
         {{"close 1001", std::string(123, 'r')}}},
        {"close inside a fragmented message",
         text_frame("a", false) + close_frame(1001),
         {{"close 1001", ""}}},
        {"nothing is parsed behind a close",
         close_frame(1000) + text_frame("late") + "\xFF\xFF",
         {{"close 1000", ""}}},
        {"key of zeros", encode({.payload = "plain", .key = {0, 0, 0, 0}}), {{"binary", "plain"}}},
    };
    for (const unsigned code : {1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 1012U,
                                1013U, 1014U, 3000U, 3999U, 4000U}) {
        cases.push_back({"close code", close_frame(code), {{"close " + std::to_string(code), ""}}});
    }
    return cases;
}

std::vector<Case> bad_streams() {
    const std::vector<Heard> none;
    std::vector<Case> cases{
        {"unmasked frame", encode({.payload = "x", .masked = false}), none, 1002},
        {"unmasked empty frame", encode({.masked = false}), none, 1002},
        {"unmasked control frame", encode({.opcode = 0x9, .masked = false}), none, 1002},
        {"stray continuation", continuation_frame("x", true), none, 1002},
        {"stray continuation, not final", continuation_frame("x", false), none, 1002},
        {"continuation after a finished message",
         binary_frame("a", false) + continuation_frame("b", true) + continuation_frame("c", true),
         {{"binary", "ab"}},
         1002},
        {"text inside a fragmented message", text_frame("a", false) + text_frame("b"), none, 1002},
        {"binary inside a fragmented message", text_frame("a", false) + binary_frame("b", false),
         none, 1002},
        {"fragmented ping", encode({.opcode = 0x9, .fin = false}), none, 1002},
        {"fragmented pong", encode({.opcode = 0xA, .fin = false}), none, 1002},
        {"fragmented close", encode({.opcode = 0x8, .fin = false}), none, 1002},
        {"ping of 126 bytes", ping_frame(std::string(126, 'p')), none, 1002},
        {"ping with 64 bit length", encode({.opcode = 0x9, .form = LengthForm::eight_bytes}), none,
         1002},
        {"short length in 16 bits", encode({.payload = "x", .form = LengthForm::two_bytes}), none,
         1002},
        {"125 in 16 bits",
         encode({.payload = std::string(125, 'x'), .form = LengthForm::two_bytes}), none, 1002},
        {"short length in 64 bits", encode({.payload = "x", .form = LengthForm::eight_bytes}), none,
         1002},
        {"65535 in 64 bits", encode({.form = LengthForm::eight_bytes, .announced = 65'535}), none,
         1002},
        {"length with the top bit set", encode({.announced = std::uint64_t{1} << 63U}), none, 1002},
        {"length of all ones", encode({.announced = UINT64_MAX - 1}), none, 1002},
        {"frame too big", encode({.announced = (std::uint64_t{16} << 20U) + 1}), none, 1009},
        {"largest length that is no error in itself",
         encode({.announced = (std::uint64_t{1} << 63U) - 1}), none, 1009},
        {"close with half a code", close_frame_payload("\x03"), none, 1002},
        {"close reason that is no text", close_frame(1000, "\xFF"), none, 1007},
        {"close reason cut inside a code point", close_frame(1000, kEuro.substr(0, 2)), none, 1007},
        {"text that is no text", text_frame("ok\xFF"), none, 1007},
        {"text with a surrogate", text_frame("\xED\xA0\x80"), none, 1007},
        {"overlong text", text_frame("\xC0\xAF"), none, 1007},
        {"text beyond Unicode", text_frame("\xF4\x90\x80\x80"), none, 1007},
        {"text that ends inside a code point", text_frame(kEuro.substr(0, 2)), none, 1007},
        {"fragmented text that ends inside a code point",
         text_frame("a", false) + continuation_frame(kEuro.substr(0, 2), true), none, 1007},
        {"text broken across fragments",
         text_frame(kEuro.substr(0, 2), false) + continuation_frame("x", true), none, 1007},
        {"an error behind good messages",
         text_frame("1") + ping_frame("2") + "\x83\x80",
         {{"text", "1"}, {"ping", "2"}},
         1002},
    };
    for (const unsigned bits : {0x40U, 0x20U, 0x10U, 0x70U}) {
        cases.push_back({"reserved bits", encode({.reserved_bits = bits}), none, 1002});
        cases.push_back(
            {"reserved bits", encode({.opcode = 0x9, .reserved_bits = bits}), none, 1002});
        cases.push_back({"reserved bits in a continuation",
                         text_frame("a", false) + encode({.opcode = 0x0, .reserved_bits = bits}),
                         none, 1002});
    }
    for (const unsigned opcode : {0x3U, 0x4U, 0x5U, 0x6U, 0x7U, 0xBU, 0xCU, 0xDU, 0xEU, 0xFU}) {
        cases.push_back({"unknown opcode", encode({.opcode = opcode}), none, 1002});
    }
    for (const unsigned code :
         {0U, 1U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65'535U}) {
        cases.push_back({"close code", close_frame(code), none, 1002});
    }
    return cases;
}

// Positions worth splitting at: all of a short stream; of a long one, those near frame borders
// (which lie near its ends or are marked by a step) and some between.
std::vector<std::size_t> split_points(std::size_t size) {
    std::vector<std::size_t> points;
    for (std::size_t at = 0; at <= size; at += (at < 300 || at + 300 > size) ? 1 : 997) {
        points.push_back(at);
    }
    return points;
}

bool begins_with(const std::vector<Heard>& whole, const std::vector<Heard>& part) {
    return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

void check_every_cut(const Case& test) {
    INFO(test.rule);
    const Outcome expected{test.heard, test.error_code, 0};
    CHECK(verdict(parse_whole(test.stream)) == expected);
    CHECK(verdict(parse_in_pieces(test.stream, 1)) == expected);
    CHECK(verdict(parse_in_pieces(test.stream, 7)) == expected);
    std::size_t different = 0;
    for (const std::size_t at : split_points(test.stream.size())) {
        different += verdict(parse_split(test.stream, at)) == expected ? 0U : 1U;
        // Cut short, the stream says at most the same, and never an error that it does not have.
        const Outcome part = parse_whole(std::string_view(test.stream).substr(0, at));
        const bool is_consistent = begins_with(expected.heard, part.heard) &&
                                   (part.error_code == 0 || part.error_code == test.error_code);
        different += is_consistent ? 0U : 1U;
    }
    CHECK(different == 0);
}

}  // namespace

TEST_CASE("streams that follow RFC 6455 are heard in full, however they are cut",
          "[websocket][parser]") {
    for (const Case& test : good_streams()) check_every_cut(test);
}

TEST_CASE("streams that break a rule are refused with its close code, however they are cut",
          "[websocket][parser]") {
    for (const Case& test : bad_streams()) check_every_cut(test);
}

TEST_CASE("a refused stream has a reason to send, and stays refused", "[websocket][parser]") {
    for (const Case& test : bad_streams()) {
        INFO(test.rule);
        Runner runner;
        CHECK(runner.give(test.stream) == ws::ParseStatus::failed);
        CHECK(runner.parser.error().close_code == test.error_code);
        CHECK_FALSE(runner.parser.error().text.empty());
        CHECK(runner.parser.error().text.size() <= 123);
        CHECK(runner.parser.buffered_bytes() == 0);
        const auto heard_before = runner.recorder.heard;
        CHECK(runner.give(text_frame("more")) == ws::ParseStatus::failed);
        CHECK(runner.recorder.heard == heard_before);
        CHECK(runner.parser.receive_window({}).empty());
    }
}

TEST_CASE("the first two bytes of a header are judged before the rest arrives",
          "[websocket][parser]") {
    CHECK(parse_whole("\x82\x05").error_code == 1002);         // unmasked
    CHECK(parse_whole("\xC2\x85").error_code == 1002);         // reserved bit
    CHECK(parse_whole("\x89\xFE").error_code == 1002);         // long ping
    CHECK(parse_in_pieces("\x80\x85", 1).error_code == 1002);  // stray continuation
}

TEST_CASE("text is refused inside a fragment, at the byte that breaks it", "[websocket][parser]") {
    // A frame of 1000 bytes of which only the first few are ever sent.
    const std::string stream =
        encode({.opcode = 0x1, .payload = "ab\xC3\x28", .fin = false, .announced = 1000});
    Runner runner;
    CHECK(runner.give(std::string_view(stream).substr(0, stream.size() - 1)) ==
          ws::ParseStatus::ok);
    CHECK(runner.give(std::string_view(stream).substr(stream.size() - 1)) ==
          ws::ParseStatus::failed);
    CHECK(runner.parser.error().close_code == 1007);
}

TEST_CASE("a handler that returns false stops the parser for good", "[websocket][parser]") {
    const std::string first = text_frame("1");
    const std::string rest = ping_frame("2") + text_frame("3", false) + pong_frame("4") +
                             continuation_frame("5", true) + close_frame(1000);
    const std::string stream = first + rest;
    for (std::size_t stop_at = 1; stop_at <= 5; ++stop_at) {
        for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
            Runner runner;
            runner.recorder.stop_at = stop_at;
            auto status = ws::ParseStatus::ok;
            for (std::size_t at = 0; at < stream.size() && status == ws::ParseStatus::ok;
                 at += piece) {
                status = runner.give(std::string_view(stream).substr(at, piece));
            }
            REQUIRE(status == ws::ParseStatus::stopped);
            REQUIRE(runner.recorder.heard.size() == stop_at);
            REQUIRE(runner.give(text_frame("more")) == ws::ParseStatus::stopped);
            REQUIRE(runner.recorder.heard.size() == stop_at);
            REQUIRE(runner.parser.buffered_bytes() == 0);
        }
    }
}

TEST_CASE("a stop tells how much of the input was used and leaves the rest untouched",
          "[websocket][parser]") {
    const std::string first = text_frame("1");
    std::string stream = first + text_frame("2");
    Recorder recorder;
    recorder.stop_at = 1;
    ws::Parser parser;
    const ws::Limits limits;
    const auto result = parser.consume(reinterpret_cast<std::byte*>(stream.data()), stream.size(),
                                       limits, recorder);
    CHECK(result.status == ws::ParseStatus::stopped);
    CHECK(result.consumed == first.size());
    CHECK(stream.substr(first.size()) == text_frame("2"));
}

TEST_CASE("whole messages are handed out where they lie", "[websocket][parser]") {
    struct Pointers {
        bool on_message(ws::MessageKind, ws::ByteView bytes) {
            seen.push_back(bytes.data());
            return true;
        }
        bool on_ping(ws::ByteView bytes) {
            seen.push_back(bytes.data());
            return true;
        }
        bool on_pong(ws::ByteView) { return true; }
        bool on_close(std::uint16_t, std::string_view) { return true; }
        std::vector<const std::byte*> seen;
    };
    std::string stream = binary_frame("abc") + ping_frame("d") + text_frame(std::string(300, 'e'));
    auto* const data = reinterpret_cast<std::byte*>(stream.data());
    Pointers handler;
    ws::Parser parser;
    const ws::Limits limits;
    parser.consume(data, stream.size(), limits, handler);
    CHECK(handler.seen == std::vector<const std::byte*>{data + 6, data + 15, data + 24});
    CHECK_FALSE(parser.has_partial_input());
}

TEST_CASE("a parser can be moved in the middle of a message", "[websocket][parser]") {
    const std::string stream = text_frame("one ", false) + continuation_frame("two", true);
    for (std::size_t at = 0; at < stream.size(); ++at) {
        Runner runner;
        runner.give(std::string_view(stream).substr(0, at));
        ws::Parser moved = std::move(runner.parser);
        runner.parser = std::move(moved);
        runner.give(std::string_view(stream).substr(at));
        CHECK(runner.recorder.heard == std::vector<Heard>{{"text", "one two"}});
    }
}

TEST_CASE("no single changed byte makes the parser misbehave", "[websocket][parser]") {
    // What comes out is not judged here (the differential test does); sanitizers are the judges.
    for (const Case& test : good_streams()) {
        if (test.stream.size() > 300) continue;
        for (std::size_t at = 0; at < test.stream.size(); ++at) {
            std::string stream = test.stream;
            for (int value = 0; value < 256; ++value) {
                stream[at] = static_cast<char>(value);
                const Outcome whole = parse_whole(stream);
                REQUIRE(verdict(parse_split(stream, at)) == verdict(whole));
                REQUIRE(verdict(parse_in_pieces(stream, 3)) == verdict(whole));
            }
        }
    }
}
