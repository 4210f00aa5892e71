// SPDX-License-Identifier: MIT OR Apache-2.0
#include "dispatcher.hpp"

#include <algorithm>
#include <cmath>

namespace pulse::roblox {

Dispatcher::Dispatcher(UniverseId universe, std::string key_owner, DispatcherOptions options,
                       SequenceSource& sequence, PublishBudget& budget, core::Rng& rng, Send send,
                       Done done, Outbox::KeepClaim keep_claim)
    : universe_(universe),
      key_owner_(std::move(key_owner)),
      options_(std::move(options)),
      budget_(budget),
      rng_(rng),
      send_(std::move(send)),
      done_(std::move(done)),
      outbox_(options_.outbox, sequence, std::move(keep_claim)),
      ring_(options_.ring) {}

PublishRequest Dispatcher::request_for(const std::string& real_topic, Target::Kind kind) const {
    return {.universe = universe_,
            .owner = key_owner_,
            .real_topic = real_topic,
            .is_targeted = kind == Target::Kind::server};
}

core::Result<MessageId> Dispatcher::publish(OutgoingMessage message, Forms forms,
                                            core::MonotonicTime now) {
    if (circuit_.is_open()) return tl::unexpected{make_error_code(Error::forbidden)};
    const core::Result<Queued> queued = outbox_.push(std::move(message), forms, now);
    if (!queued) return tl::unexpected{queued.error()};
    open_[queued->id] = {.forms = queued->forms, .is_twofold = queued->forms > 1};
    report_dropped();  // what this one replaced
    return queued->id;
}

void Dispatcher::start(Attempt& attempt) {
    attempt.id = ++last_attempt_;
    ++attempt.count;
    attempt.is_under_way = true;
    under_way_[attempt.id] = attempt.frame.real_topic;
    send_(attempt.id, attempt.frame);
}

void Dispatcher::pump(core::MonotonicTime now) {
    if (circuit_.is_open()) return;
    pumped_at_ = now;
    budget_asked_again_at_ = core::MonotonicTime{};
    const auto may_send = [&](const std::string& real_topic, Target::Kind kind) {
        const Permission permission = budget_.try_take(request_for(real_topic, kind), now);
        if (!permission.is_granted && (budget_asked_again_at_ == core::MonotonicTime{} ||
                                       permission.retry_at < budget_asked_again_at_)) {
            budget_asked_again_at_ = permission.retry_at;
        }
        return permission.is_granted;
    };
    // What is waiting for another attempt came first.
    std::vector<std::string> due;
    for (const auto& [real_topic, attempt] : attempts_) {
        if (!attempt.is_under_way && attempt.retry_at <= now) due.push_back(real_topic);
    }
    for (const std::string& real_topic : due) {
        const auto found = attempts_.find(real_topic);
        if (found == attempts_.end()) continue;
        if (found->second.frame.deadline <= now) {
            const Attempt attempt = std::move(found->second);
            attempts_.erase(found);
            fail(attempt, Outcome::expired, {});
            continue;
        }
        if (!may_send(real_topic, found->second.frame.kind)) continue;
        ++retries_;
        start(found->second);
    }
    outbox_.pump(
        now,
        [&](const std::string& real_topic, Target::Kind kind) {
            return !attempts_.contains(real_topic) && may_send(real_topic, kind);
        },
        [&](OutgoingFrame frame) {
            if (frame.seq != 0) {
                ring_.add(frame.real_topic, frame.seq, frame.text, frame.messages.size(), now);
            }
            const std::string real_topic = frame.real_topic;
            Attempt& attempt = attempts_[real_topic];
            attempt.frame = std::move(frame);
            start(attempt);
        },
        [&](const std::string& real_topic, Target::Kind kind) {
            budget_.on_answer(request_for(real_topic, kind), {}, now);
        });
    report_dropped();
}

std::optional<core::MonotonicTime> Dispatcher::next_due() const {
    if (circuit_.is_open()) return {};
    // What was due and refused by the budget waits until it said to ask again. What becomes due
    // meanwhile does not: that may be for another topic, which has quota.
    const bool was_refused = budget_asked_again_at_ != core::MonotonicTime{};
    const core::MonotonicTime asked_at = was_refused ? pumped_at_ : core::MonotonicTime::min();
    // What has a publish under way goes on with its answer.
    std::optional<core::MonotonicTime> next = outbox_.next_due(
        [this](const std::string& real_topic) { return attempts_.contains(real_topic); }, asked_at,
        budget_asked_again_at_);
    for (const auto& [real_topic, attempt] : attempts_) {
        if (attempt.is_under_way) continue;
        core::MonotonicTime at = attempt.retry_at;
        if (at <= asked_at) at = std::max(at, budget_asked_again_at_);
        if (!next || at < *next) next = at;
    }
    return next;
}

void Dispatcher::on_answer(AttemptId id, const CloudError& answer, core::MonotonicTime now) {
    const auto under_way = under_way_.find(id);
    if (under_way == under_way_.end()) return;
    const std::string real_topic = std::move(under_way->second);
    under_way_.erase(under_way);
    const auto found = attempts_.find(real_topic);
    if (found == attempts_.end() || found->second.id != id) return;
    Attempt& attempt = found->second;
    attempt.is_under_way = false;
    attempt.may_have_arrived |= may_have_succeeded(answer);
    budget_.on_answer(request_for(real_topic, attempt.frame.kind), answer.quota, now);
    budget_asked_again_at_ = core::MonotonicTime{};

    const Verdict verdict = judge(answer.http);
    if (verdict == Verdict::accepted) {
        const OutgoingFrame frame = std::move(attempt.frame);
        attempts_.erase(found);
        const double seconds = std::chrono::duration<double>(now - last_accepted_).count();
        const double rate = 1 / std::clamp(seconds, 0.001, 60.0);
        frames_per_second_ = frames_per_second_ == 0 ? rate : frames_per_second_ * 0.9 + rate * 0.1;
        last_accepted_ = now;
        finish(frame);
        return;
    }
    if (verdict == Verdict::key_rejected) {
        circuit_.refuse(now);
        close_all(Outcome::key_rejected, answer, now);
        return;
    }
    if (attempt.count < max_attempts(verdict)) {
        auto wait = backoff(options_.backoff, attempt.count, rng_);
        if (answer.quota.retry_after) wait = std::max(wait, *answer.quota.retry_after);
        if (now + wait < attempt.frame.deadline) {
            attempt.retry_at = now + wait;
            ++retries_planned_;
            return;
        }
    }
    const Attempt failed = std::move(attempt);
    attempts_.erase(found);
    const Outcome outcome = answer.http == 429             ? Outcome::throttled
                            : answer.http == 0             ? Outcome::transport
                            : verdict == Verdict::rejected ? Outcome::rejected
                                                           : Outcome::transport;
    fail(failed, outcome, answer);
}

void Dispatcher::finish(const OutgoingFrame& frame) {
    if (!frame.is_last_part) return;
    for (const MessageId id : frame.messages) {
        const auto open = open_.find(id);
        if (open == open_.end()) continue;
        if (--open->second.forms == 0) close_message(id, Outcome::accepted, {});
    }
}

void Dispatcher::note_arrival(const Attempt& attempt) {
    // Of a message in parts the last one is sent last: without it nothing has arrived.
    if (!attempt.frame.is_last_part) return;
    for (const MessageId id : attempt.frame.messages) {
        const auto open = open_.find(id);
        if (open != open_.end()) open->second.may_have_arrived = true;
    }
}

void Dispatcher::fail(const Attempt& attempt, Outcome outcome, const CloudError& error) {
    const OutgoingFrame& frame = attempt.frame;
    if (attempt.may_have_arrived) note_arrival(attempt);
    if (frame.seq != 0) ring_.make_void(frame.real_topic, frame.seq);
    if (!frame.is_last_part) outbox_.abandon(frame.real_topic, frame.messages.front());
    for (const MessageId id : frame.messages) close_message(id, outcome, error);
}

void Dispatcher::end(Outcome outcome, core::MonotonicTime now) { close_all(outcome, {}, now); }

const OutgoingFrame* Dispatcher::frame_of(AttemptId attempt) const {
    const auto under_way = under_way_.find(attempt);
    if (under_way == under_way_.end()) return nullptr;
    const auto found = attempts_.find(under_way->second);
    return found == attempts_.end() || found->second.id != attempt ? nullptr : &found->second.frame;
}

void Dispatcher::close_all(Outcome outcome, const CloudError& error, core::MonotonicTime now) {
    outbox_.drop_all(Error::forbidden);
    (void)outbox_.take_dropped();  // told below, with everything that is open
    for (auto& [real_topic, attempt] : attempts_) {
        if (attempt.frame.seq != 0) ring_.make_void(real_topic, attempt.frame.seq);
        // Answers still to come are ignored, but what they took has to be given back.
        if (attempt.is_under_way || attempt.may_have_arrived) note_arrival(attempt);
        if (attempt.is_under_way) {
            budget_.on_answer(request_for(real_topic, attempt.frame.kind), {}, now);
        }
    }
    attempts_.clear();
    under_way_.clear();
    const auto open = std::exchange(open_, {});
    for (const auto& [id, message] : open) {
        const bool is_half_accepted = message.is_twofold && message.forms == 1;
        done_(id, {outcome, error, message.may_have_arrived || is_half_accepted});
    }
}

void Dispatcher::on_key_good(std::string key_owner) {
    key_owner_ = std::move(key_owner);
    circuit_.close();
}

void Dispatcher::report_dropped() {
    for (const Dropped& dropped : outbox_.take_dropped()) {
        const Outcome outcome = dropped.error == Error::replaced            ? Outcome::replaced
                                : dropped.error == Error::message_too_large ? Outcome::too_large
                                                                            : Outcome::expired;
        close_message(dropped.id, outcome, {});
    }
}

void Dispatcher::close_message(MessageId id, Outcome outcome, const CloudError& error) {
    const auto found = open_.find(id);
    if (found == open_.end()) return;  // another form of it has ended before
    const Open open = found->second;
    open_.erase(found);
    const bool is_known = outcome == Outcome::accepted || outcome == Outcome::replaced;
    // The other form, if there is one, may have been accepted, or will be.
    done_(id, {outcome, error, !is_known && (open.may_have_arrived || open.is_twofold)});
}

std::chrono::seconds Dispatcher::drain_time() const noexcept {
    constexpr double kTypicalFrame = 20;  // messages
    const double rate = std::max(frames_per_second_, 0.1);
    const double seconds = static_cast<double>(outbox_.message_count()) / kTypicalFrame / rate;
    return std::chrono::seconds(
        static_cast<std::int64_t>(std::clamp(std::ceil(seconds), 1.0, 300.0)));
}

}  // namespace pulse::roblox
