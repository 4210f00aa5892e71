// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One coarse timer for each connection of a loop, without allocation.
//
// Time is in ticks. An entry stands in the list of the slot its due tick falls into, whatever the
// round; a slot that comes up passes on those whose round has not come. A timer that is moved
// later, as most are, is simply left where it is: its owner looks at the real deadline when it
// fires and schedules anew.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include <pulse/core/clock.hpp>

namespace pulse::transport {

using Tick = std::uint32_t;
inline constexpr std::chrono::milliseconds kTickLength{250};

[[nodiscard]] inline Tick tick_of(core::MonotonicTime time) noexcept {
    return static_cast<Tick>(time.time_since_epoch() / kTickLength);
}
/// Rounded up, at least one.
[[nodiscard]] inline Tick ticks_of(std::chrono::milliseconds duration) noexcept {
    const auto n = (duration + kTickLength - std::chrono::milliseconds{1}) / kTickLength;
    return n < 1 ? 1 : n > 0x3fff'ffff ? 0x3fff'ffff : static_cast<Tick>(n);
}
/// Ticks wrap after 34 years; differences are signed.
[[nodiscard]] inline bool is_due(Tick due, Tick now) noexcept {
    return static_cast<std::int32_t>(now - due) >= 0;
}

/// Base of what can stand in a wheel.
struct TimerNode {
    TimerNode* previous = nullptr;
    TimerNode* next = nullptr;
    Tick due = 0;
    [[nodiscard]] bool is_scheduled() const noexcept { return next != nullptr; }
};

/// **Loop-bound.**
class TimerWheel {
  public:
    TimerWheel() noexcept;
    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;

    /// (Re)schedules. A tick that has passed fires at the next advance().
    void schedule(TimerNode& node, Tick due) noexcept;
    void cancel(TimerNode& node) noexcept;
    [[nodiscard]] bool is_empty() const noexcept { return size_ == 0; }

    /// Fires everything due at `now` or before: calls `fire(node)` with the node unscheduled.
    template <typename Fire>
    void advance(Tick now, Fire&& fire) {
        if (!is_due(current_, now)) return;
        const Tick steps = now - current_ < kSlots ? now - current_ + 1 : kSlots;
        for (Tick i = 0; i < steps; ++i) {
            const Tick slot = now - (steps - 1 - i);
            TimerNode due_now;
            take(slot, now, due_now);
            // What is scheduled from here on for a tick that has passed goes into a slot to come.
            current_ = slot + 1;
            while (due_now.next != &due_now) {
                TimerNode& node = *due_now.next;
                unlink(node);
                --size_;
                fire(node);
            }
        }
    }

  private:
    static constexpr Tick kSlots = 256;

    static void link(TimerNode& head, TimerNode& node) noexcept;
    static void unlink(TimerNode& node) noexcept;
    /// Moves the due ones of a slot into the list `out`.
    void take(Tick slot, Tick now, TimerNode& out) noexcept;

    std::array<TimerNode, kSlots> slots_;
    Tick current_ = 0;  ///< the first tick not yet advanced over
    std::size_t size_ = 0;
};

}  // namespace pulse::transport
