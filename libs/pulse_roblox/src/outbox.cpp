// SPDX-License-Identifier: MIT OR Apache-2.0
#include "outbox.hpp"

#include "json/text.hpp"

#include <algorithm>

#include <pulse/roblox/names.hpp>

namespace pulse::roblox {

namespace {

/// Below this a frame holds little but its header; above, Roblox refuses it.
constexpr std::size_t kMinBudget = 200;
/// Topics whose messages are numbered over all shards.
constexpr std::size_t kMaxSpreadTopics = 1'024;

[[nodiscard]] std::string coalesce_key_of(const OutgoingMessage& message, bool is_v0) {
    std::string key;
    if (!message.key) return key;
    // The parts but the last hold no NUL: no two different ones make the same text.
    key += is_v0 ? 'e' : 'f';
    key += static_cast<char>('0' + static_cast<int>(message.target.kind));
    key += message.target.id;
    key += '\0';
    key += message.topic;
    key += '\0';
    key += *message.key;
    return key;
}

}  // namespace

Outbox::Outbox(OutboxOptions options, SequenceSource& sequence, KeepClaim keep_claim)
    : options_(std::move(options)), sequence_(sequence), keep_claim_(std::move(keep_claim)) {
    options_.budget = std::clamp(options_.budget, kMinBudget, kMaxPublishedSize);
    options_.shards = std::clamp(options_.shards, 1U, kMaxShards);
    batch_overhead_ = largest_batch_overhead(options_.counting);
}

void Outbox::set_shards(unsigned shards) noexcept {
    options_.shards = std::clamp(shards, 1U, kMaxShards);
}

bool Outbox::has_room(std::size_t cost, std::size_t count) const noexcept {
    return message_count_ + count <= options_.max_messages &&
           byte_count_ + cost <= options_.max_bytes;
}

Outbox::Queue& Outbox::queue_of(std::string real_topic, Target::Kind kind, bool is_v0) {
    const auto found = queues_.find(real_topic);
    if (found != queues_.end()) return found->second;
    Queue queue{.lane = Lane(real_topic, kind, is_v0)};
    return queues_.emplace(std::move(real_topic), std::move(queue)).first->second;
}

std::string Outbox::real_topic_for(const OutgoingMessage& message, bool is_spread) {
    if (message.target.kind != Target::Kind::broadcast) {
        return target_topic(options_.prefix, message.target);
    }
    const unsigned shard = is_spread ? next_spread_shard_++ % options_.shards
                                     : shard_of(message.topic, options_.shards);
    return shard_topic(options_.prefix, shard);
}

std::uint64_t Outbox::next_spread_seq(const OutgoingMessage& message) {
    if (!message.is_spread || message.target.kind != Target::Kind::broadcast) return 0;
    const auto found = spread_seqs_.find(message.topic);
    if (found != spread_seqs_.end()) return ++found->second;
    // Beyond the bound a topic is simply not spread, and keeps its order that way.
    if (spread_seqs_.size() == kMaxSpreadTopics) return 0;
    return spread_seqs_[message.topic] = 1;
}

Pending Outbox::make_pending(OutgoingMessage& message, MessageId id,
                             core::MonotonicTime now) const {
    Pending pending;
    pending.id = id;
    pending.priority = message.priority;
    pending.queued_at = now;
    pending.deadline =
        now + std::clamp(message.ttl.value_or(options_.default_ttl), kMinTtl, kMaxTtl);
    pending.topic = message.topic;
    return pending;
}

core::Result<Queued> Outbox::push(OutgoingMessage message, Forms forms, core::MonotonicTime now) {
    // The original takes an empty topic; only its own clients would see it.
    const bool is_named = is_valid_topic(message.topic);
    if (!is_named && (forms.v1 || !message.topic.empty())) {
        return tl::unexpected{make_error_code(Error::invalid_topic)};
    }
    if (message.target.kind != Target::Kind::broadcast && !is_valid_server_id(message.target.id)) {
        return tl::unexpected{make_error_code(Error::invalid_server_id)};
    }

    std::vector<Pending> pendings;
    if (forms.v0) {
        Pending pending = make_pending(message, last_id_ + 1, now);
        if (message.v0_text.empty()) {
            Envelope envelope{.topic = message.topic, .message = message.message};
            if (message.target.kind == Target::Kind::server) {
                envelope.server_id = message.target.id;
            }
            message.v0_text = encode_envelope(envelope);
        }
        pending.message = std::move(message.v0_text);
        pending.counted = counted_size(pending.message, options_.counting);
        pending.coalesce_key = coalesce_key_of(message, true);
        if (pending.counted <= kMaxPublishedSize) {
            pendings.push_back(std::move(pending));
        } else if (!forms.v1) {
            return tl::unexpected{make_error_code(Error::message_too_large)};
        }
    }
    if (forms.v1) {
        Pending pending = make_pending(message, last_id_ + 1, now);
        json::append_string(pending.topic_text, message.topic);
        pending.message = message.message;
        pending.coalesce_key = coalesce_key_of(message, false);
        // The number in the options comes last, when nothing can go wrong any more; room for it.
        ItemOptions options{.sender = message.sender, .sent_at_ms = message.sent_at_ms};
        if (message.is_spread) options.spread_seq = (std::uint64_t{1} << 53) - 1;
        pending.options = encode_item_options(options);
        pending.counted = counted_size(pending.message, options_.counting) + 3;
        if (!pending.options.empty()) {
            pending.counted += counted_size(pending.options, options_.counting) + 1;
        }
        pending.counted_topic = counted_size(pending.topic_text, options_.counting);
        if (!fits_somehow(pending)) {
            return tl::unexpected{make_error_code(Error::message_too_large)};
        }
        pendings.push_back(std::move(pending));
    }

    std::size_t cost = 0;
    std::size_t added = 0;
    for (const Pending& pending : pendings) {
        cost += pending.cost();
        if (const Pending* waiting = find_waiting(pending.coalesce_key)) {
            cost -= std::min(cost, waiting->cost());
        } else {
            ++added;
        }
    }
    if (!has_room(cost, added)) return tl::unexpected{make_error_code(Error::queue_full)};

    const Queued queued{.id = ++last_id_, .forms = static_cast<unsigned>(pendings.size())};
    for (Pending& pending : pendings) {
        const bool is_v0 = pending.topic_text.empty();
        if (find_waiting(pending.coalesce_key) != nullptr) {
            replace(std::move(pending));
            continue;
        }
        if (is_v0) {
            put(queue_of(compatibility_topic(options_.prefix), Target::Kind::broadcast, true),
                std::move(pending));
            continue;
        }
        const std::uint64_t spread_seq = next_spread_seq(message);
        if (message.is_spread) {
            pending.is_spread = true;
            pending.options = encode_item_options({.sender = message.sender,
                                                   .sent_at_ms = message.sent_at_ms,
                                                   .spread_seq = spread_seq});
        }
        put(queue_of(real_topic_for(message, spread_seq != 0), message.target.kind, false),
            std::move(pending));
    }
    return queued;
}

Pending* Outbox::find_waiting(const std::string& key) noexcept {
    if (key.empty()) return nullptr;
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : found->second.message;
}

void Outbox::put(Queue& queue, Pending message) {
    message.order = ++last_order_;
    ++message_count_;
    byte_count_ += message.cost();
    Pending* waiting = queue.lane.push_back(std::move(message));
    if (!waiting->coalesce_key.empty()) by_key_[waiting->coalesce_key] = {&queue, waiting};
}

/// The newer message takes the waiting one's place, and with it its priority and, on a spread
/// topic, its number.
void Outbox::replace(Pending message) {
    const Waiting waiting = by_key_.find(message.coalesce_key)->second;
    Pending& old = *waiting.message;
    dropped_.push_back({old.id, Error::replaced});
    const std::size_t counted_before = old.counted + old.counted_topic;
    byte_count_ -= old.cost();
    old.id = message.id;
    old.deadline = message.deadline;
    old.message = std::move(message.message);
    if (!old.is_spread) old.options = std::move(message.options);
    old.counted = message.counted;
    byte_count_ += old.cost();
    waiting.queue->lane.recount(counted_before, old);
}

void Outbox::forget(const Pending& message) {
    --message_count_;
    byte_count_ -= message.cost();
    if (!message.coalesce_key.empty()) by_key_.erase(message.coalesce_key);
}

void Outbox::drop(const Pending& message, Error error) {
    forget(message);
    dropped_.push_back({message.id, error});
}

void Outbox::drop_expired_heads(Queue& queue, core::MonotonicTime now) {
    while (const Pending* head = queue.lane.peek()) {
        if (head->deadline > now) return;
        drop(queue.lane.take().front(), Error::expired);
    }
}

void Outbox::expire(core::MonotonicTime now) {
    for (auto& [name, queue] : queues_) {
        queue.lane.expire(now, [this](const Pending& message) { drop(message, Error::expired); });
    }
}

void Outbox::abandon(const std::string& real_topic, MessageId message) {
    const auto found = queues_.find(real_topic);
    if (found == queues_.end()) return;
    std::erase_if(found->second.ready, [message](const OutgoingFrame& frame) {
        return frame.messages.front() == message;
    });
}

void Outbox::drop_all(Error error) {
    for (auto& [name, queue] : queues_) {
        while (!queue.lane.is_empty()) drop(queue.lane.take().front(), error);
        for (const OutgoingFrame& frame : queue.ready) {
            for (const MessageId id : frame.messages) dropped_.push_back({id, error});
        }
    }
    queues_.clear();
}

core::MonotonicTime Outbox::due_at(const Queue& queue) const noexcept {
    // Nothing to wait for: a full frame, or one that never takes more than a message.
    if (!queue.ready.empty() || !queue.wake.empty() || queue.lane.is_v0() ||
        queue.lane.counted() >= options_.budget) {
        return core::MonotonicTime::min();
    }
    return *queue.lane.oldest() + options_.linger;
}

bool Outbox::is_due(const Queue& queue, core::MonotonicTime now) const noexcept {
    if (queue.is_empty()) return false;
    return due_at(queue) <= now;
}

void Outbox::push_wake(const std::string& real_topic, Target::Kind kind, std::string cursor) {
    queue_of(real_topic, kind, false).wake = std::move(cursor);
}

std::optional<core::MonotonicTime> Outbox::next_due(
    const std::function<bool(const std::string&)>& is_blocked, core::MonotonicTime asked_at,
    core::MonotonicTime again_at) const {
    std::optional<core::MonotonicTime> next;
    for (const auto& [name, queue] : queues_) {
        if (queue.is_empty() || (is_blocked && is_blocked(name))) continue;
        core::MonotonicTime at = due_at(queue);
        if (at <= asked_at) at = std::max(at, again_at);
        if (!next || at < *next) next = at;
    }
    return next;
}

std::optional<core::MonotonicTime> Outbox::oldest() const noexcept {
    std::optional<core::MonotonicTime> oldest;
    for (const auto& [name, queue] : queues_) {
        const auto at = queue.lane.oldest();
        if (at && (!oldest || *at < *oldest)) oldest = at;
    }
    return oldest;
}

std::size_t Outbox::pump(core::MonotonicTime now, const Leave& may_send,
                         const std::function<void(OutgoingFrame)>& send,
                         const GiveBack& give_back) {
    std::vector<Queue*> due;
    for (auto& [name, queue] : queues_) {
        drop_expired_heads(queue, now);
        if (is_due(queue, now)) due.push_back(&queue);
    }
    const auto is_more_urgent = [](const Queue* a, const Queue* b) {
        // What has been begun goes first: chunks of one item go out back to back.
        if (a->ready.empty() != b->ready.empty()) return !a->ready.empty();
        if (a->wake.empty() != b->wake.empty()) return !a->wake.empty();
        if (a->lane.priority() != b->lane.priority()) {
            return a->lane.priority() > b->lane.priority();
        }
        return a->lane.oldest() < b->lane.oldest();
    };
    std::sort(due.begin(), due.end(), is_more_urgent);
    // A frame of each in turn, so that one busy topic does not use up what the universe may send.
    std::size_t sent = 0;
    while (!due.empty()) {
        std::size_t kept = 0;
        for (Queue* queue : due) {
            if (!is_due(*queue, now)) continue;
            if (!may_send(queue->lane.real_topic(), queue->lane.kind())) continue;
            std::optional<OutgoingFrame> frame = build(*queue, now);
            if (!frame) {
                if (give_back) give_back(queue->lane.real_topic(), queue->lane.kind());
                continue;
            }
            send(std::move(*frame));
            ++sent;
            due[kept++] = queue;
        }
        due.resize(kept);
    }
    std::erase_if(queues_, [](const auto& entry) { return entry.second.is_empty(); });
    return sent;
}

}  // namespace pulse::roblox
