// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Time comes from here, so that tests need no sleep.
#pragma once

#include <chrono>
#include <cstdint>

namespace pulse::core {

/// Nanoseconds since an arbitrary start; never goes back.
using MonotonicTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

/// Thread-safe.
class Clock {
  public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual MonotonicTime now() const noexcept = 0;
    /// Milliseconds since the Unix epoch. May step when an administrator sets the clock.
    [[nodiscard]] virtual std::uint64_t unix_ms() const noexcept = 0;
};

/// The machine's clocks. **Thread-safe.**
class SystemClock final : public Clock {
  public:
    [[nodiscard]] MonotonicTime now() const noexcept override {
        return std::chrono::time_point_cast<std::chrono::nanoseconds>(
            std::chrono::steady_clock::now());
    }
    [[nodiscard]] std::uint64_t unix_ms() const noexcept override {
        return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                              std::chrono::system_clock::now().time_since_epoch())
                                              .count());
    }
};

}  // namespace pulse::core
