// SPDX-License-Identifier: MIT OR Apache-2.0
#include <utility>

#include <pulse/roblox/bridge_dialect.hpp>
#include <pulse/roblox/universe_owners.hpp>

namespace pulse::roblox {

std::string ownership_key(UniverseId universe) { return "roblox:" + universe.to_string(); }

namespace {

template <typename Request>
[[nodiscard]] std::optional<std::string> key_of(const AccessBook& book, const Request& request,
                                                const Credential& credential) {
    const auto universe = universe_of_path(request.path);
    if (!universe || credential.kind == Credential::Kind::session_cookie) return {};
    if (!book.has_universe(*universe)) return {};
    return ownership_key(*universe);
}

}  // namespace

std::optional<std::string> ownership_key_of(const AccessBook& book,
                                            const core::HttpRequest& request) {
    if (request.path.ends_with("/stream")) return {};
    return key_of(book, request, find_credential(request, QueryCredentials::accepted));
}

std::optional<std::string> ownership_key_of(const AccessBook& book,
                                            const core::OpenRequest& request) {
    return key_of(book, request, find_credential(request));
}

UniverseOwners::UniverseOwners(core::Ownership& ownership, BridgePort& bridge, core::Log& log,
                               Refresh refresh)
    : ownership_(ownership), bridge_(bridge), log_(log), refresh_(std::move(refresh)) {}

UniverseOwners::~UniverseOwners() { give_back(); }

bool UniverseOwners::owns(UniverseId universe) const { return owner(universe).is_this_node; }

core::Owner UniverseOwners::owner(UniverseId universe) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(universe);
    return found == entries_.end() ? core::Owner{} : found->second.owner;
}

UniverseOwnerStats UniverseOwners::stats() const {
    const std::lock_guard lock(mutex_);
    return {entries_.size(), owned_, gained_, lost_};
}

void UniverseOwners::set_universe(UniverseId universe, UniverseConfig config) {
    bool is_new = false;
    {
        const std::lock_guard lock(mutex_);
        if (is_given_back_) return;
        is_new = entries_.try_emplace(universe).second;
    }
    core::Ownership::Claim claim;
    if (is_new) {
        // Not under the lock: it may tell at once. Calls for one universe come one by one.
        claim = ownership_.claim(
            ownership_key(universe),
            [this, universe](const core::Owner& owner) { on_changed(universe, owner); });
    }
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(universe);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    if (is_new) {
        entry.claim = std::move(claim);
        entry.is_claiming = false;
    }
    if (entry.owner.is_this_node) {
        bridge_.set_universe(universe, std::move(config));
    } else if (is_new) {
        bridge_.release_universe(universe);
    }
}

void UniverseOwners::on_changed(UniverseId universe, const core::Owner& owner) {
    bool has_gained = false;
    {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(universe);
        if (found == entries_.end()) return;
        Entry& entry = found->second;
        const bool was_mine = std::exchange(entry.owner, owner).is_this_node;
        if (was_mine == owner.is_this_node) return;
        if (owner.is_this_node) {
            ++owned_;
            ++gained_;
            has_gained = !entry.is_claiming;
        } else {
            --owned_;
            ++lost_;
            bridge_.release_universe(universe);
        }
    }
    log_.write(owner.is_this_node ? core::LogLevel::info : core::LogLevel::warn,
               owner.is_this_node ? "roblox_universe_owned" : "roblox_universe_lost",
               {{"universe", universe.value}});
    if (has_gained) refresh_(universe);
}

void UniverseOwners::remove_universe(UniverseId universe) {
    core::Ownership::Claim ended;  // waits for a call under way: not under the lock
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(universe);
    if (found != entries_.end()) {
        if (found->second.owner.is_this_node) --owned_;
        ended = std::move(found->second.claim);
        entries_.erase(found);
    }
    bridge_.remove_universe(universe);
}

void UniverseOwners::release_universe(UniverseId universe) { bridge_.release_universe(universe); }

void UniverseOwners::give_back() {
    std::map<UniverseId, Entry> ended;  // as above
    const std::lock_guard lock(mutex_);
    is_given_back_ = true;
    for (const auto& [universe, entry] : entries_) {
        if (entry.owner.is_this_node) bridge_.release_universe(universe);
    }
    ended.swap(entries_);
    owned_ = 0;
}

void UniverseOwners::probe(UniverseId universe, KeyDone done) {
    bridge_.probe(universe, std::move(done));
}

void UniverseOwners::introspect(Secret api_key, PublishTransport::IntrospectDone done) {
    bridge_.introspect(std::move(api_key), std::move(done));
}

void UniverseOwners::read_stats(std::vector<UniverseId> universes, Detail detail, StatsDone done) {
    bridge_.read_stats(std::move(universes), detail, std::move(done));
}

void UniverseOwners::read_servers(UniverseId universe, ServersDone done) {
    bridge_.read_servers(universe, std::move(done));
}

}  // namespace pulse::roblox
