// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the registry does by itself: asks about keys, and writes down what it learnt and which
// tokens were used. All of it may be lost without harm; it is found out again.
#include "registry_impl.hpp"

#include <algorithm>

#include <pulse/roblox/error.hpp>

namespace pulse::roblox {

namespace {

/// A probe that was not answered for so long is given up: the bridge or its transport has gone.
constexpr std::chrono::seconds kProbeLost{30};
/// How often uses of tokens are looked for.
constexpr std::chrono::seconds kUsesEvery{60};
/// And for tokens that have expired long ago.
constexpr std::chrono::seconds kForgetEvery{60};

[[nodiscard]] KeyCheck to_check(const IntrospectAnswer& answer, UniverseId id,
                                std::uint64_t unix_ms) {
    KeyCheck check{.http = answer.error.http};
    if (answer.key) {
        check.state = evaluate_key(*answer.key, id, unix_ms);
        check.owner = answer.key->owner;
        check.expires_at_ms = answer.key->expires_at_ms;
        check.checked_at_ms = unix_ms;
    } else if (judge(answer.error.http) == Verdict::key_rejected || answer.error.http == 400 ||
               answer.error.http == 404) {
        // There is no such key.
        check.state = KeyState::rejected;
        check.checked_at_ms = unix_ms;
    }
    return check;
}

}  // namespace

// ------------------------------------------------------------------ probes

void UniverseRegistry::Impl::check_key(UniverseId id, std::string_view api_key,
                                       std::function<void(const KeyCheck&)> done) {
    if (api_key.empty() || api_key.size() > kMaxApiKeyBytes) {
        return done({.state = KeyState::rejected, .checked_at_ms = parts_.clock.unix_ms()});
    }
    const core::Clock& clock = parts_.clock;
    parts_.bridge.introspect(Secret(api_key),
                             [id, &clock, done = std::move(done)](const IntrospectAnswer& answer) {
                                 done(to_check(answer, id, clock.unix_ms()));
                             });
}

void UniverseRegistry::Impl::schedule(UniverseId id, Entry& entry, core::MonotonicTime at) {
    unschedule(id, entry);
    entry.next_probe = at;
    schedule_.emplace(at, id);
}

void UniverseRegistry::Impl::unschedule(UniverseId id, Entry& entry) {
    schedule_.erase({entry.next_probe, id});
}

core::MonotonicTime UniverseRegistry::Impl::next_probe_after(core::MonotonicTime now) const {
    const auto interval = static_cast<std::uint64_t>(options_.probe_interval.count());
    const std::uint64_t tenth = std::max<std::uint64_t>(interval / 10, 1);
    return now + std::chrono::milliseconds(interval - tenth + parts_.rng.next_u64() % (2 * tenth));
}

void UniverseRegistry::Impl::probe(UniverseId id, Done done) {
    std::error_code error;
    bool is_first = false;
    if (const std::lock_guard lock(mutex_); entries_.contains(id)) {
        Entry& entry = entries_.at(id);
        if (entry.waiters.size() >= options_.max_probe_waiters) {
            error = Error::too_many_entries;
        } else {
            entry.waiters.push_back({parts_.clock.now() + options_.probe_wait, done});
            is_first = !entry.probing_since;
        }
    } else {
        error = Error::unknown_universe;
    }
    if (error) return done(tl::unexpected{error});
    if (is_first) start_probe(id);
}

void UniverseRegistry::Impl::start_probe(UniverseId id) {
    const core::MonotonicTime now = parts_.clock.now();
    {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(id);
        if (found == entries_.end() || found->second.probing_since) return;
        found->second.probing_since = now;
        probing_.insert(id);
        schedule(id, found->second, next_probe_after(now));
    }
    const std::weak_ptr<Impl> weak = weak_from_this();
    parts_.bridge.probe(id, [weak, id](const KeyReport& report) {
        const auto self = weak.lock();
        if (!self) return;
        self->key_reported(id, report);
        const bool is_known = report.state != KeyState::unknown;
        self->finish_probe(id, is_known ? core::Result<void>{}
                                        : core::Result<void>(tl::unexpected{
                                              std::make_error_code(std::errc::host_unreachable)}));
    });
    probe_spare(id);
}

void UniverseRegistry::Impl::probe_spare(UniverseId id) {
    std::string sealed;
    std::uint64_t serial = 0;
    if (const std::lock_guard lock(mutex_); entries_.contains(id)) {
        const KeySlots& keys = entries_.at(id).record.keys;
        const auto& spare = keys.slots[1 - keys.active % 2];
        if (!spare) return;
        sealed = spare->record;
        serial = spare->serial;
    }
    auto key = parts_.vault.open(id, sealed);
    if (!key) return;
    const std::weak_ptr<Impl> weak = weak_from_this();
    parts_.bridge.introspect(std::move(*key), [weak, id, serial](const IntrospectAnswer& answer) {
        const auto self = weak.lock();
        if (!self) return;
        const KeyCheck check = to_check(answer, id, self->parts_.clock.unix_ms());
        self->key_reported(id, {.key_version = serial,
                                .state = check.state,
                                .owner = check.owner,
                                .expires_at_ms = check.expires_at_ms,
                                .http = check.http});
    });
}

void UniverseRegistry::Impl::finish_probe(UniverseId id, core::Result<void> result) {
    std::vector<Waiter> waiters;
    {
        const std::lock_guard lock(mutex_);
        probing_.erase(id);
        const auto found = entries_.find(id);
        if (found == entries_.end()) return;
        found->second.probing_since.reset();
        waiters.swap(found->second.waiters);
    }
    for (const Waiter& waiter : waiters) waiter.done(result);
}

void UniverseRegistry::Impl::key_reported(UniverseId id, const KeyReport& report) {
    // No answer says nothing: what was known before still is.
    if (report.state == KeyState::unknown) return;
    bool has_new_owner = false;
    bool has_changed = false;
    {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(id);
        if (found == entries_.end()) return;
        KeySlots& keys = found->second.record.keys;
        for (auto& slot : keys.slots) {
            if (!slot || slot->serial != report.key_version) continue;
            has_changed = slot->state != report.state;
            slot->state = report.state;
            slot->checked_at_ms = parts_.clock.unix_ms();
            if (report.http == 200) {  // the key told about itself, not only that it was refused
                slot->expires_at_ms = report.expires_at_ms;
                has_new_owner = report.owner != 0 && slot->owner != report.owner &&
                                &*slot == keys.active_slot();
                if (report.owner != 0) slot->owner = report.owner;
            }
            changed_states_.insert(id);
        }
    }
    if (has_changed) {
        parts_.log.write(
            report.state == KeyState::valid ? core::LogLevel::info : core::LogLevel::warn,
            "roblox_key_state", {{"universe", id.value}, {"state", to_string(report.state)}});
    }
    if (has_new_owner) push(id);  // keys of one owner share a quota
}

void UniverseRegistry::Impl::key_used(UniverseId id, std::uint64_t serial) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    for (auto& slot : found->second.record.keys.slots) {
        if (!slot || slot->serial != serial) continue;
        slot->used_at_ms = parts_.clock.unix_ms();
        changed_states_.insert(id);
    }
}

