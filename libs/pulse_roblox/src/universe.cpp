// SPDX-License-Identifier: MIT OR Apache-2.0
#include "universe.hpp"

#include "crypto.hpp"

#include <algorithm>
#include <utility>

namespace pulse::roblox {

namespace {

constexpr std::chrono::seconds kExpireEvery{1};
constexpr std::chrono::seconds kTidyRingsEvery{60};
/// Whatever says that it is due and then cannot be done is not asked again at once.
constexpr std::chrono::milliseconds kShortestTurn{5};
constexpr std::uint64_t kTellUseEveryMs = 3'600'000;

[[nodiscard]] std::unique_ptr<SequenceSource> make_sequence(const BridgeParts& parts,
                                                            UniverseId id) {
    if (parts.make_sequence) {
        if (auto sequence = parts.make_sequence(id)) return sequence;
    }
    return std::make_unique<MemorySequence>(parts.rng);
}

[[nodiscard]] std::optional<DropReason> drop_reason(Outcome outcome) noexcept {
    switch (outcome) {
        case Outcome::accepted:
        case Outcome::replaced:
        case Outcome::shutting_down:
            return {};
        case Outcome::expired:
            return DropReason::expired;
        case Outcome::too_large:
            return DropReason::too_large;
        case Outcome::rejected:
            return DropReason::rejected;
        case Outcome::throttled:
            return DropReason::throttled;
        case Outcome::transport:
            return DropReason::transport;
        case Outcome::key_rejected:
            return DropReason::key_rejected;
        case Outcome::unknown_universe:
            return DropReason::universe_removed;
        case Outcome::invalid:
            return DropReason::invalid;
        case Outcome::queue_full:
            return DropReason::queue_full;
    }
    return {};
}

}  // namespace

Universe::Universe(UniverseId id, BridgeShared& shared)
    : id_(id),
      shared_(shared),
      sequence_(make_sequence(shared.parts, id)),
      ring_epoch_(sequence_->epoch()),
      claims_(shared.options.max_blob_bytes),
      dispatcher_(
          id, {},
          {.outbox = shared.options.outbox,
           .ring = shared.options.frame_ring,
           .backoff = shared.options.backoff},
          *sequence_, shared.parts.budget, shared.parts.rng,
          [this](Dispatcher::AttemptId attempt, const OutgoingFrame& frame) {
              send_frame(attempt, frame);
          },
          [this](MessageId message, const Dispatcher::Ending& ending) { on_done(message, ending); },
          [this](const std::string& item) {
              return claims_.put(item, shared_.parts.rng, shared_.now());
          }),
      wakes_(shared.options),
      poll_ring_(make_epoch(shared.parts.rng), shared.options.poll_ring),
      web_ring_(make_epoch(shared.parts.rng), shared.options.web_ring),
      polls_(poll_ring_, shared.options),
      answers_(shared.options.answers),
      traffic_(shared.options.max_topics, shared.now()),
      frames_(shared.now()),
      frame_messages_(shared.now()) {
    dispatcher_.outbox().share_packer(shared.packer);
}

std::string Universe::owner_name() const {
    if (config_.key_owner != 0) return "o" + std::to_string(config_.key_owner);
    // Not known: the same key elsewhere has the same owner at least.
    const crypto::Digest digest = crypto::sha256(config_.key.view());
    return "k" + crypto::to_hex({reinterpret_cast<const char*>(digest.data()), 8});
}

void Universe::configure(UniverseConfig config) {
    if (config.key.is_empty() && config.key_version == config_.key_version) {
        config.key = std::move(config_.key);
    }
    const bool is_other_key = config.key_version != config_.key_version || config_.key.is_empty();
    config_ = std::move(config);
    dispatcher_.outbox().set_prefix(config_.prefix);
    if (is_other_key) {
        key_use_told_ms_ = 0;
        dispatcher_.on_key_good(owner_name());
    }
    servers_changed();
}

void Universe::end(Outcome outcome) {
    dispatcher_.end(outcome, shared_.now());
    const SendAnswer answer = answer_for({.outcome = outcome});
    for (auto& [id, send] : sends_) answer_sends(send, answer);
    sends_.clear();
    late_sends_.clear();
    sends_by_key_.clear();
    const bool is_ending = outcome == Outcome::shutting_down;
    end_polls(is_ending ? PollStatus::shutting_down : PollStatus::refused,
              is_ending ? Error::shutting_down : Error::unknown_universe);
}

// ------------------------------------------------------------------ to Open Cloud and back

void Universe::send_frame(Dispatcher::AttemptId attempt, const OutgoingFrame& frame) {
    const Time sent_at = shared_.now();
    shared_.parts.transport.publish(
        {.universe = id_,
         .real_topic = frame.real_topic,
         .text = frame.text,
         .api_key = config_.key.view()},
        [self = weak_from_this(), attempt, sent_at](const CloudError& answer) {
            const auto universe = self.lock();
            if (!universe) return;
            universe->shared_.enter(universe, [universe, attempt, answer, sent_at] {
                universe->on_answer(attempt, answer, sent_at);
            });
        });
}

void Universe::on_answer(Dispatcher::AttemptId attempt, const CloudError& answer, Time sent_at) {
    const Time now = shared_.now();
    BridgeMetrics& metrics = shared_.metrics;
    const double seconds = std::chrono::duration<double>(now - sent_at).count();
    for (std::size_t i = 0; i < BridgeMetrics::kPublishSeconds.size(); ++i) {
        if (seconds <= BridgeMetrics::kPublishSeconds[i]) ++metrics.publish_seconds[i];
    }
    ++metrics.publish_seconds.back();
    metrics.publish_seconds_sum += seconds;
    // A status from outside: some hundred at most are told apart.
    if (statuses_.size() < 64 || statuses_.contains(answer.http)) ++statuses_[answer.http];
    const Verdict verdict = judge(answer.http);
    if (answer.http == 429) {
        ++throttled_;
    } else if (verdict != Verdict::accepted) {
        ++errors_;
    }

    const std::uint64_t retries = dispatcher_.waiting_retry_count();
    const bool was_open = dispatcher_.is_circuit_open();
    if (const OutgoingFrame* frame = dispatcher_.frame_of(attempt);
        frame != nullptr && verdict == Verdict::accepted) {
        note_frame(*frame);
    }
    dispatcher_.on_answer(attempt, answer, now);
    if (dispatcher_.waiting_retry_count() > retries && metrics.retries.size() < 64) {
        ++metrics.retries[answer.http];
    }
    if (verdict == Verdict::accepted) {
        key_used_at_ms_ = shared_.parts.clock.unix_ms();
        if (shared_.parts.observer != nullptr &&
            key_used_at_ms_ >= key_use_told_ms_ + kTellUseEveryMs) {
            key_use_told_ms_ = key_used_at_ms_;
            shared_.parts.observer->key_used(id_, config_.key_version);
        }
    }
    if (!was_open && dispatcher_.is_circuit_open()) {
        report_key({.key_version = config_.key_version,
                    .state = KeyState::rejected,
                    .owner = config_.key_owner,
                    .http = answer.http});
    }
}

void Universe::note_frame(const OutgoingFrame& frame) {
    BridgeMetrics& metrics = shared_.metrics;
    constexpr std::string_view kTypes = "BZCGW";
    const std::size_t type = frame.seq == 0 ? std::string_view::npos : kTypes.find(frame.text[2]);
    ++metrics.frames[type == std::string_view::npos ? 0 : type + 1];
    if (type == 0 || type == 1) {
        const OutboxOptions& outbox = shared_.options.outbox;
        metrics.frame_fill_sum += static_cast<double>(counted_size(frame.text, outbox.counting)) /
                                  static_cast<double>(outbox.budget);
    }
    const Time now = shared_.now();
    frames_.add(now);
    if (frame.is_last_part) {
        frame_messages_.add(now, static_cast<std::uint32_t>(frame.messages.size()));
    }
}

void Universe::note_end(Outcome outcome) {
    BridgeMetrics& metrics = shared_.metrics;
    ++metrics.publishes[static_cast<std::size_t>(outcome)];
    if (outcome == Outcome::replaced) {
        ++coalesced_;
        ++metrics.coalesced;
    }
    if (const auto reason = drop_reason(outcome)) {
        ++drops_[static_cast<std::size_t>(*reason)];
        ++metrics.drops[static_cast<std::size_t>(*reason)];
    }
}

void Universe::on_done(MessageId id, const Dispatcher::Ending& ending) {
    note_end(ending.outcome);
    const auto found = open_.find(id);
    if (found == open_.end()) return;
    PublishResult result{.outcome = ending.outcome,
                         .error = ending.error,
                         .may_have_arrived = ending.may_have_arrived};
    if (ending.outcome == Outcome::throttled) {
        const auto& wait = ending.error.quota.retry_after;
        result.retry_after =
            wait ? std::chrono::ceil<std::chrono::seconds>(*wait) : dispatcher_.drain_time();
    }
    shared_.call_later([done = std::move(found->second), result = std::move(result)] {
        if (done) done(result);
    });
    open_.erase(found);
}

// ------------------------------------------------------------------ the key

void Universe::report_key(const KeyReport& report) {
    if (shared_.parts.observer != nullptr) shared_.parts.observer->key_reported(id_, report);
}

void Universe::probe(std::function<void(const KeyReport&)> done) {
    is_probing_ = true;
    shared_.parts.transport.introspect(
        config_.key.view(), [self = weak_from_this(), done = std::move(done),
                             version = config_.key_version](const IntrospectAnswer& answer) {
            const auto universe = self.lock();
            if (universe) {
                universe->shared_.enter(universe, [universe, answer, version, done] {
                    universe->on_introspected(answer, version, done);
                });
            } else if (done) {
                done({.key_version = version, .http = answer.error.http});
            }
        });
}

void Universe::on_introspected(const IntrospectAnswer& answer, std::uint64_t key_version,
                               const std::function<void(const KeyReport&)>& done) {
    is_probing_ = false;
    KeyReport report{.key_version = key_version, .http = answer.error.http};
    if (answer.key) {
        report.state = evaluate_key(*answer.key, id_, shared_.parts.clock.unix_ms());
        report.owner = answer.key->owner;
        report.expires_at_ms = answer.key->expires_at_ms;
    } else if (answer.error.http >= 400 && answer.error.http < 500 && answer.error.http != 408 &&
               answer.error.http != 429) {
        report.state = KeyState::rejected;
    }
    // Of a key that has been replaced meanwhile nothing follows.
    if (key_version == config_.key_version) {
        if (report.owner != 0) config_.key_owner = report.owner;
        if (report.state == KeyState::valid) dispatcher_.on_key_good(owner_name());
        report_key(report);
    }
    if (done) shared_.call_later([done, report] { done(report); });
}

// ------------------------------------------------------------------ time

void Universe::renew_ring() {
    if (ring_epoch_ == sequence_->epoch()) return;
    // Numbering began anew: what is kept under the old numbers would be taken for the new ones.
    ring_epoch_ = sequence_->epoch();
    dispatcher_.ring().clear();
}

/// An idle universe does not keep its last messages for ever.
void Universe::tidy_rings(Time now) {
    if (!tidy_at_ || *tidy_at_ > now) return;
    poll_ring_.expire(now);
    web_ring_.expire(now);
    tidy_at_.reset();
    if (poll_ring_.size() + web_ring_.size() != 0) tidy_at_ = now + kTidyRingsEvery;
}

void Universe::run() {
    const Time now = shared_.now();
    while (LiveServer* server = directory_.silent(now, shared_.options.server_gone_after)) {
        forget(*server);
    }
    if (expire_at_ <= now) {
        expire_at_ = now + kExpireEvery;
        dispatcher_.outbox().expire(now);
    }
    send_wakes(now);
    dispatcher_.pump(now);
    renew_ring();
    polls_.run(now, [this](HeldPoll poll, const DownlinkRing::Page* page) {
        PollReply reply = page != nullptr ? reply_of(*page) : PollReply{};
        finish_poll(std::move(poll), std::move(reply));
    });
    time_out_sends(now);
    tidy_rings(now);
    if (!is_probing_ && !config_.key.is_empty() && dispatcher_.take_probe(now)) probe({});
}

std::optional<core::MonotonicTime> Universe::soonest() const {
    std::optional<Time> next;
    const auto add = [&next](std::optional<Time> at) {
        if (at && (!next || *at < *next)) next = at;
    };
    if (dispatcher_.outbox().message_count() != 0) {
        add(shared_.now() + shared_.options.outbox.linger);
    }
    add(polls_.next_due());
    add(wakes_.next_due());
    if (!sends_.empty()) add(sends_.begin()->second.deadline);
    add(tidy_at_);
    return next;
}

std::optional<core::MonotonicTime> Universe::next_due() const {
    std::optional<Time> next;
    const auto add = [&next](std::optional<Time> at) {
        if (at && (!next || *at < *next)) next = at;
    };
    // Only these can be in the past and stay there.
    add(dispatcher_.next_due());
    if (next) next = std::max(*next, shared_.now() + kShortestTurn);
    if (dispatcher_.outbox().message_count() != 0) add(std::max(expire_at_, shared_.now()));
    add(polls_.next_due());
    add(wakes_.next_due());
    add(directory_.next_silent(shared_.options.server_gone_after));
    add(tidy_at_);
    if (!is_probing_ && !config_.key.is_empty()) add(dispatcher_.next_probe());
    if (!sends_.empty()) add(sends_.begin()->second.deadline);
    return next;
}

}  // namespace pulse::roblox
