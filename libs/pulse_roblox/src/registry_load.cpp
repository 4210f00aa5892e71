// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From the store into memory: one pass over everything below the prefix. Documents that cannot be
// read are counted and logged; a universe among them stays visible, so that its key can be put in
// anew.
#include "registry_impl.hpp"

#include <algorithm>

#include <pulse/core/error.hpp>
#include <pulse/roblox/error.hpp>

namespace pulse::roblox {

namespace {

/// What follows `folder` in `key`, which follows the prefix; nothing when it is of another folder.
[[nodiscard]] std::optional<std::string_view> name_in(std::string_view key,
                                                      std::string_view folder) {
    if (!key.starts_with(folder)) return {};
    return key.substr(folder.size());
}

}  // namespace

void UniverseRegistry::Impl::load(LoadDone done) {
    auto loading = std::make_shared<Loading>();
    loading->done = std::move(done);
    const std::weak_ptr<Impl> weak = weak_from_this();
    const auto on_format = [weak, loading](core::Result<std::optional<core::Document>> format) {
        const auto self = weak.lock();
        if (!self) return;
        if (!format) return loading->end(tl::unexpected{format.error()});
        if (*format) {
            const auto number = (*format)->number();
            if (!number || *number < 1 ||
                static_cast<std::uint64_t>(*number) > RegistryKeys::kFormat) {
                return loading->end(
                    tl::unexpected{make_error_code(core::Error::store_incompatible)});
            }
        } else {
            // Whoever comes second finds it written.
            const std::string key = self->options_.keys.format();
            self->write(core::DocumentBatch().require_absent(key).put(
                key, std::to_string(RegistryKeys::kFormat)));
        }
        self->load_page(loading, core::DocumentRange::prefix(self->options_.keys.prefix));
    };
    parts_.store.get(options_.keys.format(), on_format);
}

void UniverseRegistry::Impl::load_page(const std::shared_ptr<Loading>& loading,
                                       core::DocumentRange range) {
    const std::weak_ptr<Impl> weak = weak_from_this();
    const auto on_page = [weak, loading, range](core::Result<core::DocumentPage> page) {
        const auto self = weak.lock();
        if (!self) return;
        if (!page) return loading->end(tl::unexpected{page.error()});
        for (const core::Document& document : page->documents) {
            self->take_document(*loading, document);
        }
        if (!page->next) {
            return loading->is_resync ? self->finish_resync(*loading) : self->finish_load(*loading);
        }
        core::DocumentRange rest = range;
        rest.begin = *page->next;
        self->load_page(loading, std::move(rest));
    };
    parts_.store.scan(std::move(range), on_page);
}

void UniverseRegistry::Impl::take_document(Loading& loading, const core::Document& document) const {
    const std::string_view key = std::string_view(document.key).substr(options_.keys.prefix.size());
    if (key == "format") return;
    if (const auto name = name_in(key, "universe/")) {
        const auto id = UniverseId::parse(*name);
        if (id && loading.entries.size() < options_.max_universes) {
            return take_universe(loading, *id, document);
        }
    } else if (const auto state = name_in(key, "state/")) {
        const auto id = UniverseId::parse(*state);
        if (id && loading.states.size() < options_.max_universes) {
            loading.states.emplace(*id, document.text());
            return;
        }
    } else if (const auto token = name_in(key, "token/")) {
        auto record = decode_token_record(document.text());
        if (!record || record->id != *token) {
            // Not named in the log: an id is half of a token.
            if (!loading.is_resync) {
                parts_.log.write(core::LogLevel::error, "roblox_token_damaged");
            }
            ++loading.report.damaged;
            return;
        }
        if (loading.tokens.size() < TokenBook::kMaxTokens) {
            loading.tokens.push_back(std::move(*record));
            return;
        }
    } else if (const auto used = name_in(key, "used/")) {
        const auto number = document.number();
        if (number && *number > 0 && loading.uses.size() < TokenBook::kMaxTokens) {
            loading.uses.emplace(*used, static_cast<std::uint64_t>(*number));
        }
        return;
    }
    ++loading.report.ignored;
}

void UniverseRegistry::Impl::take_universe(Loading& loading, UniverseId id,
                                           const core::Document& document) const {
    Entry entry{.record = {.id = id}, .version = document.version};
    auto record = decode_universe(id, document.text());
    if (record) {
        entry.record = std::move(*record);
        check_readable(entry);
    } else {
        entry.is_damaged = true;
        ++loading.report.damaged;
        if (!loading.is_resync) {
            parts_.log.write(core::LogLevel::error, "roblox_universe_damaged",
                             {{"universe", id.value}});
        }
    }
    for (std::size_t i = 0; i < entry.is_readable.size(); ++i) {
        if (entry.is_readable[i] || loading.is_resync) continue;
        ++loading.report.unreadable;
        parts_.log.write(core::LogLevel::error, "roblox_key_unreadable",
                         {{"universe", id.value}, {"slot", static_cast<std::uint64_t>(i)}});
    }
    loading.entries.emplace(id, std::move(entry));
}

void UniverseRegistry::Impl::check_readable(Entry& entry) const {
    for (std::size_t i = 0; i < entry.is_readable.size(); ++i) {
        const auto& slot = entry.record.keys.slots[i];
        entry.is_readable[i] = !slot || parts_.vault.open(entry.record.id, slot->record);
    }
}

void UniverseRegistry::Impl::finish_load(Loading& loading) {
    const core::MonotonicTime now = parts_.clock.now();
    const std::uint64_t unix_ms = parts_.clock.unix_ms();
    // Those whose time has come while nobody was here are spread, a few a second.
    const auto spread =
        std::min<std::uint64_t>(static_cast<std::uint64_t>(options_.probe_interval.count()),
                                1'000 + 250 * loading.entries.size());
    std::vector<UniverseId> ids;
    {
        const std::lock_guard lock(mutex_);
        entries_ = std::move(loading.entries);
        for (auto& [id, entry] : entries_) {
            ids.push_back(id);
            const auto state = loading.states.find(id);
            if (state != loading.states.end()) apply_key_states(state->second, entry.record.keys);
            const KeySlot* slot = entry.record.keys.active_slot();
            if (slot == nullptr) continue;
            const std::uint64_t due =
                slot->checked_at_ms + static_cast<std::uint64_t>(options_.probe_interval.count());
            const std::uint64_t wait =
                (slot->checked_at_ms != 0 && due > unix_ms ? due - unix_ms : 0) +
                parts_.rng.next_u64() % spread;
            schedule(id, entry, now + std::chrono::milliseconds(wait));
        }
    }
    {
        const std::lock_guard lock(heard_mutex_);
        is_loaded_ = true;
    }
    for (const UniverseId id : ids) push(id);
    for (TokenRecord& token : loading.tokens) {
        const auto use = loading.uses.find(token.id);
        const std::uint64_t used = use != loading.uses.end() ? use->second : 0;
        if (parts_.book.add_token(std::move(token), used)) ++loading.report.tokens;
    }
    loading.report.universes = ids.size();
    parts_.log.write(core::LogLevel::info, "roblox_registry_loaded",
                     {{"universes", static_cast<std::uint64_t>(loading.report.universes)},
                      {"keys_issued", static_cast<std::uint64_t>(loading.report.tokens)},
                      {"damaged", static_cast<std::uint64_t>(loading.report.damaged)},
                      {"unreadable", static_cast<std::uint64_t>(loading.report.unreadable)},
                      {"ignored", static_cast<std::uint64_t>(loading.report.ignored)}});
    loading.end(loading.report);
}

}  // namespace pulse::roblox
