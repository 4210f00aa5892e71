// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One quota of so much per minute. A token bucket makes the pace: it refills at a share (80 %) of
// the limit and holds the rest of it, so that no 60 seconds see more than the limit. That is not
// enough where the limit itself falls, as it does when game servers go: a window of what was used
// in the last 70 to 75 seconds caps it too. The window is longer than a minute, because requests
// made in 60 seconds may arrive in fewer.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>

#include <pulse/core/clock.hpp>

namespace pulse::roblox {

struct QuotaLimit {
    double per_minute = 0;
    double share = 0.8;   ///< of it that is used steadily, 0.1 … 0.95
    double factor = 1.0;  ///< what the last refusals left of the pace
};

/// A value type, 96 bytes. **Loop-bound.**
class QuotaBucket {
  public:
    using Time = core::MonotonicTime;

    /// When `cost` can be taken; `now` or earlier when at once. At most a window ahead.
    [[nodiscard]] Time available_at(Time now, const QuotaLimit& limit, double cost) noexcept {
        refill(now, limit);
        const double cap = limit.per_minute * std::max(1.0, limit.factor);
        if (used_ + cost > cap) return std::max(now + std::chrono::milliseconds(1), slot_end());
        // What costs more than ever gathers goes when all of it has: the debt is paid behind it,
        // and the window holds either way.
        const double needed = std::min(cost, capacity(limit));
        if (tokens_ >= needed) return now;
        const double seconds = (needed - tokens_) / rate(limit);
        const auto wait = std::chrono::duration<double>(std::clamp(seconds, 0.001, 75.0));
        return now + std::chrono::ceil<std::chrono::nanoseconds>(wait);
    }
    /// Takes without asking: after available_at(), or for what others used.
    void take(Time now, const QuotaLimit& limit, double cost) noexcept {
        refill(now, limit);
        tokens_ = std::max(tokens_ - cost, -limit.per_minute);
        slots_[slot_] = static_cast<float>(static_cast<double>(slots_[slot_]) + cost);
        used_ += cost;
    }
    /// Never more than `tokens` from now: what the other side says is left.
    void lower_to(double tokens) noexcept { tokens_ = std::min(tokens_, tokens); }
    /// Counts in another unit from now.
    void rescale(double ratio) noexcept {
        tokens_ *= ratio;
        used_ *= ratio;
        for (float& slot : slots_) slot = static_cast<float>(static_cast<double>(slot) * ratio);
    }
    /// Whether forgetting it changes nothing.
    [[nodiscard]] bool is_idle(Time now, const QuotaLimit& limit) noexcept {
        refill(now, limit);
        return used_ <= 0 && tokens_ >= capacity(limit);
    }
    [[nodiscard]] double tokens() const noexcept { return tokens_; }
    [[nodiscard]] double used() const noexcept { return used_; }

  private:
    static constexpr std::size_t kSlots = 15;
    static constexpr std::chrono::seconds kSlot{5};

    [[nodiscard]] static double capacity(const QuotaLimit& limit) noexcept {
        return limit.per_minute * (1 - limit.share);
    }
    [[nodiscard]] static double rate(const QuotaLimit& limit) noexcept {
        return std::max(limit.per_minute * limit.share * limit.factor / 60, 1e-3);
    }
    [[nodiscard]] Time slot_end() const noexcept { return slot_begin_ + kSlot; }

    void refill(Time now, const QuotaLimit& limit) noexcept {
        if (!is_begun_) {
            is_begun_ = true;
            updated_ = slot_begin_ = now;
            tokens_ = capacity(limit);
        }
        if (now > updated_) {
            tokens_ += std::chrono::duration<double>(now - updated_).count() * rate(limit);
            updated_ = now;
        }
        tokens_ = std::min(tokens_, capacity(limit));
        if (now < slot_end()) return;
        const auto passed = static_cast<std::size_t>((now - slot_begin_) / kSlot);
        slot_begin_ += kSlot * static_cast<std::int64_t>(passed);
        for (std::size_t i = 0; i < std::min(passed, kSlots); ++i) {
            slot_ = static_cast<std::uint8_t>((slot_ + 1U) % kSlots);
            slots_[slot_] = 0;
        }
        used_ = 0;  // added up anew, so that rounding does not pile up
        for (const float slot : slots_) used_ += static_cast<double>(slot);
    }

    double tokens_ = 0;
    double used_ = 0;
    Time updated_{};
    Time slot_begin_{};
    std::array<float, kSlots> slots_{};
    std::uint8_t slot_ = 0;
    bool is_begun_ = false;
};

}  // namespace pulse::roblox
