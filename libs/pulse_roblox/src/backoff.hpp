// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

#include <pulse/core/rng.hpp>
#include <pulse/roblox/publish_budget.hpp>

namespace pulse::roblox {

/// Full jitter: anything from 0 to base · 2^(failures-1), at most the cap. `failures` from 1.
[[nodiscard]] inline std::chrono::milliseconds backoff(const BackoffOptions& options,
                                                       unsigned failures, core::Rng& rng) {
    const unsigned doublings = std::clamp(failures, 1U, 16U) - 1;
    const auto longest = std::min(options.cap, options.base * (1 << doublings));
    return std::chrono::milliseconds(static_cast<std::int64_t>(
        rng.next_u64() % (static_cast<std::uint64_t>(longest.count()) + 1)));
}

}  // namespace pulse::roblox
