// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The parser against websocketpp's: the same stream, the same messages, refused at the same byte
// with the same code. Seeds are fixed, so a failure names the stream that shows it.
#include "pulse_transport/websocket/hybi13_oracle.hpp"
#include "pulse_transport/websocket/parser_runner.hpp"
#include "pulse_transport/websocket/stream_generator.hpp"
#include "support/catch.hpp"

#include <string>
#include <string_view>

using namespace pulse::test;

namespace {

std::string hex(std::string_view bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const char c : bytes.substr(0, 400)) {
        text += kDigits[static_cast<unsigned char>(c) >> 4U];
        text += kDigits[static_cast<unsigned char>(c) & 0xFU];
    }
    return text;
}

Outcome parse_in_random_pieces(std::string_view stream, const ws::Limits& limits,
                               StreamGenerator& random, bool directly) {
    Runner runner(limits);
    auto status = ws::ParseStatus::ok;
    while (!stream.empty() && status == ws::ParseStatus::ok) {
        const std::size_t n = std::min<std::size_t>(
            random.one_in(3) ? random.below(8) : random.below(stream.size() + 1), stream.size());
        status =
            directly ? runner.give_directly(stream.substr(0, n)) : runner.give(stream.substr(0, n));
        stream.remove_prefix(n);
    }
    return runner.outcome();
}

void compare(const std::string& stream, const ws::Limits& limits, StreamGenerator& random) {
    const Outcome expected = Hybi13Oracle(limits).run(stream);
    const Outcome by_bytes = parse_in_pieces(stream, 1, limits);
    if (by_bytes != expected) {
        INFO(hex(stream));
        INFO("offset " << by_bytes.error_offset << ", hybi13's " << expected.error_offset);
        CHECK(by_bytes == expected);
    }
    for (const Outcome& cut :
         {parse_whole(stream, limits), parse_in_random_pieces(stream, limits, random, false),
          parse_in_random_pieces(stream, limits, random, true)}) {
        if (verdict(cut) != verdict(expected)) {
            INFO(hex(stream));
            CHECK(verdict(cut) == verdict(expected));
        }
    }
}

constexpr ws::Limits kSmall{.max_frame_bytes = 1500, .max_message_bytes = 2000};

}  // namespace

TEST_CASE("random streams mean to the parser what they mean to websocketpp",
          "[websocket][differential]") {
    std::size_t accepted = 0;
    std::size_t refused = 0;
    std::size_t messages = 0;
    for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
        StreamGenerator random(seed);
        const std::string stream = random.stream();
        INFO("seed " << seed);
        compare(stream, random.one_in(2) ? ws::Limits{} : kSmall, random);
        const Outcome outcome = parse_whole(stream);
        (outcome.error_code == 0 ? accepted : refused) += 1;
        messages += outcome.heard.size();
    }
    // The generator must reach both verdicts often, or the comparison says little.
    CHECK(accepted > 3000);
    CHECK(refused > 3000);
    CHECK(messages > 10'000);
}

TEST_CASE("corrupted streams mean to the parser what they mean to websocketpp",
          "[websocket][differential]") {
    for (std::uint64_t seed = 100'000; seed < 110'000; ++seed) {
        StreamGenerator random(seed);
        std::string stream = random.stream();
        random.corrupt(stream);
        INFO("seed " << seed);
        compare(stream, random.one_in(2) ? ws::Limits{} : kSmall, random);
    }
}

TEST_CASE("the oracle notices what it exists to notice", "[websocket][differential]") {
    const ws::Limits limits;
    // hybi13 alone would accept this text: its last frame is a continuation.
    const Outcome outcome =
        Hybi13Oracle(limits).run(text_frame("a", false) + continuation_frame("\xE2\x82", true));
    CHECK(outcome.error_code == 1007);
    // And take this length for a small one.
    const std::string wrap =
        binary_frame("0123456789", false) + encode({.opcode = 0x0, .announced = UINT64_MAX - 1});
    CHECK(Hybi13Oracle(kSmall).run(wrap).error_code == 1002);
    CHECK(Hybi13Oracle(kSmall).run(binary_frame(std::string(1501, 'x'))).error_code == 1009);
}
