// SPDX-License-Identifier: MIT OR Apache-2.0
#include "websocket/utf8.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace ws = pulse::transport::websocket;
using pulse::protocol::as_bytes;
using ws::Utf8Validator;

namespace {

std::string encode_code_point(std::uint32_t c) {
    const auto continuation = [](std::uint32_t bits) {
        return static_cast<char>(0x80U | (bits & 0x3FU));
    };
    if (c < 0x80) {
        return {static_cast<char>(c)};
    }
    if (c < 0x800) {
        return {static_cast<char>(0xC0U | (c >> 6U)), continuation(c)};
    }
    if (c < 0x10000) {
        return {static_cast<char>(0xE0U | (c >> 12U)), continuation(c >> 6U), continuation(c)};
    }
    return {static_cast<char>(0xF0U | (c >> 18U)), continuation(c >> 12U), continuation(c >> 6U),
            continuation(c)};
}

// Every proper prefix of an encoded code point, and every encoded code point, by enumeration.
class Reference {
  public:
    Reference() : kinds_(0x100 + 0x10000 + 0x1000000, kImpossible), tails_(kinds_.size(), false) {
        for (std::uint32_t c = 0; c <= 0x10FFFF; ++c) {
            if (c >= 0xD800 && c <= 0xDFFF) continue;
            const std::string text = encode_code_point(c);
            for (std::size_t n = 1; n < text.size() && n <= 3; ++n) {
                kinds_[index(std::string_view(text).substr(0, n))] = kPrefix;
            }
            if (text.size() <= 3) kinds_[index(text)] = kWhole;
            if (text.size() == 4) tails_[index(std::string_view(text).substr(0, 3))] = true;
        }
    }

    // How many bytes a validator may take before it must refuse; text.size() if it never must.
    [[nodiscard]] std::size_t acceptable(std::string_view text, bool& complete) const {
        std::size_t start = 0;
        complete = true;
        for (std::size_t i = 0; i < text.size(); ++i) {
            const std::string_view unit = text.substr(start, i + 1 - start);
            const bool is_whole = unit.size() == 4
                                      ? (static_cast<unsigned char>(unit[3]) & 0xC0U) == 0x80 &&
                                            tails_[index(unit.substr(0, 3))]
                                      : kinds_[index(unit)] == kWhole;
            const bool is_prefix = unit.size() < 4 && kinds_[index(unit)] == kPrefix;
            if (!is_whole && !is_prefix) return i;
            complete = is_whole;
            if (is_whole) start = i + 1;
        }
        return text.size();
    }

  private:
    static constexpr std::uint8_t kImpossible = 0;
    static constexpr std::uint8_t kPrefix = 1;
    static constexpr std::uint8_t kWhole = 2;

    // Units of one, two and three bytes lie in three ranges.
    static std::size_t index(std::string_view unit) {
        std::size_t at = 0;
        for (const char c : unit) at = (at << 8U) | static_cast<unsigned char>(c);
        return at + (unit.size() == 1 ? 0U : unit.size() == 2 ? 0x100U : 0x10100U);
    }

    std::vector<std::uint8_t> kinds_;
    std::vector<bool> tails_;
};

const Reference& reference() {
    static const Reference instance;
    return instance;
}

// From a heap block of exactly its size, so that sanitizers see every overstep.
bool is_valid(std::string_view text) {
    const auto block = std::make_unique<char[]>(text.size());
    std::copy(text.begin(), text.end(), block.get());
    return ws::is_valid_utf8(as_bytes({block.get(), text.size()}));
}

// Bytes at which the rules change, so that random strings of them are often nearly valid.
constexpr std::array<unsigned char, 30> kBorderBytes{
    0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xD0, 0xDF, 0xE0,
    0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFC, 0xFE, 0xFF, 0x20};

}  // namespace

TEST_CASE("every code point is valid UTF-8, alone and inside a text", "[websocket][utf8]") {
    std::size_t refused = 0;
    for (std::uint32_t c = 0; c <= 0x10FFFF; ++c) {
        if (c >= 0xD800 && c <= 0xDFFF) continue;
        const std::string text = encode_code_point(c);
        refused += ws::is_valid_utf8(as_bytes(text)) ? 0U : 1U;
        refused += ws::is_valid_utf8(as_bytes("abcd" + text + "efgh")) ? 0U : 1U;
    }
    CHECK(refused == 0);
}

TEST_CASE("every string of up to three bytes gets the verdict of RFC 3629", "[websocket][utf8]") {
    std::size_t differences = 0;
    const auto compare = [&](std::string_view text) {
        bool complete = false;
        const bool expected = reference().acceptable(text, complete) == text.size() && complete;
        differences += ws::is_valid_utf8(as_bytes(text)) == expected ? 0U : 1U;
    };
    compare({});
    for (unsigned a = 0; a < 256; ++a) {
        std::string text{static_cast<char>(a), '\0', '\0'};
        compare({text.data(), 1});
        for (unsigned b = 0; b < 256; ++b) {
            text[1] = static_cast<char>(b);
            compare({text.data(), 2});
            if (a < 0xC0) {
                continue;
            }  // the rest falls apart into shorter strings
            for (unsigned c = 0; c < 256; ++c) {
                text[2] = static_cast<char>(c);
                compare({text.data(), 3});
            }
        }
    }
    CHECK(differences == 0);
}

