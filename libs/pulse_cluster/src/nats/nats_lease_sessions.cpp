// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sessions are renewed and ended by messages of one subject, each on condition of the last. One
// that has ended is never alive again: a node begins another one.
#include "nats/nats_lease_store.hpp"

#include <algorithm>

namespace pulse::cluster {

using nats_lease::SessionWord;
using std::chrono::milliseconds;

namespace {

/// Of one renewal: only what was sent on an earlier connection, and done late, is in its way.
constexpr unsigned kMaxAttempts = 8;
/// Keys that one sweep removes at most.
constexpr std::size_t kKeysPerSweep = 256;
/// Until something is looked at again that is not settled.
constexpr milliseconds kSoon{10};

}  // namespace

milliseconds NatsLeaseStore::frozen() const {
    if (is_open_) return milliseconds(0);
    const auto left = run_heard_ + lease_ - std::chrono::steady_clock::now();
    return std::max(std::chrono::ceil<milliseconds>(left), kSoon);
}

// -------------------------------------------------------------------- renewing

void NatsLeaseStore::renew(const std::string& session, bool is_new,
                           std::function<void(std::optional<LeaseRenewal>)> done) {
    if (!is_ready_) return done(std::nullopt);
    renewals_.push_back({session, is_new, std::move(done)});
    if (renewing_.empty()) begin_renewal();
}

/// What waits is written after it was asked for, so that nobody counts from a later moment.
void NatsLeaseStore::begin_renewal() {
    const std::string session = renewals_.front().session;
    bool is_new = false;
    std::vector<Renewal> others;
    for (Renewal& each : renewals_) {
        const bool is_its = each.session == session;
        if (is_its) is_new |= each.is_new;
        (is_its ? renewing_ : others).push_back(std::move(each));
    }
    renewals_ = std::move(others);
    own_session_ = session;
    waits_since_ = std::chrono::steady_clock::now();
    send_renewal(session, is_new, 1);
}

void NatsLeaseStore::send_renewal(const std::string& session, bool is_new, unsigned attempt) {
    const auto found = sessions_.find(session);
    const std::uint64_t last = found == sessions_.end() ? 0 : found->second.sequence;
    const bool has_ended = last == 0 ? !is_new : found->second.is_over;
    if (has_ended) return answer_renewals(LeaseRenewal{false, frozen()});
    const SessionWord word{true, connection_, session};
    write(session_subject(session), last, nats_lease::write(word),
          [this, word, is_new, attempt](Write result, std::uint64_t sequence) {
              if (result == Write::unknown) return;  // on_down() answers
              if (result == Write::refused) return after_refusal(word.session, is_new, attempt);
              take_session(word, sequence, false);
              answer_renewals(LeaseRenewal{true, frozen()});
          });
}

void NatsLeaseStore::after_refusal(const std::string& session, bool is_new, unsigned attempt) {
    read_last(session_subject(session), [this, session, is_new,
                                         attempt](const std::optional<Last>& last) {
        if (!last) return;
        const auto word = nats_lease::read_session(last->bytes);
        if (word && word->session == session) {
            take_session(*word, last->sequence, false);
        } else if (!is_new) {
            return link_->restart("stream " + stream_ + ": this node's session is not there");
        }
        if (attempt >= kMaxAttempts) {
            return link_->restart("stream " + stream_ + ": the session cannot be renewed");
        }
        send_renewal(session, is_new, attempt + 1);
    });
}

void NatsLeaseStore::answer_renewals(std::optional<LeaseRenewal> answer) {
    auto answered = std::exchange(renewing_, {});
    if (!answer) {
        for (Renewal& each : renewals_) answered.push_back(std::move(each));
        renewals_.clear();
    }
    // Whoever is answered may ask again.
    for (const Renewal& each : answered) each.done(answer);
    if (is_ready_ && renewing_.empty() && !renewals_.empty()) begin_renewal();
}

// ---------------------------------------------------------------------- ending

void NatsLeaseStore::end(const std::string& session) {
    // Without a condition: whatever this node has sent before comes before it.
    if (is_ready_)
        link_->publish(session_subject(session), nats_lease::write(SessionWord{false, 0, session}));
}

/// It ended here a lease ago, or this node was told by nobody else who would do it.
bool NatsLeaseStore::is_due(const Session& session, Time now) const noexcept {
    return session.is_ended_here || session.heard + lease_ <= now;
}

void NatsLeaseStore::sweep(std::function<void(std::optional<LeaseSweep>)> done) {
    if (!is_ready_) return done(std::nullopt);
    if (!is_open_) return done(LeaseSweep{false, frozen()});
    const Time now = std::chrono::steady_clock::now();
    std::vector<std::string> silent;
    std::vector<std::pair<std::string, std::uint64_t>> empty;
    std::string swept;
    std::vector<LeaseItem> items;
    for (const auto& [name, session] : sessions_) {
        if (!is_due(session, now)) continue;
        if (!session.is_over) {
            if (name != own_session_) silent.push_back(name);
        } else if (session.keys.empty()) {
            // Until then it may be that not all have heard of its end.
            if (session.heard + lease_ <= now) empty.emplace_back(name, session.sequence);
        } else if (swept.empty()) {
            swept = name;
            for (const std::string& key : session.keys) {
                if (items.size() == kKeysPerSweep) break;
                items.push_back({key, 0});
            }
        }
    }
    for (const auto& [name, sequence] : empty) {
        remove(session_subject(name), sequence);
        sessions_.erase(name);
    }
    const BatchPtr batch =
        make_batch(swept, items, [this, done = std::move(done)](const Batch& over) {
            over.is_failed ? done(std::nullopt) : done(next_sweep());
        });
    batch->left += silent.size();
    for (std::size_t i = 0; i < items.size(); ++i) give_back_one(batch, i);
    for (const std::string& name : silent) end_silent(batch, name);
    settle(batch);
}

void NatsLeaseStore::end_silent(const BatchPtr& batch, const std::string& name) {
    const SessionWord word{false, 0, name};
    write(session_subject(name), session_of(name).sequence, nats_lease::write(word),
          [this, batch, word](Write result, std::uint64_t sequence) {
              if (result == Write::unknown) batch->is_failed = true;
              if (result == Write::stored) take_session(word, sequence, true);
              if (result != Write::refused) return settle(batch);
              // It was renewed, or somebody else was faster.
              read_last(session_subject(word.session),
                        [this, batch, name = word.session](const std::optional<Last>& last) {
                            if (!last) {
                                batch->is_failed = true;
                                return settle(batch);
                            }
                            const auto found = nats_lease::read_session(last->bytes);
                            Session& session = session_of(name);
                            if (found && found->session == name) {
                                take_session(*found, last->sequence, false);
                            } else if (session.keys.empty()) {
                                sessions_.erase(name);
                            } else {
                                // It is not there any more: for all that is known it has a lease
                                // left.
                                session.sequence = 0;
                                session.heard = std::chrono::steady_clock::now();
                            }
                            settle(batch);
                        });
          });
}

LeaseSweep NatsLeaseStore::next_sweep() const {
    const Time now = std::chrono::steady_clock::now();
    LeaseSweep out{false, lease_};
    for (const auto& [name, session] : sessions_) {
        if (name == own_session_ && !session.is_over) continue;
        const bool has_keys = session.is_over && !session.keys.empty();
        const bool is_now = has_keys ? is_due(session, now) : session.heard + lease_ <= now;
        if (is_now && has_keys) out.has_more = true;
        const auto left = std::chrono::ceil<milliseconds>(session.heard + lease_ - now);
        out.wait = std::min(out.wait, is_now ? kSoon : std::max(left, milliseconds(1)));
    }
    return out;
}

}  // namespace pulse::cluster
