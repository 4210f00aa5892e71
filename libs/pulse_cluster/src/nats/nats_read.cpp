// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reading history. The channel's last message is the page's end. When it has been heard, or will
// never be, the page is given, and only then what came later: that is held meanwhile. What the
// stream took since this node listens is heard, unless it is lost between servers; of what it took
// before, nothing comes behind a mark. The page's messages come from a consumer of JetStream, made
// for it.
#include "nats/nats_backend.hpp"
#include "nats/nats_names.hpp"

#include <algorithm>
#include <utility>

#include <pulse/core/error.hpp>

namespace pulse::cluster {

using core::HistoryPage;
using core::StreamPosition;

namespace {

/// Pages that are read at once; others wait.
constexpr std::size_t kMaxPages = 32;
/// Of one pull.
constexpr std::size_t kPullMessages = 256;
constexpr std::size_t kPullBytes = std::size_t{4} * 1024 * 1024;
/// Until a server of several has what another one has: each time, and how often.
constexpr std::chrono::milliseconds kPullWait{200};
constexpr int kMaxWaits = 10;
/// Looks for the top of a channel that others open at the same time.
constexpr int kMaxAttempts = 5;
/// What is not heard by then was lost on the way.
constexpr std::chrono::milliseconds kLongestWay{1'000};
constexpr std::int64_t kNanosOfMilli = 1'000'000;

[[nodiscard]] auto unavailable() {
    return tl::unexpected(make_error_code(core::Error::broker_unavailable));
}

}  // namespace

NatsBackend::Reading* NatsBackend::find_reading(std::uint64_t id) {
    const auto found = readings_.find(id);
    return found == readings_.end() ? nullptr : &found->second;
}

void NatsBackend::read(const std::string& channel, const core::HistoryPolicy& policy,
                       const StreamPosition* since, std::size_t limit,
                       core::HistoryReader::Done done) {
    const std::string token = subject_token(channel);
    if (!is_ready_ || token.empty()) return done(unavailable());
    const std::uint64_t id = ++last_id_;
    Reading& reading = readings_[id];
    reading.channel = channel;
    reading.token = token;
    reading.stream = &stream_of(policy);
    reading.policy = policy;
    if (since != nullptr) reading.since = *since;
    reading.limit = limit;
    reading.done = std::move(done);
    const auto ear = ears_.find(token);
    // Whoever does not listen yet is promised nothing.
    reading.is_arrived =
        ear == ears_.end() || !ear->second.is_confirmed || ear->second.stream != reading.stream;
    reading.is_holding = !reading.is_arrived;
    if (reading.is_holding) reading.heard_before = ear->second.heard;
    readings_of_[token].push_back(id);
    ensure(*reading.stream, [this, id](bool is_there) {
        if (is_there) find_top(id);
    });
}

void NatsBackend::find_top(std::uint64_t id) {
    Reading* const reading = find_reading(id);
    if (reading == nullptr) return;
    if (++reading->attempts > kMaxAttempts) return fail_reading(id);
    link_->request("$JS.API.STREAM.MSG.GET." + reading->stream->setup.name, {},
                   nats_api::last_message_of(reading->stream->setup.from + reading->token),
                   [this, id](const NatsMessage* message) {
                       Reading* const asking = find_reading(id);
                       if (asking == nullptr || message == nullptr) return;
                       if (message->is_no_responders()) return fail_reading(id);
                       const nats_api::Stored stored = nats_api::read_stored(message->data());
                       if (stored.failure.code == nats_api::kMessageNotFound) {
                           return open_channel(id, 0);
                       }
                       if (stored.failure.code == nats_api::kStreamNotFound) {
                           forget_stream(*asking->stream);
                           return ensure(*asking->stream, [this, id](bool is_there) {
                               if (is_there) find_top(id);
                           });
                       }
                       const auto place = read_kept_place(stored.data);
                       if (stored.failure) return fail_reading(id);
                       if (!place) return open_channel(id, stored.sequence);
                       take_top(id, Last{stored.sequence, place->top()});
                   });
}

/// Nobody has published to it, or nobody knows any more, or what is last is no node's: from now on
/// it has an epoch, so that a position that is given away today is good tomorrow.
void NatsBackend::open_channel(std::uint64_t id, std::uint64_t last) {
    Reading* const reading = find_reading(id);
    const std::uint64_t epoch = new_epoch();
    const std::string subject = reading->stream->setup.from + reading->token;
    link_->request(subject, nats_api::behind(subject, last, reading->stream->is_replicated),
                   channel_opening(epoch), [this, id, epoch](const NatsMessage* message) {
                       if (find_reading(id) == nullptr || message == nullptr) return;
                       if (message->is_no_responders()) return fail_reading(id);
                       const nats_api::Ack ack = nats_api::read_ack(message->data());
                       if (ack.is_refused) return find_top(id);
                       if (!ack.failure) return take_top(id, Last{ack.sequence, {0, epoch}});
                       fail_reading(id);
                   });
}

void NatsBackend::take_top(std::uint64_t id, const Last& last) {
    Reading& reading = *find_reading(id);
    reading.last = last;
    reading.page.top = last.top;
    const auto ear = ears_.find(reading.token);
    if (!has_arrived(reading) && last.sequence > ear->second.since) {
        reading.arrives = std::chrono::steady_clock::now() + kLongestWay;
    } else if (!has_arrived(reading)) {
        mark(*reading.stream, [this, id] {
            Reading* const marked = find_reading(id);
            if (marked == nullptr) return;
            marked->is_arrived = true;
            if (const auto listening = ears_.find(marked->token); listening != ears_.end()) {
                std::uint64_t& settled = listening->second.settled;
                settled = std::max(settled, marked->last->sequence);
            }
            release_held(std::string(marked->token));
        });
    }
    plan_page(reading, id);
}

/// Of a reading whose page has an end. What is heard later is not in it.
bool NatsBackend::has_arrived(const Reading& reading) const {
    if (reading.is_arrived) return true;
    const auto ear = ears_.find(reading.token);
    return ear == ears_.end() ||
           std::max(ear->second.heard, ear->second.settled) >= reading.last->sequence;
}

void NatsBackend::check_arrivals(Time now) {
    std::vector<std::string> lost;
    for (auto& [id, reading] : readings_) {
        if (reading.arrives == Time{} || reading.arrives > now || has_arrived(reading)) continue;
        reading.is_arrived = true;
        ears_.find(reading.token)->second.settled = reading.last->sequence;
        lost.push_back(reading.token);
    }
    for (const std::string& token : lost) {
        // What was lost is fetched first, and the page read anew.
        const auto ear = ears_.find(token);
        if (ear != ears_.end()) events_.on_missed(std::string(ear->second.channel));
        release_held(token);
    }
}

void NatsBackend::plan_page(Reading& reading, std::uint64_t id) {
    const StreamPosition& top = reading.last->top;
    const bool is_valid =
        reading.since && reading.since->epoch == top.epoch && reading.since->offset <= top.offset;
    const bool is_at_top = is_valid && reading.since->offset == top.offset;
    reading.page.recovered = !reading.since || is_at_top;
    const bool wants_nothing = !reading.since && reading.limit == 0;
    if (is_at_top || wants_nothing || top.offset == 0) {
        reading.is_whole = true;
        return release_held(std::string(reading.token));
    }
    reading.from = top.offset >= reading.policy.size ? top.offset - reading.policy.size + 1 : 1;
    if (is_valid) reading.from = std::max(reading.from, reading.since->offset + 1);
    if (pages_ >= kMaxPages) return pages_waiting_.push_back(id);
    begin_page(id);
}

void NatsBackend::begin_page(std::uint64_t id) {
    Reading& reading = *find_reading(id);
    ++pages_;
    reading.is_paging = true;
    std::uint64_t since = 0;
    const auto ear = ears_.find(reading.token);
    if (ear != ears_.end() && ear->second.stream == reading.stream &&
        ear->second.last.top.epoch == reading.last->top.epoch) {
        if (const auto entry = ear->second.index.find(reading.from)) since = entry->sequence;
    }
    const std::string& stream = reading.stream->setup.name;
    link_->request(
        "$JS.API.CONSUMER.CREATE." + stream, {},
        nats_api::consumer_config(stream, reading.stream->setup.from + reading.token, since),
        [this, id](const NatsMessage* message) {
            Reading* const asking = find_reading(id);
            if (asking == nullptr || message == nullptr) return;
            if (message->is_no_responders()) return fail_reading(id);
            const nats_api::ConsumerInfo info = nats_api::read_consumer_info(message->data());
            if (info.failure) {
                refused(info.failure.text);
                return fail_reading(id);
            }
            asking->consumer = info.name;
            asking->now_ns = info.now_ns;
            consumers_[info.name] = id;
            if (info.pending == 0) return on_no_more(id);
            pull_more(id);
        });
}

void NatsBackend::pull_more(std::uint64_t id) {
    Reading& reading = *find_reading(id);
    reading.pulled = 0;
    // Messages are no larger than the server's limit, and the pull no smaller than one.
    const std::size_t bytes = std::max(kPullBytes, link_->max_payload() + std::size_t{64} * 1024);
    reading.pull = link_->request(
        "$JS.API.CONSUMER.MSG.NEXT." + reading.stream->setup.name + "." + reading.consumer, {},
        nats_api::pull(kPullMessages, bytes,
                       reading.waits > 0 ? kPullWait : std::chrono::milliseconds(0)),
        [this, id](const NatsMessage* message) { on_pull_ended(id, message); });
}

/// Before it had all the messages it asked for.
void NatsBackend::on_pull_ended(std::uint64_t id, const NatsMessage* message) {
    Reading* const reading = find_reading(id);
    if (reading == nullptr || message == nullptr) return;
    reading->pull = 0;
    if (message->is_no_responders()) return fail_reading(id);
    const bool goes_on = reading->pulled > 0 && reading->pending > 0;
    goes_on ? pull_more(id) : on_no_more(id);
}

/// For now. The consumer may be on a server that is behind the one that told the page's end, and
/// 2.9 does not always count right what is left.
void NatsBackend::on_no_more(std::uint64_t id) {
    Reading& reading = *find_reading(id);
    if (reading.reached >= reading.last->sequence) return end_page(id);
    if (++reading.waits > kMaxWaits) return fail_reading(id);
    if (reading.pull != 0) link_->withdraw(std::exchange(reading.pull, 0));
    pull_more(id);
}

void NatsBackend::on_delivery(const NatsMessage& message) {
    const auto delivery = nats_api::read_delivery(message.reply());
    if (!delivery) return;
    const auto found = consumers_.find(delivery->consumer);
    if (found == consumers_.end()) return;  // of a page that has enough
    const std::uint64_t id = found->second;
    Reading& reading = *find_reading(id);
    ++reading.pulled;
    reading.pending = delivery->pending;
    reading.reached = delivery->sequence;
    bool wants_more = true;
    if (const auto envelope = read_envelope(message.data()); envelope && envelope->is_kept) {
        wants_more = take_records(reading, *envelope, delivery->time_ns);
    }
    if (!wants_more) return end_page(id);
    if (delivery->pending == 0) return on_no_more(id);
    if (reading.pulled < kPullMessages) return;
    link_->withdraw(std::exchange(reading.pull, 0));
    pull_more(id);
}

bool NatsBackend::take_records(Reading& reading, const Envelope& envelope, std::int64_t time_ns) {
    const StreamPosition& top = reading.last->top;
    if (envelope.first.epoch != top.epoch) return true;
    const std::int64_t ttl_ns = reading.policy.ttl.count() * kNanosOfMilli;
    if (ttl_ns > 0 && reading.now_ns - time_ns > ttl_ns) return true;
    std::string_view records = envelope.records;
    for (std::uint64_t i = 0; i < envelope.count; ++i) {
        const std::size_t before = records.size();
        core::PublicationView view;
        if (!read_record(records, view)) return true;  // was checked: cannot happen
        const std::uint64_t offset = envelope.first.offset + i;
        if (offset < reading.from) continue;
        if (offset > top.offset) return false;
        auto& page = reading.page.publications;
        // Something in between went while it was read: what came before it would go next.
        if (!page.empty() && page.back()->position.offset + 1 != offset) {
            page.clear();
            reading.bytes = 0;
            reading.has_successor = false;
        }
        if (reading.since && reading.since->epoch == top.epoch &&
            offset == reading.since->offset + 1) {
            reading.has_successor = true;
        }
        reading.bytes += before - records.size();
        if (page.size() >= reading.limit || reading.bytes > options_.max_page_bytes) return false;
        view.channel = reading.channel;
        view.position = {offset, top.epoch};
        page.push_back(std::make_shared<const core::Publication>(view));
    }
    return reading.page.publications.size() < std::max<std::size_t>(reading.limit, 1);
}

void NatsBackend::end_page(std::uint64_t id) {
    Reading& reading = *find_reading(id);
    if (!reading.since) {
        reading.page.recovered = true;
    } else {
        reading.page.recovered = reading.has_successor;
    }
    reading.is_whole = true;
    const std::string token = reading.token;
    if (reading.pull != 0) link_->withdraw(std::exchange(reading.pull, 0));
    if (!reading.consumer.empty()) {
        // The answer is of no interest, and it goes by itself, too.
        link_->withdraw(link_->request(
            "$JS.API.CONSUMER.DELETE." + reading.stream->setup.name + "." + reading.consumer, {},
            {}, {}));
        consumers_.erase(reading.consumer);
        reading.consumer.clear();
    }
    reading.is_paging = false;
    --pages_;
    release_held(token);
    begin_waiting_pages();
}

void NatsBackend::begin_waiting_pages() {
    while (pages_ < kMaxPages && !pages_waiting_.empty()) {
        const std::uint64_t next = pages_waiting_.front();
        pages_waiting_.pop_front();
        if (find_reading(next) != nullptr) begin_page(next);
    }
}

// ------------------------------------------------------------------ the junction

/// Whether it may be given to the broker before the pages that are read.
bool NatsBackend::may_pass(std::string_view token, std::uint64_t sequence) {
    const auto found = readings_of_.find(token);
    if (found == readings_of_.end()) return true;
    return std::all_of(found->second.begin(), found->second.end(), [&](std::uint64_t id) {
        const Reading& reading = *find_reading(id);
        if (!reading.is_holding) return true;
        // Its top is not below what was heard before it began.
        return sequence <= (reading.last ? reading.last->sequence : reading.heard_before);
    });
}

/// A reading that can be answered; 0: none. `next_held`: what is to be given after it; 0: nothing.
std::uint64_t NatsBackend::find_finished(std::string_view token, std::uint64_t next_held) {
    const auto found = readings_of_.find(token);
    if (found == readings_of_.end()) return 0;
    for (const std::uint64_t id : found->second) {
        const Reading& reading = *find_reading(id);
        if (!reading.last || !reading.is_whole || !has_arrived(reading)) continue;
        const bool is_next = next_held == 0 || next_held > reading.last->sequence;
        if (is_next || !reading.is_holding) return id;
    }
    return 0;
}

/// Goes on with what was heard and with the pages, in their order, as far as it goes. Whoever is
/// called may change everything.
void NatsBackend::release_held(const std::string& token) {
    while (true) {
        const auto ear = ears_.find(token);
        const bool has_held = ear != ears_.end() && !ear->second.held.empty();
        const std::uint64_t next_held = has_held ? ear->second.held.front().sequence : 0;
        if (has_held && may_pass(token, next_held)) {
            const Held next = std::move(ear->second.held.front());
            ear->second.held.pop_front();
            ear->second.held_bytes -= next.bytes.size();
            deliver(std::string(ear->second.channel), next.bytes);
            continue;
        }
        const std::uint64_t finished = find_finished(token, next_held);
        if (finished == 0) return;
        auto reading = remove_reading(finished);
        reading->done(std::move(reading->page));
    }
}

std::optional<NatsBackend::Reading> NatsBackend::remove_reading(std::uint64_t id) {
    const auto found = readings_.find(id);
    if (found == readings_.end()) return std::nullopt;
    Reading reading = std::move(found->second);
    readings_.erase(found);
    if (const auto of = readings_of_.find(reading.token); of != readings_of_.end()) {
        std::erase(of->second, id);
        if (of->second.empty()) readings_of_.erase(of);
    }
    if (!reading.consumer.empty()) consumers_.erase(reading.consumer);
    if (reading.pull != 0) link_->withdraw(reading.pull);
    if (reading.is_paging) --pages_;
    return reading;
}

void NatsBackend::fail_reading(std::uint64_t id) {
    auto reading = remove_reading(id);
    if (!reading) return;
    const std::string token = reading->token;
    reading->done(unavailable());
    release_held(token);
    begin_waiting_pages();
}

void NatsBackend::fail_readings() {
    const auto failed = std::exchange(readings_, {});
    readings_of_.clear();
    consumers_.clear();
    pages_waiting_.clear();
    pages_ = 0;
    std::vector<std::string> tokens;
    for (const auto& [token, ear] : ears_) {
        if (!ear.held.empty()) tokens.push_back(token);
    }
    for (const std::string& token : tokens) release_held(token);
    for (const auto& [id, reading] : failed) reading.done(unavailable());
}

}  // namespace pulse::cluster
