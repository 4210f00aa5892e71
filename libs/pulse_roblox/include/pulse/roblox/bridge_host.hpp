// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A bridge on an event loop: its calls come from any thread, its timers from the loop's lane.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include <pulse/core/lane.hpp>
#include <pulse/roblox/bridge.hpp>

namespace pulse::roblox {

/// **Thread-safe**, but for what says otherwise. Made before the lane's loop runs or on it, and
/// destroyed on it or when it does not run: what is not over then ends as by ~Bridge().
class BridgeHost {
  public:
    using Work = std::function<void(Bridge& bridge)>;

    /// The lane outlives the host.
    BridgeHost(core::Lane& lane, std::unique_ptr<Bridge> bridge);
    ~BridgeHost();
    BridgeHost(const BridgeHost&) = delete;
    BridgeHost& operator=(const BridgeHost&) = delete;

    /// Runs `work` on the bridge's loop. When that has ended `work` is destroyed unrun: let it own
    /// what answers somebody.
    void post(Work work) const;

    /// Shuts the bridge down: polls are answered now, nothing new is taken, and what waits is sent
    /// for at most `within`. `done` is called on the bridge's loop, once, with whether all of it
    /// was. A later call replaces an earlier one that is not over.
    void shut_down(std::chrono::milliseconds within, std::function<void(bool is_drained)> done);

    /// Loop-bound.
    [[nodiscard]] Bridge& bridge() noexcept;
    [[nodiscard]] core::Lane& lane() const noexcept;

  private:
    struct State;
    std::shared_ptr<State> state_;
    std::shared_ptr<core::Lane::Port> port_;
};

}  // namespace pulse::roblox
