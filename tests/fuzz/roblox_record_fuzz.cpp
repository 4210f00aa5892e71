// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Stored key records, the original's and ours, and lists of master keys.
//
// Whatever it is: nothing opens but the one record that is genuine. The iteration count of a legacy
// record is set to a small one, or the fuzzer would spend its time in PBKDF2.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <pulse/roblox/error.hpp>
#include <pulse/roblox/key_record.hpp>

namespace {

using namespace pulse;
using namespace pulse::roblox;

void require(bool holds) {
    if (!holds) std::abort();
}

constexpr std::string_view kGenuine =
    "pk1.k1.QEFCQ0RFRkdISUpLTE1OTw.cHFyc3R1dnd4eXp7."
    "BPgxMXEzfYAp73v1bIBd6j_QDO4XXZxsPNij5ecT8bdXE-ZI0sjlgFB2";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const core::Result<KeyVault> vault =
        KeyVault::parse("k1:oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8");
    require(vault.has_value());
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto opened = vault->open({2'745'313'133}, text);
    require(opened.has_value() == (text == kGenuine));
    require(!vault->open({7}, text));
    (void)vault->is_current(text);
    if (const auto other = KeyVault::parse(text)) require(!other->open({7}, kGenuine));

    std::string legacy(text);
    bool are_digits = legacy.size() >= 5;
    for (std::size_t i = 0; are_digits && i < 5; ++i) {
        are_digits = legacy[i] >= '0' && legacy[i] <= '9';
    }
    if (are_digits) legacy.replace(0, 5, legacy.starts_with("00000") ? "00000" : "00002");
    require(!open_legacy_record("password", legacy));
    return 0;
}
