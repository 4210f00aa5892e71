// SPDX-License-Identifier: MIT OR Apache-2.0
#include "registry_impl.hpp"

#include <algorithm>

namespace pulse::roblox {

namespace {

constexpr std::uint64_t kDayMs = 86'400'000;

[[nodiscard]] std::string days(std::uint64_t ms) {
    const std::uint64_t count = ms / kDayMs;
    return std::to_string(count) + (count == 1 ? " day" : " days");
}

/// What an administrator should do something about; the same bounds as KeySlots::warnings().
[[nodiscard]] std::string warning_for(const KeySlot& slot, bool is_active, std::uint64_t now) {
    KeySlots one;
    one.slots[0] = slot;
    for (const KeySlots::Warning warning : one.warnings(now)) {
        if (warning == KeySlots::Warning::expires_soon) {
            return slot.expires_at_ms <= now ? "Expired"
                                             : "Expires in " + days(slot.expires_at_ms - now);
        }
        // A key that is only kept to fall back on is unused by intention, and expires all the same.
        return "Unused for " + days(now - slot.used_at_ms) +
               (is_active ? ": Roblox ends keys after 60 days without use"
                          : ": Roblox ends spare keys, too, after 60 days");
    }
    return {};
}

}  // namespace

UniverseSettings SettingsPatch::apply(UniverseSettings settings) const {
    if (name) settings.name = *name;
    if (mode) settings.mode = *mode;
    if (prefix) settings.prefix = *prefix;
    if (shards) settings.shards = *shards;
    if (has_silent_servers) settings.has_silent_servers = *has_silent_servers;
    if (origins) settings.origins = *origins;
    return settings;
}

const KeyView* UniverseView::active_key() const noexcept {
    const auto found =
        std::find_if(keys.begin(), keys.end(), [](const KeyView& key) { return key.is_active; });
    return found != keys.end() ? &*found : nullptr;
}

// ------------------------------------------------------------------ reading

bool UniverseRegistry::Impl::contains(UniverseId id) const {
    const std::lock_guard lock(mutex_);
    return entries_.contains(id);
}

std::size_t UniverseRegistry::Impl::size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

std::optional<UniverseView> UniverseRegistry::Impl::find(UniverseId id) const {
    const std::uint64_t now = parts_.clock.unix_ms();
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end()) return {};
    return view(found->second, now);
}

std::vector<UniverseView> UniverseRegistry::Impl::list(std::size_t max) const {
    const std::uint64_t now = parts_.clock.unix_ms();
    std::vector<UniverseView> views;
    const std::lock_guard lock(mutex_);
    views.reserve(std::min(max, entries_.size()));
    for (const auto& [id, entry] : entries_) {
        if (views.size() == max) break;
        views.push_back(view(entry, now));
    }
    return views;
}

UniverseView UniverseRegistry::Impl::view(const Entry& entry, std::uint64_t unix_ms) const {
    const UniverseRecord& record = entry.record;
    UniverseView view{.id = record.id,
                      .settings = record.settings,
                      .created_at_ms = record.created_at_ms,
                      .is_damaged = entry.is_damaged};
    if (entry.is_damaged) {
        view.keys.push_back({.slot = 0, .is_active = true, .is_readable = false});
    }
    for (unsigned i = 0; i < record.keys.slots.size(); ++i) {
        const auto& slot = record.keys.slots[i];
        if (!slot) continue;
        const bool is_active = record.keys.active == i;
        view.keys.push_back({.slot = i,
                             .is_active = is_active,
                             .is_readable = entry.is_readable[i],
                             .fingerprint = slot->fingerprint,
                             .state = slot->state,
                             .checked_at_ms = slot->checked_at_ms,
                             .used_at_ms = slot->used_at_ms,
                             .expires_at_ms = slot->expires_at_ms,
                             .warning = warning_for(*slot, is_active, unix_ms)});
    }
    return view;
}

