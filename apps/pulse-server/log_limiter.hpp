// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Keeps a peer from filling the disk: each kind of event has its own bucket of lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <pulse/core/clock.hpp>
#include <pulse/core/rate_limiter.hpp>

namespace pulse::server {

/// **Thread-safe.** Memory: bounded by kMaxEvents names; the events beyond share one bucket.
class EventLimiter {
  public:
    static constexpr std::size_t kMaxEvents = 256;
    static constexpr std::size_t kMaxNameBytes = 64;

    explicit EventLimiter(std::uint32_t lines_per_second);

    /// Nothing: suppress this one. Otherwise write it, and say that so many of its kind were
    /// suppressed since the last one written.
    [[nodiscard]] std::optional<std::uint64_t> admit(std::string_view event,
                                                     core::MonotonicTime now);

    /// 0 switches the limit off.
    void set_rate(std::uint32_t lines_per_second);

  private:
    struct Entry {
        core::TokenBucket bucket;
        std::uint64_t suppressed = 0;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view name) const noexcept {
            return std::hash<std::string_view>{}(name);
        }
    };

    Entry& entry_of(std::string_view event, core::MonotonicTime now);

    std::mutex mutex_;  // guards all below
    core::RateLimit limit_;
    std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;
    std::optional<Entry> others_;
};

}  // namespace pulse::server
