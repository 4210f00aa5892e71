// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>

namespace pulse::protocol::test {

/// Counts what the current thread takes from operator new while it lives.
class AllocationMeter {
  public:
    AllocationMeter() noexcept;
    AllocationMeter(const AllocationMeter&) = delete;
    AllocationMeter& operator=(const AllocationMeter&) = delete;
    ~AllocationMeter();

    /// Everything asked for, also what was given back since.
    [[nodiscard]] std::size_t total_bytes() const noexcept;
    /// The most that was held at one time, of what was asked for under this meter.
    [[nodiscard]] std::size_t peak_bytes() const noexcept;
    /// Held now, of what was asked for under this meter.
    [[nodiscard]] std::size_t held_bytes() const noexcept;
    [[nodiscard]] std::size_t calls() const noexcept;
};

}  // namespace pulse::protocol::test
