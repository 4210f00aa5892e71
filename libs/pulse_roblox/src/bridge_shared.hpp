// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What all universes of a bridge use.
#pragma once

#include "zstd_text.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include <pulse/roblox/bridge.hpp>

namespace pulse::roblox {

class Universe;

/// **Loop-bound.**
struct BridgeShared {
    BridgeOptions options;
    BridgeParts parts;
    BridgeMetrics metrics{};  ///< counters only; gauges are added up when asked for
    ZstdPacker packer{};      ///< one: its working memory is larger than a universe
    std::deque<std::function<void()>> later{};
    /// Runs what follows from an answer that came from outside, and looks at the universe anew.
    std::function<void(std::shared_ptr<Universe>, std::function<void()>)> enter{};
    std::size_t polls_open = 0;
    PollId last_poll = 0;
    bool is_shutting_down = false;

    [[nodiscard]] core::MonotonicTime now() const noexcept { return parts.clock.now(); }
    /// Runs `what` when the bridge is in the middle of nothing.
    void call_later(std::function<void()> what) { later.push_back(std::move(what)); }
};

}  // namespace pulse::roblox
