// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The way of publications to the server.
#include "backend_broker.hpp"

#include <utility>

#include <asio/post.hpp>

#include <pulse/core/error.hpp>

namespace pulse::cluster {

using core::Error;

namespace {

/// Commands under way at once. While they are, what comes waits for the next ones, which so carry
/// more: under load the server sees few commands, without load nothing waits.
constexpr std::size_t kMaxInFlight = 128;
/// Of one command.
constexpr std::size_t kMaxBatch = 512;
constexpr std::size_t kMaxBatchBytes = std::size_t{512} * 1024;
/// Looked at together to be sorted by channel.
constexpr std::size_t kMaxWindow = 2048;
/// A publisher's turn brings many, and this thread sees the first before the last is there. So it
/// looks again, each time for about a microsecond, until nothing has come twice: what belongs
/// together goes out as one command, and is delivered by one write.
constexpr unsigned kQuietLooks = 2;
constexpr unsigned kMaxLooks = 256;
/// What a publication takes beside its text.
constexpr std::size_t kOverhead = 128;

}  // namespace

std::size_t BackendBroker::Waiting::cost() const noexcept {
    return channel.size() + record.size() + kOverhead;
}

bool BackendBroker::reserve(std::size_t cost) noexcept {
    if (counters_.waiting.fetch_add(1) >= options_.max_waiting) {
        counters_.waiting.fetch_sub(1);
        return false;
    }
    if (counters_.waiting_bytes.fetch_add(cost) + cost > options_.max_waiting_bytes) {
        release(1, cost);
        return false;
    }
    return true;
}

void BackendBroker::release(std::size_t publications, std::size_t cost) noexcept {
    counters_.waiting_bytes.fetch_sub(cost);
    counters_.waiting.fetch_sub(publications);
}

std::error_code BackendBroker::publish(const core::PublicationView& publication,
                                       core::Broker::Published* done) {
    if (is_closed_) return Error::shutting_down;
    const core::HistoryPolicy policy = policy_of(publication.channel);
    if (!can_send_ && options_.while_down != WhileDown::queue) {
        if (options_.while_down == WhileDown::refuse || policy.is_kept()) {
            counters_.refused.fetch_add(1);
            return Error::broker_unavailable;
        }
        delivered_alone_ = true;
        listeners_.for_each([&](core::BrokerListener& each) { each.on_publication(publication); });
        if (done != nullptr) (*done)({});
        return {};
    }
    Waiting waiting{std::string(publication.channel), {}, {}, policy, Clock::now()};
    append_record(publication, waiting.record);
    if (const std::size_t limit = backend_limit_; limit != 0 && waiting.record.size() > limit) {
        counters_.refused.fetch_add(1);
        return Error::message_too_big;
    }
    if (!reserve(waiting.cost())) {
        counters_.refused.fetch_add(1);
        return Error::broker_overloaded;
    }
    if (done != nullptr) waiting.done = std::move(*done);
    bool is_first = false;
    {
        const std::lock_guard lock(mutex_);
        incoming_.push_back(std::move(waiting));
        is_first = !std::exchange(is_take_due_, true);
    }
    if (is_first) post([](BackendBroker& self) { self.take_incoming(); });
    return {};
}

void BackendBroker::take_incoming() {
    std::vector<Waiting> incoming;
    bool is_enough = false;
    {
        const std::lock_guard lock(mutex_);
        incoming.swap(incoming_);
        quiet_looks_ = incoming.empty() ? quiet_looks_ + 1 : 0;
        is_enough = quiet_looks_ >= kQuietLooks || ++looks_ >= kMaxLooks ||
                    queue_.size() + incoming.size() >= kMaxWindow;
        is_take_due_ = !is_enough;
        if (is_enough) looks_ = quiet_looks_ = 0;
    }
    for (Waiting& each : incoming) queue_.push_back(std::move(each));
    if (!is_enough) return post([](BackendBroker& self) { self.take_incoming(); });
    if (can_send_) {
        pump();
    } else if (options_.while_down != WhileDown::queue) {
        fail_queue(Clock::time_point::max());
    } else {
        watch_queue();
    }
}

void BackendBroker::pump() {
    while (can_send_ && !queue_.empty() && in_flight_.size() < kMaxInFlight) send_some();
}

/// Takes a window of the queue and sends it channel by channel. A channel's publications keep their
/// order: within a batch, and from one batch to the next.
void BackendBroker::send_some() {
    struct Group {
        std::string channel;
        core::HistoryPolicy policy;
        std::vector<std::string> records;
        std::size_t bytes = 0;
        Batch batch;
    };
    std::vector<Group> groups;
    std::unordered_map<std::string_view, std::size_t> open;
    std::vector<std::string> names;  // which the views in `open` are of
    names.reserve(kMaxWindow);
    for (std::size_t n = 0; n < kMaxWindow && !queue_.empty(); ++n) {
        Waiting& next = queue_.front();
        if (put_aside(next)) {
            queue_.pop_front();
            continue;
        }
        auto found = open.find(next.channel);
        if (found != open.end()) {
            const Group& group = groups[found->second];
            const bool is_full = group.records.size() >= kMaxBatch ||
                                 group.bytes + next.record.size() > kMaxBatchBytes;
            if (is_full) {
                open.erase(found);
                found = open.end();
            }
        }
        if (found == open.end()) {
            if (in_flight_.size() + groups.size() >= kMaxInFlight) break;
            names.push_back(next.channel);
            found = open.emplace(names.back(), groups.size()).first;
            groups.push_back({next.channel, next.policy, {}, 0, {}});
        }
        Group& group = groups[found->second];
        group.bytes += next.record.size();
        group.batch.cost += next.cost();
        ++group.batch.publications;
        if (next.done) group.batch.done.push_back(std::move(next.done));
        group.records.push_back(std::move(next.record));
        queue_.pop_front();
    }
    for (Group& group : groups) {
        send_batch(group.channel, group.policy, group.records, std::move(group.batch));
    }
}

void BackendBroker::send_batch(const std::string& channel, const core::HistoryPolicy& policy,
                               const std::vector<std::string>& records, Batch batch) {
    const std::uint64_t id = ++last_batch_;
    counters_.commands.fetch_add(1);
    in_flight_.emplace(id, std::move(batch));
    std::string head = envelope_head(policy.is_kept(), node_, id);
    auto done = [this, id](std::error_code error) { finish(id, error); };
    if (policy.is_kept()) {
        backend_->append(channel, policy, std::move(head), records, std::move(done));
    } else {
        backend_->publish(channel, std::move(head), records, std::move(done));
    }
}

/// Called for the answer, or for this node's own publication if that comes first.
void BackendBroker::finish(std::uint64_t id, std::error_code error) {
    const auto found = in_flight_.find(id);
    if (found == in_flight_.end()) return;
    const Batch batch = std::move(found->second);
    in_flight_.erase(found);
    // In this order: what does not wait any more has been counted.
    (error ? counters_.failed : counters_.published).fetch_add(batch.publications);
    release(batch.publications, batch.cost);
    for (const core::Broker::Published& done : batch.done) done(error);
    pump_soon();
}

/// Not within an answer. When a connection breaks all that was under way is answered first, and the
/// state changes after that: what still waits must not be sent into the broken one. And a turn's
/// answers together make room for fewer, larger batches.
void BackendBroker::pump_soon() {
    if (queue_.empty() || is_pump_due_) return;
    is_pump_due_ = true;
    post([](BackendBroker& self) {
        self.is_pump_due_ = false;
        self.pump();
    });
}

/// When its part of the server is away; taken then.
bool BackendBroker::put_aside(Waiting& waiting) {
    if (backend_->can_send_to(waiting.channel)) return false;
    if (options_.while_down == WhileDown::queue) {
        aside_.push_back(std::move(waiting));
        watch_queue();
    } else {
        fail(waiting);
    }
    return true;
}

/// Something can be sent that could not: all of it is tried again, in its order.
void BackendBroker::take_back() {
    while (!aside_.empty()) {
        queue_.push_front(std::move(aside_.back()));
        aside_.pop_back();
    }
}

void BackendBroker::fail(const Waiting& waiting) {
    counters_.failed.fetch_add(1);
    release(1, waiting.cost());
    if (waiting.done) waiting.done(Error::broker_unavailable);
}

void BackendBroker::fail_queue(Clock::time_point older_than) {
    for (std::deque<Waiting>* const queue : {&aside_, &queue_}) {
        // What waits for its turn while the server takes something has its turn soon.
        if (queue == &queue_ && can_send_) return;
        while (!queue->empty() && queue->front().since < older_than) {
            const Waiting gone = std::move(queue->front());
            queue->pop_front();
            fail(gone);
        }
    }
}

void BackendBroker::watch_queue() {
    const std::deque<Waiting>& oldest = aside_.empty() ? queue_ : aside_;
    if (is_queue_watched_ || oldest.empty() || (can_send_ && aside_.empty())) return;
    is_queue_watched_ = true;
    queue_timer_.expires_at(oldest.front().since + options_.max_wait);
    queue_timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
        const auto self = weak.lock();
        if (error || self == nullptr || self->is_closed_) return;
        self->is_queue_watched_ = false;
        if (self->can_send_ && self->aside_.empty()) return;
        self->fail_queue(Clock::now() - self->options_.max_wait + std::chrono::milliseconds(1));
        self->watch_queue();
    });
}

}  // namespace pulse::cluster
