// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Writing history. Whoever publishes says which message it takes for the channel's last, and gives
// the offsets that follow it. If another node was faster the server refuses: nothing was stored,
// and it is tried again behind that one. Whether something was stored that was not answered nobody
// knows: that is an error, and not tried again.
#include "nats/nats_backend.hpp"
#include "nats/nats_names.hpp"

#include <algorithm>
#include <iterator>

#include <asio/post.hpp>

#include <pulse/core/error.hpp>

namespace pulse::cluster {

using core::Error;

namespace {

constexpr std::size_t kMaxRecords = 4096;
constexpr std::size_t kMaxBytes = std::size_t{512} * 1024;
/// Writers that wait for nothing are forgotten when there are more than that.
constexpr std::size_t kMaxIdleWriters = 10'000;
/// The stream counts messages, a channel's history publications: what large messages keep in
/// excess goes when it is that much.
constexpr std::uint64_t kMaxExcessBytes = std::uint64_t{4} * 1024 * 1024;
/// In front of the numbers of envelopes that are made here, which are not the broker's batches.
constexpr std::uint64_t kOwnNumbers = std::uint64_t{1} << 63;

}  // namespace

std::uint64_t NatsBackend::new_epoch() {
    std::uint64_t epoch = 0;
    while (epoch == 0) epoch = rng_.next_u64();  // 0 is "no position"
    return epoch;
}

void NatsBackend::append(const std::string& channel, const core::HistoryPolicy& policy,
                         std::string head, const std::vector<std::string>& records, Done done) {
    (void)head;  // batches are put together anew here
    const std::string token = subject_token(channel);
    if (token.empty()) {
        asio::post(io_, [alive = alive_, done = std::move(done)] {
            if (*alive) done(Error::message_too_big);
        });
        return;
    }
    Stream& stream = stream_of(policy);
    Writer& writer = writers_[channel];
    if (writer.stream != &stream) {
        writer.stream = &stream;
        writer.subject = stream.setup.from + token;
        writer.last.reset();
    }
    auto parts = split(records);
    const Done each = all_of(parts.size(), std::move(done));
    const Time now = std::chrono::steady_clock::now();
    for (std::vector<std::string>& part : parts) {
        std::size_t bytes = 0;
        for (const std::string& record : part) bytes += record.size();
        writer.waiting.push_back({std::move(part), bytes, each, now});
    }
    step(channel);
}

void NatsBackend::step(const std::string& channel) {
    const auto found = writers_.find(channel);
    if (found == writers_.end()) return;
    Writer& writer = found->second;
    if (writer.is_busy) return;
    if (writer.waiting.empty()) {
        if (writers_.size() > kMaxIdleWriters) writers_.erase(found);
        return;
    }
    if (is_left(channel, writer)) return;
    writer.is_busy = true;
    if (writer.last) return send(channel, writer);
    Stream& stream = *writer.stream;
    ensure(stream, [this, channel](bool is_there) {
        const auto place = writers_.find(channel);
        if (place == writers_.end()) return;
        is_there ? look_up(channel, place->second) : fail_writer(channel);
    });
}

void NatsBackend::look_up(const std::string& channel, Writer& writer) {
    link_->request(
        "$JS.API.STREAM.MSG.GET." + writer.stream->setup.name, {},
        nats_api::last_message_of(writer.subject), [this, channel](const NatsMessage* message) {
            const auto found = writers_.find(channel);
            if (found == writers_.end()) return;
            Writer& asking = found->second;
            if (message == nullptr || message->is_no_responders()) return fail_writer(channel);
            const nats_api::Stored stored = nats_api::read_stored(message->data());
            if (stored.failure.code == nats_api::kMessageNotFound) {
                asking.last = Last{};
                return send(channel, asking);
            }
            if (stored.failure.code == nats_api::kStreamNotFound) {
                forget_stream(*asking.stream);
                asking.is_busy = false;
                fail_late(asking);
                return step(channel);
            }
            if (stored.failure) {
                refused(stored.failure.text);
                return fail_writer(channel);
            }
            // No node's message: nobody can count on from it, so a new epoch begins behind it.
            const auto place = read_kept_place(stored.data);
            asking.last = Last{stored.sequence, place ? place->top() : core::StreamPosition{}};
            send(channel, asking);
        });
}

void NatsBackend::send(const std::string& channel, Writer& writer) {
    const std::size_t most = max_bytes();
    const std::size_t limit = most == 0 ? kMaxBytes : std::min(kMaxBytes, most / 2);
    writer.sent_records = writer.sent_bytes = 0;
    while (!writer.waiting.empty()) {
        const Append& next = writer.waiting.front();
        const bool fits = writer.sent_records + next.records.size() <= kMaxRecords &&
                          writer.sent_bytes + next.bytes <= limit;
        if (!writer.sent.empty() && !fits) break;
        writer.sent_records += next.records.size();
        writer.sent_bytes += next.bytes;
        writer.sent.push_back(std::move(writer.waiting.front()));
        writer.waiting.pop_front();
    }
    const core::StreamPosition& top = writer.last->top;
    writer.first = top.epoch == 0 ? core::StreamPosition{1, new_epoch()}
                                  : core::StreamPosition{top.offset + 1, top.epoch};
    writer.flight = kOwnNumbers | ++last_id_;
    std::string bytes = envelope_head(true, node_, writer.flight);
    bytes.append(epoch_text(writer.first.epoch)).append(" ");
    bytes.append(std::to_string(writer.first.offset)).append("\n");
    for (const Append& each : writer.sent) {
        for (const std::string& record : each.records) bytes += record;
    }
    writer.sent_bytes = bytes.size();
    writer.sent_at = std::chrono::steady_clock::now();
    link_->request(
        writer.subject,
        nats_api::behind(writer.subject, writer.last->sequence, writer.stream->is_replicated),
        bytes, [this, channel, flight = writer.flight](const NatsMessage* message) {
            on_ack(channel, flight, message);
        });
}

void NatsBackend::on_ack(const std::string& channel, std::uint64_t flight,
                         const NatsMessage* message) {
    const auto found = writers_.find(channel);
    // It may have been heard already.
    if (found == writers_.end() || found->second.flight != flight) return;
    Writer& writer = found->second;
    if (message == nullptr) return fail_writer(channel);
    if (message->is_no_responders()) {
        forget_stream(*writer.stream);
        take_back(writer);
        fail_late(writer);
        return step(channel);
    }
    const nats_api::Ack ack = nats_api::read_ack(message->data());
    if (!ack.failure && !ack.is_refused) return complete(channel, ack.sequence);
    if (ack.is_refused) {
        const std::uint64_t wrong = writer.last ? writer.last->sequence : 0;
        take_back(writer);
        // What was heard meanwhile may tell.
        const auto ear = ears_.find(subject_token(channel));
        const bool is_heard = ear != ears_.end() && ear->second.stream == writer.stream &&
                              ear->second.last.sequence > wrong;
        if (is_heard) {
            writer.last = ear->second.last;
        } else {
            writer.last.reset();
        }
        fail_late(writer);
        note_lost(channel, writer);
        return step(channel);
    }
    refused(ack.failure.text);
    writer.flight = 0;
    writer.is_busy = false;
    writer.last.reset();
    const auto failed = std::exchange(writer.sent, {});
    for (const Append& each : failed) each.done(Error::broker_unavailable);
    step(channel);
}

/// It is in the stream.
void NatsBackend::complete(const std::string& channel, std::uint64_t sequence) {
    Writer& writer = writers_.find(channel)->second;
    writer.stream->last_sequence = std::max(writer.stream->last_sequence, sequence);
    if (writer.last && writer.last->top.epoch != writer.first.epoch) {
        writer.index.clear();
        writer.purged_bytes = 0;
    }
    writer.last =
        Last{sequence, {writer.first.offset + writer.sent_records - 1, writer.first.epoch}};
    writer.index.add(writer.first.offset, sequence, writer.sent_bytes);
    trim(writer);
    writer.flight = 0;
    writer.is_busy = false;
    writer.lost = 0;
    writer.asked_until = {};
    const auto done = std::exchange(writer.sent, {});
    for (const Append& each : done) each.done({});
    step(channel);
}

void NatsBackend::take_back(Writer& writer) {
    writer.flight = 0;
    writer.is_busy = false;
    writer.waiting.insert(writer.waiting.begin(), std::make_move_iterator(writer.sent.begin()),
                          std::make_move_iterator(writer.sent.end()));
    writer.sent.clear();
}

/// Others were faster all the time, or the stream does not stay: certainly nothing was stored.
void NatsBackend::fail_late(Writer& writer) {
    const Time limit = std::chrono::steady_clock::now() - options_.answer_timeout;
    std::vector<Append> failed;
    while (!writer.waiting.empty() && writer.waiting.front().since < limit) {
        failed.push_back(std::move(writer.waiting.front()));
        writer.waiting.pop_front();
    }
    for (const Append& each : failed) each.done(Error::broker_unavailable);
}

/// Nothing is known any more of what was sent, and nothing more is sent for now.
void NatsBackend::fail_writer(const std::string& channel) {
    const auto found = writers_.find(channel);
    if (found == writers_.end()) return;
    const Writer gone = std::move(found->second);
    writers_.erase(found);
    for (const Append& each : gone.sent) each.done(Error::broker_unavailable);
    for (const Append& each : gone.waiting) each.done(Error::broker_unavailable);
}

void NatsBackend::trim(Writer& writer) {
    const core::HistoryPolicy& policy = writer.stream->setup.policy;
    const std::uint64_t top = writer.last->top.offset;
    if (top <= policy.size) return;
    const auto needed = writer.index.find(top - policy.size + 1);
    if (!needed || needed->bytes < writer.purged_bytes + kMaxExcessBytes) return;
    // Messages of few publications each: the stream's own limit is as good.
    if ((writer.index.messages() - needed->messages) * 2 > policy.size) return;
    writer.purged_bytes = needed->bytes;
    // The answer is of no interest: what is left is tried for again with the next four.
    link_->withdraw(link_->request("$JS.API.STREAM.PURGE." + writer.stream->setup.name, {},
                                   nats_api::purge_before(writer.subject, needed->sequence), {}));
}

}  // namespace pulse::cluster
