// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <utility>

#include <pulse/core/clock.hpp>

namespace pulse::roblox {

/// Who wants to be called when, each at most once: what has nothing to do costs nothing, however
/// many there are. **Loop-bound.**
template <typename Id>
class DueQueue {
  public:
    using Time = core::MonotonicTime;
    /// Kept by whoever waits.
    using Place = std::optional<Time>;

    void set(Id id, Place& place, std::optional<Time> at) {
        if (place == at) return;
        if (place) order_.erase({*place, id});
        place = at;
        if (at) order_.insert({*at, id});
    }
    void sooner(Id id, Place& place, Time at) {
        if (!place || at < *place) set(id, place, at);
    }
    [[nodiscard]] std::optional<Time> earliest() const noexcept {
        if (order_.empty()) return {};
        return order_.begin()->first;
    }
    /// The one that is due longest; it stays until set() is called for it.
    [[nodiscard]] std::optional<Id> due(Time now) const noexcept {
        if (order_.empty() || order_.begin()->first > now) return {};
        return order_.begin()->second;
    }

  private:
    std::set<std::pair<Time, Id>> order_;
};

}  // namespace pulse::roblox
