// SPDX-License-Identifier: MIT OR Apache-2.0

#include "generators.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <stdexcept>

namespace pulse::protocol::test {

std::uint64_t Random::next() noexcept {
    state_ += 0x9e37'79b9'7f4a'7c15;
    std::uint64_t x = state_;
    x = (x ^ (x >> 30)) * 0xbf58'476d'1ce4'e5b9;
    x = (x ^ (x >> 27)) * 0x94d0'49bb'1331'11eb;
    return x ^ (x >> 31);
}

std::uint64_t Random::number() noexcept {
    constexpr std::array<std::uint64_t, 10> kBorders{
        0, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1'0000, 0xffff'ffff, 0x1'0000'0000, UINT64_MAX};
    return chance(3) ? kBorders[below(kBorders.size())] : next() >> below(64);
}

std::size_t Random::length() noexcept {
    constexpr std::array<std::size_t, 8> kBorders{0, 7, 8, 31, 32, 255, 256, 65536};
    if (chance(200)) return 65535 + below(3);
    return chance(4) ? kBorders[below(kBorders.size() - 1)] : below(40);
}

std::string Random::text() {
    std::string text;
    const std::size_t size = length();
    const bool is_ascii = !chance(3);
    while (text.size() < size) {
        if (is_ascii || size - text.size() < 4) {
            text += static_cast<char>(below(0x80));
            continue;
        }
        constexpr std::array<const char*, 5> kSequences{"\u00e9", "\u20ac", "\U0001f600", "\ufffd",
                                                        "\U0010ffff"};
        text += kSequences[below(kSequences.size())];
    }
    return text;
}

std::vector<std::byte> Random::bytes() {
    std::vector<std::byte> bytes(length());
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(next());
    return bytes;
}

Value Random::value(std::size_t depth) {
    switch (below(depth == 0 ? 6 : 9)) {
        case 0:
            return nullptr;
        case 1:
            return chance(2);
        case 2:
            return number();
        case 3:
            return -static_cast<std::int64_t>(number() >> 1);
        case 4: {
            const double number = std::bit_cast<double>(next());
            return std::isfinite(number) ? number : 0.5;
        }
        case 5:
            return text();
        case 6:
        case 7: {
            Value::Object members;
            for (std::size_t i = below(6); i > 0; --i) members.emplace(text(), value(depth - 1));
            return members;
        }
        default: {
            Value::Array items;
            for (std::size_t i = chance(10) ? 20 : below(6); i > 0; --i) {
                items.push_back(value(depth - 1));
            }
            return items;
        }
    }
}

Frame Random::frame() {
    const auto maybe_number = [this] { return chance(2) ? std::optional(number()) : std::nullopt; };
    const auto maybe_text = [this] { return chance(2) ? std::optional(text()) : std::nullopt; };
    switch (*frame_type_from(1 + below(10))) {
        case FrameType::subscribe:
            return Frame::subscribe(number(), text());
        case FrameType::unsubscribe:
            return Frame::unsubscribe(number(), text());
        case FrameType::publish: {
            Frame frame = Frame::publish(text(), bytes());
            frame.id = maybe_number();
            frame.event = maybe_text();
            return frame;
        }
        case FrameType::presence: {
            Frame frame = Frame::presence(number(), text(), *presence_action_from(below(4)));
            if (chance(2)) {
                const Value data = value(4);
                // Absent and nil are different frames, but nil is read as absent.
                if (!data.is_nil() && encode_value(data, frame.data.emplace()) != Error::none) {
                    throw std::logic_error("generated too deep");
                }
            }
            return frame;
        }
        case FrameType::ack:
            return Frame::ack(number());
        case FrameType::error:
            return Frame::error(number(), static_cast<std::uint16_t>(number()), text());
        case FrameType::ping: {
            Frame frame;
            frame.timestamp = maybe_number();
            return frame;
        }
        case FrameType::pong:
            return Frame::pong(maybe_number());
        case FrameType::connect:
            return Frame::connect(static_cast<std::uint8_t>(number()), maybe_text());
        case FrameType::connected:
            return Frame::connected(text(), static_cast<std::uint8_t>(number()),
                                    static_cast<std::uint32_t>(number()));
    }
    throw std::logic_error("no such type");
}

}  // namespace pulse::protocol::test
