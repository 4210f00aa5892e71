// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "delivery.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include <pulse/core/clock.hpp>

namespace pulse::mesa {

/// Messages to everybody on their way through the bus and back. **Thread-safe.**
///
/// They reach the clients here when they come back, so in the order that the bus gave them for all
/// replicas. One that takes too long, or can never come any more, is taken out and delivered
/// without; should it come after all, there is nothing left to take. So each is delivered once.
class Echoes {
  public:
    /// Held back at most; 0 < kMaxBytes. What is older goes out when more is added.
    static constexpr std::size_t kMaxMessages = 100'000;
    static constexpr std::size_t kMaxBytes = std::size_t{64} * 1024 * 1024;

    struct Added {
        std::uint64_t number = 0;  ///< from 1, growing
        std::vector<DeliveryPtr> overflow;
    };
    [[nodiscard]] Added add(DeliveryPtr delivery, core::MonotonicTime now) {
        const std::lock_guard lock(mutex_);
        Added added{++last_, {}};
        bytes_ += delivery->text.size();
        waiting_.emplace_hint(waiting_.end(), added.number, Waiting{now, std::move(delivery)});
        while (waiting_.size() > kMaxMessages || (bytes_ > kMaxBytes && waiting_.size() > 1)) {
            added.overflow.push_back(take_first());
        }
        return added;
    }
    /// Null: it is no longer held back.
    [[nodiscard]] DeliveryPtr take(std::uint64_t number) {
        const std::lock_guard lock(mutex_);
        const auto found = waiting_.find(number);
        if (found == waiting_.end()) return nullptr;
        DeliveryPtr delivery = std::move(found->second.delivery);
        bytes_ -= delivery->text.size();
        waiting_.erase(found);
        return delivery;
    }
    /// All that were added at `time` or before, in their order.
    [[nodiscard]] std::vector<DeliveryPtr> take_until(core::MonotonicTime time) {
        const std::lock_guard lock(mutex_);
        std::vector<DeliveryPtr> taken;
        while (!waiting_.empty() && waiting_.begin()->second.since <= time) {
            taken.push_back(take_first());
        }
        return taken;
    }
    [[nodiscard]] std::vector<DeliveryPtr> take_all() {
        return take_until(core::MonotonicTime::max());
    }
    /// Since when the first waits; nothing while none does.
    [[nodiscard]] std::optional<core::MonotonicTime> oldest() const {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty()) return std::nullopt;
        return waiting_.begin()->second.since;
    }

  private:
    struct Waiting {
        core::MonotonicTime since;
        DeliveryPtr delivery;
    };
    [[nodiscard]] DeliveryPtr take_first() {
        DeliveryPtr delivery = std::move(waiting_.begin()->second.delivery);
        bytes_ -= delivery->text.size();
        waiting_.erase(waiting_.begin());
        return delivery;
    }

    mutable std::mutex mutex_;
    std::map<std::uint64_t, Waiting> waiting_;
    std::uint64_t last_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace pulse::mesa
