// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Keys: who claims them here, and what the store says of them. A key is asked about once at a time,
// so that what is asked and what is given back cannot overtake each other.
#include "lease_ownership.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace pulse::cluster {

namespace {

/// Keys in one command, and commands under way: what a server does in one step stays short.
constexpr std::size_t kKeysAtOnce = 256;
constexpr std::size_t kBatchesAtOnce = 8;

[[nodiscard]] std::string_view node_of(std::string_view session) noexcept {
    return session.substr(0, session.rfind('/'));
}

}  // namespace

// ------------------------------------------------------------------ claimants

void Claimant::tell(const core::Owner& owner) {
    const std::lock_guard calling(calling_);
    {
        const std::lock_guard lock(mutex_);
        if (is_ended_) return;
        caller_ = std::this_thread::get_id();
    }
    changed_(owner);
    core::Ownership::Changed dropped;
    {
        const std::lock_guard lock(mutex_);
        caller_ = {};
        if (is_ended_) dropped = std::move(changed_);
    }
}

void Claimant::end() {
    {
        const std::lock_guard lock(mutex_);
        is_ended_ = true;
        if (caller_ == std::this_thread::get_id()) return;  // dropped when the call returns
    }
    const std::lock_guard calling(calling_);
    const core::Ownership::Changed dropped = std::move(changed_);
}

core::Ownership::Claim LeaseOwnership::claim(std::string key, core::Ownership::Changed changed) {
    const auto claimant = std::make_shared<Claimant>(std::move(changed));
    post([key, claimant](LeaseOwnership& self) { self.add(key, claimant); });
    return {claimant.get(), [weak = weak_from_this(), claimant, key = std::move(key)](void*) {
                claimant->end();
                if (const auto self = weak.lock()) {
                    self->post(
                        [key, claimant](LeaseOwnership& engine) { engine.remove(key, claimant); });
                }
            }};
}

void LeaseOwnership::add(const std::string& key, const std::shared_ptr<Claimant>& claimant) {
    Entry& entry = entries_[key];
    if (entry.claimants.empty()) ++claimed_;
    entry.claimants.push_back(claimant);
    if (needs_asking(entry)) {
        enqueue(key, entry);
        pump_soon();
    }
    if (entry.is_mine || !entry.owner.empty()) claimant->tell(shown(entry));
}

void LeaseOwnership::remove(const std::string& key, const std::shared_ptr<Claimant>& claimant) {
    const auto place = entries_.find(key);
    if (place == entries_.end()) return;
    Entry& entry = place->second;
    if (std::erase(entry.claimants, claimant) == 0 || !entry.claimants.empty()) return;
    --claimed_;
    entry.owner.clear();
    if (entry.is_mine) {
        entry.is_mine = false;
        --owned_;
        ++given_;
    }
    if (entry.is_carried) {
        entry.is_carried = false;
        carried();
    }
    enqueue(key, entry);
    pump_soon();
}

// --------------------------------------------------------------------- asking

bool LeaseOwnership::needs_asking(const Entry& entry) const noexcept {
    return entry.claimants.empty() || !entry.is_mine || entry.is_carried;
}

void LeaseOwnership::enqueue(const std::string& key, Entry& entry) {
    if (entry.is_busy) {
        entry.is_again = true;
    } else if (!std::exchange(entry.is_queued, true)) {
        queue_.push_back(key);
    }
}

void LeaseOwnership::enqueue_unsettled() {
    for (auto& [key, entry] : entries_) {
        if (needs_asking(entry)) enqueue(key, entry);
    }
    pump_soon();
}

void LeaseOwnership::pump_soon() {
    if (std::exchange(is_pump_due_, true)) return;
    // Later: what else comes in this turn shares the command.
    post([](LeaseOwnership& self) {
        self.is_pump_due_ = false;
        self.pump();
    });
}

void LeaseOwnership::pump() {
    while (can_ask_ && !is_new_ && in_flight_ < kBatchesAtOnce && !queue_.empty()) {
        Items asked;
        Items given;
        while (!queue_.empty() && asked.size() + given.size() < kKeysAtOnce) {
            const std::string key = std::move(queue_.front());
            queue_.pop_front();
            const auto place = entries_.find(key);
            if (place == entries_.end()) continue;
            Entry& entry = place->second;
            entry.is_queued = false;
            if (!needs_asking(entry)) continue;
            if (entry.is_held && !entry.is_mine) {
                // Given back, or the answer was lost. A key that is claimed anew gets a new term.
                entry.is_busy = true;
                given.push_back({key, 0});
            } else if (entry.claimants.empty()) {
                entries_.erase(place);
            } else if (entry.is_carried || Clock::now() >= frozen_until_) {
                entry.is_busy = entry.is_held = true;
                asked.push_back({key, entry.is_carried ? entry.term : 0});
            }  // else asked when that is over
        }
        if (!asked.empty()) ask(std::move(asked));
        if (!given.empty()) give_back(std::move(given));
    }
}

void LeaseOwnership::ask(Items items) {
    ++in_flight_;
    const auto shared = std::make_shared<const Items>(std::move(items));
    store_->claim(session_, *shared,
                  [this, shared, session = session_](const std::optional<LeaseAnswer>& answer) {
                      on_answer(session, *shared, answer);
                  });
}

