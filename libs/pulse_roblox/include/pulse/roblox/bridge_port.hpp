// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A Bridge as other threads reach it. Whoever puts a bridge on a loop implements this by posting to
// that loop; registry and administration know nothing else of it.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include <pulse/roblox/bridge.hpp>
#include <pulse/roblox/bridge_stats.hpp>
#include <pulse/roblox/names.hpp>
#include <pulse/roblox/secret.hpp>

namespace pulse::roblox {

/// **Thread-safe.** Calls return at once and take effect in the order of one thread's calls.
/// Completions run later, on any thread, and must not block it; when the bridge ends before, they
/// are destroyed uncalled.
class BridgePort {
  public:
    using KeyDone = std::function<void(const KeyReport&)>;
    using StatsDone = std::function<void(std::vector<std::optional<UniverseStats>>)>;
    using ServersDone = std::function<void(std::vector<ServerInfo>)>;

    virtual ~BridgePort() = default;

    /// Bridge::set_universe(); what that refuses is the implementation's to log.
    virtual void set_universe(UniverseId universe, UniverseConfig config) = 0;
    virtual void remove_universe(UniverseId universe) = 0;
    /// Bridge::probe(): of the key in use.
    virtual void probe(UniverseId universe, KeyDone done) = 0;
    /// PublishTransport::introspect(): of a key that no universe uses (yet).
    virtual void introspect(Secret api_key, PublishTransport::IntrospectDone done) = 0;

    enum class Detail : unsigned char {
        summary,  ///< what encode_summary() reads; the rest may be left out
        full,
    };
    /// Of each of them, in their order; nothing for one that the bridge does not know.
    virtual void read_stats(std::vector<UniverseId> universes, Detail detail, StatsDone done) = 0;
    virtual void read_servers(UniverseId universe, ServersDone done) = 0;
    /// Bridge::release_universe().
    virtual void release_universe(UniverseId universe) = 0;
};

}  // namespace pulse::roblox
