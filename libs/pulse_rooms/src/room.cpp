// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Coming and going.
#include "room.hpp"

#include "digest.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace pulse::rooms {

namespace {

/// Ephemeral votes that end in one turn, and what is composed to tell of it.
constexpr std::size_t kMaxDepartures = 500;
constexpr std::size_t kMaxDepartingBytes = std::size_t{256} * 1024;

}  // namespace

Room::Room(Engine& engine, std::string name)
    : engine_(engine),
      name_(std::move(name)),
      id_(room_id(name_)),
      prefix_("rooms/" + id_.substr(0, 32) + "/"),
      wings_(engine.parts.size()),
      lane_members_(engine.parts.size()),
      boot_ms_(engine.clock.unix_ms()) {}

std::string room_id(std::string_view name) {
    return sha256_hex(std::string("pulse room ").append(name));
}

Wing& Room::wing(std::uint32_t lane) {
    auto& wing = wings_[lane];
    if (wing == nullptr) wing = std::make_unique<Wing>(audience_);
    return *wing;
}

bool Room::is_settled() const {
    const std::lock_guard lock(mutex_);
    return state_ != State::loading && connections_ == 0 && entering_ == 0 && queue_.empty() &&
           sessions_.empty() && !is_committing_ && open_.writes.empty() && sealed_.empty();
}

bool Room::free_some(std::size_t& left) {
    const std::lock_guard lock(mutex_);
    const auto take = [&left](std::size_t things) { left -= std::min(left, things); };
    for (PollBook* const book : {&polls_, &ephemeral_}) {
        while (!book->polls.empty()) {
            if (left == 0) return true;
            const auto poll = book->polls.begin();
            take(poll->second->free_votes(left));
            if (poll->second->votes() != 0) return true;
            take(1 + poll->second->answers());
            book->polls.erase(poll);
        }
    }
    for (; !counters_.empty(); take(1)) {
        if (left == 0) return true;
        counters_.erase(counters_.begin());
    }
    return false;
}

void Room::enter(const MemberPtr& member, LanePart& at) {
    {
        const std::lock_guard lock(mutex_);
        if (!member->is_gone) find_session(member, at);
    }
    at.settle();
}

void Room::refuse_unloaded(const MemberPtr& member, LanePart& at) {
    {
        const std::lock_guard lock(mutex_);
        if (!member->is_gone) {
            refuse_entry(member, at, "The server cannot read its store at the moment");
        }
    }
    at.settle();
}

void Room::find_session(const MemberPtr& member, LanePart& at) {
    auto& place = sessions_[member->session_id];
    if (place == nullptr) {
        place = std::make_unique<Session>();
        place->id = member->session_id;
        if (member->is_fresh_session) place->state = Session::State::known;
    }
    Session& session = *place;
    if (session.state == Session::State::known) return admit(member, session, at);
    session.waiting.push_back(member);
    if (session.state == Session::State::loading) return;
    session.state = Session::State::loading;
    engine_.store.get(prefix_ + keys::session(session.id),
                      [self = shared_from_this(), part = at.shared_from_this(),
                       &session](core::Result<std::optional<core::Document>> result) {
                          part->post([self, part, &session, result = std::move(result)] {
                              self->session_loaded(*part, session, result);
                          });
                      });
}

void Room::admit(const MemberPtr& member, Session& session, LanePart& at) {
    const std::size_t most = engine_.limits().max_connections_per_room;
    if (most != 0 && connections_ + entering_ >= most) {
        refuse_entry(member, at, "The room is full");
        return forget_if_unused(session);
    }
    ++suffix_;
    const bool is_new = session.suffix == 0;
    if (is_new) {
        session.suffix = suffix_;
        write(keys::session(session.id), kPeople, stored_session(session));
    }
    write(keys::kMeta, kPeople, stored_meta());
    std::vector<Item> items;
    items.push_back(reply_item(at, member, config_message()));
    items.push_back(reply_item(at, member, profile_message(*member, session)));
    items.push_back(item(Item::Kind::greet, nullptr, member, {}));
    ++entering_;
    ++session.pending;
    Waiting& waiting =
        emit_change(at, member, std::move(items), kPeople, [&session, is_new](Room&) {
            // The counter keeps its gap: nobody was told of the number, but it may be stored.
            if (is_new) session.suffix = 0;
        });
    waiting.entering = waiting.session = &session;
}

