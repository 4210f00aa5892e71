// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include <pulse/core/clock.hpp>

namespace pulse::test {

/// Stands still until told to move, so that tests about time need no sleep. **Thread-safe.**
class ManualClock final : public core::Clock {
  public:
    /// 2026-01-01 00:00 UTC, an arbitrary round moment.
    static constexpr std::uint64_t kStartMs = 1'767'225'600'000;

    [[nodiscard]] core::MonotonicTime now() const noexcept override {
        return core::MonotonicTime(std::chrono::nanoseconds(ns_.load(std::memory_order_relaxed)));
    }
    [[nodiscard]] std::uint64_t unix_ms() const noexcept override {
        return unix_ms_.load(std::memory_order_relaxed);
    }

    /// Moves both clocks.
    void advance(std::chrono::nanoseconds by) noexcept {
        ns_.fetch_add(by.count(), std::memory_order_relaxed);
        unix_ms_.fetch_add(static_cast<std::uint64_t>(
                               std::chrono::duration_cast<std::chrono::milliseconds>(by).count()),
                           std::memory_order_relaxed);
    }
    /// What an administrator does to a machine's clock; the monotonic time stays.
    void set_unix_ms(std::uint64_t ms) noexcept { unix_ms_.store(ms, std::memory_order_relaxed); }

  private:
    std::atomic<std::int64_t> ns_{1'000'000'000};
    std::atomic<std::uint64_t> unix_ms_{kStartMs};
};

}  // namespace pulse::test