void UniverseRegistry::Impl::push(UniverseId id) {
    const std::lock_guard order(push_mutex_);
    UniverseConfig config;
    std::vector<std::string> origins;
    std::string sealed;
    bool is_there = false;
    if (const std::lock_guard lock(mutex_); entries_.contains(id)) {
        is_there = true;
        const UniverseRecord& record = entries_.at(id).record;
        config.mode = record.settings.mode;
        config.prefix = record.settings.prefix;
        config.shards = record.settings.shards;
        config.has_silent_servers = record.settings.has_silent_servers;
        origins = record.settings.origins;
        if (const KeySlot* slot = record.keys.active_slot()) {
            sealed = slot->record;
            config.key_version = slot->serial;
            config.key_owner = slot->owner;
        }
    }
    if (!is_there) {
        parts_.book.remove_universe(id);
        parts_.bridge.remove_universe(id);
        return;
    }
    if (!sealed.empty()) {
        auto key = parts_.vault.open(id, sealed);
        if (key) config.key = std::move(*key);
    }
    parts_.book.set_universe(id, std::move(origins));
    parts_.bridge.set_universe(id, std::move(config));
}

// ------------------------------------------------------------------ the public face

UniverseRegistry::UniverseRegistry(RegistryOptions options, const RegistryParts& parts)
    : impl_(std::make_shared<Impl>(std::move(options), parts)) {}
UniverseRegistry::~UniverseRegistry() = default;

void UniverseRegistry::load(LoadDone done) { impl_->load(std::move(done)); }

void UniverseRegistry::check_key(UniverseId universe, std::string_view api_key,
                                 std::function<void(const KeyCheck&)> done) {
    impl_->check_key(universe, api_key, std::move(done));
}
// Keys are taken by value, so that callers give theirs away and it is wiped here.
void UniverseRegistry::add(UniverseId universe, UniverseSettings settings,
                           Secret api_key,  // NOLINT(performance-unnecessary-value-param)
                           const KeyCheck& check, Done done) {
    impl_->add(universe, std::move(settings), api_key, check, std::move(done));
}
void UniverseRegistry::set_key(UniverseId universe, std::optional<unsigned> slot,
                               Secret api_key,  // NOLINT(performance-unnecessary-value-param)
                               const KeyCheck& check, const SettingsPatch& patch, Done done) {
    impl_->set_key(universe, slot, api_key, check, patch, std::move(done));
}
void UniverseRegistry::activate_key(UniverseId universe, unsigned slot, Done done) {
    impl_->activate_key(universe, slot, std::move(done));
}
void UniverseRegistry::remove_key(UniverseId universe, unsigned slot, Done done) {
    impl_->remove_key(universe, slot, std::move(done));
}
void UniverseRegistry::change(UniverseId universe, const SettingsPatch& patch, Done done) {
    impl_->change(universe, patch, std::move(done));
}
void UniverseRegistry::remove(UniverseId universe, Done done) {
    impl_->remove(universe, std::move(done));
}

bool UniverseRegistry::contains(UniverseId universe) const { return impl_->contains(universe); }
std::size_t UniverseRegistry::size() const { return impl_->size(); }
std::optional<UniverseView> UniverseRegistry::find(UniverseId universe) const {
    return impl_->find(universe);
}
std::vector<UniverseView> UniverseRegistry::list(std::size_t max) const { return impl_->list(max); }

void UniverseRegistry::probe(UniverseId universe, Done done) {
    impl_->probe(universe, std::move(done));
}
void UniverseRegistry::create_token(TokenRecord wanted, TokenDone done) {
    impl_->create_token(std::move(wanted), std::move(done));
}
void UniverseRegistry::remove_token(std::string_view id, Done done) {
    impl_->remove_token(id, std::move(done));
}
void UniverseRegistry::changed_elsewhere(std::string_view name) { impl_->changed_elsewhere(name); }
void UniverseRegistry::resync() { impl_->resync(); }
void UniverseRegistry::refresh(UniverseId universe) { impl_->refresh(universe); }
void UniverseRegistry::tick() { impl_->tick(); }
void UniverseRegistry::key_reported(UniverseId universe, const KeyReport& report) {
    impl_->key_reported(universe, report);
}
void UniverseRegistry::key_used(UniverseId universe, std::uint64_t key_version) {
    impl_->key_used(universe, key_version);
}

}  // namespace pulse::roblox
