// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How long members of a node that dies may still be seen.
#pragma once

#include <algorithm>
#include <chrono>

namespace pulse::test {

struct LeaveTimes {
    std::chrono::steady_clock::duration shortest = std::chrono::hours{1};
};

/// docs/operations/clustering.md, "Presence": the time without a word, and a twelfth of it; and
/// what passes until a test has seen it.
[[nodiscard]] constexpr std::chrono::milliseconds leave_bound(
    std::chrono::milliseconds node_timeout) {
    constexpr std::chrono::milliseconds kToSeeIt{350};
    return node_timeout + node_timeout / 12 + kToSeeIt;
}

/// Takes the time of `leave()`, then calls `come_back()`; until once it is within the bound. A busy
/// machine makes one round late or another, a node that forgets others too late makes all of them.
template <typename Leave, typename ComeBack>
[[nodiscard]] LeaveTimes time_to_leave(std::chrono::milliseconds bound, Leave&& leave,
                                       ComeBack&& come_back) {
    constexpr int kMostRounds = 10;
    LeaveTimes times;
    for (int round = 0; round < kMostRounds && times.shortest > bound; ++round) {
        const auto before = std::chrono::steady_clock::now();
        leave();
        const auto took = std::chrono::steady_clock::now() - before;
        times.shortest = std::min(times.shortest, took);
        come_back();
    }
    return times;
}

}  // namespace pulse::test
