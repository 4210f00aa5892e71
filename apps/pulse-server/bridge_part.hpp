// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The Roblox bridge as a part of this server.
#pragma once

#include "bridge_keys.hpp"
#include "config/config.hpp"
#include "engine_metrics.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include <pulse/core/authenticator.hpp>
#include <pulse/core/broker.hpp>
#include <pulse/core/clock.hpp>
#include <pulse/core/document_store.hpp>
#include <pulse/core/http.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/metrics.hpp>
#include <pulse/core/ownership.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/transport/loop.hpp>

namespace pulse::server {

class RelayPart;

/// Whether nobody beyond this machine can ask.
[[nodiscard]] bool is_loopback_only(const Config& config);
/// `[roblox] enabled`, or else whether keys are given or nobody beyond this machine can ask.
[[nodiscard]] bool is_bridge_enabled(const Config& config);

/// All outlive the part.
struct BridgePartSources {
    const Config& config;
    core::Hub& hub;
    core::DocumentStore& store;
    core::SystemClock& clock;
    core::Rng& rng;
    core::Log& log;
    transport::Loop& loop;  ///< the bridge lives on it
    MetricSources engine;
    /// Of a cluster; null: this node serves every universe, and nobody else changes the registry.
    core::Ownership* ownership = nullptr;
    core::Broker* broker = nullptr;
};

/// Made before the loops run and destroyed after they ended.
class BridgePart {
  public:
    /// Errors are sentences for an operator.
    [[nodiscard]] static tl::expected<std::unique_ptr<BridgePart>, std::string> make(
        const BridgePartSources& sources, const BridgeKeys& keys);
    ~BridgePart();
    BridgePart(const BridgePart&) = delete;
    BridgePart& operator=(const BridgePart&) = delete;

    /// What concerns a universe that another server has is carried there. Before anything is
    /// served; `relay` goes before this does.
    void share(RelayPart& relay);
    /// Once the loops run: reads the registry, again and again until the store has it.
    void start();
    /// Why it cannot serve; empty when it can.
    [[nodiscard]] std::string obstacle() const;

    [[nodiscard]] std::vector<core::Route> routes();
    /// To be added behind all others.
    [[nodiscard]] std::vector<core::Route> fallback_routes();
    [[nodiscard]] std::vector<std::pair<std::string, core::Dialect*>> dialects();
    /// `inner`, and the bridge's tokens beside it.
    [[nodiscard]] std::unique_ptr<core::Authenticator> with_tokens(
        std::unique_ptr<core::Authenticator> inner);
    [[nodiscard]] core::Metrics::Token add_metrics(core::Metrics& metrics);

    /// Answers polls at once and sends what waits, for at most `within`. `done` on the loop.
    void shut_down(std::chrono::milliseconds within, std::function<void()> done);

  private:
    struct State;
    explicit BridgePart(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace pulse::server
