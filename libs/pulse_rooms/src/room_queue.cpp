// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What waits for the store, and in which order it leaves.
#include "json/scan.hpp"
#include "room.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include <pulse/core/error.hpp>

namespace pulse::rooms {

namespace {

/// Well within what a store takes at once.
constexpr std::size_t kMaxWrites = 900;
constexpr std::size_t kMaxWriteBytes = std::size_t{2} * 1024 * 1024;
/// A connection with as many outputs waiting is not read from.
constexpr std::uint32_t kMaxQueued = 4096;

std::string_view explain(std::error_code error) {
    if (error == core::Error::store_full) return "Nothing was changed: the server's store is full";
    if (error == core::Error::document_too_big) return "Nothing was changed: it is too big to keep";
    return "Nothing was changed: the server cannot store changes at the moment";
}

}  // namespace

Item Room::item(Item::Kind kind, TopicPtr topic, MemberPtr member, Frame frame) {
    return {kind, shared_from_this(), std::move(topic), std::move(member), std::move(frame), {}};
}

bool Room::must_wait(const MemberPtr& from, bool is_of_state) const {
    return is_of_state ? !queue_.empty() : from != nullptr && from->queued > 0;
}

Item Room::reply_item(LanePart& at, const MemberPtr& to, std::string_view message) {
    return item(Item::Kind::reply, nullptr, to, at.encode(message));
}

Item Room::publish_item(LanePart& at, TopicPtr topic, std::string_view message) {
    return item(Item::Kind::publish, std::move(topic), nullptr, at.encode(message));
}

void Room::dispatch(LanePart& at, Item out) {
    const bool has_frame = out.kind == Item::Kind::publish || out.kind == Item::Kind::reply;
    // Without memory for it: lost, as the hub's publications are.
    if (has_frame && !out.frame) return;
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

void Room::emit(LanePart& at, const MemberPtr& from, Item out, bool is_of_state) {
    if (!must_wait(from, is_of_state)) return dispatch(at, std::move(out));
    if (from != nullptr) ++from->queued;
    Waiting& waiting = queue_.emplace_back();
    waiting.from = from;
    waiting.gate = 0;
    waiting.items.push_back(std::move(out));
}

Room::Waiting& Room::emit_change(LanePart& at, const MemberPtr& from, std::vector<Item> items,
                                 Undo undo) {
    EngineCounters::add(engine_.counters.changes);
    if (from != nullptr && ++from->queued >= kMaxQueued && !from->is_paused && !from->is_gone) {
        from->is_paused = true;
        from->connection->pause_reading(true);
    }
    Waiting& waiting = queue_.emplace_back();
    waiting.items = std::move(items);
    waiting.from = from;
    waiting.gate = open_.number;
    waiting.undo = std::move(undo);
    const core::DocumentLimits& limits = engine_.store.limits();
    const bool is_full =
        open_.writes.size() >= std::min(kMaxWrites, limits.max_batch_operations / 2) ||
        open_.bytes >= std::min(kMaxWriteBytes, limits.max_batch_bytes / 2);
    if (is_full) {
        const std::uint64_t number = open_.number;
        sealed_.push_back(std::exchange(open_, WriteSet{}));
        open_.number = number + 1;
    }
    schedule_commit(at);
    return waiting;
}

void Room::reply(LanePart& at, const MemberPtr& to, std::string_view message) {
    emit(at, to, reply_item(at, to, message), false);
}

void Room::publish_state(LanePart& at, const MemberPtr& from, TopicPtr topic,
                         std::string_view message) {
    emit(at, from, publish_item(at, std::move(topic), message), true);
}

void Room::publish_free(LanePart& at, const MemberPtr& from, TopicPtr topic,
                        std::string_view message) {
    emit(at, from, publish_item(at, std::move(topic), message), false);
}

void Room::reply_error(const MemberPtr& to, LanePart& at, std::string_view text) {
    EngineCounters::add(engine_.counters.refusals);
    reply(at, to, error_message(text));
}

void Room::write(std::string_view name, std::string value,
                 std::optional<std::chrono::milliseconds> ttl) {
    std::string key = prefix_;
    key += name;
    open_.bytes += key.size() + value.size();
    open_.writes.insert_or_assign(std::move(key), Write{std::move(value), ttl});
}

void Room::schedule_commit(LanePart& at) {
    if (is_committing_ || is_commit_scheduled_) return;
    is_commit_scheduled_ = true;
    // At the end of the turn, so that everything read in it goes along.
    at.post([self = shared_from_this(), part = at.shared_from_this()] {
        {
            const std::lock_guard lock(self->mutex_);
            self->is_commit_scheduled_ = false;
            self->commit(*part);
        }
    });
}

void Room::commit(LanePart& at) {
    if (is_committing_) return;
    WriteSet set;
    if (!sealed_.empty()) {
        set = std::move(sealed_.front());
        sealed_.pop_front();
    } else if (!open_.writes.empty()) {
        set = std::exchange(open_, WriteSet{});
        open_.number = set.number + 1;
    } else {
        return;
    }
    is_committing_ = true;
    core::DocumentBatch batch;
    for (const auto& [key, value] : set.writes) {
        batch.put(key, std::string_view(value.value), value.ttl);
    }
    EngineCounters::add(engine_.counters.commits);
    engine_.begin_write();
    // The answer may come on this very thread, while the room is locked: it is only passed on.
    engine_.store.commit(
        std::move(batch), [self = shared_from_this(), part = at.shared_from_this(),
                           number = set.number](const core::Result<core::CommitResult>& result) {
            const std::error_code error = result ? std::error_code{} : result.error();
            part->post([self, part, number, error] { self->committed(*part, number, error); });
        });
}

void Room::committed(LanePart& at, std::uint64_t number, std::error_code error) {
    Calls calls;
    {
        const std::lock_guard lock(mutex_);
        is_committing_ = false;
        if (error) {
            EngineCounters::add(engine_.counters.failed_commits);
            undo_all(error);
        } else {
            durable_ = number;
        }
        release(at, calls);
        commit(at);
    }
    engine_.end_write();
    for (auto& [done, outcome] : calls) done(outcome);
    at.settle();
}

void Room::release(LanePart& at, Calls& calls) {
    while (!queue_.empty() && queue_.front().gate <= durable_) {
        // Out of the queue first: what it leads to must not wait behind it.
        std::list<Waiting> one;
        one.splice(one.begin(), queue_, queue_.begin());
        release_one(at, one.front(), calls);
    }
}

void Room::release_one(LanePart& at, Waiting& waiting, Calls& calls) {
    if (waiting.from != nullptr) {
        Member& from = *waiting.from;
        --from.queued;
        if (from.is_paused && from.queued <= kMaxQueued / 2) {
            from.is_paused = false;
            dispatch(at, item(Item::Kind::resume, nullptr, waiting.from, {}));
        }
    }
    if (waiting.entering != nullptr) --entering_;
    if (waiting.error) {
        tell_failure(at, waiting);
    } else if (waiting.is_stale) {
        if (!waiting.from->is_gone) {
            for (Item& each : make_snapshot(waiting.from, at, *waiting.snapshot)) {
                dispatch(at, std::move(each));
            }
        }
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
    if (waiting.from == nullptr || waiting.from->is_gone) return;
    const std::string_view text = explain(waiting.error);
    if (waiting.entering != nullptr) return refuse_entry(waiting.from, at, std::string(text));
    EngineCounters::add(engine_.counters.refusals);
    dispatch(at, reply_item(at, waiting.from, error_message(text)));
}

/// Newest first. What told of a change tells of its failure instead, snapshots are made anew, the
/// rest is as true as before.
void Room::undo_all(std::error_code error) {
    for (auto each = queue_.rbegin(); each != queue_.rend(); ++each) {
        if (each->snapshot) each->is_stale = true;
        if (each->gate == 0) continue;
        if (each->undo) each->undo(*this);
        each->error = error;
        each->gate = 0;
    }
    durable_ = open_.number;
    open_.number = durable_ + 1;
    open_.writes.clear();
    open_.bytes = 0;
    sealed_.clear();
}

}  // namespace pulse::rooms
