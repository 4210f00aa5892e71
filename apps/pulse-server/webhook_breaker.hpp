// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include <pulse/core/clock.hpp>

namespace pulse::server {

/// Whether an HTTP server that is asked about everybody is worth asking. A few requests in a row
/// that got no answer open it: then nobody waits for one, but for a probe now and then, whose
/// answer closes it. A value type.
class WebhookBreaker {
  public:
    static constexpr std::uint32_t kUnansweredToOpen = 5;
    static constexpr std::chrono::seconds kProbeEvery{1};

    [[nodiscard]] bool is_open() const noexcept { return unanswered_ >= kUnansweredToOpen; }
    /// Whether to ask now.
    [[nodiscard]] bool lets_through(core::MonotonicTime now) noexcept {
        if (!is_open()) return true;
        if (now < next_probe_) return false;
        next_probe_ = now + kProbeEvery;
        return true;
    }
    /// True: that has closed it.
    bool answered() noexcept {
        const bool was_open = is_open();
        unanswered_ = 0;
        return was_open;
    }
    /// True: that has opened it.
    bool unanswered(core::MonotonicTime now) noexcept {
        if (is_open()) return false;
        if (++unanswered_ < kUnansweredToOpen) return false;
        next_probe_ = now + kProbeEvery;
        return true;
    }

  private:
    std::uint32_t unanswered_ = 0;  ///< in a row
    core::MonotonicTime next_probe_{};
};

}  // namespace pulse::server
