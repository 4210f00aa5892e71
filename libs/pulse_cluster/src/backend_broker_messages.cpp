// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What comes from the server, and what did not come.
//
// A channel with history counts its publications. When one is not the successor of the last, or the
// connection was broken, the channel catches up: what was missed is read from the history and
// delivered first; what comes meanwhile is held. Subscribers then notice nothing. Only when the
// history does not reach back are they told of a gap, as always on channels without history.
#include "backend_broker.hpp"

#include <utility>

#include <asio/post.hpp>

#include <pulse/core/error.hpp>

namespace pulse::cluster {

using core::HistoryPage;
using core::Result;
using core::StreamPosition;

namespace {

/// Held for one channel, and for all of them. What is more will be read once more.
constexpr std::size_t kMaxHeldBytes = std::size_t{1024} * 1024;
constexpr std::size_t kMaxAllHeldBytes = 64 * kMaxHeldBytes;
constexpr std::size_t kMaxCatchingUp = 32;
constexpr std::size_t kMaxReads = 10'000;
constexpr std::chrono::milliseconds kRetry{200};

}  // namespace

void BackendBroker::on_message(std::string_view name, std::string_view bytes) {
    if (bytes.starts_with(kNodeMessage)) {
        const bool is_heard = presence_ != nullptr && channels_.contains(name);
        if (is_heard) presence_->on_message(name, bytes, Clock::now());
        return;
    }
    const auto envelope = read_envelope(bytes);
    if (!envelope) {
        counters_.malformed.fetch_add(1);
        return;
    }
    // Before this node hears what it has published, its publishers know that it is done.
    if (envelope->node == node_) finish(envelope->batch, {});
    const auto found = channels_.find(name);
    if (found == channels_.end()) return;  // unsubscribed meanwhile
    if (!envelope->is_kept) return deliver(found->first, *envelope, 0);
    place(found->first, found->second, *envelope, bytes);
}

void BackendBroker::place(const std::string& name, Channel& channel, const Envelope& envelope,
                          std::string_view bytes) {
    if (channel.catch_up != nullptr) return hold(*channel.catch_up, bytes);
    const StreamPosition& at = channel.position;
    const StreamPosition& first = envelope.first;
    const StreamPosition last{first.offset + envelope.count - 1, first.epoch};
    std::uint64_t skip = 0;
    if (at.epoch == first.epoch) {
        if (last.offset <= at.offset) return;
        if (first.offset > at.offset + 1) {
            begin_catch_up(name, channel);
            return hold(*channel.catch_up, bytes);
        }
        skip = at.offset + 1 - first.offset;
    } else if (at.epoch != 0) {
        tell_gap(name, channel, {first.offset - 1, first.epoch});
    }
    channel.position = last;
    deliver(name, envelope, skip);
}

void BackendBroker::deliver(const std::string& name, const Envelope& envelope, std::uint64_t skip) {
    counters_.received.fetch_add(envelope.count - skip);
    together_.clear();
    std::string_view records = envelope.records;
    for (std::uint64_t i = 0; i < envelope.count; ++i) {
        core::PublicationView publication;
        if (!read_record(records, publication)) return;  // was checked: cannot happen
        if (i < skip) continue;
        publication.channel = name;
        if (envelope.is_kept) {
            publication.position = {envelope.first.offset + i, envelope.first.epoch};
        }
        together_.push_back(publication);
    }
    listeners_.for_each(
        [&](core::BrokerListener& listener) { listener.on_publications(together_); });
}

void BackendBroker::tell_gap(const std::string& name, Channel& channel, const StreamPosition& now) {
    channel.position = now;
    counters_.gaps.fetch_add(1);
    listeners_.for_each([&](core::BrokerListener& each) { each.on_gap(name, now); });
}

void BackendBroker::hold(CatchUp& catch_up, std::string_view bytes) {
    const std::size_t cost = bytes.size() + sizeof(std::string);
    catch_up.is_overflowed = catch_up.is_overflowed || catch_up.held_bytes + cost > kMaxHeldBytes ||
                             held_bytes_ + cost > kMaxAllHeldBytes;
    if (catch_up.is_overflowed) return;
    catch_up.held.emplace_back(bytes);
    catch_up.held_bytes += cost;
    held_bytes_ += cost;
}

// --------------------------------------------------------------- catching up

void BackendBroker::catch_up_with(const std::string& name, Channel& channel) {
    if (policy_of(name).is_kept()) {
        begin_catch_up(name, channel);
    } else {
        tell_gap(name, channel, {});
    }
}

void BackendBroker::catch_up_with_all() {
    for (auto& [name, channel] : channels_) catch_up_with(name, channel);
}

void BackendBroker::begin_catch_up(const std::string& name, Channel& channel) {
    if (channel.catch_up == nullptr) {
        channel.catch_up = std::make_unique<CatchUp>();
    } else if (channel.catch_up->is_queued) {
        return;
    }
    // If it was read when the connection broke: that answer is of no use any more.
    channel.catch_up->is_reading = false;
    channel.catch_up->is_queued = true;
    behind_.push_back(name);
    read_next();
}

void BackendBroker::read_next() {
    // After a failure there is a pause, however soon and however often it fails.
    while (can_send_ && can_hear_ && !is_retry_due_ && !behind_.empty() &&
           catching_up_ < kMaxCatchingUp) {
        const std::string name = std::move(behind_.front());
        behind_.pop_front();
        const auto found = channels_.find(name);
        if (found == channels_.end() || found->second.catch_up == nullptr) continue;
        Channel& channel = found->second;
        if (!std::exchange(channel.catch_up->is_queued, false)) continue;
        if (!backend_->can_hear_from(name)) {
            // Its part of the server is away, and others need not wait for it: on_missed() brings
            // it back.
            give_up_after(channel);
            continue;
        }
        channel.catch_up->is_reading = true;
        ++catching_up_;
        const core::HistoryPolicy policy = policy_of(name);
        const StreamPosition since = channel.position;
        const bool is_known = since.epoch != 0;
        backend_->read(name, policy, is_known ? &since : nullptr, is_known ? policy.size : 0,
                       [this, name](Result<HistoryPage> page) {
                           --catching_up_;
                           on_page(name, std::move(page));
                           read_next();
                       });
    }
}

/// Whoever waits for a catch-up that nobody knows the end of is answered now.
void BackendBroker::give_up_after(Channel& channel) {
    if (channel.catch_up == nullptr) return;
    for (auto& after : std::exchange(channel.catch_up->after, {})) {
        post([after = std::move(after)](BackendBroker&) { after(); });
    }
}

void BackendBroker::on_page(const std::string& name, Result<HistoryPage> page) {
    const auto found = channels_.find(name);
    if (found == channels_.end() || found->second.catch_up == nullptr) return;
    Channel& channel = found->second;
    if (!channel.catch_up->is_reading) return;
    if (!page) {
        // Once more, when that makes sense.
        channel.catch_up->is_reading = false;
        channel.catch_up->is_queued = true;
        behind_.push_back(name);
        if (std::exchange(is_retry_due_, true)) return;
        retry_timer_.expires_after(kRetry);
        retry_timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
            const auto self = weak.lock();
            if (error || self == nullptr || self->is_closed_) return;
            self->is_retry_due_ = false;
            self->read_next();
        });
        return;
    }
    const std::unique_ptr<CatchUp> done = std::move(channel.catch_up);
    held_bytes_ -= done->held_bytes;
    const StreamPosition before = channel.position;
    const bool is_whole = before.epoch != 0 && page->recovered &&
                          page->top.offset - before.offset == page->publications.size();
    if (is_whole) {
        channel.position = page->top;
        counters_.recovered.fetch_add(page->publications.size());
        for (const core::PublicationPtr& each : page->publications) {
            const core::PublicationView publication = each->view();
            listeners_.for_each(
                [&](core::BrokerListener& listener) { listener.on_publication(publication); });
        }
    } else {
        tell_gap(name, channel, page->top);
    }
    for (const std::string& bytes : done->held) {
        // What it holds follows the page, or is in it; if neither, this begins anew.
        if (const auto envelope = read_envelope(bytes)) place(name, channel, *envelope, bytes);
    }
    if (done->is_overflowed && channel.catch_up == nullptr) begin_catch_up(name, channel);
    if (channel.catch_up != nullptr) {
        channel.catch_up->after = std::move(done->after);
    } else {
        for (const auto& after : done->after) after();
    }
}

