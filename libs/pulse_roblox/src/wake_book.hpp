// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Game servers that poll only while there is something ("hybrid"): which of them sleep, and which
// have something to come for and are to be woken. A wake can be lost like any publish, so it is
// repeated, ever more slowly, until the server comes or so many were in vain.
#pragma once

#include "server_directory.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/roblox/bridge_options.hpp>

namespace pulse::roblox {

/// **Loop-bound.** Servers are the directory's.
class WakeBook {
  public:
    explicit WakeBook(const BridgeOptions& options) : options_(options) {}

    /// Has nothing to come for, and is not polling.
    void fall_asleep(LiveServer& server);
    /// Polls, or is gone.
    void wake_up(LiveServer& server);
    /// There is something for it. No effect on one that is awake or marked already.
    void mark(LiveServer& server, core::MonotonicTime now);
    /// The same for all that sleep, of one place or (0) anywhere. Costs what changes by it.
    void mark_all(std::uint64_t place, core::MonotonicTime now);

    /// Those to be woken now; each comes again until it has woken up.
    [[nodiscard]] std::vector<LiveServer*> take_due(core::MonotonicTime now);
    [[nodiscard]] std::optional<core::MonotonicTime> next_due() const noexcept {
        if (due_.empty()) return {};
        return due_.begin()->first;
    }

  private:
    const BridgeOptions& options_;
    std::unordered_set<LiveServer*> sleepers_;
    std::set<std::pair<core::MonotonicTime, LiveServer*>> due_;
};

}  // namespace pulse::roblox
