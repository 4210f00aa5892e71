// SPDX-License-Identifier: MIT OR Apache-2.0
#include "crypto.hpp"
#include "support/catch.hpp"

#include <cstring>
#include <string>
#include <vector>

#include <pulse/protocol/base64.hpp>
#include <pulse/roblox/error.hpp>
#include <pulse/roblox/key_record.hpp>

using namespace pulse;
using namespace pulse::roblox;

namespace {

constexpr UniverseId kUniverse{2'745'313'133};
constexpr std::string_view kApiKey = "rbx-open-cloud-key-example";
constexpr std::string_view kPassword = "correct horse battery staple";

std::string range(unsigned first, unsigned count) {
    std::string bytes;
    for (unsigned i = 0; i < count; ++i) bytes += static_cast<char>(first + i);
    return bytes;
}

std::string from_hex(std::string_view hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    }
    return bytes;
}

/// Hands out given bytes.
class ScriptedRng final : public core::Rng {
  public:
    explicit ScriptedRng(std::string bytes) : bytes_(std::move(bytes)) {}
    void fill(std::span<std::byte> out) noexcept override {
        std::memcpy(out.data(), bytes_.data() + at_, out.size());
        at_ += out.size();
    }

  private:
    std::string bytes_;
    std::size_t at_ = 0;
};

std::string master(std::string_view kid, unsigned first) {
    return std::string(kid) + ":" + encode_base64(range(first, 32), protocol::Base64::url);
}

// Made with one cryptographic library and opened with a second, independent one.
const std::string kRecord =
    "pk1.k1.QEFCQ0RFRkdISUpLTE1OTw.cHFyc3R1dnd4eXp7."
    "BPgxMXEzfYAp73v1bIBd6j_QDO4XXZxsPNij5ecT8bdXE-ZI0sjlgFB2";
const std::string kLegacyRecord = from_hex(
    "3130303030000102030405060708090a0b0c0d0e0f101112131415161718191a1ba0625ce108b634a8a20630dbe3"
    "cfca382e57e48fab871f8a17cfd3000f65b1377936cd6786dccd304814");

std::string open(const KeyVault& vault, UniverseId universe, std::string_view record) {
    const auto key = vault.open(universe, record);
    return key ? std::string(key->view()) : key.error().message();
}

}  // namespace

TEST_CASE("A record is the known one to the byte, and opens", "[roblox][keys]") {
    const auto vault = KeyVault::parse(master("k1", 0xa0));
    REQUIRE(vault);
    ScriptedRng rng(range(0x40, 16) + range(0x70, 12));
    CHECK(vault->seal(kUniverse, kApiKey, rng) == kRecord);
    CHECK(open(*vault, kUniverse, kRecord) == kApiKey);

    crypto::Key key;
    REQUIRE(crypto::hkdf_sha256(range(0xa0, 32), range(0x40, 16), "pulse/roblox/open-cloud-key/v1",
                                key));
    CHECK(crypto::to_hex(key.view()) ==
          "01c4bf4532c52e9a4aefb4e23ee9240f1e88d5b63c5cb6878a9e63f6a432d78b");
}

