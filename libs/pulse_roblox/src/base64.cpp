// SPDX-License-Identifier: MIT OR Apache-2.0
#include "base64.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace pulse::roblox {

namespace {

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kNoDigit = 64;

constexpr std::array<std::uint8_t, 256> digits_of(std::string_view alphabet) {
    std::array<std::uint8_t, 256> digits{};
    digits.fill(kNoDigit);
    for (std::size_t i = 0; i < alphabet.size(); ++i) {
        digits[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::uint8_t>(i);
    }
    return digits;
}
constexpr auto kStandardDigits = digits_of(kStandard);
constexpr auto kUrlDigits = digits_of(kUrl);

}  // namespace

void append_base64(std::string& out, std::string_view bytes, Base64 alphabet) {
    const std::string_view letters = alphabet == Base64::standard ? kStandard : kUrl;
    const auto byte = [bytes](std::size_t i) -> std::uint32_t {
        return i < bytes.size() ? static_cast<std::uint8_t>(bytes[i]) : 0U;
    };
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::uint32_t group = byte(i) << 16U | byte(i + 1) << 8U | byte(i + 2);
        const std::size_t count = std::min<std::size_t>(bytes.size() - i, 3) + 1;
        for (std::size_t k = 0; k < 4; ++k) {
            if (k < count) {
                out += letters[(group >> (18 - 6 * k)) & 63U];
            } else if (alphabet == Base64::standard) {
                out += '=';
            }
        }
    }
}

std::string encode_base64(std::string_view bytes, Base64 alphabet) {
    std::string out;
    out.reserve(base64_size(bytes.size()));
    append_base64(out, bytes, alphabet);
    return out;
}

bool decode_base64(std::string_view text, Base64 alphabet, std::string& out) {
    out.clear();
    if (alphabet == Base64::standard) {
        if (text.size() % 4 != 0) return false;
        if (text.ends_with("==")) {
            text.remove_suffix(2);
        } else if (text.ends_with('=')) {
            text.remove_suffix(1);
        }
    }
    if (text.size() % 4 == 1) return false;
    const auto& digits = alphabet == Base64::standard ? kStandardDigits : kUrlDigits;
    out.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : text) {
        const std::uint8_t digit = digits[static_cast<std::uint8_t>(c)];
        if (digit == kNoDigit) return false;
        bits = bits << 6U | digit;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out += static_cast<char>(bits >> count & 0xffU);
        }
    }
    return (bits & ((1U << count) - 1)) == 0;
}

}  // namespace pulse::roblox
