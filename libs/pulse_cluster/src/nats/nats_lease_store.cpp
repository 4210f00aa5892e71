// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From connecting to a copy of all that the stream has. Whatever does not fit ends the connection,
// and it begins anew.
#include "nats/nats_lease_store.hpp"

#include "envelope.hpp"
#include "lease_ownership.hpp"
#include "nats/nats_names.hpp"

#include <algorithm>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <pulse/cluster/nats_ownership.hpp>
#include <pulse/core/error.hpp>

namespace pulse::cluster {

namespace {

constexpr const char* kApi = "$JS.API.";
/// JetStream refuses shorter ones.
constexpr std::chrono::milliseconds kShortestHeartbeat{100};
/// Heartbeats that may fail to come.
constexpr int kPatience = 4;

[[nodiscard]] std::uint64_t microseconds_now() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto count = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    return static_cast<std::uint64_t>(std::max<std::int64_t>(count, 1));
}

}  // namespace

NatsLeaseStore::NatsLeaseStore(NatsAddress address, const OwnershipOptions& options,
                               const OwnershipServices& services)
    : rng_(services.rng),
      log_(services.log),
      io_(services.io),
      lease_(options.lease),
      heartbeat_(std::max(options.lease / 8, kShortestHeartbeat)),
      replicas_(options.replicas),
      root_(subject_token(options.prefix)),
      stream_(root_ + "-o"),
      front_(root_ + ".o."),
      open_timer_(services.io),
      watch_timer_(services.io) {
    NatsLinkOptions link;
    link.address = std::move(address);
    link.answer_timeout = std::min(options.answer_timeout, options.lease / 2);
    link.last_retry = std::min(link.last_retry, options.lease / 6);
    link.first_retry = std::min(link.first_retry, link.last_retry);
    link_ = std::make_unique<NatsLink>(
        services.io, std::move(link), services.rng,
        NatsLinkEvents{[this] { on_up(); }, [this](std::string_view why) { on_down(why); },
                       [this](const NatsMessage& message) { on_message(message); },
                       [this](const NatsMessage& message) { on_delivery(message); }});
}

NatsLeaseStore::~NatsLeaseStore() { *alive_ = false; }

template <typename Function>
void NatsLeaseStore::post(Function function) {
    asio::post(io_, [this, alive = alive_, function = std::move(function)]() mutable {
        if (*alive && !is_closed_) function();
    });
}

void NatsLeaseStore::start(LeaseEvents events) {
    events_ = std::move(events);
    link_->start();
    watch();
}

void NatsLeaseStore::close() {
    if (std::exchange(is_closed_, true)) return;
    is_ready_ = false;
    link_->finish();
    open_timer_.cancel();
    watch_timer_.cancel();
    // Destroyed unanswered; what they hold may call back.
    const auto waiting = std::exchange(renewals_, {});
    const auto asked = std::exchange(renewing_, {});
}

void NatsLeaseStore::warn(std::string_view why) {
    log_.write(core::LogLevel::warn, "ownership_refused", {{"reason", why}});
}

// ------------------------------------------------------------------ connecting

void NatsLeaseStore::on_up() {
    ++connection_;
    waits_since_ = std::chrono::steady_clock::now();
    forget_copy();
    ask_stream();
}

void NatsLeaseStore::on_down(std::string_view why) {
    is_ready_ = is_listening_ = is_whole_ = is_caught_up_ = false;
    open_timer_.cancel();
    answer_renewals(std::nullopt);
    events_.on_state(false, false, run_, why);
}

void NatsLeaseStore::ask_stream() {
    link_->request(kApi + ("STREAM.INFO." + stream_), {}, {}, [this](const NatsMessage* message) {
        if (message == nullptr) return;  // on_down() follows
        if (message->is_no_responders()) {
            return link_->restart(
                "JetStream is not enabled on this server, or not for this account");
        }
        const auto info = nats_lease::read_stream_info(message->data(), root_);
        info.failure.code == nats_api::kStreamNotFound ? create_stream() : take_stream(info);
    });
}

void NatsLeaseStore::create_stream() {
    link_->request(kApi + ("STREAM.CREATE." + stream_), {},
                   nats_lease::stream_config(stream_, root_, replicas_),
                   [this](const NatsMessage* message) {
                       if (message == nullptr) return;
                       const auto info = nats_lease::read_stream_info(message->data(), root_);
                       // Another node was faster, with another number of replicas, say.
                       if (info.failure.code == nats_api::kStreamNameInUse) return ask_stream();
                       take_stream(info);
                   });
}

void NatsLeaseStore::take_stream(const nats_lease::StreamInfo& info) {
    const std::string name = "stream " + stream_ + ": ";
    if (info.failure) return link_->restart(name + info.failure.text);
    if (!info.is_fit) return link_->restart(name + "it is there with another configuration");
    is_replicated_ = info.is_replicated;
    last_ = info.last_sequence;
    listen();
}

void NatsLeaseStore::listen() {
    ear_ = root_ + ".c.=o" + epoch_text(rng_.next_u64());
    link_->subscribe(ear_);
    heard_ = std::chrono::steady_clock::now();
    link_->request(kApi + ("CONSUMER.CREATE." + stream_), {},
                   nats_lease::listener_config(stream_, ear_, heartbeat_),
                   [this](const NatsMessage* message) { on_listening(message); });
}

