// SPDX-License-Identifier: MIT OR Apache-2.0
#include <array>

#include <pulse/protocol/base64.hpp>

namespace pulse::protocol {

namespace {

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kNoDigit = 64;

using Digits = std::array<std::uint8_t, 256>;

constexpr Digits digits_of(std::string_view letters) {
    Digits digits{};
    digits.fill(kNoDigit);
    for (std::size_t i = 0; i < letters.size(); ++i) {
        digits[static_cast<std::uint8_t>(letters[i])] = static_cast<std::uint8_t>(i);
    }
    return digits;
}
constexpr Digits kStandardDigits = digits_of(kStandard);
constexpr Digits kUrlDigits = digits_of(kUrl);

/// `text` without its padding.
template <typename Bytes>
bool decode(std::string_view text, const Digits& digits, Bytes& out) {
    if (text.size() % 4 == 1) return false;
    out.clear();
    out.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (const char c : text) {
        const std::uint8_t digit = digits[static_cast<std::uint8_t>(c)];
        if (digit == kNoDigit) return false;
        bits = bits << 6U | digit;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out.push_back(static_cast<typename Bytes::value_type>(bits >> held & 0xffU));
        }
    }
    return (bits & ((1U << held) - 1)) == 0;
}

std::string_view without_padding(std::string_view text) noexcept {
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
    return text;
}

}  // namespace

void append_base64(std::string& out, std::string_view bytes, Base64 form) {
    const std::string_view letters = form == Base64::standard ? kStandard : kUrl;
    const auto byte = [bytes](std::size_t i) -> std::uint32_t {
        return static_cast<std::uint8_t>(bytes[i]);
    };
    const auto put = [&](std::uint32_t group, unsigned count) {
        for (unsigned k = 0; k < count; ++k) out += letters[group >> (18U - 6U * k) & 63U];
    };
    out.reserve(out.size() + base64_size(bytes.size()));
    std::size_t i = 0;
    for (; i + 3 <= bytes.size(); i += 3) {
        put(byte(i) << 16U | byte(i + 1) << 8U | byte(i + 2), 4);
    }
    const std::size_t rest = bytes.size() - i;
    if (rest == 0) return;
    put(byte(i) << 16U | (rest == 2 ? byte(i + 1) << 8U : 0U), static_cast<unsigned>(rest) + 1);
    if (form == Base64::standard) out.append(3 - rest, '=');
}

std::string encode_base64(std::string_view bytes, Base64 form) {
    std::string out;
    append_base64(out, bytes, form);
    return out;
}

bool decode_base64(std::string_view text, Base64 form, std::string& out) {
    if (form == Base64::url) return decode(text, kUrlDigits, out);
    return text.size() % 4 == 0 && decode(without_padding(text), kStandardDigits, out);
}

bool decode_base64_loosely(std::string_view text, std::vector<std::byte>& out) {
    return decode(text.size() % 4 == 0 ? without_padding(text) : text, kStandardDigits, out);
}

}  // namespace pulse::protocol
