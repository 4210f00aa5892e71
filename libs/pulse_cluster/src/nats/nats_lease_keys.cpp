// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Claiming and giving back, each key by a message of its own, many at a time.
//
// That the session is alive is read after everything has been written. So what was written was
// written while it was alive, and to the stream that the session is in.
#include "nats/nats_lease_store.hpp"

#include <algorithm>

namespace pulse::cluster {

using nats_lease::KeyWord;

namespace {

/// Of one key in one call: somebody else is faster each time.
constexpr unsigned kMaxAttempts = 16;

[[nodiscard]] std::string_view node_of(std::string_view session) noexcept {
    return session.substr(0, session.rfind('/') + 1);
}

}  // namespace

NatsLeaseStore::BatchPtr NatsLeaseStore::make_batch(const std::string& session,
                                                    const std::vector<LeaseItem>& items,
                                                    std::function<void(Batch&)> done) {
    auto batch = std::make_shared<Batch>();
    batch->session = session;
    batch->items = items;
    batch->owners.resize(items.size());
    batch->attempts.resize(items.size());
    batch->last.resize(items.size());
    batch->left = items.size() + 1;  // for who begins it
    batch->done = std::move(done);
    return batch;
}

void NatsLeaseStore::settle(const BatchPtr& batch) {
    if (--batch->left == 0) std::exchange(batch->done, {})(*batch);
}

// -------------------------------------------------------------------- claiming

void NatsLeaseStore::claim(const std::string& session, const std::vector<LeaseItem>& items,
                           std::function<void(std::optional<LeaseAnswer>)> done) {
    if (!is_ready_) return done(std::nullopt);
    const BatchPtr batch = make_batch(session, items, [this, done = std::move(done)](Batch& over) {
        if (over.is_failed) return done(std::nullopt);
        LeaseAnswer answer;
        answer.frozen = over.is_frozen ? std::max(frozen(), std::chrono::milliseconds(1))
                                       : std::chrono::milliseconds(0);
        answer.owners = std::move(over.owners);
        read_last(session_subject(over.session),
                  [this, done, session = over.session,
                   answer = std::move(answer)](const std::optional<Last>& last) mutable {
                      if (!last) return done(std::nullopt);
                      const auto word = nats_lease::read_session(last->bytes);
                      answer.is_alive = word && word->is_alive && word->session == session;
                      done(std::move(answer));
                  });
    });
    for (std::size_t i = 0; i < items.size(); ++i) claim_one(batch, i);
    settle(batch);
}

/// Whether it may be this session's; `word` says how.
bool NatsLeaseStore::may_take(const Batch& batch, std::size_t i, const Key* known,
                              KeyWord& word) const {
    const std::uint64_t held = batch.items[i].held_term;
    if (!is_open_) {
        const bool is_somebodys =
            known != nullptr && !known->session.empty() && known->sequence >= begin_;
        const std::uint64_t term = is_somebodys ? term_of(*known) : 0;
        const bool is_own =
            is_somebodys && term == held && node_of(known->session) == node_of(batch.session);
        word.term = held;
        word.is_exact = true;
        return held > 0 && (!is_somebodys || term < held || is_own);
    }
    word.term = max_term_ + 1;
    if (known != nullptr) word.term = std::max(word.term, term_of(*known) + 1);
    return known == nullptr || is_free(*known);
}

void NatsLeaseStore::claim_one(const BatchPtr& batch, std::size_t i) {
    const std::string& key = batch->items[i].key;
    const std::string subject = key_subject(key);
    if (subject.empty()) return settle(batch);  // too long
    const auto found = keys_.find(key);
    const Key* const known = found == keys_.end() ? nullptr : &found->second;
    KeyWord word{batch->session, 0, false, connection_, key};
    const bool is_mine =
        known != nullptr && known->session == batch->session && known->sequence >= begin_;
    if (is_mine || !may_take(*batch, i, known, word)) {
        if (known != nullptr) batch->owners[i] = owner_of(*known);
        if (!is_mine && !is_open_) batch->is_frozen = true;
        return settle(batch);
    }
    // What was read counts: a key that was given back may be gone by now, and the copy cannot tell.
    const bool is_read = batch->attempts[i] > 0;
    const std::uint64_t copied = known != nullptr ? known->sequence : 0;
    const std::uint64_t expected = is_read ? batch->last[i] : copied;
    write(subject, expected, nats_lease::write(word),
          [this, batch, i, word, subject](Write result, std::uint64_t sequence) {
              if (result == Write::refused) {
                  return look_again(batch, i, subject, &NatsLeaseStore::claim_one);
              }
              if (result == Write::unknown) {
                  batch->is_failed = true;
              } else {
                  take_key(word, sequence);
                  const Key mine{word.session, word.term, word.is_exact, sequence};
                  batch->owners[i] = {word.session, term_of(mine)};
              }
              settle(batch);
          });
}

/// After a refusal. `again` goes on with what is there.
void NatsLeaseStore::look_again(const BatchPtr& batch, std::size_t i, const std::string& subject,
                                void (NatsLeaseStore::*again)(const BatchPtr&, std::size_t)) {
    if (++batch->attempts[i] > kMaxAttempts) {
        batch->is_failed = true;
        return settle(batch);
    }
    read_last(subject, [this, batch, i, again](const std::optional<Last>& last) {
        if (!last) {
            batch->is_failed = true;
            return settle(batch);
        }
        const std::string& key = batch->items[i].key;
        batch->last[i] = last->sequence;
        const auto word = nats_lease::read_key(last->bytes);
        const auto found = keys_.find(key);
        if (word && word->key == key) {
            take_key(*word, last->sequence);
        } else if (found != keys_.end() && found->second.sequence <= delivered_) {
            // It is not there any more. What is newer stays: older ones would be taken for the
            // last.
            drop_key(key);
        }
        (this->*again)(batch, i);
    });
}

// ----------------------------------------------------------------- giving back

void NatsLeaseStore::release(const std::string& session, const std::vector<LeaseItem>& items,
                             std::function<void(bool)> done) {
    if (!is_ready_) return done(false);
    const BatchPtr batch = make_batch(
        session, items, [done = std::move(done)](const Batch& over) { done(!over.is_failed); });
    for (std::size_t i = 0; i < items.size(); ++i) give_back_one(batch, i);
    settle(batch);
}

void NatsLeaseStore::give_back_one(const BatchPtr& batch, std::size_t i) {
    const std::string& key = batch->items[i].key;
    const auto found = keys_.find(key);
    if (found == keys_.end() || found->second.session != batch->session) return settle(batch);
    const std::uint64_t expected = found->second.sequence;
    const KeyWord word{{}, term_of(found->second), true, connection_, key};
    const std::string subject = key_subject(key);
    write(subject, expected, nats_lease::write(word),
          [this, batch, i, word, subject](Write result, std::uint64_t sequence) {
              if (result == Write::refused) {
                  return look_again(batch, i, subject, &NatsLeaseStore::give_back_one);
              }
              if (result == Write::unknown) {
                  batch->is_failed = true;
              } else {
                  take_key(word, sequence);
                  note_given_back(word.key, sequence, true);
              }
              settle(batch);
          });
}

}  // namespace pulse::cluster
