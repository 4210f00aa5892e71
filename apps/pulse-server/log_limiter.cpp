// SPDX-License-Identifier: MIT OR Apache-2.0
#include "log_limiter.hpp"

#include <utility>

namespace pulse::server {

EventLimiter::EventLimiter(std::uint32_t lines_per_second)
    : limit_{.per_second = static_cast<double>(lines_per_second)} {}

std::optional<std::uint64_t> EventLimiter::admit(std::string_view event, core::MonotonicTime now) {
    const std::lock_guard lock{mutex_};
    if (limit_.is_unlimited() && entries_.empty()) return 0;
    Entry& entry = entry_of(event.substr(0, kMaxNameBytes), now);
    if (!entry.bucket.try_take(now, limit_)) {
        ++entry.suppressed;
        return std::nullopt;
    }
    return std::exchange(entry.suppressed, 0);
}

void EventLimiter::set_rate(std::uint32_t lines_per_second) {
    const std::lock_guard lock{mutex_};
    limit_.per_second = static_cast<double>(lines_per_second);
}

EventLimiter::Entry& EventLimiter::entry_of(std::string_view event, core::MonotonicTime now) {
    const auto found = entries_.find(event);
    if (found != entries_.end()) return found->second;
    const Entry fresh{core::TokenBucket{now, limit_}};
    if (entries_.size() < kMaxEvents) return entries_.emplace(event, fresh).first->second;
    if (!others_) others_ = fresh;
    return *others_;
}

}  // namespace pulse::server
