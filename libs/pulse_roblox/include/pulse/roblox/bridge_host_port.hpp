// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The bridge on its loop, as the registry and the routes of administration reach it.
#pragma once

#include <pulse/core/log.hpp>
#include <pulse/roblox/bridge_host.hpp>
#include <pulse/roblox/bridge_port.hpp>

namespace pulse::roblox {

/// Posts everything to the host's loop. **Thread-safe.** What it is given outlives it; `transport`
/// is the bridge's own, and outlives the loop's last turn.
class BridgeHostPort final : public BridgePort {
  public:
    BridgeHostPort(BridgeHost& host, PublishTransport& transport, core::Log& log) noexcept
        : host_(host), transport_(transport), log_(log) {}

    void set_universe(UniverseId universe, UniverseConfig config) override;
    void remove_universe(UniverseId universe) override;
    void probe(UniverseId universe, KeyDone done) override;
    void introspect(Secret api_key, PublishTransport::IntrospectDone done) override;
    void read_stats(std::vector<UniverseId> universes, Detail detail, StatsDone done) override;
    void read_servers(UniverseId universe, ServersDone done) override;
    void release_universe(UniverseId universe) override;

  private:
    BridgeHost& host_;
    PublishTransport& transport_;
    core::Log& log_;
};

}  // namespace pulse::roblox
