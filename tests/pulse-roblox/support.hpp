// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Keys and records that tests of the command share.
#pragma once

#include <cstddef>
#include <string>

namespace pulse::test {

inline constexpr const char* kLegacyPassword = "correct horse battery staple";
inline constexpr const char* kLegacyKey = "rbx-open-cloud-key-example";
/// Two master keys that tell apart: 32 bytes of 0 and of 4, 16, 65 over and over.
inline const std::string kMasterOne = "k1:" + std::string(43, 'A');
inline const std::string kMasterTwo = "k2:" + std::string(42, 'B') + "A";

/// The original's record of kLegacyKey under kLegacyPassword, 75 bytes, made by another
/// implementation.
inline std::string legacy_record() {
    const std::string hex =
        "3130303030000102030405060708090a0b0c0d0e0f101112131415161718191a1ba0625ce108b634a8a20630db"
        "e3cfca382e57e48fab871f8a17cfd3000f65b1377936cd6786dccd304814";
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    return bytes;
}

}  // namespace pulse::test
