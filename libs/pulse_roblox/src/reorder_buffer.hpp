// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include <pulse/core/clock.hpp>

namespace pulse::roblox {

/// Puts the messages of one spread topic of one sender back in order, as far as they come within
/// the window; later ones are handed on at once, out of order rather than never. **Loop-bound.**
template <typename Value>
class ReorderBuffer {
  public:
    static constexpr std::chrono::milliseconds kWindow{250};
    static constexpr std::size_t kMaxHeld = 1'024;

    /// What can be handed on now, in order.
    [[nodiscard]] std::vector<Value> add(std::uint64_t seq, Value value, core::MonotonicTime now) {
        std::vector<Value> out;
        if (next_ != 0 && seq < next_) {
            out.push_back(std::move(value));
            return out;
        }
        held_.emplace(seq, Held{std::move(value), now});
        release(now, out);
        return out;
    }
    /// What has waited long enough. Call it when the window of the oldest is over.
    [[nodiscard]] std::vector<Value> expire(core::MonotonicTime now) {
        std::vector<Value> out;
        release(now, out);
        return out;
    }
    [[nodiscard]] std::size_t held_count() const noexcept { return held_.size(); }

  private:
    struct Held {
        Value value;
        core::MonotonicTime at{};
    };

    void release(core::MonotonicTime now, std::vector<Value>& out) {
        while (!held_.empty()) {
            const auto first = held_.begin();
            // The number to begin with is only known once the window is over.
            const bool is_next = first->first == next_;
            const bool is_due = is_next || held_.size() > kMaxHeld || has_overdue(now);
            if (!is_due) return;
            next_ = first->first + 1;
            out.push_back(std::move(first->second.value));
            held_.erase(first);
        }
    }
    [[nodiscard]] bool has_overdue(core::MonotonicTime now) const noexcept {
        for (const auto& [seq, held] : held_) {
            if (held.at + kWindow <= now) return true;
        }
        return false;
    }

    std::map<std::uint64_t, Held> held_;
    std::uint64_t next_ = 0;
};

}  // namespace pulse::roblox
