// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sizes and memory: what is refused for being too big, and what a client can make the parser hold.
#include "pulse_transport/websocket/client_frames.hpp"
#include "pulse_transport/websocket/parser_runner.hpp"
#include "support/catch.hpp"
#include "websocket/parser.hpp"

#include <algorithm>
#include <string>
#include <string_view>

using namespace pulse::test;

namespace {

constexpr ws::Limits kSmall{.max_frame_bytes = 1000, .max_message_bytes = 2500};

// More than any bookkeeping of the parser.
constexpr std::size_t kBookkeeping = 512;

std::string header_only(std::uint64_t announced, bool fin = true, unsigned opcode = 0x2) {
    return encode({.opcode = opcode, .fin = fin, .announced = announced});
}

}  // namespace

TEST_CASE("a frame may be as long as the limit and no longer", "[websocket][limits]") {
    CHECK(parse_whole(binary_frame(std::string(1000, 'x')), kSmall).heard.size() == 1);
    const Outcome refused = parse_whole(header_only(1001), kSmall);
    CHECK(refused.error_code == 1009);
    CHECK(refused.heard.empty());
    CHECK(parse_in_pieces(header_only(1001), 1, kSmall).error_code == 1009);
    // Also when the whole frame is there.
    CHECK(parse_whole(binary_frame(std::string(1001, 'x')), kSmall).error_code == 1009);
    CHECK(parse_whole(text_frame(std::string(1001, 'x')), kSmall).error_code == 1009);
}

TEST_CASE("a message may be as long as the limit and no longer", "[websocket][limits]") {
    const std::string kilobyte(1000, 'x');
    const std::string two = binary_frame(kilobyte, false) + continuation_frame(kilobyte, false);
    CHECK(parse_whole(two + continuation_frame(kilobyte.substr(500), true), kSmall)
              .heard.at(0)
              .bytes.size() == 2500);
    // Refused by the header alone.
    CHECK(parse_whole(two + header_only(501, true, 0), kSmall).error_code == 1009);
    CHECK(parse_in_pieces(two + header_only(501, true, 0), 1, kSmall).error_code == 1009);
    // A message limit below the frame limit holds for single frames too.
    constexpr ws::Limits kTight{.max_frame_bytes = 1000, .max_message_bytes = 10};
    CHECK(parse_whole(binary_frame("0123456789"), kTight).heard.size() == 1);
    CHECK(parse_whole(binary_frame("0123456789a"), kTight).error_code == 1009);
}

TEST_CASE("control frames are not counted against the message limit", "[websocket][limits]") {
    constexpr ws::Limits kTight{.max_frame_bytes = 4, .max_message_bytes = 8};
    const std::string ping(100, 'p');
    const std::string stream = binary_frame("1234", false) + ping_frame(ping) +
                               continuation_frame("5678", true) + ping_frame(ping);
    CHECK(parse_whole(stream, kTight).heard ==
          std::vector<Heard>{{"ping", ping}, {"binary", "12345678"}, {"ping", ping}});
}

TEST_CASE("a continuation that announces nearly 2^64 bytes does not wrap the message limit",
          "[websocket][limits]") {
    for (const std::uint64_t announced :
         {UINT64_MAX - 1, UINT64_MAX - 10, (std::uint64_t{1} << 63U) - 1}) {
        const Outcome outcome =
            parse_whole(binary_frame("0123456789", false) + header_only(announced, true, 0));
        CHECK(outcome.error_code == (announced >> 63U != 0 ? 1002 : 1009));
    }
}

TEST_CASE("limits of zero and of everything are just limits", "[websocket][limits]") {
    constexpr ws::Limits kNothing{.max_frame_bytes = 0, .max_message_bytes = 0};
    CHECK(parse_whole(binary_frame("") + ping_frame("p"), kNothing).heard.size() == 2);
    CHECK(parse_whole(binary_frame("x"), kNothing).error_code == 1009);
    constexpr ws::Limits kEverything{.max_frame_bytes = SIZE_MAX, .max_message_bytes = SIZE_MAX};
    Runner runner(kEverything);
    CHECK(runner.give(header_only((std::uint64_t{1} << 63U) - 1) + "some") == ws::ParseStatus::ok);
    CHECK(runner.parser.buffered_bytes() < 1000);
}

TEST_CASE("an idle parser is two words and holds nothing", "[websocket][memory]") {
    CHECK(sizeof(ws::Parser) <= 16);
    Runner runner;
    CHECK(runner.parser.buffered_bytes() == 0);
    runner.give(binary_frame("x") + text_frame("y") + ping_frame("z"));
    CHECK(runner.parser.buffered_bytes() == 0);
    CHECK_FALSE(runner.parser.has_partial_input());
}