void NatsLeaseStore::on_listening(const NatsMessage* message) {
    if (message == nullptr) return;
    const auto info = nats_api::read_consumer_info(message->data());
    if (info.failure) return link_->restart("stream " + stream_ + ": " + info.failure.text);
    is_listening_ = true;
    // What it sends may be here before its answer is.
    if (info.pending == 0 || is_caught_up_) on_caught_up();
}

void NatsLeaseStore::on_copied() {
    if (std::exchange(is_whole_, true)) return;
    run_sequence_ == 0 ? begin_run() : become_ready();
}

// --------------------------------------------------------------------- the run

/// What was granted before is not there any more, if there was something.
void NatsLeaseStore::begin_run() {
    const nats_lease::RunWord word{false, epoch_text(rng_.next_u64()),
                                   std::max(microseconds_now(), max_term_ + 1), 0};
    // Whoever is first, all hear what it is.
    write(front_ + "r", 0, nats_lease::write(word), [](Write, std::uint64_t) {});
}

void NatsLeaseStore::open_later() {
    if (is_open_) return;
    open_timer_.expires_at(run_heard_ + lease_);
    open_timer_.async_wait([this, alive = alive_](const asio::error_code& error) {
        if (!error && *alive && !is_closed_ && is_ready_ && !is_open_) open();
    });
}

void NatsLeaseStore::open() {
    const nats_lease::RunWord word{true, run_, base_, begin_};
    write(front_ + "r", run_sequence_, nats_lease::write(word),
          [this, word](Write result, std::uint64_t sequence) {
              if (result == Write::stored) take_run(word, sequence);
          });
}

void NatsLeaseStore::become_ready() {
    if (std::exchange(is_ready_, true)) return;
    resume_counting();
    link_->confirm();
    open_later();
    events_.on_state(true, true, run_, {});
}

/// Finds out when nothing comes from the consumer any more: it may be gone though this connection
/// holds. And whatever this node waits for may have been removed under it.
void NatsLeaseStore::watch() {
    watch_timer_.expires_after(heartbeat_);
    watch_timer_.async_wait([this, alive = alive_](const asio::error_code& error) {
        if (error || !*alive || is_closed_) return;
        const Time now = std::chrono::steady_clock::now();
        const bool is_waiting = !is_ready_ || !renewing_.empty();
        if (is_listening_ && now - heard_ > heartbeat_ * kPatience) {
            link_->restart("stream " + stream_ + ": nothing comes from it");
        } else if (link_->is_up() && is_waiting && now - waits_since_ > lease_) {
            link_->restart("stream " + stream_ + ": it is not what it was");
        }
        if (is_ready_) forget_given_back();
        if (!is_closed_) watch();
    });
}

// ------------------------------------------------------------------- the stream

void NatsLeaseStore::write(const std::string& subject, std::uint64_t expected,
                           std::string_view bytes, std::function<void(Write, std::uint64_t)> then) {
    link_->request(
        subject, nats_api::behind(subject, expected, is_replicated_), bytes,
        [this, then = std::move(then)](const NatsMessage* message) {
            if (message == nullptr) return then(Write::unknown, 0);
            if (message->is_no_responders()) {
                then(Write::unknown, 0);
                return link_->restart("stream " + stream_ + ": it is not there any more");
            }
            const nats_api::Ack ack = nats_api::read_ack(message->data());
            if (ack.is_refused) return then(Write::refused, 0);
            if (!ack.failure && ack.sequence != 0) return then(Write::stored, ack.sequence);
            warn(ack.failure.text);
            then(Write::unknown, 0);
            // Full, say: a new connection does not ask faster than it comes up.
            link_->restart("stream " + stream_ + ": " + ack.failure.text);
        });
}

void NatsLeaseStore::read_last(const std::string& subject,
                               std::function<void(std::optional<Last>)> then) {
    link_->request(kApi + ("STREAM.MSG.GET." + stream_), {}, nats_api::last_message_of(subject),
                   [this, then = std::move(then)](const NatsMessage* message) {
                       if (message == nullptr) return then(std::nullopt);
                       if (message->is_no_responders()) {
                           then(std::nullopt);
                           return link_->restart("JetStream does not answer any more");
                       }
                       nats_api::Stored stored = nats_api::read_stored(message->data());
                       if (!stored.failure)
                           return then(Last{stored.sequence, std::move(stored.data)});
                       if (stored.failure.code == nats_api::kMessageNotFound) return then(Last{});
                       then(std::nullopt);
                       link_->restart("stream " + stream_ + ": " + stored.failure.text);
                   });
}

void NatsLeaseStore::remove(const std::string& subject, std::uint64_t sequence) {
    // The answer is of no interest: what stays is removed by who finds it.
    link_->withdraw(link_->request(kApi + ("STREAM.PURGE." + stream_), {},
                                   nats_api::purge_before(subject, sequence + 1), {}));
}

// ----------------------------------------------------------------------- making

core::Result<std::shared_ptr<ClusterOwnership>> make_nats_ownership(
    const std::string& url, OwnershipOptions options, const OwnershipServices& services) {
    auto address = parse_nats_address(url);
    if (!address) return tl::unexpected(make_error_code(core::Error::broker_unavailable));
    options = completed(std::move(options), services.rng);
    auto store = std::make_unique<NatsLeaseStore>(std::move(*address), options, services);
    return make_lease_ownership(std::move(store), std::move(options), services);
}

}  // namespace pulse::cluster
