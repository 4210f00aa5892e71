// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The few primitives that are used, from OpenSSL 3. Each returns false only when OpenSSL refuses
// (out of memory, or a build without the algorithm) or, where it says so, when the data is not
// genuine.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <pulse/core/rng.hpp>

namespace pulse::roblox::crypto {

inline constexpr std::size_t kKeyBytes = 32;
inline constexpr std::size_t kNonceBytes = 12;
inline constexpr std::size_t kTagBytes = 16;

/// 32 bytes that are wiped when they go out of scope.
class Key {
  public:
    Key() = default;
    ~Key();
    Key(const Key&) = delete;
    Key& operator=(const Key&) = delete;
    [[nodiscard]] unsigned char* data() noexcept { return bytes_.data(); }
    [[nodiscard]] const unsigned char* data() const noexcept { return bytes_.data(); }
    [[nodiscard]] std::string_view view() const noexcept {
        return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
    }

  private:
    std::array<unsigned char, kKeyBytes> bytes_{};
};

using Digest = std::array<unsigned char, 32>;

[[nodiscard]] Digest sha256(std::string_view text) noexcept;
[[nodiscard]] bool hmac_sha256(std::string_view key, std::string_view text, Digest& out) noexcept;
[[nodiscard]] bool hkdf_sha256(std::string_view secret, std::string_view salt,
                               std::string_view info, Key& out) noexcept;
[[nodiscard]] bool pbkdf2_sha256(std::string_view password, std::string_view salt, int iterations,
                                 Key& out) noexcept;
[[nodiscard]] bool scrypt(std::string_view password, std::string_view salt, Key& out) noexcept;

/// Appends ciphertext and tag.
[[nodiscard]] bool seal_aes256_gcm(const Key& key, std::string_view nonce, std::string_view bound,
                                   std::string_view plain, std::string& out);
/// Appends the plain text; false and `out` as it was when `sealed` (ciphertext and tag) is not
/// genuine.
[[nodiscard]] bool open_aes256_gcm(const Key& key, std::string_view nonce, std::string_view bound,
                                   std::string_view sealed, std::string& out);

[[nodiscard]] bool equals(const Digest& a, const Digest& b) noexcept;
void wipe(std::string& text) noexcept;
[[nodiscard]] std::string random_bytes(core::Rng& rng, std::size_t count);
[[nodiscard]] std::string to_hex(std::string_view bytes);

}  // namespace pulse::roblox::crypto
