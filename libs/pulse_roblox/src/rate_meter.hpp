// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How many per second. Nothing ticks: a meter that nobody adds to costs nothing, and reading it
// counts the silence.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/roblox/bridge_stats.hpp>

namespace pulse::roblox {

/// The last kSlots slots of `slot_seconds` each. **Loop-bound.**
template <std::size_t kSlots, int kSlotSeconds>
class SlotMeter {
  public:
    void add(core::MonotonicTime now, std::uint32_t count) noexcept {
        const std::int64_t slot = slot_of(now);
        if (slot > last_) {
            const auto passed = static_cast<std::uint64_t>(slot - last_);
            for (std::uint64_t i = 0; i < std::min<std::uint64_t>(passed, kSlots); ++i) {
                counts_[index_of(slot - static_cast<std::int64_t>(i))] = 0;
            }
            last_ = slot;
        }
        counts_[index_of(last_)] += count;
    }
    /// Of `slots` whole slots that ended with the present one's begin; the present one, unfinished,
    /// is not counted.
    [[nodiscard]] std::uint64_t sum(core::MonotonicTime now, std::size_t slots) const noexcept {
        std::uint64_t sum = 0;
        for (std::size_t i = 1; i <= slots; ++i) sum += at(now, i);
        return sum;
    }
    /// The slot that ended `back` slots before the present one ends; 0 is the present one.
    [[nodiscard]] std::uint32_t at(core::MonotonicTime now, std::size_t back) const noexcept {
        const std::int64_t slot = slot_of(now) - static_cast<std::int64_t>(back);
        const bool is_kept = slot <= last_ && slot > last_ - static_cast<std::int64_t>(kSlots);
        return is_kept && slot >= 0 ? counts_[index_of(slot)] : 0;
    }

  private:
    [[nodiscard]] static std::int64_t slot_of(core::MonotonicTime now) noexcept {
        return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count() /
               kSlotSeconds;
    }
    [[nodiscard]] static std::size_t index_of(std::int64_t slot) noexcept {
        constexpr auto kCount = static_cast<std::int64_t>(kSlots);
        return static_cast<std::size_t>(((slot % kCount) + kCount) % kCount);
    }

    std::array<std::uint32_t, kSlots> counts_{};
    std::int64_t last_ = 0;
};

/// One direction of a universe: five minutes by the second. 1.2 KiB. **Loop-bound.**
class RateMeter {
  public:
    static constexpr std::size_t kHistory = 300;

    explicit RateMeter(core::MonotonicTime now) : begun_(now) {}

    void add(core::MonotonicTime now, std::uint32_t count = 1) noexcept {
        seconds_.add(now, count);
        total_ += count;
    }
    [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
    [[nodiscard]] Rates rates(core::MonotonicTime now) const noexcept {
        return {.last_1s = static_cast<double>(seconds_.sum(now, 1)),
                .last_10s = static_cast<double>(seconds_.sum(now, 10)) / 10,
                .last_60s = static_cast<double>(seconds_.sum(now, 60)) / 60};
    }
    /// Whole seconds, oldest first; no more than there have been.
    [[nodiscard]] std::vector<std::uint32_t> history(core::MonotonicTime now) const {
        const auto age = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()) -
                         std::chrono::floor<std::chrono::seconds>(begun_.time_since_epoch());
        const auto length =
            std::min<std::size_t>(kHistory, static_cast<std::size_t>(std::max<std::int64_t>(
                                                0, static_cast<std::int64_t>(age.count()))));
        std::vector<std::uint32_t> history(length);
        for (std::size_t i = 0; i < length; ++i) history[i] = seconds_.at(now, length - i);
        return history;
    }

  private:
    SlotMeter<kHistory + 1, 1> seconds_;
    std::uint64_t total_ = 0;
    core::MonotonicTime begun_;
};

}  // namespace pulse::roblox
