// SPDX-License-Identifier: MIT OR Apache-2.0
#include "crypto.hpp"

#include <memory>
#include <span>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/sha.h>

#include <pulse/roblox/secret.hpp>

namespace pulse::roblox {

Secret Secret::adopt(std::string& bytes) {
    Secret secret{std::string_view(bytes)};
    crypto::wipe(bytes);
    return secret;
}

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this != &other) {
        wipe();
        bytes_ = other.bytes_;  // a copy: a moved short string would leave its bytes in place
        other.wipe();
    }
    return *this;
}

void Secret::wipe() noexcept { crypto::wipe(bytes_); }

bool equals_in_constant_time(std::string_view a, std::string_view b) noexcept {
    return crypto::equals(crypto::sha256(a), crypto::sha256(b));
}

namespace crypto {

namespace {

[[nodiscard]] const unsigned char* bytes_of(std::string_view text) noexcept {
    return reinterpret_cast<const unsigned char*>(text.data());
}

struct FreeCipher {
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

struct FreeKdf {
    void operator()(EVP_KDF_CTX* context) const noexcept { EVP_KDF_CTX_free(context); }
};

/// OpenSSL takes sizes as int; nothing here is near that.
constexpr std::size_t kMaxInput = std::size_t{1} << 24;

}  // namespace

Key::~Key() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

Digest sha256(std::string_view text) noexcept {
    Digest digest{};
    SHA256(bytes_of(text), text.size(), digest.data());
    return digest;
}

bool hmac_sha256(std::string_view key, std::string_view text, Digest& out) noexcept {
    unsigned size = 0;
    return HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(),
                out.data(), &size) != nullptr &&
           size == out.size();
}

bool hkdf_sha256(std::string_view secret, std::string_view salt, std::string_view info,
                 Key& out) noexcept {
    EVP_KDF* kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
    const std::unique_ptr<EVP_KDF_CTX, FreeKdf> context(kdf != nullptr ? EVP_KDF_CTX_new(kdf)
                                                                       : nullptr);
    EVP_KDF_free(kdf);
    if (!context) return false;
    // OpenSSL's parameters are not const, and are not written to.
    const auto octets = [](const char* name, std::string_view text) {
        return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(text.data()), text.size());
    };
    char digest[] = "SHA256";
    OSSL_PARAM params[5];
    OSSL_PARAM* next = params;
    *next++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    *next++ = octets(OSSL_KDF_PARAM_KEY, secret);
    *next++ = octets(OSSL_KDF_PARAM_INFO, info);
    // Without one HKDF takes zeros (RFC 5869, 2.2); an empty parameter would be an error.
    if (!salt.empty()) *next++ = octets(OSSL_KDF_PARAM_SALT, salt);
    *next = OSSL_PARAM_construct_end();
    return EVP_KDF_derive(context.get(), out.data(), kKeyBytes, params) == 1;
}

bool pbkdf2_sha256(std::string_view password, std::string_view salt, int iterations,
                   Key& out) noexcept {
    if (password.size() > kMaxInput || salt.size() > kMaxInput) return false;
    return PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes_of(salt),
                             static_cast<int>(salt.size()), iterations, EVP_sha256(),
                             static_cast<int>(kKeyBytes), out.data()) == 1;
}

bool scrypt(std::string_view password, std::string_view salt, Key& out) noexcept {
    constexpr std::uint64_t kMaxMemory = std::uint64_t{64} << 20;
    return EVP_PBE_scrypt(password.data(), password.size(), bytes_of(salt), salt.size(),
                          std::uint64_t{1} << 15, 8, 1, kMaxMemory, out.data(), kKeyBytes) == 1;
}

bool seal_aes256_gcm(const Key& key, std::string_view nonce, std::string_view bound,
                     std::string_view plain, std::string& out) {
    const CipherContext context(EVP_CIPHER_CTX_new());
    if (!context || nonce.size() != kNonceBytes || plain.size() > kMaxInput ||
        bound.size() > kMaxInput) {
        return false;
    }
    const std::size_t begin = out.size();
    out.resize(begin + plain.size() + kTagBytes);
    auto* to = reinterpret_cast<unsigned char*>(out.data()) + begin;
    int size = 0;
    int rest = 0;
    const bool is_sealed = EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(),
                                              bytes_of(nonce)) == 1 &&
                           EVP_EncryptUpdate(context.get(), nullptr, &size, bytes_of(bound),
                                             static_cast<int>(bound.size())) == 1 &&
                           EVP_EncryptUpdate(context.get(), to, &size, bytes_of(plain),
                                             static_cast<int>(plain.size())) == 1 &&
                           EVP_EncryptFinal_ex(context.get(), to + size, &rest) == 1 &&
                           EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG,
                                               static_cast<int>(kTagBytes), to + plain.size()) == 1;
    if (!is_sealed) out.resize(begin);
    return is_sealed;
}

bool open_aes256_gcm(const Key& key, std::string_view nonce, std::string_view bound,
                     std::string_view sealed, std::string& out) {
    const CipherContext context(EVP_CIPHER_CTX_new());
    if (!context || nonce.size() != kNonceBytes || sealed.size() < kTagBytes ||
        sealed.size() > kMaxInput || bound.size() > kMaxInput) {
        return false;
    }
    const std::string_view tag = sealed.substr(sealed.size() - kTagBytes);
    const std::string_view text = sealed.substr(0, sealed.size() - kTagBytes);
    std::string plain(text.size() + 1, '\0');  // never empty, so that data() is OpenSSL's to use
    auto* to = reinterpret_cast<unsigned char*>(plain.data());
    int size = 0;
    int rest = 0;
    bool is_genuine =
        EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(),
                           bytes_of(nonce)) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(kTagBytes),
                            const_cast<char*>(tag.data())) == 1;
    if (is_genuine && !bound.empty()) {
        is_genuine = EVP_DecryptUpdate(context.get(), nullptr, &size, bytes_of(bound),
                                       static_cast<int>(bound.size())) == 1;
    }
    is_genuine = is_genuine &&
                 EVP_DecryptUpdate(context.get(), to, &size, bytes_of(text),
                                   static_cast<int>(text.size())) == 1 &&
                 EVP_DecryptFinal_ex(context.get(), to + size, &rest) == 1;
    if (is_genuine) out.append(plain, 0, text.size());
    wipe(plain);
    return is_genuine;
}

bool equals(const Digest& a, const Digest& b) noexcept {
    return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe(std::string& text) noexcept {
    // All of the capacity: a string that was longer once may still hold the end of it.
    text.resize(text.capacity());
    OPENSSL_cleanse(text.data(), text.size());
    text.clear();
}

std::string random_bytes(core::Rng& rng, std::size_t count) {
    std::string bytes(count, '\0');
    rng.fill(std::as_writable_bytes(std::span{bytes.data(), bytes.size()}));
    return bytes;
}

std::string to_hex(std::string_view bytes) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        out += kHex[byte >> 4U];
        out += kHex[byte & 0xfU];
    }
    return out;
}

}  // namespace crypto

}  // namespace pulse::roblox