TEST_CASE("A record of the original opens with its password", "[roblox][keys]") {
    REQUIRE(kLegacyRecord.size() == 75);
    crypto::Key key;
    REQUIRE(crypto::pbkdf2_sha256(kPassword, range(0, 16), 10'000, key));
    CHECK(crypto::to_hex(key.view()) ==
          "d9f95f65c2df9d285d26882300ca5be29e3ed500556663835c4c62e270515022");
    const auto opened = open_legacy_record(kPassword, kLegacyRecord);
    REQUIRE(opened);
    CHECK(opened->view() == kApiKey);
    CHECK(open_legacy_record("another", kLegacyRecord).error() == Error::decryption_failed);
    for (std::size_t size = 0; size < 49; ++size) {
        CHECK(open_legacy_record(kPassword, kLegacyRecord.substr(0, size)).error() ==
              Error::invalid_record);
    }
    CHECK(open_legacy_record(kPassword, kLegacyRecord.substr(0, 60)).error() ==
          Error::decryption_failed);
    for (const char* digits : {"1000 ", "-1000", "0x100", "00000", "1e400"}) {
        CAPTURE(digits);
        CHECK(open_legacy_record(kPassword, digits + kLegacyRecord.substr(5)).error() ==
              Error::invalid_record);
    }
    CHECK(open_legacy_record(kPassword, kLegacyRecord + std::string(5'000, 'x')).error() ==
          Error::invalid_record);
    for (const std::size_t at : {0U, 5U, 20U, 21U, 32U, 33U, 58U, 59U, 74U}) {
        std::string tampered = kLegacyRecord;
        tampered[at] = static_cast<char>(at == 0 ? '2' : tampered[at] ^ 1);
        CHECK(open_legacy_record(kPassword, tampered).error() == Error::decryption_failed);
    }
}

TEST_CASE("A record that was changed anywhere, or is another universe's, does not open",
          "[roblox][keys]") {
    const auto vault = KeyVault::parse(master("k1", 0xa0) + "," + master("k2", 0xb0));
    REQUIRE(vault);
    CHECK(open(*vault, {kUniverse.value + 1}, kRecord) == "record cannot be decrypted");
    for (std::size_t at = 0; at < kRecord.size(); ++at) {
        for (const char c : {'A', 'B', '0', '.', '-', '\0'}) {
            if (kRecord[at] == c) continue;
            std::string tampered = kRecord;
            tampered[at] = c;
            CHECK_FALSE(vault->open(kUniverse, tampered));
        }
        CHECK_FALSE(vault->open(kUniverse, kRecord.substr(0, at)));
    }
    // Another name for the same key is another record.
    const auto renamed = KeyVault::parse(master("k9", 0xa0));
    CHECK(open(*renamed, kUniverse, "pk1.k9" + kRecord.substr(6)) == "record cannot be decrypted");
    CHECK(open(*renamed, kUniverse, kRecord) == "master key not configured");
    CHECK(open(*vault, kUniverse, kRecord + ".x") == "not a record");
    CHECK(open(*vault, kUniverse, std::string(100'000, 'x')) == "not a record");
}

TEST_CASE("The first master key writes and all read, so that keys can be rotated",
          "[roblox][keys]") {
    core::SeededRng rng(1);
    const auto old_vault = KeyVault::parse(master("k1", 1));
    const auto new_vault = KeyVault::parse(master("k2", 2) + "," + master("k1", 1));
    const std::string old_record = old_vault->seal(kUniverse, kApiKey, rng).value();
    CHECK(open(*new_vault, kUniverse, old_record) == kApiKey);
    CHECK_FALSE(new_vault->is_current(old_record));
    const std::string new_record = new_vault->seal(kUniverse, kApiKey, rng).value();
    CHECK(new_vault->is_current(new_record));
    CHECK(open(*old_vault, kUniverse, new_record) == "master key not configured");
    CHECK(new_record != new_vault->seal(kUniverse, kApiKey, rng).value());  // fresh salt and nonce
    CHECK_FALSE(new_vault->is_current(""));

    const std::string long_key(kMaxApiKeyBytes, 'k');
    CHECK(open(*new_vault, kUniverse, new_vault->seal(kUniverse, long_key, rng).value()) ==
          long_key);
    CHECK(new_vault->seal(kUniverse, long_key + "k", rng).error() == Error::invalid_key);
    CHECK(new_vault->seal(kUniverse, "", rng).error() == Error::invalid_key);
}

TEST_CASE("Master keys of the wrong form are refused", "[roblox][keys]") {
    const std::string good = master("k1", 1);
    CHECK(KeyVault::parse(good));
    std::string many = good;
    for (int i = 0; i < 16; ++i) many += "," + master("m" + std::to_string(i), 3);
    for (const std::string& text :
         {std::string(), std::string("k1"), std::string("k1:"), std::string("k1:AAAA"),
          good + "," + good, "," + good, good + ",,", good + "A", master("K1", 1), master("", 1),
          master("abcdefghijklmnopq", 1), many}) {
        CAPTURE(text);
        REQUIRE_FALSE(KeyVault::parse(text));
        CHECK(KeyVault::parse(text).error() == Error::invalid_key);
    }
}

TEST_CASE("A passphrase makes the same master key each time", "[roblox][keys]") {
    core::SeededRng rng(1);
    const auto first = KeyVault::from_passphrase("k1", "secret", range(0, 16));
    const auto second = KeyVault::from_passphrase("k1", "secret", range(0, 16));
    REQUIRE(first);
    REQUIRE(second);
    CHECK(open(*second, kUniverse, first->seal(kUniverse, kApiKey, rng).value()) == kApiKey);
    CHECK_FALSE(KeyVault::from_passphrase("k1", "", range(0, 16)));
    CHECK_FALSE(KeyVault::from_passphrase("k1", "secret", range(0, 15)));
    CHECK_FALSE(KeyVault::from_passphrase("", "secret", range(0, 16)));
}

TEST_CASE("A fingerprint tells keys apart and depends on the master key", "[roblox][keys]") {
    const auto vault = KeyVault::parse(master("k1", 1));
    const auto other = KeyVault::parse(master("k1", 2));
    const std::string fingerprint = vault->fingerprint(kApiKey);
    CHECK(fingerprint.size() == 8);
    CHECK(fingerprint == vault->fingerprint(kApiKey));
    CHECK(fingerprint != vault->fingerprint("another"));
    CHECK(fingerprint != other->fingerprint(kApiKey));
}

TEST_CASE("Secrets move and leave nothing behind", "[roblox][keys]") {
    std::string source = "short";
    Secret first = Secret::adopt(source);
    CHECK(source.empty());
    Secret second = std::move(first);
    CHECK(first.is_empty());
    CHECK(second.view() == "short");
    Secret third{std::string(100, 'x')};
    third = std::move(second);
    CHECK(third.view() == "short");
    CHECK(equals_in_constant_time("a", "a"));
    CHECK_FALSE(equals_in_constant_time("a", "b"));
    CHECK_FALSE(equals_in_constant_time("a", ""));
}

TEST_CASE("A universe's two keys rotate without a gap", "[roblox][keys]") {
    KeySlots slots;
    CHECK(slots.active_slot() == nullptr);
    CHECK_FALSE(slots.fall_back());
    slots.rotate({.record = "one"});
    CHECK(slots.active_slot()->record == "one");
    slots.rotate({.record = "two"});
    CHECK(slots.active_slot()->record == "two");
    CHECK(slots.version == 2);
    CHECK(slots.fall_back());
    CHECK(slots.active_slot()->record == "one");
    slots.slots[1]->state = KeyState::rejected;
    CHECK_FALSE(slots.fall_back());
    slots.rotate({.record = "three"});
    CHECK(slots.active_slot()->record == "three");
    slots.retire_spare();
    CHECK_FALSE(slots.fall_back());
    CHECK(slots.version == 5);
}

TEST_CASE("A key is warned about before it expires and while it lies unused", "[roblox][keys]") {
    constexpr std::uint64_t kDay = 86'400'000;
    KeySlots slots;
    slots.rotate({.record = "r", .used_at_ms = 100 * kDay, .expires_at_ms = 200 * kDay});
    CHECK(slots.warnings(149 * kDay).empty());
    CHECK(slots.warnings(150 * kDay) == std::vector{KeySlots::Warning::unused});
    CHECK(slots.warnings(186 * kDay).size() == 2);
    CHECK(KeySlots{}.warnings(kDay).empty());
}

TEST_CASE("Key slots are stored and read back, and nothing else is", "[roblox][keys]") {
    KeySlots slots;
    slots.rotate({.record = kRecord,
                  .fingerprint = "0123abcd",
                  .state = KeyState::wrong_universe,
                  .checked_at_ms = 1,
                  .used_at_ms = 2,
                  .expires_at_ms = 3,
                  .owner = 4});
    const std::string one = encode_key_slots(slots);
    CHECK(decode_key_slots(one).value() == slots);
    slots.rotate({.record = "another"});
    const std::string text = encode_key_slots(slots);
    CHECK(decode_key_slots(text).value() == slots);
    CHECK(decode_key_slots(encode_key_slots({})).value() == KeySlots{});
    for (std::size_t size = 0; size < text.size(); ++size) {
        CHECK_FALSE(decode_key_slots(std::string_view(text).substr(0, size)));
    }
    for (const char* wrong :
         {"{}", "[]", R"({"v":2,"slots":[]})", R"({"v":1,"active":2})", R"({"v":1,"slots":[1]})",
          R"({"v":1,"slots":[{}]})", R"({"v":1,"slots":[null,null,null]})",
          R"({"v":1,"slots":[{"record":"r","state":"fine"}]})"}) {
        CAPTURE(wrong);
        CHECK(decode_key_slots(wrong).error() == Error::invalid_record);
    }
}
