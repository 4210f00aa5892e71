// SPDX-License-Identifier: MIT OR Apache-2.0
#include "shared_presence.hpp"

#include <algorithm>
#include <utility>

namespace pulse::cluster {

using core::PresenceAction;
using core::PresenceState;
using core::Result;
using core::SessionId;

namespace {

/// Changes that wait for the loop. A channel with more is told whole.
constexpr std::size_t kMaxChangesBytes = std::size_t{4} * 1024 * 1024;
/// Of one message, about.
constexpr std::size_t kMaxMessageBytes = std::size_t{256} * 1024;
/// What a member's replica takes beside its data, about.
constexpr std::size_t kReplicaBytes = 160;

std::size_t cost_of(const PresenceState& state) noexcept {
    return kReplicaBytes + (state.data ? state.data->size() : 0);
}

bool joined_before(const PresenceState& a, const PresenceState& b) noexcept {
    return a.joined_at_ms < b.joined_at_ms;
}

}  // namespace

SharedPresence::SharedPresence(const core::Clock& clock, const NodeId& node, PresenceTimes times,
                               PresencePort port, core::MemoryBudget* budget)
    : node_(node),
      times_(times),
      port_(std::move(port)),
      budget_(budget),
      own_(core::make_memory_presence_store(clock)) {}

SharedPresence::~SharedPresence() {
    while (!remote_.empty()) drop_replicas(remote_.begin());
}

// ---------------------------------------------------------- from any thread

void SharedPresence::note(std::string_view channel, PresenceAction action,
                          const PresenceState& state) {
    bool is_first = false;
    {
        const std::lock_guard lock(mutex_);
        is_first = add_change(channel, action, state);
    }
    if (is_first) port_.wake();
}

bool SharedPresence::add_change(std::string_view channel, PresenceAction action,
                                const PresenceState& state) {
    if (changes_bytes_ > kMaxChangesBytes) {
        overflowed_.emplace(channel);
    } else {
        std::string record;
        append_change(action, state, record);
        changes_bytes_ += channel.size() + record.size() + sizeof(changes_.front());
        changes_.emplace_back(channel, std::move(record));
    }
    return !std::exchange(is_wake_due_, true);
}

Result<core::PresenceStore::Joined> SharedPresence::join(std::string_view channel,
                                                         const SessionId& session,
                                                         std::optional<core::PresenceData> data) {
    auto joined = own_->join(channel, session, std::move(data));
    if (!joined) return joined;
    if (joined->is_new) {
        const std::lock_guard lock(mutex_);
        const auto place = own_channels_.find(channel);
        if (place != own_channels_.end()) {
            ++place->second;
        } else {
            own_channels_.emplace(channel, 1);
        }
    }
    note(channel, PresenceAction::join, joined->state);
    return joined;
}

Result<PresenceState> SharedPresence::update(std::string_view channel, const SessionId& session,
                                             std::optional<core::PresenceData> data) {
    auto updated = own_->update(channel, session, std::move(data));
    if (updated) note(channel, PresenceAction::update, *updated);
    return updated;
}

bool SharedPresence::touch(std::string_view channel, const SessionId& session) {
    // Not told: the others learn of it with the next change.
    return own_->touch(channel, session);
}

std::optional<PresenceState> SharedPresence::leave(std::string_view channel,
                                                   const SessionId& session) {
    auto left = own_->leave(channel, session);
    if (!left) return left;
    {
        const std::lock_guard lock(mutex_);
        const auto place = own_channels_.find(channel);
        if (place != own_channels_.end() && --place->second == 0) own_channels_.erase(place);
    }
    note(channel, PresenceAction::leave, *left);
    return left;
}

std::optional<PresenceState> SharedPresence::get(std::string_view channel,
                                                 const SessionId& session) const {
    if (auto own = own_->get(channel, session)) return own;
    const std::lock_guard lock(mutex_);
    const auto place = remote_.find(channel);
    if (place == remote_.end()) return std::nullopt;
    for (const auto& [node, members] : place->second) {
        const auto found = members.find(session);
        if (found != members.end()) return found->second;
    }
    return std::nullopt;
}

std::vector<PresenceState> SharedPresence::members(std::string_view channel) const {
    std::vector<PresenceState> all = own_->members(channel);
    const std::lock_guard lock(mutex_);
    const auto place = remote_.find(channel);
    if (place == remote_.end()) return all;
    for (const auto& [node, members] : place->second) {
        for (const auto& [session, state] : members) all.push_back(state);
    }
    std::stable_sort(all.begin(), all.end(), joined_before);
    return all;
}

std::size_t SharedPresence::count(std::string_view channel) const {
    const std::size_t own = own_->count(channel);
    const std::lock_guard lock(mutex_);
    const auto place = remote_.find(channel);
    if (place == remote_.end()) return own;
    std::size_t all = own;
    for (const auto& [node, members] : place->second) all += members.size();
    return all;
}

std::vector<core::PresenceStore::Pruned> SharedPresence::prune_stale(
    std::chrono::milliseconds idle) {
    auto pruned = own_->prune_stale(idle);
    for (const Pruned& gone : pruned) {
        bool is_first = false;
        {
            const std::lock_guard lock(mutex_);
            const auto place = own_channels_.find(gone.channel);
            if (place != own_channels_.end() && --place->second == 0) own_channels_.erase(place);
            // Whoever has come back meanwhile stays. Who comes back from now on is told of later.
            if (!own_->get(gone.channel, gone.state.session)) {
                is_first = add_change(gone.channel, PresenceAction::leave, gone.state);
            }
        }
        if (is_first) port_.wake();
    }
    return pruned;
}

void SharedPresence::forget(std::string_view channel) {
    const auto gone = own_->members(channel);
    own_->forget(channel);
    {
        const std::lock_guard lock(mutex_);
        const auto place = own_channels_.find(channel);
        if (place != own_channels_.end()) own_channels_.erase(place);
        // The replica stays until nobody listens any more: who subscribes meanwhile shall find it.
    }
    for (const PresenceState& state : gone) note(channel, PresenceAction::leave, state);
}

// --------------------------------------------------------------- telling

void SharedPresence::flush(bool can_send) {
    // They go on gathering, within their bound, and go with the next tick.
    is_late_ = can_send && port_.is_congested();
    if (is_late_) return;
    std::vector<std::pair<std::string, std::string>> changes;
    std::set<std::string, std::less<>> whole;
    {
        const std::lock_guard lock(mutex_);
        changes.swap(changes_);
        whole.swap(overflowed_);
        changes_bytes_ = 0;
        is_wake_due_ = false;
    }
    if (!can_send) return;
    // Those of one channel that stand together go together; their order is kept.
    std::string bytes;
    for (std::size_t i = 0; i < changes.size(); ++i) {
        if (bytes.empty()) bytes = node_message(NodeMessageKind::changes, node_);
        bytes += changes[i].second;
        const bool is_last = i + 1 == changes.size() || changes[i + 1].first != changes[i].first;
        if (is_last || bytes.size() > kMaxMessageBytes) {
            port_.say(changes[i].first, bytes, {});
            bytes.clear();
        }
    }
    for (const std::string& channel : whole) {
        port_.say(channel, all_of(channel, node_message(NodeMessageKind::state, node_)), {});
    }
}

std::string SharedPresence::all_of(const std::string& channel, std::string head) const {
    for (const PresenceState& state : own_->members(channel)) {
        append_change(PresenceAction::join, state, head);
    }
    return head;
}

void SharedPresence::tell_all() {
    std::vector<std::string> channels;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [channel, members] : own_channels_) channels.push_back(channel);
    }
    for (const std::string& channel : channels) {
        port_.say(channel, all_of(channel, node_message(NodeMessageKind::state, node_)), {});
    }
}