// ---------------------------------------------------------------- reading it

void BackendBroker::read(std::string_view channel, const StreamPosition* since, std::size_t limit,
                         core::HistoryReader::Done done) {
    if (is_closed_) return done(tl::unexpected(make_error_code(core::Error::shutting_down)));
    if (reads_.fetch_add(1) >= kMaxReads) {
        reads_.fetch_sub(1);
        return done(tl::unexpected(make_error_code(core::Error::broker_overloaded)));
    }
    auto counted = [weak = weak_from_this(), done = std::move(done)](Result<HistoryPage> page) {
        if (const auto self = weak.lock()) self->reads_.fetch_sub(1);
        done(std::move(page));
    };
    std::optional<StreamPosition> from;
    if (since != nullptr) from = *since;
    post([name = std::string(channel), from, limit, counted](BackendBroker& self) {
        self.read_on_loop(name, from, limit, counted);
    });
}

void BackendBroker::read_on_loop(const std::string& name, std::optional<StreamPosition> since,
                                 std::size_t limit, core::HistoryReader::Done done) {
    if (!can_send_ || !can_hear_ || !backend_->can_hear_from(name)) {
        return done(tl::unexpected(make_error_code(core::Error::broker_unavailable)));
    }
    const auto found = channels_.find(name);
    if (found != channels_.end() && found->second.catch_up != nullptr) {
        // What this node is behind with comes first, or it would come again after the page.
        found->second.catch_up->after.push_back(
            [this, name, since, limit, done] { read_on_loop(name, since, limit, done); });
        return;
    }
    backend_->read(name, policy_of(name), since ? &*since : nullptr, limit,
                   [this, name, since, limit, done](Result<HistoryPage> page) {
                       const auto at = channels_.find(name);
                       if (!page || at == channels_.end()) return done(std::move(page));
                       // It has fallen behind meanwhile, perhaps behind this very page.
                       if (at->second.catch_up != nullptr) {
                           at->second.catch_up->after.push_back([this, name, since, limit, done] {
                               read_on_loop(name, since, limit, done);
                           });
                           return;
                       }
                       if (at->second.position.epoch == 0) at->second.position = page->top;
                       done(std::move(page));
                   });
}

}  // namespace pulse::cluster
