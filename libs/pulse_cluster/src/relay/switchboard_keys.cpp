// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Keys: whose they are, and how they are given back.
#include "relay/relay_conversation.hpp"
#include "relay/remote_connection.hpp"
#include "relay/switchboard.hpp"

#include <functional>
#include <utility>

namespace pulse::cluster {

namespace {

constexpr std::chrono::milliseconds kSweep{100};

}  // namespace

std::size_t Switchboard::lane_of_key(std::string_view key) const noexcept {
    return std::hash<std::string_view>{}(key) % desks_.size();
}

Switchboard::Key* Switchboard::obtain(const std::string& name, const SpacePtr& space) {
    const auto found = keys_.find(name);
    if (found != keys_.end()) return found->second.get();
    if (keys_.size() >= options_.max_keys) return nullptr;
    auto made = std::make_unique<Key>();
    Key& key = *made;
    key.name = name;
    key.id = ++last_serial_;
    key.space = space;
    keys_.emplace(name, std::move(made));
    ++counters_.keys;
    claim(key);
    return &key;
}

/// Another node takes this one for the owner. It may be, by a claim of another part of the program:
/// then it knows when it is asked again.
void Switchboard::learn(const std::string& space_name, const std::string& name) {
    if (is_draining_ || keys_.contains(name)) return;
    SpacePtr space;
    {
        const std::lock_guard lock(mutex_);
        const auto found = spaces_.find(space_name);
        if (found != spaces_.end()) space = found->second;
    }
    if (space != nullptr) (void)obtain(name, space);
}

void Switchboard::claim(Key& key) {
    key.serial = ++last_serial_;
    key.claim = ownership_.claim(key.name, [weak = weak_from_this(), name = key.name,
                                            serial = key.serial](const core::Owner& owner) {
        const auto self = weak.lock();
        if (self == nullptr) return;
        self->post(
            [name, serial, owner](Switchboard& board) { board.on_owner(name, serial, owner); });
    });
}

void Switchboard::set_owner(Key& key, const core::Owner& owner) {
    if (key.owner.is_this_node != owner.is_this_node) {
        if (owner.is_this_node) {
            ++counters_.owned;
        } else {
            --counters_.owned;
            ++counters_.handovers;
        }
    }
    key.owner = owner;
    const std::lock_guard lock(mutex_);
    if (owner.is_this_node) {
        terms_[key.name] = owner.term;
    } else if (const auto place = terms_.find(key.name); place != terms_.end()) {
        terms_.erase(place);
    }
}

std::uint64_t Switchboard::term_of(std::string_view key) const {
    const std::lock_guard lock(mutex_);
    const auto found = terms_.find(key);
    return found == terms_.end() ? 0 : found->second;
}

void Switchboard::on_owner(const std::string& name, std::uint64_t serial,
                           const core::Owner& owner) {
    const auto found = keys_.find(name);
    if (found == keys_.end() || found->second->serial != serial) return;
    Key& key = *found->second;
    const core::Owner old = key.owner;
    if (old == owner) return;
    set_owner(key, owner);
    if (!old.node.empty()) end_sessions(key);
    // Before anybody here begins anew with it, even if it has come back already.
    if (old.is_this_node && !key.is_closing) return release(key);
    settle(key);
}

/// Of an owner that is not any more.
void Switchboard::end_sessions(Key& key) {
    key.is_held = true;
    const std::unordered_set<std::uint64_t> gate = key.gate;
    for (const std::uint64_t number : gate) {
        const auto found = calls_.find(number);
        if (found == calls_.end()) continue;
        Call& call = found->second;
        if (call.state == Call::State::asked) {
            // It may have let the client in already.
            say_end(call, {1001, {}, false});
            put_back(number, call);
        } else if (call.state != Call::State::waiting) {
            ++counters_.ended;
            end_call(number, call, kServiceRestart, kServiceRestartText);
        }
    }
    for (const auto& [peer, session] : key.host) {
        ++counters_.ended;
        const auto found = hosted_.find({peer, session});
        if (found == hosted_.end()) continue;
        desks_[found->second.lane]->put([peer = peer, session = session](Desk& desk) {
            if (RemoteConnection* const each = desk.find(peer, session)) each->restart();
        });
    }
    key.is_held = false;
}

void Switchboard::release(Key& key) {
    key.is_closing = true;
    const auto done = [weak = weak_from_this(), name = key.name, id = key.id] {
        const auto self = weak.lock();
        if (self == nullptr) return;
        self->post([name, id](Switchboard& board) { board.on_released(name, id); });
    };
    if (!key.space->keys.release) return done();
    key.space->keys.release(key.name, done);
}

void Switchboard::on_released(const std::string& name, std::uint64_t id) {
    const auto found = keys_.find(name);
    if (found == keys_.end() || found->second->id != id) return;
    Key& key = *found->second;
    key.is_closing = false;
    if (!key.is_used()) return erase(key);
    if (key.claim == nullptr && !is_draining_) claim(key);
    settle(key);
}

void Switchboard::settle(Key& key) {
    key.is_held = true;
    const std::unordered_set<std::uint64_t> waiting = key.waiting;
    for (const std::uint64_t number : waiting) {
        const auto found = calls_.find(number);
        if (found != calls_.end()) place(number, found->second);
    }
    key.is_held = false;
    note_use(key);
}

void Switchboard::note_use(Key& key) {
    if (key.is_held) return;
    if (key.is_used() || key.is_closing) {
        key.is_idle = false;
        return;
    }
    if (!key.owner.is_this_node) return erase(key);
    if (is_draining_) return release(key);
    key.is_idle = true;
    key.idle_since = Clock::now();
    list_idle(key);
}

/// Looked at when it may have been idle for long enough: not noted with each use.
void Switchboard::list_idle(Key& key) {
    if (std::exchange(key.is_listed, true)) return;
    idle_.emplace(key.idle_since + options_.linger, std::pair(key.name, key.id));
}

void Switchboard::erase(Key& key) {
    const std::string name = key.name;
    const auto found = keys_.find(name);
    const std::unique_ptr<Key> gone = std::move(found->second);
    keys_.erase(found);
    --counters_.keys;
    set_owner(*gone, {});
}

void Switchboard::drop(const std::string& name) {
    const auto found = keys_.find(name);
    if (found == keys_.end()) return;
    Key& key = *found->second;
    if (!key.owner.is_this_node) {
        // Known already, and its clients may be with the next owner.
        if (!key.is_closing) release(key);
        return;
    }
    // What is told of the old claim from now on is nothing to us.
    key.serial = ++last_serial_;
    set_owner(key, {});
    end_sessions(key);
    // Given back with the last copy of what is called when all is put away.
    const core::Ownership::Claim held = std::exchange(key.claim, nullptr);
    if (key.is_closing) return;
    key.is_closing = true;
    const auto done = [weak = weak_from_this(), name, id = key.id, held] {
        const auto self = weak.lock();
        if (self == nullptr) return;
        self->post([name, id](Switchboard& board) { board.on_released(name, id); });
    };
    if (!key.space->keys.release) return done();
    key.space->keys.release(name, done);
}

void Switchboard::drain() {
    is_draining_ = true;
    std::vector<std::string> names;
    for (const auto& [name, key] : keys_) names.push_back(name);
    for (const std::string& name : names) {
        const auto found = keys_.find(name);
        if (found == keys_.end()) continue;
        Key& key = *found->second;
        for (const auto& [peer, session] : key.host) {
            const auto hosted = hosted_.find({peer, session});
            if (hosted == hosted_.end()) continue;
            desks_[hosted->second.lane]->put([peer = peer, session = session](Desk& desk) {
                if (RemoteConnection* const each = desk.find(peer, session)) each->restart();
            });
        }
        note_use(key);
    }
}

void Switchboard::give_back(std::function<void()> done) {
    is_draining_ = true;
    std::vector<core::Ownership::Claim> gone;
    for (const auto& [name, key] : keys_) {
        key->serial = ++last_serial_;
        set_owner(*key, {});
        gone.push_back(std::move(key->claim));
        key->claim.reset();
    }
    gone.clear();
    done();
}

void Switchboard::sweep() {
    const Time now = Clock::now();
    while (!idle_.empty() && idle_.begin()->first <= now) {
        const auto [name, id] = std::move(idle_.begin()->second);
        idle_.erase(idle_.begin());
        const auto found = keys_.find(name);
        if (found == keys_.end() || found->second->id != id) continue;
        Key& key = *found->second;
        key.is_listed = false;
        if (!key.is_idle || key.is_used() || !key.is_ours()) continue;
        now - key.idle_since >= options_.linger ? release(key) : list_idle(key);
    }
    while (!retries_.empty() && retries_.begin()->first <= now) {
        const std::uint64_t number = retries_.begin()->second;
        retries_.erase(retries_.begin());
        const auto found = calls_.find(number);
        if (found == calls_.end() || found->second.state != Call::State::waiting) continue;
        found->second.refused_term = 0;
        place(number, found->second);
    }
    while (!dues_.empty() && dues_.begin()->first <= now) {
        const std::uint64_t number = dues_.begin()->second;
        dues_.erase(dues_.begin());
        const auto found = calls_.find(number);
        if (found == calls_.end() || found->second.due > now) continue;
        const Call::State state = found->second.state;
        if (state != Call::State::waiting && state != Call::State::asked) continue;
        ++counters_.timeouts;
        give_up(number, state == Call::State::waiting ? "no server has it at the moment"
                                                      : "the server that has it does not answer");
    }
}

void Switchboard::wait() {
    timer_.expires_after(kSweep);
    timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
        const auto self = weak.lock();
        if (error || self == nullptr || self->is_closed_) return;
        self->sweep();
        self->wait();
    });
}

}  // namespace pulse::cluster