void SharedPresence::say_bye() { port_.announce(node_message(NodeMessageKind::bye, node_)); }

// ---------------------------------------------------------------- asking

void SharedPresence::ask(const std::string& channel, Time now, std::function<void()> done) {
    const std::uint64_t token = ++last_token_;
    Question question;
    question.channel = channel;
    question.due = now + times_.answer;
    question.done = std::move(done);
    questions_.emplace(token, std::move(question));
    std::string bytes = node_message(NodeMessageKind::query, node_);
    append_token(token, bytes);
    port_.say(channel, bytes, [this, token](std::size_t nodes) {
        const auto found = questions_.find(token);
        if (found == questions_.end()) return;
        // This one listens, too, and does not answer itself.
        found->second.expected = nodes == 0 ? 0 : nodes - 1;
        answer_question(token);
    });
}

void SharedPresence::answer_question(std::uint64_t token) {
    const auto found = questions_.find(token);
    if (found == questions_.end() || found->second.answers < found->second.expected) return;
    end_question(token);
}

void SharedPresence::end_question(std::uint64_t token) {
    const auto found = questions_.find(token);
    const auto done = std::move(found->second.done);
    questions_.erase(found);
    if (done) done();
}

void SharedPresence::drop(const std::string& channel) {
    std::erase_if(questions_,
                  [&channel](const auto& each) { return each.second.channel == channel; });
    const std::lock_guard lock(mutex_);
    const auto place = remote_.find(channel);
    if (place != remote_.end()) drop_replicas(place);
}

