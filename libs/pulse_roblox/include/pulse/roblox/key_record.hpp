// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How Open Cloud API keys are kept: encrypted records, bound to their universe, under master keys
// that can be rotated; and the original's records, to be imported. Bytes only, no storage.
//
//   pk1.<kid>.<salt>.<nonce>.<ciphertext and tag>       parts in base64url without padding
//
//   record key   HKDF-SHA-256(master key, salt, "pulse/roblox/open-cloud-key/v1"), 32 bytes
//   cipher       AES-256-GCM, 12 bytes of nonce, 16 of tag
//   bound to     "pulse-roblox-key|v1|<kid>|<universe>"
//
// A fresh salt per record makes each record's key its own, so that a nonce cannot meet its like.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/result.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/roblox/names.hpp>
#include <pulse/roblox/open_cloud.hpp>
#include <pulse/roblox/secret.hpp>

namespace pulse::roblox {

/// Roblox does not say how long keys are.
inline constexpr std::size_t kMaxApiKeyBytes = 4'096;
inline constexpr std::size_t kMasterKeyBytes = 32;
inline constexpr std::size_t kMaxMasterKeys = 16;

/// The first encrypts, all decrypt. **Thread-safe** once made: nothing changes it.
class KeyVault {
  public:
    /// `k2:<base64url of 32 bytes>,k1:…`, newest first; names are [a-z0-9]{1,16}, each once.
    /// Errors: Error::invalid_key, with nothing about which part of a secret was wrong.
    [[nodiscard]] static core::Result<KeyVault> parse(std::string_view text);
    /// A master key from a passphrase (scrypt, N = 2^15, r = 8, p = 1: some 50 ms and 32 MiB).
    /// `salt` is 16 bytes that are stored beside the records. Errors: Error::invalid_key for an
    /// empty passphrase or another salt.
    [[nodiscard]] static core::Result<KeyVault> from_passphrase(std::string_view kid,
                                                                std::string_view passphrase,
                                                                std::string_view salt);

    /// Errors: Error::invalid_key when `api_key` is empty or longer than kMaxApiKeyBytes.
    [[nodiscard]] core::Result<std::string> seal(UniverseId universe, std::string_view api_key,
                                                 core::Rng& rng) const;
    /// Errors: Error::invalid_record, Error::unknown_master_key, Error::decryption_failed.
    [[nodiscard]] core::Result<Secret> open(UniverseId universe, std::string_view record) const;
    /// Whether `record` was written under the first master key; others want to be written anew.
    [[nodiscard]] bool is_current(std::string_view record) const noexcept;

    /// Eight hexadecimal digits that tell keys apart and say nothing about them.
    [[nodiscard]] std::string fingerprint(std::string_view api_key) const;

  private:
    struct Master {
        std::string kid;
        Secret key;
    };
    KeyVault() = default;

    std::vector<Master> masters_;
};

/// A record of the original: five digits (PBKDF2 iterations), 16 bytes of salt, 12 of nonce,
/// ciphertext and tag (AES-256-GCM, nothing bound to it). `password` is its ENCRYPTION_KEY. Errors:
/// Error::invalid_record (also for more than 99,999 or no iterations), Error::decryption_failed.
[[nodiscard]] core::Result<Secret> open_legacy_record(std::string_view password,
                                                      std::string_view record);

/// One stored key and what is known of it. A value type.
struct KeySlot {
    std::string record;
    std::uint64_t serial = 0;  ///< KeySlots::version when the key was put here; names the key
    std::string fingerprint{};
    KeyState state = KeyState::unknown;
    std::uint64_t checked_at_ms = 0;  ///< when the state was found
    std::uint64_t used_at_ms = 0;     ///< last accepted publish: 60 days unused, and it expires
    std::uint64_t expires_at_ms = 0;  ///< 0 = never
    std::uint64_t owner = 0;          ///< from introspection; 0 = not known

    friend bool operator==(const KeySlot&, const KeySlot&) = default;
};

/// A universe's keys: two places, so that a key can be replaced without a gap. A value type.
struct KeySlots {
    using Slot = KeySlot;

    /// Grows with every change of a key, so that senders notice.
    std::uint64_t version = 0;
    unsigned active = 0;
    std::array<std::optional<Slot>, 2> slots{};

    [[nodiscard]] const Slot* active_slot() const noexcept;
    /// Puts a key into that place, whatever is there; the one in use stays in use, if there is one.
    void put(unsigned place, Slot slot);
    /// Puts a new key into the place that is not in use and uses it; the one before stays beside
    /// it, to fall back on.
    void rotate(Slot slot);
    /// Uses the key in that place. False when there is none.
    bool activate(unsigned place);
    /// Uses the other key, when there is one that was not found bad. True when it did.
    bool fall_back();
    /// Forgets the key that is not in use.
    void retire_spare();

    enum class Warning : unsigned char { expires_soon, unused };
    /// 14 days before the key expires, or after 50 days without use.
    [[nodiscard]] std::vector<Warning> warnings(std::uint64_t unix_ms) const;

    friend bool operator==(const KeySlots&, const KeySlots&) = default;
};

/// As JSON, for a store.
[[nodiscard]] std::string encode_key_slots(const KeySlots& slots);
/// Errors: Error::invalid_record.
[[nodiscard]] core::Result<KeySlots> decode_key_slots(std::string_view text);

}  // namespace pulse::roblox
