// SPDX-License-Identifier: MIT OR Apache-2.0
#include "digest.hpp"

#include <array>

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace pulse::rooms {

namespace {

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

Digest sha256(std::string_view text) {
    Digest digest{};
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    return digest;
}

}  // namespace

std::string sha256_hex(std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out;
    out.reserve(std::size_t{2} * SHA256_DIGEST_LENGTH);
    for (const unsigned char byte : sha256(text)) {
        out += kHex[byte >> 4U];
        out += kHex[byte & 0xFU];
    }
    return out;
}

bool is_equal_secret(std::string_view given, std::string_view secret) {
    const Digest a = sha256(given);
    const Digest b = sha256(secret);
    return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace pulse::rooms