void LeaseOwnership::on_answer(const std::string& session, const Items& items,
                               const std::optional<LeaseAnswer>& answer) {
    --in_flight_;
    const bool is_ours = session == session_;
    // Else asked again once the session is renewed.
    const bool counts = is_ours && answer && answer->is_alive && Clock::now() < deadline_;
    for (std::size_t i = 0; i < items.size(); ++i) {
        const auto place = entries_.find(items[i].key);
        if (place == entries_.end()) continue;
        Entry& entry = place->second;
        entry.is_busy = false;
        if (!is_ours) entry.is_held = false;
        if (counts) settle(entry, answer->owners[i]);
        if (std::exchange(entry.is_again, false) && needs_asking(entry)) {
            enqueue(items[i].key, entry);
        }
    }
    // Too late to count, though the session may yet be renewed: then it is asked again.
    if (is_ours && !counts) is_doubtful_ = true;
    if (is_ours && answer && !answer->is_alive) renew();
    if (counts && answer->frozen.count() > 0) freeze(answer->frozen);
    pump_soon();
}

void LeaseOwnership::settle(Entry& entry, const LeaseOwner& owner) {
    const bool was_carried = std::exchange(entry.is_carried, false);
    if (owner.session == session_) {
        if (was_carried && owner.term == entry.term) {
            ++kept_;
        } else if (!entry.claimants.empty()) {
            if (was_carried) lose(entry);
            become_mine(entry, owner.term);
        }
    } else {
        entry.is_held = false;
        if (was_carried) lose(entry);
        become_others(entry, owner);
    }
    if (was_carried) carried();
}

void LeaseOwnership::give_back(Items items) {
    ++in_flight_;
    const auto shared = std::make_shared<const Items>(std::move(items));
    store_->release(session_, *shared, [this, shared, session = session_](bool is_done) {
        on_given_back(session, *shared, is_done);
    });
}

void LeaseOwnership::on_given_back(const std::string& session, const Items& items, bool is_done) {
    --in_flight_;
    for (const LeaseItem& item : items) {
        const auto place = entries_.find(item.key);
        if (place == entries_.end()) continue;
        Entry& entry = place->second;
        entry.is_busy = entry.is_again = false;
        // What an earlier session has ends with it. What it is not known of is tried again.
        if (is_done || session != session_) {
            entry.is_held = false;
            enqueue(item.key, entry);
        }
    }
    if (!is_done && session == session_ && can_ask_) {
        is_doubtful_ = true;
        renew();
    }
    pump_soon();
}

// -------------------------------------------------------------------- telling

void LeaseOwnership::on_changed(std::string_view key_text, const LeaseOwner& owner) {
    const std::string key(key_text);
    const auto place = entries_.find(key);
    if (place == entries_.end() || owner.session == session_) return;  // that is answered
    Entry& entry = place->second;
    if (entry.is_mine) {
        if (!owner.session.empty() && owner.term > entry.term) {
            entry.is_held = false;
            if (std::exchange(entry.is_carried, false)) carried();
            lose(entry);
            become_others(entry, owner);
        } else if (owner.session.empty() && owner.term == entry.term && !entry.is_carried) {
            is_doubtful_ = true;  // the others take this session for over
            renew();
        }
        return;
    }
    if (!owner.session.empty()) return become_others(entry, owner);
    if (owner.term < entry.term) return;
    become_others(entry, owner);
    enqueue(key, entry);
    pump_soon();
}

/// Not had by anybody until it is given back, and claimed anew by who still would have it.
void LeaseOwnership::on_late(std::string_view key_text) {
    const std::string key(key_text);
    Entry& entry = entries_[key];
    if (entry.is_mine) return;
    entry.is_held = true;
    enqueue(key, entry);
    pump_soon();
}

void LeaseOwnership::become_mine(Entry& entry, std::uint64_t term) {
    entry.is_mine = true;
    entry.owner = options_.node;
    entry.term = term;
    ++owned_;
    ++gained_;
    tell(entry);
}

void LeaseOwnership::become_others(Entry& entry, const LeaseOwner& owner) {
    if (owner.term < entry.term) return;  // older than what is known
    const bool was_known = !entry.owner.empty();
    const bool is_new_term = entry.term != owner.term;
    std::string node(node_of(owner.session));
    if (node == options_.node) node.clear();  // an earlier session: soon nobody's
    const bool is_same = node == entry.owner && (node.empty() || !is_new_term);
    entry.owner = std::move(node);
    entry.term = owner.term;
    if (!is_same && (was_known || !entry.owner.empty())) tell(entry);
}

void LeaseOwnership::lose(Entry& entry) {
    entry.is_mine = false;
    entry.owner.clear();
    --owned_;
    ++lost_;
    tell(entry);
}

core::Owner LeaseOwnership::shown(const Entry& entry) const {
    if (entry.owner.empty()) return {};
    return {entry.owner, entry.is_mine, entry.term};
}

void LeaseOwnership::tell(const Entry& entry) const {
    const core::Owner owner = shown(entry);
    for (const auto& claimant : entry.claimants) claimant->tell(owner);
}

// ------------------------------------------------------------------- handles

namespace {

class Handle final : public ClusterOwnership {
  public:
    explicit Handle(std::shared_ptr<LeaseOwnership> engine) : engine_(std::move(engine)) {}
    ~Handle() override { engine_->close(); }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;

    Claim claim(std::string key, Changed changed) override {
        return engine_->claim(std::move(key), std::move(changed));
    }
    const std::string& node() const noexcept override { return engine_->node(); }
    OwnershipStats stats() const override { return engine_->stats(); }
    std::string obstacle() const override { return engine_->obstacle(); }

  private:
    std::shared_ptr<LeaseOwnership> engine_;
};

}  // namespace

std::shared_ptr<ClusterOwnership> make_lease_ownership(std::unique_ptr<LeaseStore> store,
                                                       OwnershipOptions options,
                                                       const OwnershipServices& services) {
    auto engine = std::make_shared<LeaseOwnership>(std::move(store), std::move(options), services);
    engine->start();
    return std::make_shared<Handle>(std::move(engine));
}

}  // namespace pulse::cluster
