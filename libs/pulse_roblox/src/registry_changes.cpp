// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What administrators change. Each change is one batch on condition of the version that it was made
// from, so that of two that meet one is refused as a whole.
#include "crypto.hpp"
#include "registry_impl.hpp"

#include <algorithm>

#include <pulse/core/error.hpp>
#include <pulse/roblox/error.hpp>

namespace pulse::roblox {

namespace {

[[nodiscard]] tl::unexpected<std::error_code> refuse(std::error_code error) {
    return tl::unexpected{error};
}

/// Calls it when the scope is left, however that is.
struct AtEnd {
    const std::function<void()>& what;
    ~AtEnd() {
        if (what) what();
    }
};

}  // namespace

void keep_facts(const KeySlots& known, KeySlots& keys) {
    for (auto& slot : keys.slots) {
        for (const auto& other : known.slots) {
            if (!slot || !other || slot->serial != other->serial) continue;
            slot->used_at_ms = std::max(slot->used_at_ms, other->used_at_ms);
            if (other->checked_at_ms < slot->checked_at_ms) continue;
            slot->state = other->state;
            slot->checked_at_ms = other->checked_at_ms;
            slot->expires_at_ms = other->expires_at_ms;
            slot->owner = other->owner;
        }
    }
}

core::Result<KeySlot> UniverseRegistry::Impl::seal(UniverseId id, std::string_view api_key,
                                                   const KeyCheck& check) const {
    auto record = parts_.vault.seal(id, api_key, parts_.rng);
    if (!record) return refuse(record.error());
    return KeySlot{.record = std::move(*record),
                   .fingerprint = parts_.vault.fingerprint(api_key),
                   .state = check.state,
                   .checked_at_ms = check.checked_at_ms,
                   .expires_at_ms = check.expires_at_ms,
                   .owner = check.owner};
}

void UniverseRegistry::Impl::add(UniverseId id, UniverseSettings settings, const Secret& api_key,
                                 const KeyCheck& check, Done done) {
    auto slot = seal(id, api_key.view(), check);
    if (!slot) return done(refuse(slot.error()));
    if (!is_valid(settings)) return done(refuse(make_error_code(Error::invalid_message)));
    UniverseRecord record{
        .id = id, .settings = std::move(settings), .created_at_ms = parts_.clock.unix_ms()};
    // Serials are never those of a universe of this id that was removed before.
    record.keys.version = record.created_at_ms;
    record.keys.put(0, std::move(*slot));
    std::error_code error;
    {
        const std::lock_guard lock(mutex_);
        if (entries_.contains(id)) {
            error = Error::universe_exists;
        } else if (entries_.size() + adding_ >= options_.max_universes) {
            error = Error::too_many_entries;
        } else {
            ++adding_;
        }
    }
    if (error) return done(refuse(error));
    const std::string key = options_.keys.universe(id);
    core::DocumentBatch batch;
    batch.require_absent(key).put(key, encode_universe(record)).remove(options_.keys.state(id));
    const std::weak_ptr<Impl> weak = weak_from_this();
    parts_.store.commit(std::move(batch), [weak, record, done = std::move(done)](
                                              core::Result<core::CommitResult> result) {
        const auto self = weak.lock();
        if (!self) return;
        if (result) self->apply(record, result->version, true);
        {
            const std::lock_guard lock(self->mutex_);
            --self->adding_;
        }
        if (result) {
            self->tell(self->options_.keys.universe(record.id));
            self->parts_.log.write(core::LogLevel::info, "roblox_universe_added",
                                   {{"universe", record.id.value}});
            return done({});
        }
        self->reread(record.id);
        const bool is_conflict = result.error() == core::Error::document_conflict;
        done(refuse(is_conflict ? make_error_code(Error::universe_exists) : result.error()));
    });
}

void UniverseRegistry::Impl::edit(UniverseId id, Damaged damaged, const Edit& edit, Done done) {
    UniverseRecord record;
    std::uint64_t version = 0;
    std::error_code error;
    if (const std::lock_guard lock(mutex_); entries_.contains(id)) {
        const Entry& entry = entries_.at(id);
        if (entry.is_damaged && damaged == Damaged::refused) error = Error::invalid_record;
        record = entry.record;
        version = entry.version;
    } else {
        error = Error::unknown_universe;
    }
    if (!error) error = edit(record);
    if (error) return done(refuse(error));
    const std::string key = options_.keys.universe(id);
    core::DocumentBatch batch;
    batch.require_version(key, version).put(key, encode_universe(record));
    const std::weak_ptr<Impl> weak = weak_from_this();
    parts_.store.commit(std::move(batch),
                        [weak, record = std::move(record),
                         done = std::move(done)](core::Result<core::CommitResult> result) {
                            const auto self = weak.lock();
                            if (!self) return;
                            if (!result) {
                                self->reread(record.id);
                                return done(refuse(result.error()));
                            }
                            self->apply(record, result->version, false);
                            self->tell(self->options_.keys.universe(record.id));
                            self->parts_.log.write(core::LogLevel::info, "roblox_universe_changed",
                                                   {{"universe", record.id.value}});
                            done({});
                        });
}

void UniverseRegistry::Impl::apply(UniverseRecord record, std::uint64_t version, bool is_new) {
    const UniverseId id = record.id;
    const core::MonotonicTime now = parts_.clock.now();
    Entry entry{.record = std::move(record), .version = version};
    check_readable(entry);
    {
        const std::lock_guard lock(mutex_);
        auto found = entries_.find(id);
        // An answer may be handled after that of a later change, also of a removal.
        if (found == entries_.end() ? !is_new : found->second.version >= version) return;
        if (found == entries_.end()) found = entries_.try_emplace(id).first;
        Entry& current = found->second;
        const KeySlot* before = current.record.keys.active_slot();
        const std::uint64_t serial = before != nullptr ? before->serial : 0;
        keep_facts(current.record.keys, entry.record.keys);
        current.record = std::move(entry.record);
        current.version = version;
        current.is_damaged = false;
        current.is_readable = entry.is_readable;
        const KeySlot* active = current.record.keys.active_slot();
        if (active == nullptr) {
            unschedule(id, current);
        } else if (active->checked_at_ms == 0 || active->serial != serial) {
            // A key that comes into use is asked about soon, unless it just was.
            const bool is_fresh =
                active->checked_at_ms + 60'000 > parts_.clock.unix_ms() && active->checked_at_ms;
            schedule(id, current, is_fresh ? next_probe_after(now) : now);
        }
    }
    push(id);
}

void UniverseRegistry::Impl::reread(UniverseId id, std::function<void()> done) {
    std::uint64_t version = 0;
    if (const std::lock_guard lock(mutex_); entries_.contains(id)) {
        version = entries_.at(id).version;
    }
    const std::weak_ptr<Impl> weak = weak_from_this();
    parts_.store.get(
        options_.keys.universe(id), [weak, id, version, done = std::move(done)](
                                        core::Result<std::optional<core::Document>> document) {
            const auto self = weak.lock();
            if (!self) return;
            const AtEnd at_end{done};
            if (!document) return;
            bool is_gone = false;
            bool has_room = false;
            {
                const std::lock_guard lock(self->mutex_);
                const auto found = self->entries_.find(id);
                is_gone =
                    !*document && found != self->entries_.end() && found->second.version == version;
                has_room = self->entries_.size() < self->options_.max_universes;
            }
            if (is_gone) return self->erase(id);
            if (!*document) return;
            auto record = decode_universe(id, (*document)->text());
            if (record) self->apply(std::move(*record), (*document)->version, has_room);
        });
}

void UniverseRegistry::Impl::set_key(UniverseId id, std::optional<unsigned> slot,
                                     const Secret& api_key, const KeyCheck& check,
                                     const SettingsPatch& patch, Done done) {
    auto sealed = seal(id, api_key.view(), check);
    if (!sealed) return done(refuse(sealed.error()));
    const std::uint64_t now = parts_.clock.unix_ms();
    edit(
        id, Damaged::replaced,
        [&](UniverseRecord& record) -> std::error_code {
            if (record.created_at_ms == 0) {  // damaged: begins anew
                record.created_at_ms = now;
                record.keys.version = now;
            }
            record.settings = patch.apply(std::move(record.settings));
            record.keys.put(slot.value_or(record.keys.active), std::move(*sealed));
            if (!is_valid(record.settings)) return Error::invalid_message;
            return {};
        },
        std::move(done));
}

void UniverseRegistry::Impl::activate_key(UniverseId id, unsigned slot, Done done) {
    edit(
        id, Damaged::refused,
        [slot](UniverseRecord& record) -> std::error_code {
            if (slot > 1 || !record.keys.activate(slot)) return Error::unknown_key;
            return {};
        },
        std::move(done));
}

void UniverseRegistry::Impl::remove_key(UniverseId id, unsigned slot, Done done) {
    edit(
        id, Damaged::refused,
        [slot](UniverseRecord& record) -> std::error_code {
            if (slot > 1 || !record.keys.slots[slot]) return Error::unknown_key;
            if (record.keys.active == slot) return Error::key_in_use;
            record.keys.retire_spare();
            return {};
        },
        std::move(done));
}

void UniverseRegistry::Impl::change(UniverseId id, const SettingsPatch& patch, Done done) {
    edit(
        id, Damaged::refused,
        [&patch](UniverseRecord& record) -> std::error_code {
            record.settings = patch.apply(std::move(record.settings));
            if (!is_valid(record.settings)) return Error::invalid_message;
            return {};
        },
        std::move(done));
}

// ------------------------------------------------------------------ removal

void UniverseRegistry::Impl::remove(UniverseId id, Done done) {
    std::uint64_t version = 0;
    bool is_there = false;
    if (const std::lock_guard lock(mutex_); entries_.contains(id)) {
        is_there = true;
        version = entries_.at(id).version;
    }
    if (!is_there) return done(refuse(make_error_code(Error::unknown_universe)));
    auto tokens = std::make_shared<std::vector<AccessBook::Token>>(parts_.book.tokens(id));
    std::erase_if(*tokens, [](const AccessBook::Token& token) { return token.record.is_for_all; });
    remove_in_steps(id, version, tokens, std::move(done));
}

void UniverseRegistry::Impl::remove_in_steps(
    UniverseId id, std::uint64_t version,
    const std::shared_ptr<std::vector<AccessBook::Token>>& tokens, Done done) {
    // A batch holds 1,024 operations. Should it end between two, the universe is still there.
    constexpr std::size_t kPerBatch = 400;
    const std::string key = options_.keys.universe(id);
    core::DocumentBatch batch;
    batch.require_version(key, version);
    std::vector<AccessBook::Token> now;
    while (!tokens->empty() && now.size() < kPerBatch) {
        AccessBook::Token token = std::move(tokens->back());
        tokens->pop_back();
        std::erase(token.record.universes, id);
        if (token.record.universes.empty()) {
            batch.remove(options_.keys.token(token.record.id));
            batch.remove(options_.keys.used(token.record.id));
        } else {
            batch.put(options_.keys.token(token.record.id), encode_token_record(token.record));
        }
        now.push_back(std::move(token));
    }
    const bool is_last = tokens->empty();
    if (is_last) batch.remove(key).remove(options_.keys.state(id));
    const std::weak_ptr<Impl> weak = weak_from_this();
    parts_.store.commit(
        std::move(batch), [weak, id, version, tokens, is_last, now = std::move(now),
                           done = std::move(done)](core::Result<core::CommitResult> result) {
            const auto self = weak.lock();
            if (!self) return;
            if (!result) {
                self->reread(id);
                return done(refuse(result.error()));
            }
            for (const AccessBook::Token& token : now) {
                self->tell(self->options_.keys.token(token.record.id));
                if (token.record.universes.empty()) {
                    self->parts_.book.remove_token(token.record.id);
                } else {
                    // It was there, so it finds room.
                    (void)self->parts_.book.add_token(token.record, token.used_at_ms);
                }
            }
            if (!is_last) return self->remove_in_steps(id, version, tokens, done);
            self->erase(id);
            self->tell(self->options_.keys.universe(id));
            self->parts_.log.write(core::LogLevel::info, "roblox_universe_removed",
                                   {{"universe", id.value}});
            done({});
        });
}

void UniverseRegistry::Impl::erase(UniverseId id) {
    std::vector<Waiter> waiters;
    {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(id);
        if (found == entries_.end()) return;
        unschedule(id, found->second);
        waiters.swap(found->second.waiters);
        probing_.erase(id);
        changed_states_.erase(id);
        entries_.erase(found);
    }
    push(id);
    for (const Waiter& waiter : waiters) {
        waiter.done(refuse(make_error_code(Error::unknown_universe)));
    }
}

// ------------------------------------------------------------------ tokens

std::string UniverseRegistry::Impl::token_to_replace(
    const std::vector<AccessBook::Token>& tokens) const {
    const std::uint64_t unix_ms = parts_.clock.unix_ms();
    const AccessBook::Token* oldest = nullptr;
    for (const AccessBook::Token& token : tokens) {
        if (!token.record.has_expired(unix_ms)) continue;
        if (oldest == nullptr || token.record.expires_at_ms < oldest->record.expires_at_ms) {
            oldest = &token;
        }
    }
    return oldest == nullptr ? std::string() : oldest->record.id;
}

void UniverseRegistry::Impl::create_token(TokenRecord wanted, TokenDone done) {
    core::DocumentBatch batch;
    std::set<std::string> replaced;
    for (const UniverseId id : wanted.universes) {
        if (!contains(id)) return done(refuse(make_error_code(Error::unknown_universe)));
        const auto tokens = parts_.book.tokens(id);
        if (tokens.size() >= options_.max_tokens_per_universe) {
            std::string expired = token_to_replace(tokens);
            if (expired.empty()) return done(refuse(make_error_code(Error::too_many_entries)));
            replaced.insert(std::move(expired));
        }
        batch.require_present(options_.keys.universe(id));
    }
    for (const std::string& id : replaced) {
        batch.remove(options_.keys.token(id)).remove(options_.keys.used(id));
    }
    auto made = make_token(std::move(wanted), parts_.rng, parts_.clock.unix_ms());
    if (!made) return done(refuse(made.error()));
    const std::string key = options_.keys.token(made->record.id);
    batch.require_absent(key).put(key, encode_token_record(made->record));
    const std::weak_ptr<Impl> weak = weak_from_this();
    // Shared, because completions are copied and the token's text should not be.
    auto token = std::make_shared<NewToken>(std::move(*made));
    parts_.store.commit(std::move(batch), [weak, key, token, replaced, done = std::move(done)](
                                              core::Result<core::CommitResult> result) {
        const auto self = weak.lock();
        if (!self) return;
        if (!result) return done(refuse(result.error()));
        for (const std::string& id : replaced) {
            self->parts_.book.remove_token(id);
            self->tell(self->options_.keys.token(id));
        }
        if (const auto added = self->parts_.book.add_token(token->record); !added) {
            self->write(core::DocumentBatch().remove(key));
            return done(refuse(added.error()));
        }
        self->tell(key);
        self->parts_.log.write(core::LogLevel::info, "roblox_token_created",
                               {{"token", std::string_view(token->record.id)}});
        done(std::move(*token));
    });
}

void UniverseRegistry::Impl::remove_token(std::string_view id, Done done) {
    if (!parts_.book.token(id)) return done(refuse(make_error_code(Error::unknown_token)));
    core::DocumentBatch batch;
    batch.remove(options_.keys.token(id)).remove(options_.keys.used(id));
    const std::weak_ptr<Impl> weak = weak_from_this();
    parts_.store.commit(std::move(batch), [weak, id = std::string(id), done = std::move(done)](
                                              core::Result<core::CommitResult> result) {
        const auto self = weak.lock();
        if (!self) return;
        if (!result) return done(refuse(result.error()));
        self->parts_.book.remove_token(id);
        self->tell(self->options_.keys.token(id));
        self->parts_.log.write(core::LogLevel::info, "roblox_token_removed",
                               {{"token", std::string_view(id)}});
        done({});
    });
}

}  // namespace pulse::roblox
