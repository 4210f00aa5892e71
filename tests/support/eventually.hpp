// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <chrono>
#include <thread>

namespace pulse::test {

/// Whether `predicate` becomes true before the deadline. What is true at once costs nothing, so
/// suites for engines that answer at once and for those that answer later share one text.
template <typename Predicate>
[[nodiscard]] bool eventually(Predicate&& predicate,
                              std::chrono::milliseconds deadline = std::chrono::seconds(10)) {
    const auto end = std::chrono::steady_clock::now() + deadline;
    while (!predicate()) {
        if (std::chrono::steady_clock::now() >= end) return predicate();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

}  // namespace pulse::test
