// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Whether something may be published now. Quotas are counted per API key owner, address and game,
// wherever the requests come from: in a cluster one node owns a universe's budget, or hands out
// parts of it, and that is another engine of this interface.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include <pulse/core/clock.hpp>
#include <pulse/roblox/names.hpp>

namespace pulse::roblox {

/// One publish, about to be made or made. Borrowed for the call.
struct PublishRequest {
    UniverseId universe;
    std::string_view owner;  ///< whose key it is; a fingerprint of the key when not known
    std::string_view real_topic;
    bool is_targeted = false;  ///< for one server: costs one delivery and not one per server
};

struct Permission {
    bool is_granted = false;
    core::MonotonicTime retry_at{};  ///< when not granted: not sensible to ask before
};

/// What an answer says about quotas.
struct QuotaReport {
    bool is_throttled = false;  ///< 429
    std::optional<std::chrono::milliseconds> retry_after{};
    std::optional<std::uint64_t> remaining{};          ///< x-ratelimit-remaining
    std::optional<std::chrono::milliseconds> reset{};  ///< x-ratelimit-reset
};

/// **Loop-bound.**
class PublishBudget {
  public:
    virtual ~PublishBudget() = default;

    /// Takes what the publish costs, or nothing. Every publish that is granted is followed by one
    /// on_answer().
    [[nodiscard]] virtual Permission try_take(const PublishRequest& request,
                                              core::MonotonicTime now) = 0;
    virtual void on_answer(const PublishRequest& request, const QuotaReport& report,
                           core::MonotonicTime now) = 0;
};

}  // namespace pulse::roblox
