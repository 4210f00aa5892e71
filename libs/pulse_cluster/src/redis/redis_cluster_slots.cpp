// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which master has which slot, and with it its channels.
#include "redis/redis_cluster_backend.hpp"

#include <algorithm>
#include <utility>

#include <pulse/redis/redirection.hpp>
#include <pulse/redis/slots.hpp>

namespace pulse::cluster {

namespace {

/// For so long what a master says of a slot that it gave away is newer than what others say.
constexpr std::chrono::seconds kHintTime{5};
/// A master without slots may get some.
constexpr std::chrono::seconds kRetireAfter{10};

}  // namespace

RedisClusterBackend::Shard& RedisClusterBackend::shard_at(const redis::Address& address) {
    const std::string name = redis::to_string(address);
    auto& place = shards_[name];
    if (place != nullptr) return *place;
    place = std::make_unique<Shard>();
    Shard& shard = *place;
    shard.address = address;
    shard.used = std::chrono::steady_clock::now();
    shard.why = "not connected yet";
    ShardOptions options;
    options.link.address = address;
    options.link.answer_timeout = options_.answer_timeout;
    options.is_one_of_many = true;
    shard.redis = std::make_unique<RedisShard>(std::move(options), options_, services_, node_,
                                               events_of(shard));
    shard.redis->start();
    return shard;
}

ShardEvents RedisClusterBackend::events_of(Shard& shard) {
    ShardEvents events;
    events.on_state = [this, &shard](std::string_view why) { on_shard_state(shard, why); };
    events.on_listening = [this, &shard](std::string_view channel) {
        const auto found = listening_.find(std::string(channel));
        const bool is_its = found != listening_.end() && found->second.at == &shard;
        if (is_its && shard.is_there && !found->second.is_heard) set_heard(found->first);
    };
    events.on_message = [this, &shard](std::string_view channel, std::string_view bytes) {
        // Of one that had it before it would come out of order.
        const auto found = listening_.find(std::string(channel));
        if (found != listening_.end() && found->second.at == &shard) {
            events_.on_message(channel, bytes);
        }
    };
    events.on_announced = [this](std::string_view bytes) { on_announced(bytes); };
    events.on_told = [this](std::string_view bytes) { events_.on_told(bytes); };
    events.on_gone = [this, &shard](std::string_view channel, std::string_view why) {
        on_gone(shard, std::string(channel), why);
    };
    return events;
}

// ---------------------------------------------------------------------- slots

void RedisClusterBackend::on_ranges(const std::vector<redis::SlotRange>& ranges) {
    std::vector<Shard*> told(redis::kSlots);
    for (const redis::SlotRange& range : ranges) {
        Shard& shard = shard_at(range.master);
        for (std::size_t slot = range.first; slot <= range.last; ++slot) told[slot] = &shard;
    }
    knows_slots_ = true;
    const Time now = std::chrono::steady_clock::now();
    std::erase_if(hints_, [now](const auto& each) { return now >= each.second.until; });
    for (std::size_t i = 0; i < redis::kSlots; ++i) {
        const auto slot = static_cast<std::uint16_t>(i);
        const auto hint = hints_.find(slot);
        if (hint != hints_.end() && hint->second.old == told[i]) continue;
        give(slot, told[i]);
    }
    slots_without_owner_ = static_cast<std::size_t>(
        std::count(slots_.begin(), slots_.end(), static_cast<Shard*>(nullptr)));
    tell_state();
    lanes_.flush_soon();
}

void RedisClusterBackend::give(std::uint16_t slot, Shard* shard) {
    Shard* const old = slots_[slot];
    if (old == shard) return;
    const Time now = std::chrono::steady_clock::now();
    if (old != nullptr) {
        --old->slots;
        old->used = now;
    }
    if (shard != nullptr) ++shard->slots;
    slots_[slot] = shard;
    const auto its = by_slot_.find(slot);
    if (its == by_slot_.end()) return;
    const std::set<std::string> channels = its->second;
    for (const std::string& channel : channels) {
        const auto found = listening_.find(channel);
        if (found == listening_.end() || found->second.at == shard) continue;
        if (Shard* const left = std::exchange(found->second.at, nullptr)) {
            left->redis->unlisten(channel);
        }
        set_deaf(channel);
        place(channel);
    }
}

void RedisClusterBackend::on_moved(std::uint16_t slot, Shard& to) {
    topology_->refresh();
    if (slots_[slot] == &to) return;
    hints_[slot] = {slots_[slot], std::chrono::steady_clock::now() + kHintTime};
    give(slot, &to);
    tell_state();
}

void RedisClusterBackend::retire(Time now) {
    std::vector<std::string> gone;
    for (const auto& [name, shard] : shards_) {
        if (shard->slots == 0 && now - shard->used >= kRetireAfter) gone.push_back(name);
    }
    for (const std::string& name : gone) {
        Shard& shard = *shards_.at(name);
        // What is under way is answered; nobody listens there any more.
        shard.redis->restart("has no slots any more");
        std::erase_if(hints_, [&shard](const auto& each) { return each.second.old == &shard; });
        shards_.erase(name);
    }
}

// ------------------------------------------------------------------ listening

void RedisClusterBackend::listen(const std::string& channel) {
    const auto [found, is_new] = listening_.try_emplace(channel);
    if (!is_new) return;
    by_slot_[redis::slot_of(names_.pubsub(channel))].insert(channel);
    found->second.was_deaf = !can_hear_from(channel);
    place(channel);
}

void RedisClusterBackend::unlisten(const std::string& channel) {
    const auto found = listening_.find(channel);
    if (found == listening_.end()) return;
    Shard* const at = found->second.at;
    listening_.erase(found);
    homeless_.erase(channel);
    const auto its = by_slot_.find(redis::slot_of(names_.pubsub(channel)));
    its->second.erase(channel);
    if (its->second.empty()) by_slot_.erase(its);
    if (at != nullptr) at->redis->unlisten(channel);
}

bool RedisClusterBackend::is_listening(const std::string& channel) const {
    const auto found = listening_.find(channel);
    return found != listening_.end() && found->second.is_heard;
}

void RedisClusterBackend::place(const std::string& channel) {
    const auto found = listening_.find(channel);
    Shard* const shard = owner(channel);
    // Whoever gets the slot gets its channels.
    if (found == listening_.end() || shard == nullptr) return;
    found->second.at = shard;
    shard->redis->listen(channel);
}

void RedisClusterBackend::set_heard(const std::string& channel) {
    const auto found = listening_.find(channel);
    if (found == listening_.end()) return;
    found->second.is_heard = true;
    std::exchange(found->second.was_deaf, false) ? events_.on_missed(channel)
                                                 : events_.on_listening(channel);
}

void RedisClusterBackend::set_deaf(const std::string& channel) {
    const auto found = listening_.find(channel);
    if (found == listening_.end()) return;
    found->second.is_heard = false;
    found->second.was_deaf = true;
    // Also when it was not heard yet: somebody may have begun to wait for that.
    events_.on_deaf(channel);
}

/// The slot has moved, or is about to be somewhere.
void RedisClusterBackend::on_gone(Shard& shard, const std::string& channel, std::string_view why) {
    const auto found = listening_.find(channel);
    if (found == listening_.end() || found->second.at != &shard) return;
    found->second.at = nullptr;
    set_deaf(channel);
    homeless_.insert(channel);
    topology_->refresh();
    const auto redirection = redis::read_redirection(why);
    if (redirection && !redirection->is_for_once) (void)on_redirected(shard, *redirection);
}

/// Where the slot is said to be: if it is not there either, that one says where.
void RedisClusterBackend::place_homeless() {
    for (const std::string& channel : std::exchange(homeless_, {})) {
        const auto found = listening_.find(channel);
        if (found == listening_.end() || found->second.at != nullptr) continue;
        place(channel);
        // Nobody is told when that one goes away: it had not got the channel yet.
        if (!can_hear_from(channel)) set_deaf(channel);
    }
}

}  // namespace pulse::cluster
