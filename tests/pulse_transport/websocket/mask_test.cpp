// SPDX-License-Identifier: MIT OR Apache-2.0
#include "websocket/mask.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

namespace ws = pulse::transport::websocket;

namespace {

using Bytes = std::vector<std::byte>;

Bytes random_bytes(std::size_t n, std::mt19937_64& random) {
    Bytes bytes(n);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0xFFU);
    return bytes;
}

// RFC 6455 section 5.3, literally.
Bytes mask_by_definition(const Bytes& bytes, const std::byte* key) {
    Bytes masked(bytes.size());
    for (std::size_t i = 0; i < bytes.size(); ++i) masked[i] = bytes[i] ^ key[i % 4];
    return masked;
}

}  // namespace

TEST_CASE("masking does what RFC 6455 defines, for every length and alignment",
          "[websocket][mask]") {
    std::mt19937_64 random(1);
    std::size_t differences = 0;
    for (std::size_t length = 0; length <= 300; ++length) {
        for (std::size_t offset = 0; offset < 17; ++offset) {
            const Bytes key = random_bytes(4, random);
            const Bytes plain = random_bytes(length, random);
            const Bytes expected = mask_by_definition(plain, key.data());

            // One byte before and behind, to see that only the payload is written.
            Bytes area(offset + length + 2, std::byte{0x5A});
            std::byte* const payload = area.data() + offset + 1;
            if (length != 0) std::memcpy(payload, plain.data(), length);
            ws::mask(payload, length, ws::load_mask_key(key.data()));
            const bool is_same = Bytes(payload, payload + length) == expected;
            const bool is_inside =
                payload[-1] == std::byte{0x5A} && payload[length] == std::byte{0x5A};
            differences += is_same && is_inside ? 0U : 1U;

            Bytes copy(length);
            ws::mask_copy(copy.data(), plain.data(), length, ws::load_mask_key(key.data()));
            differences += copy == expected ? 0U : 1U;
        }
    }
    CHECK(differences == 0);
}

TEST_CASE("a payload masked in pieces is the payload masked whole", "[websocket][mask]") {
    std::mt19937_64 random(2);
    for (int round = 0; round < 500; ++round) {
        const Bytes key_bytes = random_bytes(4, random);
        const Bytes plain = random_bytes(random() % 400, random);
        Bytes pieces = plain;
        ws::MaskKey key = ws::load_mask_key(key_bytes.data());
        for (std::size_t at = 0; at < pieces.size();) {
            const std::size_t n = std::min<std::size_t>(random() % 50, pieces.size() - at);
            ws::mask(pieces.data() + at, n, key);
            key = ws::advance_mask_key(key, n);
            at += n;
        }
        REQUIRE(pieces == mask_by_definition(plain, key_bytes.data()));
    }
}

TEST_CASE("the example of RFC 6455 section 5.7 unmasks to Hello", "[websocket][mask]") {
    const unsigned char wire[] = {0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58};
    Bytes bytes(sizeof(wire));
    std::memcpy(bytes.data(), wire, sizeof(wire));
    ws::mask(bytes.data() + 4, 5, ws::load_mask_key(bytes.data()));
    CHECK(std::memcmp(bytes.data() + 4, "Hello", 5) == 0);
}