TEST_CASE("a validator refuses at the first byte that cannot be continued", "[websocket][utf8]") {
    std::mt19937_64 random(20240611);
    std::size_t differences = 0;
    for (int round = 0; round < 200'000; ++round) {
        std::string text(1 + random() % 8, '\0');
        for (char& c : text) c = static_cast<char>(kBorderBytes[random() % kBorderBytes.size()]);
        bool complete = false;
        const std::size_t expected = reference().acceptable(text, complete);
        Utf8Validator validator;
        std::size_t accepted = 0;
        while (accepted < text.size() && validator.update(as_bytes(text).subspan(accepted, 1))) {
            ++accepted;
        }
        const bool same_end = accepted < text.size() || validator.complete() == complete;
        differences += accepted == expected && same_end ? 0U : 1U;
    }
    CHECK(differences == 0);
}

TEST_CASE("long texts with one broken place are refused wherever it is", "[websocket][utf8]") {
    const std::string ascii(150, 'x');
    std::string cyrillic;
    for (int i = 0; i < 75; ++i) cyrillic += "\xD0\xB6";
    std::string han;
    for (int i = 0; i < 50; ++i) han += "\xE4\xBD\xA0";
    std::string emoji;
    for (int i = 0; i < 40; ++i) emoji += "\xF0\x9F\x98\x80";
    std::string mixed;
    for (int i = 0; i < 20; ++i) mixed += "a\xC3\xA9\xE2\x82\xAC bc \xF0\x9F\x98\x80";

    for (const std::string& text : {ascii, cyrillic, han, emoji, mixed}) {
        REQUIRE(is_valid(text));
        for (std::size_t at = 0; at < text.size(); ++at) {
            for (const unsigned bad : {0x80U, 0xBFU, 0xC0U, 0xEDU, 0xF5U, 0xFFU, 0x20U}) {
                std::string broken = text;
                broken[at] = static_cast<char>(bad);
                bool complete = false;
                const bool expected =
                    reference().acceptable(broken, complete) == broken.size() && complete;
                if (is_valid(broken) != expected) FAIL("byte " << bad << " at " << at);
            }
            bool complete = false;
            const std::string_view cut = std::string_view(text).substr(0, at);
            CHECK(reference().acceptable(cut, complete) == at);
            CHECK(is_valid(cut) == complete);
        }
    }
}

TEST_CASE("how a text is cut into pieces does not matter", "[websocket][utf8]") {
    std::mt19937_64 random(7);
    std::size_t differences = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string text;
        while (text.size() < 200) {
            if (random() % 3 == 0) text.append(random() % 70, 'a');
            std::uint32_t c = static_cast<std::uint32_t>(random() % 0x110000);
            if (random() % 2 == 0) c %= 0x3000;
            if (c < 0xD800 || c > 0xDFFF) text += encode_code_point(c);
        }
        if (round % 2 != 0) text[random() % text.size()] = static_cast<char>(random());
        bool complete = false;
        const bool expected = reference().acceptable(text, complete) == text.size();

        Utf8Validator validator;
        bool is_viable = true;
        for (std::size_t at = 0; at < text.size() && is_viable;) {
            const std::size_t n = std::min<std::size_t>(random() % 80, text.size() - at);
            is_viable = validator.update(as_bytes(text).subspan(at, n));
            at += n;
        }
        const bool same_end = !expected || validator.complete() == complete;
        differences += is_viable == expected && same_end ? 0U : 1U;
    }
    CHECK(differences == 0);
}

TEST_CASE("a validator that refused stays refused until reset", "[websocket][utf8]") {
    Utf8Validator validator;
    CHECK_FALSE(validator.update(as_bytes("\xFF")));
    CHECK_FALSE(validator.update(as_bytes("a")));
    CHECK_FALSE(validator.update({}));
    CHECK_FALSE(validator.complete());
    validator.reset();
    CHECK(validator.update(as_bytes("a")));
    CHECK(validator.complete());
    CHECK(sizeof(Utf8Validator) <= 8);
}

TEST_CASE("a prefix is cut at a code point border", "[websocket][utf8]") {
    CHECK(ws::utf8_prefix("", 10).empty());
    CHECK(ws::utf8_prefix("abc", 10) == "abc");
    CHECK(ws::utf8_prefix("abc", 2) == "ab");
    CHECK(ws::utf8_prefix("a\xE2\x82\xAC", 4) == "a\xE2\x82\xAC");
    CHECK(ws::utf8_prefix("a\xE2\x82\xAC", 3) == "a");
    CHECK(ws::utf8_prefix("a\xE2\x82\xAC", 1) == "a");
    CHECK(ws::utf8_prefix("ab\xFFwhatever", 100) == "ab");
    CHECK(ws::utf8_prefix("\xF0\x9F\x98", 100).empty());
}

TEST_CASE("unmasking a text validates it across block borders", "[websocket][utf8]") {
    // 'x' and then three-byte characters, so that each block border falls inside one of them.
    for (const std::size_t shift : {0U, 1U, 2U}) {
        std::string text(shift, 'x');
        while (text.size() < 70'000) text += "\xE2\x82\xAC";
        constexpr ws::MaskKey kKey = 0x3D21FA37;
        std::string masked = text;
        ws::mask(reinterpret_cast<std::byte*>(masked.data()), masked.size(), kKey);
        std::string good = masked;
        CHECK(ws::unmask_text(reinterpret_cast<std::byte*>(good.data()), good.size(), kKey));
        CHECK(good == text);
        std::string truncated = masked.substr(0, masked.size() - 1);
        CHECK_FALSE(ws::unmask_text(reinterpret_cast<std::byte*>(truncated.data()),
                                    truncated.size(), kKey));
        std::string broken = masked;
        broken[65'000] = static_cast<char>(broken[65'000] ^ 0x40);
        CHECK_FALSE(
            ws::unmask_text(reinterpret_cast<std::byte*>(broken.data()), broken.size(), kKey));
    }
}
