// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pulse/protocol/base64.hpp>

using namespace pulse::protocol;

TEST_CASE("base64 is written and read as RFC 4648 has it", "[protocol][base64]") {
    // §10
    const std::pair<std::string, std::string> samples[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (const auto& [plain, text] : samples) {
        CAPTURE(plain);
        const std::string bare = text.substr(0, text.find('='));
        std::string out = "what was there";
        CHECK(encode_base64(plain) == text);
        CHECK(encode_base64(plain, Base64::url) == bare);
        CHECK((decode_base64(text, Base64::standard, out) && out == plain));
        CHECK((decode_base64(bare, Base64::url, out) && out == plain));
        std::vector<std::byte> bytes(3);
        CHECK((decode_base64_loosely(text, bytes) && bytes.size() == plain.size()));
        CHECK((decode_base64_loosely(bare, bytes) && bytes.size() == plain.size()));
        if (bare != text) {
            CHECK_FALSE(decode_base64(bare, Base64::standard, out));
            CHECK_FALSE(decode_base64(text, Base64::url, out));
        }
    }
    CHECK(encode_base64("\xfb\xff") == "+/8=");
    CHECK(encode_base64("\xfb\xff", Base64::url) == "-_8");
    std::string out = "before: ";
    append_base64(out, "foo");
    CHECK(out == "before: Zm9v");
}

TEST_CASE("what is not base64 is refused", "[protocol][base64]") {
    std::string out;
    std::vector<std::byte> bytes;
    for (const std::string_view bad : {"A", "A===", "Zg=", "Zg===", "=", "====", "Zm=v", "Zm9v=",
                                       "Zm9v====", "Zh==", "Zm9=", "Zm 8", "Zm8=\n", "-_8=",
                                       "Zm\xff"
                                       "8"}) {
        CAPTURE(bad);
        CHECK_FALSE(decode_base64(bad, Base64::standard, out));
        CHECK_FALSE(decode_base64_loosely(bad, bytes));
    }
    for (const std::string_view bad : {"A", "Zg==", "+/8", "Zh", "Zm9", "-_9", "Z g"}) {
        CAPTURE(bad);
        CHECK_FALSE(decode_base64(bad, Base64::url, out));
    }
}

TEST_CASE("bytes of every length and value survive base64", "[protocol][base64]") {
    std::string plain;
    for (int i = 0; i < 300; ++i) {
        for (const Base64 form : {Base64::standard, Base64::url}) {
            const std::string text = encode_base64(plain, form);
            CHECK(text.size() <= base64_size(plain.size()));
            std::string out;
            CHECK((decode_base64(text, form, out) && out == plain));
        }
        plain += static_cast<char>(i * 7);
    }
}