void Room::attach(const MemberPtr& member, Session& session) {
    member->session = &session;
    if (session.members.empty()) {
        session.arrival = ++arrivals_;
        present_.emplace(session.arrival, &session);
    }
    session.members.push_back(member);
    ++connections_;
    member->order = ++ever_connected_;
    if (lane_members_[member->lane]++ == 0) lanes_ |= std::uint64_t{1} << member->lane;
    member->last_ms.store(now_ms(), std::memory_order_relaxed);
    EngineCounters::add(engine_.counters.connections);
    EngineCounters::add(engine_.counters.connections_total);
}

void Room::leave(const MemberPtr& member, LanePart& at) {
    {
        const std::lock_guard lock(mutex_);
        if (member->is_gone) return;
        // What was published before still goes to the one who leaves.
        at.hand_out();
        member->is_gone = true;
        member->connection = nullptr;
        member->conversation = nullptr;
        wing(at.index()).remove(*member);
        showing_.erase(member.get());
        if (member->session != nullptr) detach(member, at);
    }
    at.settle();
}

void Room::detach(const MemberPtr& member, LanePart& at) {
    Session& session = *std::exchange(member->session, nullptr);
    std::erase(session.members, member);
    --connections_;
    engine_.counters.connections.fetch_sub(1, std::memory_order_relaxed);
    if (--lane_members_[member->lane] == 0) lanes_ &= ~(std::uint64_t{1} << member->lane);
    end_relays(member, nullptr);
    if (session.members.empty()) {
        end_ephemeral_votes(session, at);
        present_.erase(session.arrival);
        forget_if_unused(session);
    }
}

/// A vote of this kind is the user's, not the connection's: it goes with the last of them.
void Room::end_ephemeral_votes(Session& session, LanePart& at) {
    if (session.ephemeral.empty()) return;
    Departure& departure = departures_[session.suffix];
    departure.ids.insert(departure.ids.end(), std::make_move_iterator(session.ephemeral.begin()),
                         std::make_move_iterator(session.ephemeral.end()));
    // What was kept for a presence that is over now goes with the rest.
    departure.kept.clear();
    session.ephemeral.clear();
    if (!is_departing_) end_some_votes(at);
}

void Room::end_some_votes(LanePart& at) {
    std::size_t bytes = 0;
    for (std::size_t n = 0; !departures_.empty(); ++n) {
        // Whoever has left cannot be kept from adding to what waits for the store.
        if (is_overfull()) {
            is_departing_ = is_departing_held_ = true;
            return;
        }
        if (n == kMaxDepartures || bytes >= kMaxDepartingBytes) return schedule_departures(at);
        const auto user = departures_.begin();
        Departure& departure = user->second;
        const std::string id = std::move(departure.ids.front());
        departure.ids.pop_front();
        if (!departure.kept.contains(id)) bytes += end_vote(at, user->first, id);
        if (departure.ids.empty()) departures_.erase(user);
    }
}

/// Returns the size of what was published about it.
std::size_t Room::end_vote(LanePart& at, std::uint64_t voter, const std::string& id) {
    const auto found = ephemeral_.polls.find(id);
    if (found == ephemeral_.polls.end()) return 0;
    Poll& poll = *found->second;
    if (!poll.vote(voter, std::nullopt) || !is_heard("ephemeralPoll")) return 0;
    std::string quoted;
    json::append_text(quoted, id);
    const std::string message = poll_message("ephemeralPoll", quoted, poll);
    publish_state(at, nullptr, poll.topic(), message);
    return message.size();
}

void Room::schedule_departures(LanePart& at) {
    is_departing_ = true;
    at.post([self = shared_from_this(), part = at.shared_from_this()] {
        {
            const std::lock_guard lock(self->mutex_);
            self->is_departing_ = false;
            self->end_some_votes(*part);
        }
        part->settle();
    });
}

/// When less waits.
void Room::resume_departures(LanePart& at) {
    if (is_departing_held_ && !is_overfull()) {
        is_departing_held_ = false;
        schedule_departures(at);
    }
}

/// A user who came back while old votes were leaving has voted anew: that one stays. True when it
/// was one of the old.
bool Room::keep_vote(std::uint64_t voter, const std::string& id) {
    const auto departure = departures_.find(voter);
    return departure != departures_.end() && departure->second.kept.insert(id).second;
}

void Room::forget_if_unused(Session& session) {
    if (!session.members.empty() || !session.waiting.empty() || session.pending != 0 ||
        session.state == Session::State::loading) {
        return;
    }
    const std::string id = session.id;
    sessions_.erase(id);
}

void Room::refuse_entry(const MemberPtr& member, LanePart& at, std::string text) {
    EngineCounters::add(engine_.counters.refusals);
    Item refusal = item(Item::Kind::fail, nullptr, member, {});
    refusal.text = std::move(text);
    dispatch(at, std::move(refusal));
}

}  // namespace pulse::rooms
