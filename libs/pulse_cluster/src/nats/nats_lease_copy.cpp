// SPDX-License-Identifier: MIT OR Apache-2.0
//
// This node's copy of the stream: first all that is there, then what comes, in the stream's order.
// What this node writes is in it when it is acknowledged, which may be before it is heard.
#include "nats/nats_lease_store.hpp"
#include "nats/nats_names.hpp"

#include <algorithm>
#include <charconv>

namespace pulse::cluster {

using nats_lease::KeyWord;
using nats_lease::RunWord;
using nats_lease::SessionWord;

namespace {

/// Keys that were given back and are still known.
constexpr std::size_t kMaxGivenBack = 100'000;

}  // namespace

std::string NatsLeaseStore::key_subject(std::string_view key) const {
    const std::string token = subject_token(key);
    return token.empty() ? token : front_ + "k." + token;
}

std::string NatsLeaseStore::session_subject(std::string_view session) const {
    return front_ + "s." + subject_token(session);
}

void NatsLeaseStore::forget_copy() {
    for (const auto& [name, session] : sessions_) {
        if (session.is_over || session.sequence == 0) continue;
        auto& before = heard_before_[name];
        if (before.first != session.sequence) before = {session.sequence, session.heard};
    }
    keys_.clear();
    sessions_.clear();
    given_back_.clear();
    place_ = delivered_ = run_sequence_ = base_ = begin_ = 0;
    is_open_ = false;
    is_listening_ = is_whole_ = is_caught_up_ = false;
}

/// The copy is whole: sessions that were not renewed since this node was connected before have been
/// silent since then.
void NatsLeaseStore::resume_counting() {
    const auto before = std::exchange(heard_before_, {});
    if (run_ == run_before_) {
        for (const auto& [name, heard] : before) {
            const auto found = sessions_.find(name);
            if (found == sessions_.end() || found->second.sequence != heard.first) continue;
            found->second.heard = std::min(found->second.heard, heard.second);
        }
    }
    run_before_ = run_;
    for (const auto& [name, key] : keys_) max_term_ = std::max(max_term_, term_of(key));
}

// --------------------------------------------------------------------- hearing

void NatsLeaseStore::on_delivery(const NatsMessage& message) {
    const auto delivery = nats_api::read_delivery(message.reply());
    std::string_view subject = message.subject();
    if (!delivery || !subject.starts_with(front_)) return;
    if (delivery->place != place_ + 1) {
        return link_->restart("stream " + stream_ + ": something was lost on the way");
    }
    place_ = delivery->place;
    delivered_ = delivery->sequence;
    heard_ = std::chrono::steady_clock::now();
    if (!is_caught_up_) waits_since_ = heard_;  // it goes on
    // 2.9 does not always count what is pending down to the end.
    const bool is_all = delivery->pending == 0 || delivered_ >= last_;
    subject.remove_prefix(front_.size());
    if (subject.starts_with("k.")) {
        // Only nodes write here; what is under another key's name is nobody's.
        const auto word = nats_lease::read_key(message.data());
        if (word && subject.substr(2) == subject_token(word->key)) hear_key(*word, delivered_);
    } else if (subject.starts_with("s.")) {
        const auto word = nats_lease::read_session(message.data());
        if (word && subject.substr(2) == subject_token(word->session)) {
            take_session(*word, delivered_, false);
        }
    } else if (const auto word = nats_lease::read_run(message.data())) {
        take_run(*word, delivered_);
    }
    if (is_all) on_caught_up();
}

void NatsLeaseStore::on_caught_up() {
    is_caught_up_ = true;
    if (is_listening_) on_copied();
}

/// The consumer's heartbeats, when nothing else comes: they tell what came last.
void NatsLeaseStore::on_message(const NatsMessage& message) {
    if (message.subject() != ear_) return;
    const std::string_view text = message.header("Nats-Last-Consumer");
    std::uint64_t last = 0;
    const char* const end = text.data() + text.size();
    if (text.empty() || std::from_chars(text.data(), end, last).ptr != end) return;
    heard_ = std::chrono::steady_clock::now();
    if (last != place_) {
        return link_->restart("stream " + stream_ + ": something was lost on the way");
    }
    on_caught_up();
}

// ------------------------------------------------------------------------ keys

std::uint64_t NatsLeaseStore::term_of(const Key& key) const noexcept {
    return key.is_exact ? key.term : std::max(key.term, base_ + key.sequence);
}

bool NatsLeaseStore::is_over(const std::string& session) const {
    const auto found = sessions_.find(session);
    return found != sessions_.end() && found->second.is_over;
}

LeaseOwner NatsLeaseStore::owner_of(const Key& key) const {
    return {is_free(key) ? std::string() : key.session, term_of(key)};
}

bool NatsLeaseStore::is_free(const Key& key) const {
    return key.session.empty() || is_over(key.session) || key.sequence < begin_;
}

NatsLeaseStore::Session& NatsLeaseStore::session_of(const std::string& name) {
    const auto [place, is_new] = sessions_.try_emplace(name);
    // Nothing of it is there but its keys: it may believe to be alive for as long as any.
    if (is_new) place->second.heard = std::chrono::steady_clock::now();
    return place->second;
}

void NatsLeaseStore::drop_key(const std::string& key) {
    const auto found = keys_.find(key);
    if (found == keys_.end()) return;
    const auto session = sessions_.find(found->second.session);
    if (session != sessions_.end()) session->second.keys.erase(key);
    keys_.erase(found);
}

void NatsLeaseStore::put_key(const KeyWord& word, std::uint64_t sequence) {
    drop_key(word.key);
    const Key key{word.session, word.term, word.is_exact, sequence};
    if (run_sequence_ != 0) max_term_ = std::max(max_term_, term_of(key));
    if (word.session.empty()) note_given_back(word.key, sequence, false);
    if (!word.session.empty()) session_of(word.session).keys.insert(word.key);
    keys_.emplace(word.key, key);
}

/// A consumer passes over what is removed before it has come so far. So that all hear of it, it
/// stays for as long as a node may be behind without losing its session.
void NatsLeaseStore::note_given_back(const std::string& key, std::uint64_t sequence, bool is_ours) {
    given_back_.push_back({key, sequence, std::chrono::steady_clock::now() + lease_, is_ours});
    if (given_back_.size() <= kMaxGivenBack) return;
    given_back_.front().due = {};
    forget_given_back();
}

void NatsLeaseStore::forget_given_back() {
    const Time now = std::chrono::steady_clock::now();
    while (!given_back_.empty() && given_back_.front().due <= now) {
        const GivenBack gone = std::move(given_back_.front());
        given_back_.pop_front();
        const auto found = keys_.find(gone.key);
        if (found != keys_.end() && found->second.sequence == gone.sequence) keys_.erase(found);
        if (gone.is_ours) remove(key_subject(gone.key), gone.sequence);
    }
}

void NatsLeaseStore::hear_key(const KeyWord& word, std::uint64_t sequence) {
    const auto found = keys_.find(word.key);
    const std::uint64_t known = found == keys_.end() ? 0 : found->second.sequence;
    if (known > sequence) return;
    const bool is_new = known < sequence;
    if (is_new) put_key(word, sequence);
    if (!is_ready_) {
        // Whoever has left it may not be there any more.
        if (word.session.empty()) note_given_back(word.key, sequence, true);
        return;
    }
    const bool is_late = is_new && !word.session.empty() && word.session == own_session_ &&
                         word.connection < connection_;
    if (is_late) return events_.on_late(word.key);
    events_.on_changed(word.key, owner_of({word.session, word.term, word.is_exact, sequence}));
}

void NatsLeaseStore::take_key(const KeyWord& word, std::uint64_t sequence) {
    const auto found = keys_.find(word.key);
    // All up to `delivered_` has been heard: what is not there by now is gone again.
    if (found == keys_.end() && sequence <= delivered_) return;
    if (found != keys_.end() && found->second.sequence >= sequence) return;
    put_key(word, sequence);
}

// -------------------------------------------------------------------- sessions

void NatsLeaseStore::take_session(const SessionWord& word, std::uint64_t sequence, bool is_here) {
    Session& session = session_of(word.session);
    if (session.sequence >= sequence) return;
    session.sequence = sequence;
    session.heard = std::chrono::steady_clock::now();
    session.is_over = !word.is_alive;
    session.is_ended_here = is_here && session.is_over;
    if (!session.is_over || !is_ready_) return;
    const std::string name = word.session;
    tell_free(name);
    events_.on_ended();
}

/// Its keys are anybody's from now on, though they are still there under its name.
void NatsLeaseStore::tell_free(const std::string& name) {
    const auto found = sessions_.find(name);
    if (found == sessions_.end()) return;
    // Whoever is told may change everything.
    std::vector<std::pair<std::string, std::uint64_t>> freed;
    for (const std::string& key : found->second.keys) {
        const auto at = keys_.find(key);
        if (at != keys_.end()) freed.emplace_back(key, term_of(at->second));
        // It will learn the rest from its next renewal.
        if (name == own_session_) break;
    }
    for (const auto& [key, term] : freed) events_.on_changed(key, {{}, term});
}

void NatsLeaseStore::take_run(const RunWord& word, std::uint64_t sequence) {
    if (sequence <= run_sequence_) return;
    if (is_ready_ && word.run != run_) {
        return link_->restart("stream " + stream_ + ": it has begun anew");
    }
    if (word.run != run_) run_heard_ = std::chrono::steady_clock::now();
    run_ = word.run;
    run_sequence_ = sequence;
    base_ = word.base;
    begin_ = word.is_open ? word.begin : sequence;
    is_open_ = word.is_open;
    if (is_whole_ && !is_ready_) become_ready();
}

}  // namespace pulse::cluster
