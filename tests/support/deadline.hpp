// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

namespace pulse::test {

/// How long a test waits for what must happen. Long, because a loaded machine under a sanitizer is
/// slow; what goes right is never waited for.
inline constexpr std::chrono::seconds kPatience{30};

/// A moment until which something has to have happened. A value type.
class Deadline {
  public:
    Deadline() : Deadline(kPatience) {}
    // NOLINTNEXTLINE(google-explicit-constructor): a duration reads well where one is expected.
    template <typename Rep, typename Period>
    Deadline(std::chrono::duration<Rep, Period> from_now)
        : end_(std::chrono::steady_clock::now() + from_now) {}

    [[nodiscard]] bool has_passed() const { return std::chrono::steady_clock::now() >= end_; }
    /// What is left, for poll(2): rounded up, never negative.
    [[nodiscard]] int poll_ms() const {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(end_ - std::chrono::steady_clock::now());
        return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
    }

  private:
    std::chrono::steady_clock::time_point end_;
};

}  // namespace pulse::test
