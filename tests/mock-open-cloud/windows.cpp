// SPDX-License-Identifier: MIT OR Apache-2.0
#include "windows.hpp"

#include <algorithm>

namespace pulse::mock {

std::uint64_t SlidingWindow::used(Time now) {
    while (!entries_.empty() && entries_.front().first <= now - kMinute) {
        sum_ -= entries_.front().second;
        entries_.pop_front();
    }
    return sum_;
}

void SlidingWindow::add(Time now, std::uint64_t cost) {
    (void)used(now);
    if (cost == 0) return;
    if (!entries_.empty() && (entries_.back().first == now || entries_.size() >= kMaxEntries)) {
        entries_.back().second += cost;
    } else {
        entries_.emplace_back(now, cost);
    }
    sum_ += cost;
}

Time SlidingWindow::fits_at(Time now, std::uint64_t cost, std::uint64_t limit) {
    std::uint64_t left = used(now);
    if (left + cost <= limit) return now;
    for (const auto& [time, amount] : entries_) {
        left -= amount;
        if (left + cost <= limit) return time + kMinute;
    }
    return now + kMinute;
}

void ServerHistory::set(Time now, std::uint64_t servers) {
    if (!changes_.empty() && servers == current_) return;
    current_ = servers;
    if (!changes_.empty() && changes_.back().first == now) {
        changes_.back().second = servers;
    } else {
        changes_.emplace_back(now, servers);
    }
    // The change before the minute's beginning says what held then.
    while (changes_.size() > 1 &&
           (changes_[1].first <= now - kMinute || changes_.size() > kMaxChanges)) {
        changes_.pop_front();
    }
}

double ServerHistory::average(Time now) const {
    if (changes_.empty()) return 0;
    const Time begin = now - kMinute;
    double sum = 0;
    Time until = now;
    for (auto it = changes_.rbegin(); it != changes_.rend(); ++it) {
        const bool is_first = std::next(it) == changes_.rend();
        const Time from = is_first ? begin : std::max(begin, it->first);
        if (until > from) {
            sum += static_cast<double>((until - from).count()) * static_cast<double>(it->second);
        }
        until = std::min(until, from);
        if (until <= begin) break;
    }
    return sum / static_cast<double>(kMinute.count());
}

std::uint64_t ServerHistory::limit(Time now, ServerCount rule, std::uint64_t base,
                                   std::uint64_t per_server) const {
    const std::uint64_t at_once = base + per_server * current_;
    if (rule == ServerCount::current) return at_once;
    const auto integral =
        base + static_cast<std::uint64_t>(static_cast<double>(per_server) * average(now));
    return rule == ServerCount::average ? integral : std::max(at_once, integral);
}

}  // namespace pulse::mock
