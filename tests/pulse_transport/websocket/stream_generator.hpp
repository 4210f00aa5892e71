// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Random client streams that are mostly well-formed: fragmentation, control frames in between, text
// with code points of every length, all length forms, now and then a broken rule.
#pragma once

#include "pulse_transport/websocket/client_frames.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace pulse::test {

class StreamGenerator {
  public:
    explicit StreamGenerator(std::uint64_t seed) : random_(seed) {}

    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
    bool one_in(std::uint64_t n) { return below(n) == 0; }

    std::string stream() {
        std::string wire;
        for (std::uint64_t messages = 1 + below(6); messages > 0; --messages) {
            add_message(wire);
            if (one_in(4)) add_control(wire);
        }
        if (one_in(4)) wire += close();
        return wire;
    }

    /// Changes, inserts or removes single bytes.
    void corrupt(std::string& wire) {
        for (std::uint64_t n = 1 + below(3); n > 0 && !wire.empty(); --n) {
            const auto at = static_cast<std::ptrdiff_t>(below(wire.size()));
            switch (below(4)) {
                case 0:
                    wire.erase(wire.begin() + at);
                    break;
                case 1:
                    wire.insert(wire.begin() + at, any_byte());
                    break;
                case 2:
                    wire[static_cast<std::size_t>(at)] = any_byte();
                    break;
                default:
                    wire[static_cast<std::size_t>(at)] = static_cast<char>(
                        static_cast<unsigned char>(wire[static_cast<std::size_t>(at)]) ^
                        (1U << below(8)));
            }
        }
    }

  private:
    char any_byte() { return static_cast<char>(below(256)); }

    std::string text(std::size_t about) {
        static constexpr std::string_view kPieces[] = {"a",
                                                       "hello ",
                                                       "\xC3\xA9",
                                                       "\xD0\x96",
                                                       "\xE2\x82\xAC",
                                                       "\xE4\xBD\xA0",
                                                       "\xED\x9F\xBF",
                                                       "\xEE\x80\x80",
                                                       "\xF0\x9F\x98\x80",
                                                       "\xF4\x8F\xBF\xBF",
                                                       "the quick brown fox jumps "};
        std::string result;
        while (result.size() < about) result += kPieces[below(std::size(kPieces))];
        if (one_in(12) && !result.empty()) result[below(result.size())] = any_byte();
        if (one_in(12) && !result.empty()) result.pop_back();
        return result;
    }

    std::size_t some_length() {
        switch (below(8)) {
            case 0:
                return 0;
            case 1:
                return 120 + below(12);  // around the first border of length forms
            case 2:
                return below(3000);
            default:
                return below(60);
        }
    }

    ClientFrame frame(unsigned opcode, std::string_view payload, bool fin) {
        ClientFrame result{.opcode = opcode, .payload = payload, .fin = fin};
        for (unsigned char& byte : result.key) byte = static_cast<unsigned char>(below(256));
        if (one_in(60)) result.reserved_bits = 0x10U << below(3);
        if (one_in(60)) result.masked = false;
        if (one_in(60)) result.opcode = static_cast<unsigned>(below(16));
        if (one_in(60)) result.fin = !result.fin;
        if (one_in(60)) result.form = LengthForm::two_bytes;
        if (one_in(60)) result.form = LengthForm::eight_bytes;
        if (one_in(100)) result.announced = random_() >> below(64);
        return result;
    }

    void add_message(std::string& wire) {
        const bool is_text = one_in(2);
        std::string payload = text(some_length());
        if (!is_text && !payload.empty()) payload[below(payload.size())] = any_byte();
        unsigned opcode = is_text ? 0x1 : 0x2;
        std::string_view rest = payload;
        for (std::uint64_t more = one_in(2) ? below(6) : 0; more > 0; --more) {
            const std::size_t n = below(rest.size() + 1);
            wire += encode(frame(opcode, rest.substr(0, n), false));
            rest.remove_prefix(n);
            opcode = 0x0;
            if (one_in(3)) add_control(wire);
        }
        wire += encode(frame(opcode, rest, true));
    }

    void add_control(std::string& wire) {
        const std::string payload = text(one_in(10) ? below(140) : below(20));
        wire += encode(frame(one_in(2) ? 0x9 : 0xA, payload, true));
    }

    std::string close() {
        if (one_in(5)) {
            return encode(frame(0x8, {}, true));
        }
        static constexpr unsigned kCodes[] = {1000, 1001, 1004, 1005, 1006, 1007, 1011, 1014,
                                              1015, 1016, 2999, 3000, 4999, 5000, 999,  0};
        const unsigned code = kCodes[below(std::size(kCodes))];
        std::string payload{static_cast<char>(code >> 8U), static_cast<char>(code & 0xFFU)};
        payload += text(below(80));
        if (one_in(10)) payload.resize(1);
        return encode(frame(0x8, payload, true));
    }

    std::mt19937_64 random_;
};

}  // namespace pulse::test
