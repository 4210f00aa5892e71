// SPDX-License-Identifier: MIT OR Apache-2.0
#include "wing.hpp"

#include <algorithm>

namespace pulse::rooms {

std::optional<std::size_t> state_event(std::string_view event) noexcept {
    if (event == "poll") return 0;
    if (event == "ephemeralPoll") return 1;
    if (event == "counter") return 2;
    return std::nullopt;
}

void Wing::add(Member& member) {
    member.place = static_cast<std::uint32_t>(members_.size());
    member.is_in_wing = true;
    members_.push_back(&member);
}

void Wing::remove(Member& member) {
    if (!member.is_in_wing) return;
    while (!member.subscriptions.empty()) end(member, member.subscriptions.size() - 1);
    members_[member.place] = members_.back();
    members_[member.place]->place = member.place;
    members_.pop_back();
    member.is_in_wing = false;
}

bool Wing::subscribe(Member& member, const Topic& topic) {
    EventListeners& event = events_[topic.event];
    if (event.name.empty()) event.name = topic.event;
    Slots& slots = topic.is_wildcard() ? event.wildcard : event.ids[topic.id];
    if (!topic.is_wildcard() && slots.id.empty()) slots.id = topic.id;
    const bool is_there =
        std::any_of(member.subscriptions.begin(), member.subscriptions.end(),
                    [&](const Subscription& each) { return each.slots == &slots; });
    if (is_there) return false;
    member.subscriptions.push_back({&event, &slots, static_cast<std::uint32_t>(slots.list.size())});
    slots.list.push_back({&member, static_cast<std::uint32_t>(member.subscriptions.size() - 1)});
    if (const auto kind = state_event(topic.event)) ++audience_.listening[*kind];
    return true;
}

bool Wing::is_subscribed(const Member& member, const Topic& topic) {
    return std::any_of(member.subscriptions.begin(), member.subscriptions.end(),
                       [&](const Subscription& each) {
                           return each.event->name == topic.event && each.slots->id == topic.id;
                       });
}

void Wing::unsubscribe(Member& member, const Topic& topic) {
    for (std::size_t i = member.subscriptions.size(); i-- > 0;) {
        const Subscription& each = member.subscriptions[i];
        if (each.event->name != topic.event) continue;
        if (topic.is_wildcard() || each.slots->id == topic.id) end(member, i);
    }
}

void Wing::unsubscribe_one(Member& member, const Topic& topic) {
    for (std::size_t i = member.subscriptions.size(); i-- > 0;) {
        const Subscription& each = member.subscriptions[i];
        if (each.event->name == topic.event && each.slots->id == topic.id) return end(member, i);
    }
}

/// Takes one subscription out of both lists; what moves into its places is told where it is.
void Wing::end(Member& member, std::size_t place) {
    const Subscription gone = member.subscriptions[place];
    member.subscriptions[place] = member.subscriptions.back();
    member.subscriptions.pop_back();
    if (place < member.subscriptions.size()) {
        const Subscription& moved = member.subscriptions[place];
        moved.slots->list[moved.index].subscription = static_cast<std::uint32_t>(place);
    }
    std::vector<Slots::Slot>& list = gone.slots->list;
    list[gone.index] = list.back();
    list.pop_back();
    if (gone.index < list.size()) {
        const Slots::Slot& moved = list[gone.index];
        moved.member->subscriptions[moved.subscription].index = gone.index;
    }
    EventListeners& event = *gone.event;
    if (const auto kind = state_event(event.name)) --audience_.listening[*kind];
    if (list.empty() && gone.slots != &event.wildcard) {
        const std::string id = gone.slots->id;
        event.ids.erase(id);
    }
    if (event.is_empty()) {
        const std::string name = event.name;
        events_.erase(name);
    }
}

void Wing::find(const Topic& topic, std::vector<Member*>& out) {
    const auto event = events_.find(topic.event);
    if (event == events_.end()) return;
    const std::vector<Slots::Slot>& wildcard = event->second.wildcard.list;
    if (topic.is_wildcard() || event->second.ids.empty()) {
        for (const Slots::Slot& slot : wildcard) out.push_back(slot.member);
        return;
    }
    ++stamp_;
    for (const Slots::Slot& slot : wildcard) {
        slot.member->stamp = stamp_;
        out.push_back(slot.member);
    }
    const auto id = event->second.ids.find(topic.id);
    if (id == event->second.ids.end()) return;
    for (const Slots::Slot& slot : id->second.list) {
        if (slot.member->stamp != stamp_) out.push_back(slot.member);
    }
}

}  // namespace pulse::rooms
