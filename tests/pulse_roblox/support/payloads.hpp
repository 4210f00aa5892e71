// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Messages as games send them, and a receiver of frames that only takes them apart.
#pragma once

#include "reassembler.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/rng.hpp>
#include <pulse/roblox/frame.hpp>

namespace pulse::test {

/// Repeatable choices.
class Dice {
  public:
    explicit Dice(std::uint64_t seed) : rng_(seed) {}
    std::uint64_t below(std::uint64_t bound) { return rng_.next_u64() % bound; }
    bool chance(double p) { return static_cast<double>(below(1'000'000)) < p * 1e6; }
    core::Rng& rng() { return rng_; }

  private:
    core::SeededRng rng_;
};

enum class Payload { chat, kill, position, number };

inline std::string payload_text(Payload payload, Dice& dice) {
    static constexpr std::string_view kWords[] = {
        "hey", "gg", "anyone", "trade", "base", "lol", "where", "are", "you", "nice", "go", "left"};
    static constexpr std::string_view kWeapons[] = {"sword", "bow", "rocket", "laser"};
    const auto pick = [&dice](const auto& list) {
        return std::string(list[dice.below(std::size(list))]);
    };
    const auto user = [&dice] { return "player" + std::to_string(dice.below(40)); };
    switch (payload) {
        case Payload::chat: {
            std::string text = pick(kWords);
            for (std::uint64_t i = dice.below(3); i > 0; --i) text += " " + pick(kWords);
            return R"({"u":")" + user() + R"(","m":")" + text + "\"}";
        }
        case Payload::kill: {
            // The same players by UserId, as games know them: 8 to 10 digits.
            const auto user_id = [&dice] {
                const std::uint64_t player = 1 + dice.below(40);
                std::uint64_t smallest = 10'000'000;
                for (std::uint64_t digits = player % 3; digits > 0; --digits) smallest *= 10;
                return std::to_string(smallest + player * 0x9e37'79b9'7f4a'7c15 % (9 * smallest));
            };
            return R"({"k":)" + user_id() + R"(,"v":)" + user_id() + R"(,"w":")" + pick(kWeapons) +
                   "\"}";
        }
        case Payload::position: {
            const auto axis = [&dice] {
                return std::to_string(dice.below(500)) + "." + std::to_string(1 + dice.below(9));
            };
            return R"({"id":)" + std::to_string(dice.below(40)) + R"(,"p":[)" + axis() + "," +
                   axis() + "," + axis() + "]}";
        }
        case Payload::number:
            break;
    }
    return std::to_string(dice.below(10));
}

/// JSON of any shape and of about `bytes` bytes, with all that is awkward: quotes, backslashes,
/// controls, characters of two to four bytes.
inline std::string awkward_text(std::size_t bytes, Dice& dice) {
    static constexpr std::string_view kPieces[] = {"a",
                                                   "\\\"",
                                                   "\\\\",
                                                   "\\n",
                                                   "\\u0001",
                                                   "\xc3\xa9",
                                                   "\xe2\x82\xac",
                                                   "\xf0\x9f\x98\x80",
                                                   "plain words ",
                                                   "\\ud83d"};
    std::string text = "\"";
    while (text.size() < bytes) text += kPieces[dice.below(std::size(kPieces))];
    return text + "\"";
}

/// Takes frames apart and puts chunks together.
class Unpacker {
  public:
    /// False for what is no frame.
    [[nodiscard]] bool add(std::string_view text, core::MonotonicTime now,
                           std::vector<roblox::Item>& out) {
        const auto frame = roblox::decode_frame(text);
        if (!frame) return false;
        if (frame->type == roblox::FrameType::chunk) {
            auto item_text = reassembler_.add(*frame, now);
            if (!item_text) return false;
            if (!*item_text) return true;
            auto item = roblox::decode_item(**item_text);
            if (item) out.push_back(std::move(*item));
            return item.has_value();
        }
        auto items = roblox::decode_items(*frame);
        if (!items) return false;
        out.insert(out.end(), items->begin(), items->end());
        return true;
    }

  private:
    roblox::Reassembler reassembler_;
};

}  // namespace pulse::test
