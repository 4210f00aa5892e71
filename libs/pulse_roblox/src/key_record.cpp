// SPDX-License-Identifier: MIT OR Apache-2.0
#include "crypto.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <pulse/protocol/base64.hpp>
#include <pulse/roblox/error.hpp>
#include <pulse/roblox/key_record.hpp>

namespace pulse::roblox {

namespace {

constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kMaxKidBytes = 16;
constexpr std::string_view kInfo = "pulse/roblox/open-cloud-key/v1";
/// Version, kid, salt, nonce and the longest key, in base64.
constexpr std::size_t kMaxRecordBytes =
    8 + kMaxKidBytes + 24 + 20 + protocol::base64_size(kMaxApiKeyBytes + crypto::kTagBytes);

[[nodiscard]] tl::unexpected<std::error_code> refuse(Error error) {
    return tl::unexpected{make_error_code(error)};
}

[[nodiscard]] bool is_kid(std::string_view kid) noexcept {
    return !kid.empty() && kid.size() <= kMaxKidBytes &&
           std::all_of(kid.begin(), kid.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); });
}

struct RecordParts {
    std::string_view kid;
    std::string salt;
    std::string nonce;
    std::string sealed;
};

[[nodiscard]] bool split_record(std::string_view record, RecordParts& parts) {
    if (record.size() > kMaxRecordBytes) return false;
    std::array<std::string_view, 5> fields;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const std::size_t end = std::min(record.find('.'), record.size());
        const bool is_last = i + 1 == fields.size();
        if ((end == record.size()) != is_last) return false;
        fields[i] = record.substr(0, end);
        record.remove_prefix(std::min(end + 1, record.size()));
    }
    parts.kid = fields[1];
    return fields[0] == "pk1" && is_kid(parts.kid) &&
           decode_base64(fields[2], protocol::Base64::url, parts.salt) &&
           parts.salt.size() == kSaltBytes &&
           decode_base64(fields[3], protocol::Base64::url, parts.nonce) &&
           parts.nonce.size() == crypto::kNonceBytes &&
           decode_base64(fields[4], protocol::Base64::url, parts.sealed) &&
           parts.sealed.size() > crypto::kTagBytes;
}

[[nodiscard]] std::string bound_text(std::string_view kid, UniverseId universe) {
    return "pulse-roblox-key|v1|" + std::string(kid) + "|" + universe.to_string();
}

}  // namespace

core::Result<KeyVault> KeyVault::parse(std::string_view text) {
    KeyVault vault;
    do {
        const std::size_t comma = std::min(text.find(','), text.size());
        const std::string_view entry = text.substr(0, comma);
        text.remove_prefix(std::min(comma + 1, text.size()));
        const std::size_t colon = entry.find(':');
        if (colon == std::string_view::npos || !is_kid(entry.substr(0, colon)) ||
            vault.masters_.size() == kMaxMasterKeys) {
            return refuse(Error::invalid_key);
        }
        const std::string kid(entry.substr(0, colon));
        const bool is_known = std::any_of(vault.masters_.begin(), vault.masters_.end(),
                                          [&](const Master& master) { return master.kid == kid; });
        std::string bytes;
        const bool is_key = decode_base64(entry.substr(colon + 1), protocol::Base64::url, bytes) &&
                            bytes.size() == kMasterKeyBytes;
        Secret key = Secret::adopt(bytes);
        if (!is_key || is_known) return refuse(Error::invalid_key);
        vault.masters_.push_back({kid, std::move(key)});
    } while (!text.empty());
    return vault;
}

core::Result<KeyVault> KeyVault::from_passphrase(std::string_view kid, std::string_view passphrase,
                                                 std::string_view salt) {
    crypto::Key key;
    if (!is_kid(kid) || passphrase.empty() || salt.size() != kSaltBytes ||
        !crypto::scrypt(passphrase, salt, key)) {
        return refuse(Error::invalid_key);
    }
    KeyVault vault;
    vault.masters_.push_back({std::string(kid), Secret(key.view())});
    return vault;
}

core::Result<std::string> KeyVault::seal(UniverseId universe, std::string_view api_key,
                                         core::Rng& rng) const {
    if (api_key.empty() || api_key.size() > kMaxApiKeyBytes) return refuse(Error::invalid_key);
    const Master& master = masters_.front();
    const std::string salt = crypto::random_bytes(rng, kSaltBytes);
    const std::string nonce = crypto::random_bytes(rng, crypto::kNonceBytes);
    crypto::Key key;
    std::string sealed;
    if (!crypto::hkdf_sha256(master.key.view(), salt, kInfo, key) ||
        !crypto::seal_aes256_gcm(key, nonce, bound_text(master.kid, universe), api_key, sealed)) {
        return refuse(Error::invalid_key);
    }
    std::string record = "pk1." + master.kid;
    for (const std::string_view part :
         {std::string_view(salt), std::string_view(nonce), std::string_view(sealed)}) {
        record += '.';
        append_base64(record, part, protocol::Base64::url);
    }
    return record;
}

core::Result<Secret> KeyVault::open(UniverseId universe, std::string_view record) const {
    RecordParts parts;
    if (!split_record(record, parts)) return refuse(Error::invalid_record);
    const auto master = std::find_if(masters_.begin(), masters_.end(),
                                     [&](const Master& one) { return one.kid == parts.kid; });
    if (master == masters_.end()) return refuse(Error::unknown_master_key);
    crypto::Key key;
    std::string plain;
    if (!crypto::hkdf_sha256(master->key.view(), parts.salt, kInfo, key) ||
        !crypto::open_aes256_gcm(key, parts.nonce, bound_text(parts.kid, universe), parts.sealed,
                                 plain)) {
        return refuse(Error::decryption_failed);
    }
    return Secret::adopt(plain);
}

bool KeyVault::is_current(std::string_view record) const noexcept {
    const std::string_view rest = record.substr(std::min<std::size_t>(4, record.size()));
    return record.starts_with("pk1.") && rest.substr(0, rest.find('.')) == masters_.front().kid;
}

std::string KeyVault::fingerprint(std::string_view api_key) const {
    crypto::Key key;
    crypto::Digest digest{};
    if (!crypto::hkdf_sha256(masters_.front().key.view(), {}, "fingerprint", key) ||
        !crypto::hmac_sha256(key.view(), api_key, digest)) {
        return {};
    }
    return crypto::to_hex({reinterpret_cast<const char*>(digest.data()), 4});
}

core::Result<Secret> open_legacy_record(std::string_view password, std::string_view record) {
    constexpr std::size_t kDigits = 5;
    constexpr std::size_t kHeader = kDigits + kSaltBytes + crypto::kNonceBytes;
    if (record.size() < kHeader + crypto::kTagBytes ||
        record.size() > kHeader + kMaxApiKeyBytes + crypto::kTagBytes) {
        return refuse(Error::invalid_record);
    }
    const bool are_digits = std::all_of(record.begin(), record.begin() + kDigits,
                                        [](char c) { return c >= '0' && c <= '9'; });
    int iterations = 0;
    std::from_chars(record.data(), record.data() + kDigits, iterations);
    if (!are_digits || iterations == 0) return refuse(Error::invalid_record);
    crypto::Key key;
    std::string plain;
    if (!crypto::pbkdf2_sha256(password, record.substr(kDigits, kSaltBytes), iterations, key) ||
        !crypto::open_aes256_gcm(key, record.substr(kDigits + kSaltBytes, crypto::kNonceBytes), {},
                                 record.substr(kHeader), plain)) {
        return refuse(Error::decryption_failed);
    }
    return Secret::adopt(plain);
}

}  // namespace pulse::roblox
