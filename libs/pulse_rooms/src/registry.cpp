// SPDX-License-Identifier: MIT OR Apache-2.0
#include "registry.hpp"

#include <utility>

namespace pulse::rooms {

namespace {

/// So that a sweep holds the lock for a moment only.
constexpr std::size_t kMaxPerSweep = 2'000;
/// How many are asked to make room for a new one; some may be on their way to the store.
constexpr std::size_t kMaxAsked = 16;
/// More than come in, so that a flood of rooms does not grow while it is swept.
constexpr std::size_t kMaxPerUnpin = 2;

}  // namespace

Registry::Pin Registry::pin(Place& place) {
    if (place.pins++ == 0) idle_.erase(place.idle);
    return {*this, place.room};
}

void Registry::let_go(Unloaded gone) {
    if (!engine_.parts.empty()) remains_->add(std::move(gone), *engine_.parts.front());
}

Registry::Pin Registry::obtain(std::string_view name) {
    Unloaded gone;
    Pin obtained = obtain(name, gone);
    let_go(std::move(gone));
    return obtained;
}

Registry::Pin Registry::obtain(std::string_view name, Unloaded& gone) {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(name);
    if (found != places_.end()) return pin(found->second);
    const std::size_t most = engine_.limits().max_rooms;
    if (most != 0 && places_.size() >= most && !unload(1, kMaxAsked, gone)) return {};
    auto room = std::make_shared<Room>(engine_, std::string(name));
    Place& place = places_[room->name()];
    place.room = std::move(room);
    place.pins = 1;
    return {*this, place.room};
}

Registry::Pin Registry::find(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(name);
    if (found == places_.end()) return {};
    return pin(found->second);
}

void Registry::unpin(Room& room) {
    Unloaded gone;
    {
        const std::lock_guard lock(mutex_);
        Place& place = places_.find(room.name())->second;
        if (--place.pins != 0) return;
        place.idle_since = engine_.clock.now();
        place.idle = idle_.insert(idle_.end(), room.name());
        if (idle_.size() > engine_.options().max_idle_rooms) {
            (void)unload(kMaxPerUnpin, kMaxPerUnpin, gone);
        }
    }
    let_go(std::move(gone));
}

bool Registry::unload(std::size_t wanted, std::size_t most_asked, Unloaded& gone) {
    std::size_t count = 0;
    auto each = idle_.begin();
    for (std::size_t i = 0; i < most_asked && count < wanted && each != idle_.end(); ++i) {
        if (try_unload(each++, gone)) ++count;
    }
    return count != 0;
}

bool Registry::try_unload(std::list<std::string_view>::iterator oldest, Unloaded& gone) {
    const auto found = places_.find(*oldest);
    // Something may still be on its way to the store; then it is asked again later.
    if (!found->second.room->is_settled()) return false;
    gone.push_back(std::move(found->second.room));
    places_.erase(found);
    idle_.erase(oldest);
    EngineCounters::add(engine_.counters.unloads);
    return true;
}

void Registry::sweep(core::MonotonicTime since) {
    Unloaded gone;
    {
        const std::lock_guard lock(mutex_);
        auto each = idle_.begin();
        for (std::size_t i = 0; i < kMaxPerSweep && each != idle_.end(); ++i) {
            const bool is_over = places_.find(*each)->second.idle_since < since ||
                                 idle_.size() > engine_.options().max_idle_rooms;
            if (!is_over) break;
            (void)try_unload(each++, gone);
        }
    }
    let_go(std::move(gone));
}

bool Registry::release(std::string_view name) {
    Unloaded gone;
    bool is_gone = true;
    {
        const std::lock_guard lock(mutex_);
        const auto found = places_.find(name);
        if (found != places_.end()) {
            is_gone = found->second.pins == 0 && try_unload(found->second.idle, gone);
        }
    }
    let_go(std::move(gone));
    return is_gone;
}

std::size_t Registry::size() const {
    const std::lock_guard lock(mutex_);
    return places_.size();
}

std::size_t Registry::idle() const {
    const std::lock_guard lock(mutex_);
    return idle_.size();
}

}  // namespace pulse::rooms