void SharedPresence::drop_replicas(std::map<std::string, Members, std::less<>>::iterator place) {
    for (auto& [node, members] : place->second) {
        while (!members.empty()) (void)erase(members, members.begin());
    }
    remote_.erase(place);
}

// --------------------------------------------------------------- hearing

void SharedPresence::hear_from(const NodeId& node, Time now) {
    const auto [place, is_new] = nodes_.insert_or_assign(node, now);
    if (is_new) port_.tell(node, node_message(NodeMessageKind::who, node_));
}

void SharedPresence::on_message(std::string_view channel, std::string_view bytes, Time now) {
    const auto message = read_node_message(bytes);
    if (!message || message->node == node_) return;
    hear_from(message->node, now);
    const std::string name(channel);
    switch (message->kind) {
        case NodeMessageKind::changes:
            return take_changes(*message, name);
        case NodeMessageKind::state:
            return take_all(*message, name);
        case NodeMessageKind::query: {
            // What has changed and was not told yet is in the answer; told again it does no harm.
            std::string answer = node_message(NodeMessageKind::answer, node_);
            append_token(message->token, answer);
            append_channel(name, answer);
            return port_.tell_about(name, message->node, all_of(name, std::move(answer)));
        }
        default:
            return;
    }
}

void SharedPresence::on_told(std::string_view bytes, Time now) {
    const auto message = read_node_message(bytes);
    if (!message || message->node == node_) return;
    if (message->kind == NodeMessageKind::who) {
        // Many may ask at once.
        if (now - told_all_ < times_.beat / 4) return;
        told_all_ = now;
        return tell_all();
    }
    if (message->kind != NodeMessageKind::answer) return;
    hear_from(message->node, now);
    const auto found = questions_.find(message->token);
    if (found == questions_.end() || found->second.channel != message->channel) return;
    take_all(*message, found->second.channel);
    ++found->second.answers;
    answer_question(message->token);
}

void SharedPresence::on_announced(const NodeMessage& message, Time now) {
    if (message.node == node_) return;
    if (message.kind == NodeMessageKind::alive) hear_from(message.node, now);
    if (message.kind == NodeMessageKind::bye) {
        nodes_.erase(message.node);
        remove_node(message.node);
    }
}

void SharedPresence::on_back(const std::vector<std::string>& channels, Time now) {
    for (auto& [node, heard] : nodes_) heard = now;
    last_tick_ = now;
    last_beat_ = {};
    for (const std::string& channel : channels) ask(channel, now, {});
    told_all_ = now;
    tell_all();
}

void SharedPresence::on_missed(const std::string& channel, Time now) {
    ask(channel, now, {});
    if (own_->count(channel) == 0) return;
    port_.say(channel, all_of(channel, node_message(NodeMessageKind::state, node_)), {});
}

