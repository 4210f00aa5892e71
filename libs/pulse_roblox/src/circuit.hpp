// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <chrono>
#include <optional>

#include <pulse/core/clock.hpp>

namespace pulse::roblox {

/// Whether a universe's key works. One refusal (401, 403) opens the circuit: nothing is published
/// until a probe, which asks about the key and publishes nothing, or a new key closes it.
/// A value type.
class Circuit {
  public:
    static constexpr std::chrono::minutes kProbeEvery{5};

    [[nodiscard]] bool is_open() const noexcept { return next_probe_.has_value(); }
    void refuse(core::MonotonicTime now) noexcept {
        if (!next_probe_) next_probe_ = now + kProbeEvery;
    }
    /// True once when a probe is due.
    [[nodiscard]] bool take_probe(core::MonotonicTime now) noexcept {
        if (!next_probe_ || now < *next_probe_) return false;
        next_probe_ = now + kProbeEvery;
        return true;
    }
    [[nodiscard]] std::optional<core::MonotonicTime> next_probe() const noexcept {
        return next_probe_;
    }
    void close() noexcept { next_probe_.reset(); }

  private:
    std::optional<core::MonotonicTime> next_probe_;
};

}  // namespace pulse::roblox
