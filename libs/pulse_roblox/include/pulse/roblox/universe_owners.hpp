// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One owner for each universe of a cluster: only its bridge sends to Open Cloud and has the
// universe's queues, game servers and polls. Stands between registry and bridge: every node's
// registry knows every universe, and a bridge is told of those that its node owns.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <pulse/core/dialect.hpp>
#include <pulse/core/http.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/ownership.hpp>
#include <pulse/roblox/access_book.hpp>
#include <pulse/roblox/bridge_port.hpp>
#include <pulse/roblox/names.hpp>

namespace pulse::roblox {

/// The name by which nodes own a universe.
[[nodiscard]] std::string ownership_key(UniverseId universe);

/// Of what a universe's owner is to answer: `/universe/<id>` and `/universes/<id>` with all that is
/// below. Nothing for what the node answers that is asked: other paths, universes that are not
/// known here, event streams, and whoever proves who they are by the session of a web page, which
/// only the node knows where they logged in.
[[nodiscard]] std::optional<std::string> ownership_key_of(const AccessBook& book,
                                                          const core::HttpRequest& request);
[[nodiscard]] std::optional<std::string> ownership_key_of(const AccessBook& book,
                                                          const core::OpenRequest& request);

struct UniverseOwnerStats {
    std::size_t known = 0;           ///< universes in the registry
    std::size_t owned = 0;           ///< of these by this node
    std::uint64_t gained_total = 0;  ///< times that this node got one
    std::uint64_t lost_total = 0;    ///< times that it lost one without having given it back
};

/// **Thread-safe.** All it is given outlives it; destroyed when nobody calls it any more.
class UniverseOwners final : public BridgePort {
  public:
    /// `refresh`: this node got a universe that its registry has known for some time; it is to look
    /// again (UniverseRegistry::refresh()) and then set it. Called on any thread, within others'
    /// calls: let it do no more than post.
    using Refresh = std::function<void(UniverseId universe)>;

    UniverseOwners(core::Ownership& ownership, BridgePort& bridge, core::Log& log, Refresh refresh);
    ~UniverseOwners() override;
    UniverseOwners(const UniverseOwners&) = delete;
    UniverseOwners& operator=(const UniverseOwners&) = delete;

    [[nodiscard]] bool owns(UniverseId universe) const;
    /// For figures; empty when it is not known.
    [[nodiscard]] core::Owner owner(UniverseId universe) const;
    [[nodiscard]] UniverseOwnerStats stats() const;

    /// Gives all back and claims none any more: when the bridge has sent what waited.
    void give_back();

    // BridgePort: what concerns a universe that another node has is not passed on.
    void set_universe(UniverseId universe, UniverseConfig config) override;
    void remove_universe(UniverseId universe) override;
    void release_universe(UniverseId universe) override;
    void probe(UniverseId universe, KeyDone done) override;
    void introspect(Secret api_key, PublishTransport::IntrospectDone done) override;
    void read_stats(std::vector<UniverseId> universes, Detail detail, StatsDone done) override;
    void read_servers(UniverseId universe, ServersDone done) override;

  private:
    struct Entry {
        core::Ownership::Claim claim;
        core::Owner owner;
        bool is_claiming = true;  ///< claim() has not returned: who called it goes on itself
    };

    void on_changed(UniverseId universe, const core::Owner& owner);

    core::Ownership& ownership_;
    BridgePort& bridge_;
    core::Log& log_;
    const Refresh refresh_;
    mutable std::mutex mutex_;  ///< held while the bridge is told, so that it is told in order
    std::map<UniverseId, Entry> entries_;
    std::size_t owned_ = 0;
    std::uint64_t gained_ = 0;
    std::uint64_t lost_ = 0;
    bool is_given_back_ = false;
};

}  // namespace pulse::roblox
