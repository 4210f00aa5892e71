// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Connecting, listening, and publications that are not kept.
#include "nats/nats_backend.hpp"

#include "nats/nats_names.hpp"

#include <algorithm>
#include <charconv>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <pulse/cluster/nats_broker.hpp>
#include <pulse/core/error.hpp>

namespace pulse::cluster {

using core::HistoryPolicy;

namespace {

constexpr std::string_view kOpening = "O1";
/// What JetStream's headers and a node's frame take of a message, at most.
constexpr std::size_t kMaxHeaderBytes = 256;
/// Of one message on the way to the stream: more gain nothing.
constexpr std::size_t kMaxMessageBytes = std::size_t{512} * 1024;
/// Nodes that are there answer a greeting within that.
constexpr std::chrono::milliseconds kCensus{250};
/// Held for one channel while its history is read.
constexpr std::size_t kMaxHeldBytes = std::size_t{16} * 1024 * 1024;

[[nodiscard]] std::uint64_t number(std::string_view text) noexcept {
    std::uint64_t out = 0;
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && at == text.data() + text.size() ? out : 0;
}

}  // namespace

std::string channel_opening(std::uint64_t epoch) {
    return std::string(kOpening) + epoch_text(epoch);
}

std::optional<KeptPlace> read_kept_place(std::string_view bytes) {
    if (bytes.starts_with(kOpening)) {
        const std::uint64_t epoch = parse_epoch(bytes.substr(kOpening.size()));
        if (epoch == 0) return std::nullopt;
        return KeptPlace{{1, epoch}, 0};
    }
    const auto envelope = read_envelope(bytes);
    if (!envelope || !envelope->is_kept) return std::nullopt;
    return KeptPlace{envelope->first, envelope->count};
}

NatsBackend::NatsBackend(NatsAddress address, const BrokerOptions& options,
                         const BrokerServices& services, const NodeId& node)
    : options_(options),
      io_(services.io),
      rng_(services.rng),
      log_(services.log),
      node_(node),
      root_(subject_token(options.prefix)),
      heard_root_(root_ + ".c."),
      own_token_(node_token(node)),
      watch_timer_(services.io),
      question_timer_(services.io) {
    NatsLinkOptions link;
    link.address = std::move(address);
    link.answer_timeout = options.answer_timeout;
    link_ = std::make_unique<NatsLink>(
        services.io, std::move(link), services.rng,
        NatsLinkEvents{[this] { on_up(); }, [this](std::string_view why) { on_down(why); },
                       [this](const NatsMessage& message) { on_message(message); },
                       [this](const NatsMessage& message) { on_delivery(message); }});
}

NatsBackend::~NatsBackend() { *alive_ = false; }

template <typename Function>
void NatsBackend::post(Function function) {
    asio::post(io_, [this, alive = alive_, function = std::move(function)]() mutable {
        if (*alive && !is_closed_) function();
    });
}

void NatsBackend::start(BackendEvents events) {
    events_ = std::move(events);
    link_->start();
    watch();
}

void NatsBackend::close() {
    if (std::exchange(is_closed_, true)) return;
    is_ready_ = false;
    if (link_->is_up()) {
        std::string bye(1, 'e');
        bye.append(epoch_text(node_[0])).append(epoch_text(node_[1]));
        link_->publish(heard_root_ + "=a", bye);
    }
    link_->finish();
    watch_timer_.cancel();
    question_timer_.cancel();
    // Destroyed unanswered; what they hold may call back.
    const auto readings = std::exchange(readings_, {});
    const auto writers = std::exchange(writers_, {});
    const auto questions = std::exchange(questions_, {});
}

std::size_t NatsBackend::max_bytes() const noexcept {
    const std::size_t most = link_->max_payload();
    return most > 2 * kMaxHeaderBytes ? most - kMaxHeaderBytes : 0;
}

HistoryPolicy NatsBackend::policy_of(std::string_view channel) const {
    return options_.history ? options_.history(channel) : HistoryPolicy{};
}

void NatsBackend::refused(std::string_view why) {
    log_.write(core::LogLevel::warn, "broker_refused", {{"reason", why}});
}

// ------------------------------------------------------------------- connecting

void NatsBackend::on_up() {
    link_->subscribe(heard_root_ + own_token_);
    link_->subscribe(heard_root_ + "=a");
    for (const auto& each : ears_) link_->subscribe(heard_root_ + each.first);
    census_end_ = std::chrono::steady_clock::now() + kCensus;
    std::string hello(1, 'h');
    hello.append(epoch_text(node_[0])).append(epoch_text(node_[1]));
    link_->publish(heard_root_ + "=a", hello);
    // Up is who can publish, and hears what the streams take from now on.
    unready_ = 1 + ears_.size();
    Stream& live = stream_of({});
    ensure(live, [this, &live](bool is_there) {
        if (is_there) mark(live, [this] { one_is_ready(); });
    });
    for (auto& [token, ear] : ears_) {
        ear.is_confirmed = false;
        confirm(ear, token);
    }
}

void NatsBackend::one_is_ready() {
    if (unready_ == 0 || --unready_ != 0) return;
    is_ready_ = true;
    link_->confirm();
    events_.on_state(true, true, {});
}

void NatsBackend::on_down(std::string_view why) {
    is_ready_ = false;
    unready_ = 0;
    fail_readings();
    for (auto& [token, ear] : ears_) {
        ear.is_confirmed = false;
        ear.since = ear.heard = ear.settled = 0;
        ear.last = {};
        ear.index.clear();
    }
    for (auto& [name, stream] : streams_) {
        stream.state = Stream::State::unknown;
        stream.is_marking = stream.is_asking = false;
        stream.marks.clear();
        stream.askers.clear();
        settle_stream(stream, false);
    }
    while (!writers_.empty()) fail_writer(writers_.begin()->first);
    peers_.clear();
    partial_words_.clear();
    partial_bytes_ = 0;
    const auto questions = std::exchange(questions_, {});
    for (const auto& [id, question] : questions) question.done(0);
    events_.on_state(false, false, why);
}

// -------------------------------------------------------------------- listening

void NatsBackend::listen(const std::string& channel) {
    const std::string token = subject_token(channel);
    // Too long for a subject: nobody can publish to it either.
    if (token.empty()) return post([this, channel] { events_.on_listening(channel); });
    const auto [place, is_new] = ears_.try_emplace(token);
    if (!is_new) return;
    Ear& ear = place->second;
    ear.channel = channel;
    ear.id = ++last_id_;
    ear.stream = &stream_of(policy_of(channel));
    if (!link_->is_up()) return;
    link_->subscribe(heard_root_ + token);
    if (!is_ready_) ++unready_;
    confirm(ear, token);
}

void NatsBackend::confirm(Ear& ear, const std::string& token) {
    Stream& stream = *ear.stream;
    // In a cluster of servers the stream's own server has learned of the subscription before the
    // mark, since it went the same way.
    const auto on_mark = [this, &stream, token, id = ear.id, was_ready = is_ready_] {
        const auto done = [this, token, id, was_ready](std::uint64_t since) {
            note_confirmed(token, id, since);
            if (!was_ready) one_is_ready();
        };
        stream.setup.policy.is_kept() ? ask_sequence(stream, done) : done(0);
    };
    ensure(stream, [this, &stream, on_mark](bool is_there) {
        if (is_there) mark(stream, on_mark);
    });
}

void NatsBackend::note_confirmed(const std::string& token, std::uint64_t id, std::uint64_t since) {
    const auto found = ears_.find(token);
    if (found == ears_.end() || found->second.id != id) return;
    found->second.is_confirmed = true;
    found->second.since = since;
    if (is_ready_) events_.on_listening(std::string(found->second.channel));
}

void NatsBackend::unlisten(const std::string& channel) {
    const std::string token = subject_token(channel);
    const auto found = ears_.find(token);
    if (found == ears_.end()) return;
    ears_.erase(found);
    link_->unsubscribe(heard_root_ + token);
    const auto readings = readings_of_.find(token);
    if (readings == readings_of_.end()) return;
    for (const std::uint64_t id : readings->second) {
        Reading& reading = *find_reading(id);
        reading.is_arrived = true;
        reading.is_holding = false;
    }
    release_held(token);
}

bool NatsBackend::is_listening(const std::string& channel) const {
    const std::string token = subject_token(channel);
    if (token.empty()) return is_ready_;
    const auto found = ears_.find(token);
    return is_ready_ && found != ears_.end() && found->second.is_confirmed;
}

void NatsBackend::on_message(const NatsMessage& message) {
    std::string_view subject = message.subject();
    if (!subject.starts_with(heard_root_)) return;
    subject.remove_prefix(heard_root_.size());
    if (subject == own_token_ || subject == "=a") {
        return hear_frame(std::string(subject), message.data(), nullptr);
    }
    const auto found = ears_.find(subject);
    if (found != ears_.end()) hear(std::string(found->first), found->second, message);
}

void NatsBackend::hear(const std::string& token, Ear& ear, const NatsMessage& message) {
    const std::string channel = ear.channel;
    const std::uint64_t sequence = number(message.header("Nats-Sequence"));
    if (sequence == 0) return hear_frame(token, message.data(), &channel);
    // A node that is configured otherwise; what it publishes is a publication all the same.
    if (message.header("Nats-Stream") != ear.stream->setup.name) {
        return deliver(channel, message.data());
    }
    ear.stream->last_sequence = std::max(ear.stream->last_sequence, sequence);
    if (ear.stream->setup.policy.is_kept()) return hear_kept(token, ear, sequence, message.data());
    // Each says which one came before it: in a cluster of servers, one may have been lost.
    const std::uint64_t before = number(message.header("Nats-Last-Sequence"));
    const std::uint64_t heard = std::exchange(ear.heard, std::max(ear.heard, sequence));
    if (heard != 0 && before > heard) events_.on_missed(channel);
    deliver(channel, message.data());
}

void NatsBackend::hear_kept(const std::string& token, Ear& ear, std::uint64_t sequence,
                            std::string_view bytes) {
    const std::string channel = ear.channel;
    const auto place = read_kept_place(bytes);
    if (!place) return deliver(channel, bytes);
    // Else it was passed on behind what came later.
    if (sequence > ear.heard) {
        if (ear.last.top.epoch != place->first.epoch) ear.index.clear();
        ear.heard = sequence;
        ear.last = {sequence, place->top()};
        ear.index.add(place->first.offset, sequence, bytes.size());
    }
    const bool is_opening = place->count == 0;
    const bool is_held = !ear.held.empty() || readings_of_.contains(token);
    if (is_held && !is_opening) {
        ear.held.push_back({sequence, std::string(bytes)});
        ear.held_bytes += bytes.size();
    }
    const bool is_too_much = ear.held_bytes > kMaxHeldBytes;
    note_written(channel, sequence, *place, bytes);
    if (is_too_much) {
        const auto readings = readings_of_.find(token);
        const auto ids =
            readings == readings_of_.end() ? std::vector<std::uint64_t>{} : readings->second;
        for (const std::uint64_t id : ids) fail_reading(id);
    }
    if (is_held) return release_held(token);
    if (!is_opening) deliver(channel, bytes);
}

/// Before this node hears what it has published, its publishers know that it is done.
void NatsBackend::note_written(const std::string& channel, std::uint64_t sequence,
                               const KeptPlace& place, std::string_view bytes) {
    const auto found = writers_.find(channel);
    if (found == writers_.end()) return;
    Writer& writer = found->second;
    const auto envelope = read_envelope(bytes);
    const bool is_own = envelope && envelope->node == node_ && writer.flight != 0 &&
                        envelope->batch == writer.flight;
    if (is_own) return complete(channel, sequence);
    if (!writer.is_busy && writer.last && writer.last->sequence < sequence) {
        writer.last = Last{sequence, place.top()};
    }
    if (envelope) end_turn(channel, writer, envelope->node);
}

// ------------------------------------------------------------------- publishing

std::vector<std::vector<std::string>> NatsBackend::split(
    const std::vector<std::string>& records) const {
    const std::size_t most = max_bytes();
    const std::size_t limit = most == 0 ? kMaxMessageBytes : std::min(kMaxMessageBytes, most / 2);
    std::vector<std::vector<std::string>> parts;
    std::size_t bytes = 0;
    for (const std::string& record : records) {
        if (parts.empty() || bytes + record.size() > limit) {
            parts.emplace_back();
            bytes = 0;
        }
        bytes += record.size();
        parts.back().push_back(record);
    }
    return parts;
}

Backend::Done NatsBackend::all_of(std::size_t parts, Done done) {
    if (parts <= 1) return done;
    struct State {
        std::size_t left;
        Backend::Done done;
    };
    auto state = std::make_shared<State>(State{parts, std::move(done)});
    return [state](std::error_code error) {
        if (state->left == 0) return;
        // At once: the refusal comes before this node hears the last part, by which it would take
        // all of them for published.
        state->left = error ? 0 : state->left - 1;
        if (state->left == 0) std::exchange(state->done, {})(error);
    };
}

void NatsBackend::publish(const std::string& channel, std::string head,
                          const std::vector<std::string>& records, Done done) {
    const std::string token = subject_token(channel);
    if (token.empty()) {
        return post([done] { done(core::Error::message_too_big); });
    }
    Stream& live = stream_of({});
    const auto parts = split(records);
    const Done each = all_of(parts.size(), std::move(done));
    for (std::size_t i = 0; i < parts.size(); ++i) {
        // The batch has been published when its last part has.
        std::string bytes = i + 1 == parts.size() ? head : envelope_head(false, node_, 0);
        for (const std::string& record : parts[i]) bytes += record;
        link_->request(live.setup.from + token, {}, bytes,
                       [this, &live, each](const NatsMessage* message) {
                           if (message == nullptr) return each(core::Error::broker_unavailable);
                           if (message->is_no_responders()) {
                               forget_stream(live);
                               each(core::Error::broker_unavailable);
                               return ensure(live, [](bool) {});
                           }
                           const nats_api::Ack ack = nats_api::read_ack(message->data());
                           if (!ack.failure) return each({});
                           refused(ack.failure.text);
                           each(core::Error::broker_unavailable);
                       });
    }
}

// ----------------------------------------------------------------------- making

core::Result<std::shared_ptr<ClusterBroker>> make_nats_broker(const std::string& url,
                                                              BrokerOptions options,
                                                              const BrokerServices& services) {
    auto address = parse_nats_address(url);
    if (!address) return tl::unexpected(make_error_code(core::Error::broker_unavailable));
    const NodeId node = draw_node_id(services.rng);
    auto backend = std::make_unique<NatsBackend>(std::move(*address), options, services, node);
    return make_backend_broker(std::move(backend), std::move(options), services, node);
}

std::string find_nats_url_problem(const std::string& url) {
    const auto address = parse_nats_address(url);
    return address ? std::string() : address.error();
}

}  // namespace pulse::cluster