// ------------------------------------------------------------------ the clock's part

void UniverseRegistry::Impl::tick() {
    const core::MonotonicTime now = parts_.clock.now();
    expire_waiters(now);
    start_due_probes(now);
    write_states();
    write_uses(now);
    forget_expired_tokens(now);
    start_resync(now);
    reread_heard();
}

void UniverseRegistry::Impl::expire_waiters(core::MonotonicTime now) {
    std::vector<Done> late;
    {
        const std::lock_guard lock(mutex_);
        for (auto id = probing_.begin(); id != probing_.end();) {
            Entry& entry = entries_.at(*id);
            auto& waiters = entry.waiters;
            const auto kept =
                std::partition(waiters.begin(), waiters.end(),
                               [now](const Waiter& waiter) { return waiter.deadline > now; });
            for (auto waiter = kept; waiter != waiters.end(); ++waiter) {
                late.push_back(std::move(waiter->done));
            }
            waiters.erase(kept, waiters.end());
            if (waiters.empty() && *entry.probing_since + kProbeLost <= now) {
                entry.probing_since.reset();
                id = probing_.erase(id);
            } else {
                ++id;
            }
        }
    }
    for (const Done& done : late) {
        done(tl::unexpected{std::make_error_code(std::errc::timed_out)});
    }
}

void UniverseRegistry::Impl::start_due_probes(core::MonotonicTime now) {
    std::vector<UniverseId> due;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [at, id] : schedule_) {
            if (at > now || probing_.size() + due.size() >= options_.max_probes) break;
            due.push_back(id);
        }
    }
    for (const UniverseId id : due) {
        if (!parts_.is_owned || parts_.is_owned(id)) {
            start_probe(id);
            continue;
        }
        // Its owner asks, and writes down what it learns.
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(id);
        if (found != entries_.end()) schedule(id, found->second, next_probe_after(now));
    }
}

void UniverseRegistry::Impl::write(core::DocumentBatch batch) {
    ++writes_under_way_;
    const std::weak_ptr<Impl> weak = weak_from_this();
    parts_.store.commit(std::move(batch), [weak](const core::Result<core::CommitResult>&) {
        if (const auto self = weak.lock()) --self->writes_under_way_;
    });
}

void UniverseRegistry::Impl::write_states() {
    std::vector<std::pair<UniverseId, std::string>> states;
    {
        const std::lock_guard lock(mutex_);
        while (!changed_states_.empty() &&
               states.size() + writes_under_way_ < options_.max_writes_per_tick) {
            const UniverseId id = *changed_states_.begin();
            changed_states_.erase(changed_states_.begin());
            const auto found = entries_.find(id);
            if (found == entries_.end()) continue;
            states.emplace_back(id, encode_key_states(found->second.record.keys));
        }
    }
    for (const auto& [id, text] : states) {
        write(core::DocumentBatch()
                  .require_present(options_.keys.universe(id))
                  .put(options_.keys.state(id), text));
    }
}

void UniverseRegistry::Impl::write_uses(core::MonotonicTime now) {
    if (now < next_uses_) return;
    next_uses_ = now + kUsesEvery;
    if (writes_under_way_ >= options_.max_writes_per_tick) return;
    for (const auto& [id, used_at_ms] : parts_.book.take_uses(
             options_.max_writes_per_tick - writes_under_way_, options_.use_granularity)) {
        write(core::DocumentBatch()
                  .require_present(options_.keys.token(id))
                  .put(options_.keys.used(id), std::to_string(used_at_ms)));
    }
}

void UniverseRegistry::Impl::forget_expired_tokens(core::MonotonicTime now) {
    if (now < next_forgetting_) return;
    next_forgetting_ = now + kForgetEvery;
    const std::uint64_t unix_ms = parts_.clock.unix_ms();
    const auto kept = static_cast<std::uint64_t>(options_.expired_tokens_kept.count());
    if (unix_ms < kept || writes_under_way_ >= options_.max_writes_per_tick) return;
    const std::size_t max = options_.max_writes_per_tick - writes_under_way_;
    for (const std::string& id : parts_.book.expired_tokens(unix_ms - kept, max)) {
        // What the store refuses now is asked for again.
        remove_token(id, [](const core::Result<void>&) {});
    }
}

}  // namespace pulse::roblox
