// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The web clients of all universes, on all loops, and the way of messages to them.
//
// The bridge hands a message to HubFanout, which publishes it, encoded once, to two channels of the
// hub: `roblox:<universe>` and `roblox:<universe>:<topic>`. The second is for clients of other
// dialects. The first has one subscriber per loop, which gives every web client there what it asked
// for: each form of the message is framed once per loop, and clients share the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <pulse/core/hub.hpp>
#include <pulse/core/outlet.hpp>
#include <pulse/roblox/access_book.hpp>
#include <pulse/roblox/bridge.hpp>
#include <pulse/roblox/names.hpp>

namespace pulse::roblox {

/// Publishes into the hub. **Loop-bound** to the bridge's lane.
class HubFanout final : public WebFanout {
  public:
    /// `lane`: the bridge's own, which saves waking it; may be null. Both outlive the fan-out.
    explicit HubFanout(core::Hub& hub, core::Lane* lane = nullptr) noexcept
        : hub_(hub), lane_(lane) {}
    void deliver(const WebMessage& message) override;

  private:
    core::Hub& hub_;
    core::Lane* lane_;
};

struct WebClientOptions {
    // Behaviour
    /// For a client whose socket takes no more: `close`, or skip messages until it does (both
    /// `drop` policies skip the newest: what is queued may be half sent).
    core::SlowConsumerPolicy slow_policy = core::SlowConsumerPolicy::close;

    // Limits, per client
    std::size_t max_backlog_bytes = std::size_t{1} << 20;  ///< then the policy holds
    std::size_t max_topics = 1'024;                        ///< patterns subscribed to
    /// Messages that arrive while a client is being given earlier ones. Beyond it the client is
    /// told of a gap.
    std::size_t max_held = 1'024;
    std::size_t max_held_bytes = std::size_t{1} << 20;
};

class WebRelay;

/// **Thread-safe.** The hub and the book outlive it; it outlives the clients' connections, and is
/// destroyed when no loop runs.
class WebClients {
  public:
    WebClients(core::Hub& hub, AccessBook& access, WebClientOptions options = {});
    ~WebClients();
    WebClients(const WebClients&) = delete;
    WebClients& operator=(const WebClients&) = delete;

    /// WebSockets and event streams that are open.
    [[nodiscard]] std::size_t count(UniverseId universe) const;
    [[nodiscard]] std::size_t count() const;

    [[nodiscard]] const WebClientOptions& options() const noexcept { return options_; }

    // For conversations.

    /// That of the calling loop's lane; made at the first call.
    [[nodiscard]] WebRelay& relay(core::Lane& lane);
    [[nodiscard]] AccessBook& access() const noexcept { return access_; }
    void add(UniverseId universe);
    void remove(UniverseId universe) noexcept;

  private:
    struct Counts;

    core::Hub& hub_;
    AccessBook& access_;
    WebClientOptions options_;
    std::unique_ptr<Counts> counts_;
    // By the lane's index; each slot belongs to its lane's thread.
    std::unique_ptr<std::unique_ptr<WebRelay>[]> relays_;
};

}  // namespace pulse::roblox