TEST_CASE("nothing is held once a message is complete", "[websocket][memory]") {
    const std::string large(50'000, 'x');
    for (const std::string& stream :
         {binary_frame(large), text_frame(large, false) + continuation_frame(large, true),
          text_frame("a", false) + ping_frame("b") + continuation_frame("", true),
          ping_frame(std::string(125, 'p'))}) {
        Runner runner;
        runner.give(std::string_view(stream).substr(0, stream.size() - 1));
        CHECK(runner.parser.has_partial_input());
        CHECK(runner.parser.buffered_bytes() > 0);
        runner.give(std::string_view(stream).substr(stream.size() - 1));
        CHECK_FALSE(runner.parser.has_partial_input());
        CHECK(runner.parser.buffered_bytes() == 0);
    }
}

TEST_CASE("memory follows the bytes received, not the length announced", "[websocket][memory]") {
    Runner runner;
    runner.give(header_only(std::uint64_t{16} << 20U));
    CHECK(runner.parser.buffered_bytes() <= kBookkeeping);
    const std::string piece(1000, 'x');
    for (std::size_t received = 1000; received <= 2'000'000; received += 1000) {
        runner.give(piece);
        REQUIRE(runner.parser.buffered_bytes() <= 2 * received + kBookkeeping);
    }
}

TEST_CASE("a message's last frame tells its size, which is then not exceeded",
          "[websocket][memory]") {
    Runner runner;
    const std::string stream = binary_frame(std::string(100'000, 'x'));
    runner.give(std::string_view(stream).substr(0, 60'000));
    CHECK(runner.parser.buffered_bytes() <= 100'000 + kBookkeeping);
}

TEST_CASE("a million empty fragments take no memory", "[websocket][memory]") {
    Runner runner;
    runner.give(binary_frame("", false));
    std::string batch;
    for (int i = 0; i < 1000; ++i) batch += continuation_frame("", false);
    for (int i = 0; i < 1000; ++i) runner.give(batch);
    CHECK(runner.parser.buffered_bytes() <= kBookkeeping);
    runner.give(continuation_frame("end", true));
    CHECK(runner.recorder.heard == std::vector<Heard>{{"binary", "end"}});
}

TEST_CASE("many tiny fragments take memory for their bytes only", "[websocket][memory]") {
    Runner runner;
    runner.give(binary_frame("", false));
    std::string batch;
    for (int i = 0; i < 1000; ++i) batch += continuation_frame("x", false);
    for (std::size_t i = 1; i <= 200; ++i) {
        runner.give(batch);
        REQUIRE(runner.parser.buffered_bytes() <= 2 * i * 1000 + kBookkeeping);
    }
}

TEST_CASE("a large frame can be received straight into its message", "[websocket][window]") {
    const std::string payload = [] {
        std::string text;
        while (text.size() < 3'000'000) text += "\xE2\x82\xAC and so on; ";
        return text;
    }();
    for (const auto& stream :
         {binary_frame(payload) + text_frame("next"), text_frame(payload) + text_frame("next"),
          text_frame(payload.substr(0, 1'000'001), false) + ping_frame("between") +
              continuation_frame(payload.substr(1'000'001), true) + text_frame("next")}) {
        for (const std::size_t first : {0U, 1U, 13U, 14U, 15U, 5000U, 100'000U}) {
            Runner runner;
            runner.give(std::string_view(stream).substr(0, first));
            runner.give_directly(std::string_view(stream).substr(first));
            CHECK(runner.outcome() == parse_whole(stream));
            CHECK(runner.parser.buffered_bytes() == 0);
            if (first >= 14) {
                CHECK(runner.windows > 0);
                CHECK(runner.windows < 40);  // it grows geometrically
            }
        }
    }
}

TEST_CASE("the receive window never reaches beyond its frame or the bytes deserved",
          "[websocket][window]") {
    const ws::Limits limits;
    Runner runner;
    CHECK(runner.parser.receive_window(limits).empty());
    runner.give(header_only(100'000));
    const std::size_t first = runner.parser.receive_window(limits).size();
    CHECK(first > 0);
    CHECK(runner.parser.buffered_bytes() <= (std::size_t{64} << 10U) + kBookkeeping);

    std::size_t left = 100'000;
    while (left > 0) {
        const auto window = runner.parser.receive_window(limits);
        if (window.empty()) break;
        REQUIRE(window.size() <= left);
        std::fill(window.begin(), window.end(), std::byte{'x'});
        REQUIRE(runner.parser.commit(window.size(), runner.recorder).status == ws::ParseStatus::ok);
        left -= window.size();
    }
    // The short rest comes with whatever is behind it, through the shared buffer.
    if (left > 0) runner.give(std::string(left, 'x'));
    CHECK(runner.recorder.heard.size() == 1);
}

TEST_CASE("there is no window for short frames, control frames or split headers",
          "[websocket][window]") {
    const ws::Limits limits;
    for (const std::string& stream :
         {header_only(1000), encode({.opcode = 0x9, .announced = 100}), std::string("\x82\xFF"),
          binary_frame(std::string(100'000, 'x'), false)}) {
        Runner runner;
        runner.give(stream);
        CHECK(runner.parser.receive_window(limits).empty());
    }
}

TEST_CASE("text received through the window is refused where it breaks", "[websocket][window]") {
    const ws::Limits limits;
    Runner runner;
    runner.give(header_only(100'000, true, 0x1));
    const auto window = runner.parser.receive_window(limits);
    REQUIRE(window.size() > 10);
    std::fill(window.begin(), window.end(), std::byte{0xFF});
    CHECK(runner.parser.commit(10, runner.recorder).status == ws::ParseStatus::failed);
    CHECK(runner.parser.error().close_code == 1007);
    CHECK(runner.parser.buffered_bytes() == 0);
    CHECK(runner.parser.commit(1, runner.recorder).status == ws::ParseStatus::failed);
}
