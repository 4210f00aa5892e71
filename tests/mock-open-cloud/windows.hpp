// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Rates as the documentation states them, "per minute": what happened in the minute that ends now.
// A sliding minute finds every burst that any fixed minute or bucket would find, and more.
#pragma once

#include "limits.hpp"
#include "time.hpp"

#include <cstdint>
#include <deque>
#include <utility>

namespace pulse::mock {

inline constexpr Span kMinute = std::chrono::minutes(1);

/// Costs of the last minute, exactly: entries of one moment are one. Never holds more than
/// kMaxEntries; beyond that the newest entry swallows what comes.
class SlidingWindow {
  public:
    static constexpr std::size_t kMaxEntries = 1U << 20;

    [[nodiscard]] std::uint64_t used(Time now);
    void add(Time now, std::uint64_t cost);
    /// When nothing would be left in it.
    [[nodiscard]] Time clear_at(Time now) const {
        return entries_.empty() ? now : entries_.back().first + kMinute;
    }
    /// When a cost would fit under the limit; a minute from now if never before.
    [[nodiscard]] Time fits_at(Time now, std::uint64_t cost, std::uint64_t limit);

  private:
    std::deque<std::pair<Time, std::uint64_t>> entries_;
    std::uint64_t sum_ = 0;
};

/// How many servers there were during the last minute.
class ServerHistory {
  public:
    /// Changes remembered; of more the oldest two become one.
    static constexpr std::size_t kMaxChanges = 512;

    void set(Time now, std::uint64_t servers);
    [[nodiscard]] std::uint64_t current() const noexcept { return current_; }
    /// base + per_server · S.
    [[nodiscard]] std::uint64_t limit(Time now, ServerCount rule, std::uint64_t base,
                                      std::uint64_t per_server) const;

  private:
    [[nodiscard]] double average(Time now) const;

    /// Number since that time. What was before the first change is taken to be as the first says.
    std::deque<std::pair<Time, std::uint64_t>> changes_;
    std::uint64_t current_ = 0;
};

}  // namespace pulse::mock
