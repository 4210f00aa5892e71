// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <sys/types.h>

namespace pulse::load {

/// What the kernel says about the server under load, summed over the given processes.
///
/// CPU time is the run time of schedstat over all threads: nanoseconds, while the clock ticks of
/// /proc/PID/stat would be too coarse for a run of two seconds. A process that is gone counts as 0;
/// threads that ended before a reading are not in it. Immutable.
class ProcessStats {
  public:
    explicit ProcessStats(std::vector<pid_t> pids) : pids_(std::move(pids)) {}

    [[nodiscard]] bool watches() const noexcept { return !pids_.empty(); }
    [[nodiscard]] bool alive() const;
    [[nodiscard]] std::uint64_t cpu_ns() const;
    [[nodiscard]] std::vector<std::uint64_t> cpu_ns_each() const;  ///< in the order given
    [[nodiscard]] std::uint64_t rss_bytes() const;
    [[nodiscard]] std::uint64_t descriptors() const;
    /// Soft limit of open descriptors of the first process; 0 when unknown.
    [[nodiscard]] std::uint64_t descriptor_limit() const;

  private:
    std::vector<pid_t> pids_;
};

/// CPU time of the calling thread.
[[nodiscard]] std::uint64_t own_cpu_ns();

/// Raises the descriptor limit as far as `wanted` needs and the system lets us; the limit after it.
std::uint64_t raise_descriptor_limit(std::uint64_t wanted);

}  // namespace pulse::load
