// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <pulse/core/clock.hpp>

namespace pulse::core {

/// How often something may happen. `per_second` 0 means without limit. `burst` is how many may come
/// at once after a quiet time; 0 means one second's worth.
struct RateLimit {
    double per_second = 0;
    double burst = 0;

    [[nodiscard]] bool is_unlimited() const noexcept { return per_second <= 0; }
    [[nodiscard]] double capacity() const noexcept {
        return std::max(1.0, burst > 0 ? burst : per_second);
    }
};

/// A token bucket, full at first. The limit is passed to each call, so that one limit shared by
/// many buckets is stored once and can be changed while they run. **Loop-bound** (or under the
/// caller's lock); 16 bytes.
class TokenBucket {
  public:
    explicit TokenBucket(MonotonicTime now, const RateLimit& limit) noexcept
        : tokens_(limit.capacity()), updated_(now) {}

    /// Takes `cost` tokens, or takes nothing and returns false. A clock that does not advance
    /// refills nothing; one that goes back is treated as one that stands still.
    [[nodiscard]] bool try_take(MonotonicTime now, const RateLimit& limit,
                                double cost = 1) noexcept {
        if (limit.is_unlimited()) return true;
        if (now > updated_) {
            const double seconds = std::chrono::duration<double>(now - updated_).count();
            tokens_ = std::min(limit.capacity(), tokens_ + seconds * limit.per_second);
            updated_ = now;
        }
        tokens_ = std::min(tokens_, limit.capacity());
        if (tokens_ < cost) return false;
        tokens_ -= cost;
        return true;
    }

  private:
    double tokens_;
    MonotonicTime updated_;
};

}  // namespace pulse::core
