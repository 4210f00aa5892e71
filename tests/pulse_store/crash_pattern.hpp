// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What batch number n of store_crash_writer writes.
#pragma once

#include <cstdint>
#include <string>

namespace pulse::test::crash {

/// Pairs are overwritten in turn, so that the file stays small over many rounds.
inline constexpr std::uint64_t kPairs = 200;

inline std::string left_key(std::uint64_t n) { return "pair/" + std::to_string(n % kPairs) + "/l"; }
inline std::string right_key(std::uint64_t n) {
    return "pair/" + std::to_string(n % kPairs) + "/r";
}
inline std::string tail_key(std::uint64_t n) { return "tail/" + std::to_string(n); }
inline std::string value_of(std::uint64_t n, std::size_t filler) {
    return std::to_string(n) + ":" + std::string(filler, static_cast<char>('a' + n % 26));
}

}  // namespace pulse::test::crash
