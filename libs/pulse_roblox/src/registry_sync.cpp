// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Several registries on one store. Who changes something tells the others its name; they read that
// document anew, a few at once. Word may be lost, so now and then everything is compared.
#include "registry_impl.hpp"

#include <algorithm>

namespace pulse::roblox {

namespace {

constexpr std::string_view kUniverse = "universe/";
constexpr std::string_view kToken = "token/";

}  // namespace

void UniverseRegistry::Impl::tell(const std::string& key) const {
    if (parts_.tell) parts_.tell(key.substr(options_.keys.prefix.size()));
}

// ------------------------------------------------------------------ single documents

void UniverseRegistry::Impl::changed_elsewhere(std::string_view name) {
    {
        const std::lock_guard lock(heard_mutex_);
        if (is_loaded_ && heard_.size() < options_.max_heard) {
            heard_.emplace(name);
        } else {
            wants_resync_ = true;
        }
    }
    reread_heard();
}

void UniverseRegistry::Impl::reread_heard() {
    std::unique_lock lock(heard_mutex_);
    // Whoever is in the loop sees what has come, and that one has ended.
    if (std::exchange(is_rereading_, true)) return;
    while (!heard_.empty() && rereads_ < options_.max_rereads) {
        const std::string name = std::move(heard_.extract(heard_.begin()).value());
        ++rereads_;
        lock.unlock();
        const auto done = [weak = weak_from_this()] {
            const auto self = weak.lock();
            if (!self) return;
            {
                const std::lock_guard held(self->heard_mutex_);
                --self->rereads_;
            }
            self->reread_heard();
        };
        const auto universe = name.starts_with(kUniverse)
                                  ? UniverseId::parse(name.substr(kUniverse.size()))
                                  : UniverseId::parse("");
        if (universe) {
            reread(*universe, done);
        } else if (name.starts_with(kToken)) {
            reread_token(name.substr(kToken.size()), done);
        } else {
            done();  // a newer version's
        }
        lock.lock();
    }
    is_rereading_ = false;
}

void UniverseRegistry::Impl::reread_token(const std::string& id, std::function<void()> done) {
    const std::weak_ptr<Impl> weak = weak_from_this();
    parts_.store.get(
        options_.keys.token(id),
        [weak, id, done = std::move(done)](core::Result<std::optional<core::Document>> found) {
            const auto self = weak.lock();
            if (!self) return;
            AccessBook& book = self->parts_.book;
            if (found && !*found) {
                book.remove_token(id);
            } else if (found) {
                auto record = decode_token_record((*found)->text());
                const auto known = book.token(id);
                const std::uint64_t used = known ? known->used_at_ms : 0;
                // Beyond the bound it is not known here, as after loading.
                if (record && record->id == id) (void)book.add_token(std::move(*record), used);
            }
            done();
        });
}

void UniverseRegistry::Impl::take_state(UniverseId id, std::string_view text) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    KeySlots known = found->second.record.keys;
    if (apply_key_states(text, known)) keep_facts(known, found->second.record.keys);
}

void UniverseRegistry::Impl::refresh(UniverseId id) {
    const std::weak_ptr<Impl> weak = weak_from_this();
    reread(id, [weak, id] {
        const auto self = weak.lock();
        if (!self) return;
        self->parts_.store.get(self->options_.keys.state(id),
                               [weak, id](core::Result<std::optional<core::Document>> state) {
                                   const auto here = weak.lock();
                                   if (!here) return;
                                   if (state && *state) here->take_state(id, (*state)->text());
                                   here->push(id);
                               });
    });
}

// ------------------------------------------------------------------ everything

void UniverseRegistry::Impl::resync() {
    const std::lock_guard lock(heard_mutex_);
    wants_resync_ = true;
}

void UniverseRegistry::Impl::start_resync(core::MonotonicTime now) {
    {
        const std::lock_guard lock(heard_mutex_);
        const bool has_interval = options_.resync_interval.count() > 0;
        if (has_interval && next_resync_ == core::MonotonicTime{}) {
            next_resync_ = now + options_.resync_interval;
        }
        if (is_resyncing_) return;
        if (!wants_resync_ && !(has_interval && now >= next_resync_)) return;
        is_resyncing_ = true;
        wants_resync_ = false;
        next_resync_ = now + options_.resync_interval;
    }
    const auto loading = std::make_shared<Loading>();
    loading->is_resync = true;
    loading->known_tokens = parts_.book.token_ids();
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [id, entry] : entries_) {
            loading->known_universes.emplace(id, entry.version);
        }
    }
    loading->done = [weak = weak_from_this()](const core::Result<LoadReport>& result) {
        const auto self = weak.lock();
        if (!self) return;
        const std::lock_guard lock(self->heard_mutex_);
        self->is_resyncing_ = false;
        if (!result) self->wants_resync_ = true;
    };
    load_page(loading, core::DocumentRange::prefix(options_.keys.prefix));
}

/// What differs is read once more, by itself: the pages may be older than what happened meanwhile.
void UniverseRegistry::Impl::finish_resync(Loading& loading) {
    std::vector<std::string> different;
    for (const auto& [id, entry] : loading.entries) {
        const auto known = loading.known_universes.find(id);
        if (known == loading.known_universes.end() || known->second < entry.version) {
            different.push_back(std::string(kUniverse) + id.to_string());
        }
    }
    for (const auto& [id, version] : loading.known_universes) {
        if (!loading.entries.contains(id)) {
            different.push_back(std::string(kUniverse) + id.to_string());
        }
    }
    std::set<std::string_view> tokens;
    for (const TokenRecord& token : loading.tokens) {
        tokens.insert(token.id);
        const auto known = parts_.book.token(token.id);
        if (!known || known->record != token) {
            different.push_back(std::string(kToken) + token.id);
        }
    }
    for (const std::string& id : loading.known_tokens) {
        if (!tokens.contains(id)) different.push_back(std::string(kToken) + id);
    }
    for (const auto& [id, state] : loading.states) take_state(id, state);
    {
        const std::lock_guard lock(heard_mutex_);
        heard_.insert(different.begin(), different.end());
    }
    loading.end(loading.report);
    reread_heard();
}

}  // namespace pulse::roblox
