// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include <pulse/core/clock.hpp>

namespace pulse::mock {

using Span = std::chrono::microseconds;
/// Since the Unix epoch, on the mock's own clock.
using Time = std::chrono::sys_time<Span>;

/// Runs with the machine's clock, or stands still until it is advanced. Never goes back when it
/// changes from one to the other. **Thread-safe.**
class MockClock final : public core::Clock {
  public:
    MockClock() noexcept
        : unix_offset_(std::chrono::duration_cast<std::chrono::nanoseconds>(
                           std::chrono::system_clock::now().time_since_epoch())
                           .count() -
                       steady()) {}

    [[nodiscard]] bool is_virtual() const noexcept { return frozen_.load() >= 0; }

    [[nodiscard]] core::MonotonicTime now() const noexcept override {
        return core::MonotonicTime(std::chrono::nanoseconds(now_ns()));
    }
    [[nodiscard]] std::uint64_t unix_ms() const noexcept override {
        return static_cast<std::uint64_t>((now_ns() + unix_offset_) / 1'000'000);
    }

    void make_virtual() noexcept {
        if (!is_virtual()) frozen_.store(now_ns());
    }
    void make_real() noexcept {
        const std::int64_t frozen = frozen_.load();
        if (frozen < 0) return;
        offset_.store(frozen - steady());
        frozen_.store(-1);
    }
    /// Also a real clock can be moved forward.
    void advance(std::chrono::nanoseconds by) noexcept {
        (is_virtual() ? frozen_ : offset_).fetch_add(by.count());
    }

  private:
    static std::int64_t steady() noexcept {
        return std::chrono::duration_cast<std::chrono::nanoseconds>(
                   std::chrono::steady_clock::now().time_since_epoch())
            .count();
    }
    std::int64_t now_ns() const noexcept {
        const std::int64_t frozen = frozen_.load();
        return frozen >= 0 ? frozen : steady() + offset_.load();
    }

    std::int64_t unix_offset_;
    std::atomic<std::int64_t> offset_{0};
    std::atomic<std::int64_t> frozen_{-1};  ///< < 0: the clock runs
};

}  // namespace pulse::mock
