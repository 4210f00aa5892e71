// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace pulse::load {

inline constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

[[nodiscard]] inline std::uint64_t now_ns() noexcept {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
}

[[nodiscard]] inline std::uint64_t to_ns(double seconds) noexcept {
    return static_cast<std::uint64_t>(seconds * 1e9);
}

[[nodiscard]] inline double to_seconds(std::uint64_t ns) noexcept {
    return static_cast<double>(ns) / 1e9;
}

}  // namespace pulse::load