void SharedPresence::tick(Time now, bool can_send, bool can_hear) {
    std::vector<std::uint64_t> late;
    for (const auto& [token, question] : questions_) {
        if (now >= question.due) late.push_back(token);
    }
    for (const std::uint64_t token : late) {
        if (questions_.contains(token)) end_question(token);
    }
    if (is_late_) flush(can_send);
    // Whoever was asleep itself must not take the others for dead.
    const bool was_asleep = last_tick_ != Time{} && now - last_tick_ > times_.dead / 2;
    last_tick_ = now;
    if (!can_hear || was_asleep) {
        for (auto& [node, heard] : nodes_) heard = now;
    }
    if (can_send && now - last_beat_ >= times_.beat) {
        last_beat_ = now;
        port_.announce(node_message(NodeMessageKind::alive, node_));
    }
    std::vector<NodeId> dead;
    for (const auto& [node, heard] : nodes_) {
        if (now - heard > times_.dead) dead.push_back(node);
    }
    for (const NodeId& node : dead) {
        nodes_.erase(node);
        remove_node(node);
    }
}

// -------------------------------------------------------------- replicas

void SharedPresence::apply(NodeMembers& members, const MemberChange& change,
                           const std::string& channel, std::vector<Event>& events) {
    const auto place = members.find(change.state.session);
    const bool is_known = place != members.end();
    if (change.action == PresenceAction::leave) {
        if (!is_known) return;
        (void)erase(members, place);
        events.push_back({channel, PresenceAction::leave, change.state});
        return;
    }
    if (is_known && place->second == change.state) return;
    if (!resize(is_known ? cost_of(place->second) : 0, cost_of(change.state))) {
        refused_.fetch_add(1);
        return;
    }
    members.insert_or_assign(change.state.session, change.state);
    events.push_back(
        {channel, is_known ? PresenceAction::update : PresenceAction::join, change.state});
}

SharedPresence::NodeMembers::iterator SharedPresence::erase(NodeMembers& members,
                                                            NodeMembers::iterator place) {
    (void)resize(cost_of(place->second), 0);
    return members.erase(place);
}

bool SharedPresence::resize(std::size_t before, std::size_t after) noexcept {
    if (budget_ == nullptr) return true;
    if (after > before) return budget_->try_reserve(after - before);
    budget_->release(before - after);
    return true;
}

template <typename Change>
void SharedPresence::change_members(const std::string& channel, const NodeId& node,
                                    Change&& change) {
    const std::lock_guard lock(mutex_);
    Members& members = remote_[channel];
    NodeMembers& of_node = members[node];
    change(of_node);
    if (of_node.empty()) members.erase(node);
    if (members.empty()) remote_.erase(channel);
}

void SharedPresence::take_changes(const NodeMessage& message, const std::string& channel) {
    std::vector<Event> events;
    change_members(channel, message.node, [&](NodeMembers& members) {
        for (const MemberChange& change : message.changes) apply(members, change, channel, events);
    });
    emit(events);
}

void SharedPresence::take_all(const NodeMessage& message, const std::string& channel) {
    std::set<SessionId> there;
    for (const MemberChange& change : message.changes) there.insert(change.state.session);
    std::vector<Event> events;
    change_members(channel, message.node, [&](NodeMembers& members) {
        for (auto each = members.begin(); each != members.end();) {
            if (there.contains(each->first)) {
                ++each;
                continue;
            }
            events.push_back({channel, PresenceAction::leave, each->second});
            each = erase(members, each);
        }
        for (const MemberChange& change : message.changes) apply(members, change, channel, events);
    });
    emit(events);
}

void SharedPresence::remove_node(const NodeId& node) {
    std::vector<Event> events;
    {
        const std::lock_guard lock(mutex_);
        for (auto place = remote_.begin(); place != remote_.end();) {
            const auto found = place->second.find(node);
            if (found != place->second.end()) {
                NodeMembers& members = found->second;
                while (!members.empty()) {
                    events.push_back(
                        {place->first, PresenceAction::leave, members.begin()->second});
                    (void)erase(members, members.begin());
                }
                place->second.erase(found);
            }
            place = place->second.empty() ? remote_.erase(place) : std::next(place);
        }
    }
    emit(events);
}

void SharedPresence::emit(const std::vector<Event>& events) {
    // Not under the lock: the hub takes its own, and calls this store under that.
    for (const Event& event : events) port_.emit({event.channel, event.action, event.state});
}

}  // namespace pulse::cluster
