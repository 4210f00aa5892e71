// SPDX-License-Identifier: MIT OR Apache-2.0
#include "traffic.hpp"

#include "clock.hpp"

#include <algorithm>

namespace pulse::load {
namespace {

constexpr std::uint64_t kFirstProbeEveryNs = 50'000'000;
constexpr std::uint64_t kSampleEveryNs = 100'000'000;
constexpr std::uint64_t kPollNs = 20'000'000;
/// Open loop against a server that does not read: beyond this, publications are skipped and
/// counted.
constexpr std::uint64_t kMaxUnsentBytes = std::uint64_t{256} << 20U;
/// A probe answered by a protocol ping is told from real ones by its time stamp.
constexpr std::uint64_t kProbeStamp = 1;
constexpr double kExtraSeconds = 0.05;
constexpr double kReapSeconds = 3.0;
constexpr std::uint64_t kReapQuietNs = 300'000'000;

void stamp_request(RequestTemplate& request, std::uint64_t sent_ns, std::uint64_t sequence,
                   PayloadForm form) {
    char* const at = request.bytes.data() + request.stamp_at;
    if (request.kind == RequestTemplate::Stamp::payload_header) {
        stamp(at, sent_ns, sequence, form);
        return;
    }
    for (unsigned i = 0; i < 8; ++i) at[i] = static_cast<char>(sent_ns >> (56 - 8 * i) & 0xFFU);
}

}  // namespace

Traffic::Traffic(const Options& options, const Protocol& protocol, Report& report)
    : Run(options, protocol, report), scanner_(options.size, form()) {
    lay_out();
}

void Traffic::lay_out() {
    const bool echo = options_.scenario == Scenario::echo;
    channel_count_ = echo ? options_.connections : options_.channels;
    per_channel_ = echo ? 1 : options_.subscribers;
    const std::uint64_t subscribers = std::uint64_t{channel_count_} * per_channel_;
    if (subscribers > 1'000'000) throw SetupError("more than a million subscribers");
    subscriber_count_ = static_cast<std::uint32_t>(subscribers);
    publisher_count_ = options_.publishers;
    if (echo) publisher_count_ = 0;
    if (options_.scenario == Scenario::rooms) publisher_count_ = channel_count_;
    if (options_.scenario == Scenario::slow) slow_count_ = options_.slow;
    slow_first_ = subscriber_count_ + publisher_count_;
    // Publisher p serves channel p modulo the channels, or each channel has one of fewer
    // publishers.
    routes_ = std::max(1U, publisher_count_ / channel_count_);
    closed_loop_ = options_.rate <= 0;
    parse_always_ = options_.verify || (echo && options_.echo == EchoKind::ping);
    const bool echo_request = options_.echo == EchoKind::shortest && protocol_.echo("");
    uses_channels_ = !echo || !(echo_request || options_.echo == EchoKind::ping);
    if (echo && uses_channels_ && !protocol_.publishes_while_subscribed()) {
        throw SetupError("with this protocol a subscribed connection cannot publish");
    }
    if (echo && options_.echo == EchoKind::ping && !protocol_.ping()) {
        throw SetupError("this protocol has no ping frame");
    }
}

RequestTemplate Traffic::request_for(std::uint32_t channel, std::uint32_t publisher) const {
    if (options_.scenario == Scenario::echo && options_.echo == EchoKind::ping) {
        return *protocol_.ping();
    }
    const std::string payload = make_payload(options_.size, channel, publisher, form());
    if (!uses_channels_) {
        if (auto echo = protocol_.echo(payload)) return std::move(*echo);
    }
    return protocol_.publish(channel, payload);
}

void Traffic::build_channels() {
    channels_.resize(channel_count_);
    for (std::uint32_t c = 0; c < channel_count_; ++c) {
        Channel& channel = channels_[c];
        channel.probe = request_for(c, kProbePublisher);
        for (std::uint32_t route = 0; route < routes_; ++route) {
            const std::uint32_t publisher =
                publisher_count_ == 0
                    ? c
                    : subscriber_count_ + (c + route * channel_count_) % publisher_count_;
            channel.routes.push_back({.publisher = publisher, .request = request_for(c, route)});
        }
    }
}

bool Traffic::is_expendable(const Connection& connection) const {
    return connection.index >= slow_first_;
}

void Traffic::execute() {
    rss_before_ = stats_.rss_bytes();
    const std::uint32_t total = slow_first_ + slow_count_;
    add_connections(total, total);
    std::vector<std::uint32_t> channel_of;
    for (std::uint32_t i = 0; i < total; ++i) {
        Connection& connection = clients_->at(i);
        const bool slow = i >= slow_first_;
        connection.channel = slow ? (i - slow_first_) % channel_count_ : i / per_channel_;
        connection.subscribes = (slow || i < subscriber_count_) && uses_channels_;
        if (!slow && i >= subscriber_count_) connection.port = options_.publish_port;
        if (i < subscriber_count_) channel_of.push_back(connection.channel);
    }
    build_channels();
    // A pong carries no payload to check; parsing every frame is all --verify can do there.
    const bool has_payload = channels_.front().probe.kind == RequestTemplate::Stamp::payload_header;
    if (options_.verify && has_payload) {
        verifier_.emplace(options_.size, routes_, std::move(channel_of), form());
    }

    open_range(0, slow_first_);
    if (slow_count_ > 0) {
        open_range(slow_first_, slow_count_, static_cast<int>(options_.slow_receive_buffer));
    }
    probe();
    report_parameters();
    load();
    drain();
    report_outcome();
}

void Traffic::on_ready(Connection& connection) {
    // Publishers are always parsed: a refusal by the server must not go unseen.
    if (!connection.subscribes && connection.index < subscriber_count_) {
        connection.fast = !parse_always_;
    }
    Run::on_ready(connection);
}

void Traffic::on_subscribed(Connection& connection) {
    if (connection.subscribes) connection.fast = !parse_always_;
    Run::on_subscribed(connection);
}

void Traffic::probe() {
    const std::uint64_t deadline = now_ns() + to_ns(options_.setup);
    unprobed_ = subscriber_count_ + slow_count_;
    std::uint64_t sequence = 0;
    std::uint64_t pause = kFirstProbeEveryNs;
    for (std::uint64_t next = 0; unprobed_ > 0;) {
        const std::uint64_t now = now_ns();
        if (now > deadline) {
            throw SetupError(std::to_string(unprobed_) + " subscribers received no probe");
        }
        if (lost_ > 0) throw SetupError("while probing: " + first_loss_);
        if (now >= next) {
            // Ever longer pauses: a slow server must not begin the run with a backlog of probes.
            next = now + pause;
            pause *= 2;
            for (Channel& channel : channels_) {
                const bool ping = channel.probe.kind == RequestTemplate::Stamp::big_endian_time;
                stamp_request(channel.probe, ping ? kProbeStamp : now, sequence, form());
                clients_->send(clients_->at(channel.routes.front().publisher), channel.probe.bytes);
            }
            ++sequence;
        }
        clients_->poll(kPollNs);
    }
}

void Traffic::note_probe(Connection& connection) {
    if (!connection.probed) {
        connection.probed = true;
        --unprobed_;
    }
    if (connection.index >= slow_first_ && !reaping_) clients_->pause(connection);
}

void Traffic::publish(Channel& channel, std::uint32_t count, std::uint64_t stamp_ns) {
    if (clients_->unsent_bytes() > kMaxUnsentBytes) {
        skipped_ += count;
        return;
    }
    Route& route = channel.routes[channel.turn];
    channel.turn = channel.turn + 1 == channel.routes.size() ? 0 : channel.turn + 1;
    channel.published += count;
    published_ += count;
    Connection& publisher = clients_->at(route.publisher);
    if (count == 1) {
        stamp_request(route.request, stamp_ns, route.next_sequence++, form());
        clients_->send(publisher, route.request.bytes);
        return;
    }
    scratch_.clear();
    for (std::uint32_t i = 0; i < count; ++i) {
        stamp_request(route.request, stamp_ns, route.next_sequence++, form());
        scratch_.append(route.request.bytes);
    }
    clients_->send(publisher, scratch_);
}

void Traffic::refill(Channel& channel) {
    const std::uint64_t done = std::min(channel.published, channel.received / per_channel_);
    const auto in_flight = static_cast<std::uint32_t>(channel.published - done);
    publish(channel, options_.window - in_flight, now_ns());
    channel.refill_at = (channel.published - options_.window / 2) * per_channel_;
}

void Traffic::publish_due(std::uint64_t now) {
    while (next_due_ <= now) {
        worst_lag_ns_ = std::max(worst_lag_ns_, now - next_due_);
        publish(channels_[due_channel_], options_.burst, next_due_);
        due_channel_ = due_channel_ + 1 == channels_.size() ? 0 : due_channel_ + 1;
        next_due_ += interval_ns_;
    }
}

void Traffic::deliver(Connection& connection, const PayloadHeader& header, std::uint64_t now) {
    if (connection.index >= subscriber_count_) {
        // A publisher that hears everything, or a slow one that woke up (or is being reaped):
        // nothing of it counts.
        const bool is_slow = connection.index >= slow_first_;
        if (is_slow && header.publisher == kProbePublisher) note_probe(connection);
        return;
    }
    if (header.publisher == kProbePublisher) {
        note_probe(connection);
        return;
    }
    Channel& channel = channels_[connection.channel];
    ++connection.received;
    ++channel.received;
    ++deliveries_;
    if (measuring_) latency_.record(now - header.sent_ns);
    if (closed_loop_ && publishing_ && channel.received >= channel.refill_at) refill(channel);
}

void Traffic::on_bytes(Connection& connection, char* data, std::size_t size) {
    const std::uint64_t now = now_ns();
    scanner_.scan(connection.scan, data, size,
                  [&](const PayloadHeader& header) { deliver(connection, header, now); });
}

void Traffic::on_delivery(Connection& connection, std::optional<std::uint32_t> channel,
                          std::string_view payload) {
    const std::uint64_t now = now_ns();
    if (verifier_ && connection.index < subscriber_count_) {
        if (!verifier_->check(connection.index, channel, payload, now)) return;
    } else if (payload.size() < kHeaderBytes) {
        return;
    }
    deliver(connection, read_header(payload.data(), form()), now);
}

void Traffic::on_pong(Connection& connection, std::uint64_t stamp) {
    PayloadHeader header{};
    header.sent_ns = stamp;
    header.publisher = stamp == kProbeStamp ? kProbePublisher : 0;
    deliver(connection, header, now_ns());
}

void Traffic::on_lost(Connection& connection, const std::string& why) {
    if (is_expendable(connection)) {
        ++slow_closed_;
        if (!connection.probed) throw SetupError("never-reading subscriber lost early: " + why);
    }
    Run::on_lost(connection, why);
}

Traffic::Reading Traffic::take_reading() const {
    return {.time_ns = now_ns(),
            .server_cpu_ns = stats_.cpu_ns(),
            .cpu_ns_each = stats_.cpu_ns_each(),
            .own_cpu_ns = own_cpu_ns(),
            .deliveries = deliveries_,
            .published = published_,
            .totals = clients_->totals()};
}

void Traffic::sample_memory(std::uint64_t now) {
    if (now < next_sample_ || !stats_.watches()) return;
    next_sample_ = now + kSampleEveryNs;
    rss_peak_ = std::max(rss_peak_, stats_.rss_bytes());
}

void Traffic::load() {
    const std::uint64_t start = now_ns();
    const std::uint64_t measure_at = start + to_ns(options_.warmup);
    std::uint64_t end_at = measure_at + to_ns(options_.duration);
    publishing_ = true;
    if (closed_loop_) {
        for (Channel& channel : channels_) refill(channel);
    } else {
        next_due_ = start;
        interval_ns_ = std::max<std::uint64_t>(1, to_ns(options_.burst / options_.rate));
    }
    Reading begin = take_reading();
    for (std::uint64_t now = start; now < end_at && lost_ == 0; now = now_ns()) {
        if (!measuring_ && now >= measure_at) {
            begin = take_reading();
            end_at = begin.time_ns + to_ns(options_.duration);
            measuring_ = true;
        }
        if (!closed_loop_) publish_due(now);
        sample_memory(now);
        std::uint64_t until = measuring_ ? end_at : measure_at;
        if (!closed_loop_) until = std::min(until, next_due_);
        now = now_ns();
        clients_->poll(until > now ? std::min(until - now, kPollNs) : 0);
    }
    const Reading end = take_reading();
    measuring_ = false;
    publishing_ = false;
    report_rates(begin, end);
}

std::uint64_t Traffic::outstanding() const {
    std::uint64_t total = 0;
    for (const Channel& channel : channels_) {
        const std::uint64_t due = channel.published * per_channel_;
        // Duplicates must not hide what another subscriber lost; --verify tells them apart.
        total += due > channel.received ? due - channel.received : channel.received - due;
    }
    return total;
}

void Traffic::drain() {
    const std::uint64_t deadline = now_ns() + to_ns(options_.drain);
    while (outstanding() > 0 && now_ns() < deadline && lost_ == 0) {
        clients_->poll(kPollNs);
        sample_memory(now_ns());
    }
    // One delivery too many would end the wait one too early, so look on for a moment.
    linger(kExtraSeconds);
    if (slow_count_ > 0) reap_slow();
}

void Traffic::reap_slow() {
    reaping_ = true;
    for (std::uint32_t i = 0; i < slow_count_; ++i) clients_->resume(clients_->at(slow_first_ + i));
    const std::uint64_t deadline = now_ns() + to_ns(kReapSeconds);
    std::uint64_t quiet_since = now_ns();
    std::uint64_t bytes = clients_->totals().bytes;
    for (std::uint64_t now = quiet_since; now < deadline && now - quiet_since < kReapQuietNs;
         now = now_ns()) {
        clients_->poll(kPollNs);
        if (clients_->totals().bytes == bytes) continue;
        bytes = clients_->totals().bytes;
        quiet_since = now_ns();
    }
}

}  // namespace pulse::load
