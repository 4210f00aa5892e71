// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What waits for the store, and in which order it leaves.
#include "conversation.hpp"
#include "room.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <utility>

#include <pulse/core/error.hpp>

namespace pulse::rooms {

namespace {

/// Well within what a store takes at once.
constexpr std::size_t kMaxWrites = 900;
constexpr std::size_t kMaxWriteBytes = std::size_t{2} * 1024 * 1024;
/// A value from this size on is committed in a set of its own, so that a store without room for it
/// takes what came before.
constexpr std::size_t kBigValueBytes = std::size_t{16} * 1024;
/// A connection with as many outputs waiting, or as many bytes of them, is not read from.
constexpr std::uint32_t kMaxQueued = 4096;
constexpr std::size_t kMaxQueuedBytes = std::size_t{1024} * 1024;
/// With as much waiting in a room, nobody who adds to it is.
constexpr std::size_t kMaxRoomBytes = std::size_t{64} * 1024 * 1024;
/// What leaves in one turn: a peer that reads on must not be overrun.
constexpr std::size_t kMaxReleasedBytes = std::size_t{4} * 1024 * 1024;
/// What an output holds beside its frames.
constexpr std::size_t kWaitingBytes = 256;
/// A counter's document, but for its id: a key's end, and twice Decimal::kMaxDigits.
constexpr std::size_t kMaxCounterBytes = 1'040;
/// Parts of a set are made smaller until a full store was tried that often, each taking the time of
/// a commit; those that are left then, one for each time the set was halved, are tried as they are.
constexpr unsigned kMaxSplitCommits = 64;

std::string_view explain(std::error_code error) {
    if (error == core::Error::store_full) return "Nothing was changed: the server's store is full";
    if (error == core::Error::document_too_big) return "Nothing was changed: it is too big to keep";
    return "Nothing was changed: the server cannot store changes at the moment";
}

}  // namespace

Item Room::item(Item::Kind kind, TopicPtr topic, MemberPtr member, Frame frame) {
    return {kind, shared_from_this(), std::move(topic), std::move(member), std::move(frame), {}};
}

bool Room::must_wait(const MemberPtr& from, bool is_of_state, Subject subject) const {
    if (is_of_state) return !queue_.empty();
    if (from == nullptr) return false;
    // Another connection of the session may have changed what it is to tell of.
    const bool is_session_open =
        subject != 0 && from->session != nullptr && from->session->pending > 0 && !queue_.empty();
    return from->queued > 0 || is_session_open;
}

Item Room::reply_item(LanePart& at, const MemberPtr& to, std::string_view message) {
    return item(Item::Kind::reply, nullptr, to, at.encode(message));
}

Item Room::publish_item(LanePart& at, TopicPtr topic, std::string_view message) {
    return item(Item::Kind::publish, std::move(topic), nullptr, at.encode(message));
}

void Room::dispatch(LanePart& at, Item out) {
    if (out.member != nullptr) {
        const std::uint32_t lane = out.member->lane;
        engine_.parts[lane]->put(std::move(out), &at);
        return;
    }
    EngineCounters::add(engine_.counters.publications);
    for (std::uint64_t rest = lanes_; rest != 0; rest &= rest - 1) {
        engine_.parts[static_cast<std::size_t>(std::countr_zero(rest))]->put(out, &at);
    }
}

Room::Waiting* Room::emit(LanePart& at, const MemberPtr& from, Item out, bool is_of_state,
                          Subject subject) {
    if (!must_wait(from, is_of_state, subject)) {
        dispatch(at, std::move(out));
        return nullptr;
    }
    std::vector<Item> items;
    items.push_back(std::move(out));
    Waiting& waiting = enqueue(at, from, std::move(items), 0);
    waiting.subject = subject;
    return &waiting;
}

Room::Waiting& Room::enqueue(LanePart& at, const MemberPtr& from, std::vector<Item> items,
                             std::uint64_t gate) {
    Waiting& waiting = queue_.emplace_back();
    waiting.from = from;
    waiting.gate = gate;
    waiting.bytes = kWaitingBytes;
    for (const Item& each : items) {
        if (each.frame) waiting.bytes += each.frame.shared.size();
    }
    waiting.items = std::move(items);
    queued_bytes_ += waiting.bytes;
    if (from != nullptr) wait_for(at, from, waiting.bytes);
    return waiting;
}

void Room::wait_for(LanePart& at, const MemberPtr& from, std::size_t bytes) {
    ++from->queued;
    from->queued_bytes += bytes;
    const bool is_much = from->queued >= kMaxQueued || from->queued_bytes >= kMaxQueuedBytes ||
                         queued_bytes_ >= kMaxRoomBytes;
    // One that is about to enter may be of another lane; it is not read from anyway.
    if (!is_much || from->is_paused || from->is_gone || from->lane != at.index()) return;
    from->is_paused = true;
    from->conversation->on_paused();
}

bool Room::is_overfull() const noexcept { return queued_bytes_ >= kMaxRoomBytes; }

void Room::tell_in_turn(LanePart& at, const LookPtr& look) {
    Waiting& waiting = enqueue(at, nullptr, {}, 0);
    waiting.bytes += look->text.size();
    queued_bytes_ += look->text.size();
    waiting.done = [self = shared_from_this(), part = at.shared_from_this(),
                    look](std::error_code) { self->tell(*part, look); };
}

void Room::end_wait(LanePart& at, const Waiting& waiting) {
    queued_bytes_ -= waiting.bytes;
    if (waiting.from == nullptr) return;
    Member& from = *waiting.from;
    --from.queued;
    from.queued_bytes -= waiting.bytes;
    if (!from.is_paused) return;
    const bool is_little = from.queued <= kMaxQueued / 2 &&
                           from.queued_bytes <= kMaxQueuedBytes / 2 &&
                           queued_bytes_ <= kMaxRoomBytes / 2;
    if (!is_little && from.queued != 0) return;
    from.is_paused = false;
    dispatch(at, item(Item::Kind::resume, nullptr, waiting.from, {}));
}

Room::Waiting& Room::emit_change(LanePart& at, const MemberPtr& from, std::vector<Item> items,
                                 Subject subject, Undo undo) {
    EngineCounters::add(engine_.counters.changes);
    Waiting& waiting = enqueue(at, from, std::move(items), open_.number);
    waiting.subject = subject;
    waiting.undo = std::move(undo);
    const core::DocumentLimits& limits = engine_.store_limits;
    const bool is_full = open_.is_big ||
                         open_.size() >= std::min(kMaxWrites, limits.max_batch_operations / 2) ||
                         open_.bytes >= std::min(kMaxWriteBytes, limits.max_batch_bytes / 2);
    if (is_full) seal();
    schedule_commit(at);
    return waiting;
}

void Room::reply(LanePart& at, const MemberPtr& to, std::string_view message) {
    emit(at, to, reply_item(at, to, message), false);
}

Room::Waiting* Room::reply_profile(LanePart& at, const MemberPtr& to) {
    return emit(at, to, reply_item(at, to, profile_message(*to, *to->session)), false, kPeople);
}

void Room::publish_state(LanePart& at, const MemberPtr& from, TopicPtr topic,
                         std::string_view message) {
    emit(at, from, publish_item(at, std::move(topic), message), true);
}

void Room::publish_free(LanePart& at, const MemberPtr& from, TopicPtr topic,
                        std::string_view message) {
    emit(at, from, publish_item(at, std::move(topic), message), false, kPeople);
}

void Room::reply_error(const MemberPtr& to, LanePart& at, std::string_view text) {
    EngineCounters::add(engine_.counters.refusals);
    reply(at, to, error_message(text));
}

void Room::make_place(std::size_t bytes, bool is_big) {
    const bool is_too_much = open_.bytes + bytes > engine_.store_limits.max_batch_bytes;
    if ((is_big || is_too_much) && open_.size() != 0) seal();
    open_.is_big = open_.is_big || is_big;
    open_.bytes += bytes;
}

void Room::write(std::string_view name, Subject subject, std::string value,
                 std::optional<std::chrono::milliseconds> ttl) {
    std::string key = prefix_;
    key += name;
    make_place(key.size() + value.size(), value.size() >= kBigValueBytes);
    const auto [place, is_new] = open_.writes.try_emplace(std::move(key));
    if (!is_new) open_.bytes -= place->first.size() + place->second.value.size();
    place->second = Write{std::move(value), ttl, subject};
}

void Room::write(Counter& counter) {
    if (counter.set == open_.number) return;
    const std::size_t bytes = prefix_.size() + kMaxCounterBytes + 6 * counter.id.size();
    make_place(bytes, bytes >= kBigValueBytes);
    counter.set = open_.number;
    open_.counters.push_back({&counter});
}

Room::WriteSet Room::take_open() {
    const std::uint64_t number = open_.number;
    WriteSet set = std::exchange(open_, WriteSet{});
    open_.number = number + 1;
    for (CounterWrite& each : set.counters) each.amount = each.counter->amount;
    return set;
}

void Room::seal() { sealed_.push_back(take_open()); }

bool Room::is_storable(std::size_t value_bytes) const noexcept {
    return value_bytes <= engine_.store_limits.max_value_bytes;
}

void Room::schedule_commit(LanePart& at) {
    if (is_committing_ || is_commit_scheduled_) return;
    is_commit_scheduled_ = true;
    // Whoever drains waits for it from now on.
    engine_.begin_write();
    // At the end of the turn, so that everything read in it goes along.
    at.post([self = shared_from_this(), part = at.shared_from_this()] {
        {
            const std::lock_guard lock(self->mutex_);
            self->is_commit_scheduled_ = false;
            self->commit(*part);
        }
        self->engine_.end_write();
    });
}

void Room::commit(LanePart& at) {
    if (is_committing_) return;
    if (!sealed_.empty()) {
        under_way_ = std::make_unique<WriteSet>(std::move(sealed_.front()));
        sealed_.pop_front();
    } else if (open_.size() != 0) {
        under_way_ = std::make_unique<WriteSet>(take_open());
    } else {
        return;
    }
    is_committing_ = true;
    submit(at);
}

/// All of the set under way, or what of it is tried at the moment.
void Room::submit(LanePart& at) {
    core::DocumentBatch batch;
    if (fence_ != 0) batch.require_version(prefix_ + std::string(keys::kFence), fence_);
    const auto is_wanted = [this](Subject subject) {
        return !split_ || std::binary_search(split_->trying.begin(), split_->trying.end(), subject);
    };
    for (const auto& [key, write] : under_way_->writes) {
        if (is_wanted(write.subject)) batch.put(key, std::string_view(write.value), write.ttl);
    }
    for (const CounterWrite& each : under_way_->counters) {
        if (!is_wanted(subject_of(*each.counter))) continue;
        batch.put(prefix_ + keys::counter(each.counter->number),
                  std::string_view(stored_counter(each.counter->id, *each.amount)));
    }
    EngineCounters::add(engine_.counters.commits);
    engine_.begin_write();
    // The answer may come on this very thread, while the room is locked: it is only passed on.
    engine_.store.commit(
        std::move(batch), [self = shared_from_this(), part = at.shared_from_this()](
                              const core::Result<core::CommitResult>& result) {
            const std::error_code error = result ? std::error_code{} : result.error();
            part->post([self, part, error] { self->committed(*part, error); });
        });
}

void Room::committed(LanePart& at, std::error_code error) {
    Calls calls;
    bool is_loss_news = false;
    {
        const std::lock_guard lock(mutex_);
        if (error) EngineCounters::add(engine_.counters.failed_commits);
        if (fence_ != 0 && error == core::Error::document_conflict) {
            is_loss_news = !std::exchange(is_lost_, true);
        }
        if (!split(at, error)) {
            is_committing_ = false;
            release(at, calls);
            commit(at);
        }
    }
    engine_.end_write();
    for (auto& [done, outcome] : calls) done(outcome);
    at.settle();
    if (is_loss_news) engine_.sharing.on_lost(name_);
}

/// What one commit's end means for the set under way.
bool Room::split(LanePart& at, std::error_code error) {
    if (!split_) {
        if (error != core::Error::store_full || subjects().size() < 2) {
            if (error) {
                undo(at, error, nullptr);
            } else {
                note_stored({});
            }
            return false;
        }
        split_ = std::make_unique<Split>();
        split_->trying = subjects();
    }
    std::vector<Subject>& tried = split_->trying;
    if (error == core::Error::store_full && tried.size() > 1 &&
        split_->commits < kMaxSplitCommits) {
        const auto half = tried.begin() + static_cast<std::ptrdiff_t>(tried.size() / 2);
        split_->rest.emplace_front(half, tried.end());
        split_->rest.emplace_front(tried.begin(), half);
    } else if (error) {
        split_->refused.insert(tried.begin(), tried.end());
        split_->error = error;
    }
    if (!split_->rest.empty()) {
        split_->trying = std::move(split_->rest.front());
        split_->rest.pop_front();
        ++split_->commits;
        submit(at);
        return true;
    }
    const std::unique_ptr<Split> over = std::move(split_);
    note_stored(over->refused);
    if (!over->refused.empty()) undo(at, over->error, &over->refused);
    return false;
}

std::vector<Room::Subject> Room::subjects() const {
    std::vector<Subject> all;
    for (const auto& [key, write] : under_way_->writes) all.push_back(write.subject);
    for (const CounterWrite& each : under_way_->counters) all.push_back(subject_of(*each.counter));
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
}

void Room::note_stored(const std::unordered_set<Subject>& but) {
    durable_ = under_way_->number;
    for (CounterWrite& each : under_way_->counters) {
        if (!but.contains(subject_of(*each.counter))) each.counter->stored = std::move(each.amount);
    }
    if (but.empty()) under_way_.reset();
}

void Room::release(LanePart& at, Calls& calls) {
    std::size_t bytes = 0;
    while (!queue_.empty() && queue_.front().gate <= durable_) {
        if (bytes >= kMaxReleasedBytes) return schedule_release(at);
        bytes += queue_.front().bytes;
        // Out of the queue first: what it leads to must not wait behind it.
        std::list<Waiting> one;
        one.splice(one.begin(), queue_, queue_.begin());
        release_one(at, one.front(), calls);
    }
    resume_departures(at);
}

void Room::schedule_release(LanePart& at) {
    if (is_release_scheduled_) return;
    is_release_scheduled_ = true;
    engine_.begin_write();
    at.post([self = shared_from_this(), part = at.shared_from_this()] {
        Calls calls;
        {
            const std::lock_guard lock(self->mutex_);
            self->is_release_scheduled_ = false;
            self->release(*part, calls);
        }
        self->engine_.end_write();
        for (auto& [done, outcome] : calls) done(outcome);
        part->settle();
    });
}

void Room::release_one(LanePart& at, Waiting& waiting, Calls& calls) {
    end_wait(at, waiting);
    if (waiting.entering != nullptr) --entering_;
    if (waiting.error) {
        tell_failure(at, waiting);
    } else {
        const bool is_in = waiting.entering != nullptr && !waiting.from->is_gone;
        if (is_in) attach(waiting.from, *waiting.entering);
        for (Item& each : waiting.items) dispatch(at, std::move(each));
    }
    if (waiting.done) calls.emplace_back(std::move(waiting.done), waiting.error);
    if (Session* const session = waiting.session) {
        --session->pending;
        forget_if_unused(*session);
    }
}

void Room::tell_failure(LanePart& at, const Waiting& waiting) {
    if (waiting.is_silent || waiting.from == nullptr || waiting.from->is_gone) return;
    const std::string_view text = explain(waiting.error);
    if (waiting.entering != nullptr) return refuse_entry(waiting.from, at, std::string(text));
    EngineCounters::add(engine_.counters.refusals);
    dispatch(at, reply_item(at, waiting.from, error_message(text)));
}

/// Newest first. What told of a change, or of state that it made, tells of the failure instead;
/// snapshots are made anew; the rest is as true as before. Sets behind the one under way go with
/// it: their changes may have begun with what is undone.
void Room::undo(LanePart& at, std::error_code error, const std::unordered_set<Subject>* refused) {
    ++undone_;
    const std::uint64_t under_way = under_way_->number;
    // What is committed and waits only for its turn to leave has happened.
    const auto first = std::find_if(queue_.begin(), queue_.end(), [&](const Waiting& each) {
        return each.gate >= under_way &&
               (each.gate > under_way || refused == nullptr || refused->contains(each.subject));
    });
    std::unordered_set<Subject> gone;
    for (auto each = first; each != queue_.end(); ++each) {
        const bool is_change = each->gate >= under_way;
        const bool is_kept =
            is_change
                ? each->gate == under_way && refused != nullptr && !refused->contains(each->subject)
                : each->subject == 0 || (refused != nullptr && !gone.contains(each->subject));
        if (is_kept) continue;
        gone.insert(each->subject);
        each->error = error;
    }
    for (auto each = queue_.end(); each != first;) {
        --each;
        if (each->error && each->undo) each->undo(*this);
        if (each->error) each->undo = {};
    }
    restore_counters();
    for (auto each = first; each != queue_.end(); ++each) {
        if (!each->snapshot || each->from->is_gone) continue;
        each->items = snapshot_items(each->from, at, *each->snapshot);
    }
    durable_ = open_.number;
    open_ = {};
    open_.number = durable_ + 1;
    sealed_.clear();
    under_way_.reset();
}

/// All that are in a set hold again what is stored.
void Room::restore_counters() {
    std::vector<Counter*> unknown;
    const auto restore = [&](const WriteSet& set) {
        for (const CounterWrite& each : set.counters) {
            Counter& counter = *each.counter;
            // It may be in several sets.
            if (std::exchange(counter.set, 0) == 0) continue;
            if (counter.stored) {
                counter.amount = *counter.stored;
            } else {
                unknown.push_back(&counter);
            }
        }
    };
    restore(*under_way_);
    for (const WriteSet& set : sealed_) restore(set);
    restore(open_);
    for (const Counter* counter : unknown) {
        const auto found = counters_.find(counter->id);
        counters_.erase(found);
    }
}

}  // namespace pulse::rooms
