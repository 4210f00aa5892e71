// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "lease_store.hpp"
#include "nats/nats_address.hpp"
#include "nats/nats_api.hpp"
#include "nats/nats_lease_words.hpp"
#include "nats/nats_link.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <asio/steady_timer.hpp>

#include <pulse/cluster/ownership.hpp>

namespace pulse::cluster {

/// See pulse/cluster/nats_ownership.hpp for what is on NATS. Each node has a copy of what the
/// stream has. It may be behind: whatever is written says what it takes for the last, and looks
/// again when that is refused.
///
/// nats_lease_store.cpp: connecting, and the stream; nats_lease_copy.cpp: what is heard of it;
/// nats_lease_keys.cpp: claiming and giving back; nats_lease_sessions.cpp: renewing and ending.
class NatsLeaseStore final : public LeaseStore {
  public:
    NatsLeaseStore(NatsAddress address, const OwnershipOptions& options,
                   const OwnershipServices& services);
    ~NatsLeaseStore() override;
    NatsLeaseStore(const NatsLeaseStore&) = delete;
    NatsLeaseStore& operator=(const NatsLeaseStore&) = delete;

    void start(LeaseEvents events) override;
    void close() override;
    void renew(const std::string& session, bool is_new,
               std::function<void(std::optional<LeaseRenewal>)> done) override;
    void claim(const std::string& session, const std::vector<LeaseItem>& items,
               std::function<void(std::optional<LeaseAnswer>)> done) override;
    void release(const std::string& session, const std::vector<LeaseItem>& items,
                 std::function<void(bool)> done) override;
    void sweep(std::function<void(std::optional<LeaseSweep>)> done) override;
    void end(const std::string& session) override;

  private:
    using Time = std::chrono::steady_clock::time_point;

    struct Key {
        std::string session;     ///< empty: given back
        std::uint64_t term = 0;  ///< as it was written
        bool is_exact = false;
        std::uint64_t sequence = 0;
    };
    struct Session {
        std::uint64_t sequence = 0;  ///< 0: only its keys were heard of
        bool is_over = false;
        bool is_ended_here = false;  ///< this node is the first to sweep
        Time heard{};                ///< of its last renewal, or its end
        std::unordered_set<std::string> keys{};
    };
    enum class Write { stored, refused, unknown };
    struct Last {
        std::uint64_t sequence = 0;  ///< 0: there is none
        std::string bytes;
    };
    /// One call of claim(), release() or sweep(): done when nothing of it is under way.
    struct Batch {
        std::string session;
        std::vector<LeaseItem> items;
        std::vector<LeaseOwner> owners;
        std::vector<unsigned> attempts;
        std::vector<std::uint64_t> last;  ///< sequence of each key's message, where it was read
        std::size_t left = 0;
        bool is_failed = false;
        bool is_frozen = false;
        std::function<void(Batch&)> done;
    };
    using BatchPtr = std::shared_ptr<Batch>;
    /// A key that nobody has; forgotten, and removed by who gave it back, a lease later.
    struct GivenBack {
        std::string key;
        std::uint64_t sequence = 0;
        Time due{};
        bool is_ours = false;
    };
    struct Renewal {
        std::string session;
        bool is_new = false;
        std::function<void(std::optional<LeaseRenewal>)> done;
    };

    // nats_lease_store.cpp
    void on_up();
    void on_down(std::string_view why);
    void ask_stream();
    void create_stream();
    void take_stream(const nats_lease::StreamInfo& info);
    void listen();
    void on_listening(const NatsMessage* message);
    void on_copied();
    void begin_run();
    void open_later();
    void open();
    void become_ready();
    void watch();
    /// `then` is called once, perhaps when this connection is gone.
    void write(const std::string& subject, std::uint64_t expected, std::string_view bytes,
               std::function<void(Write, std::uint64_t sequence)> then);
    /// Nothing when it is not known.
    void read_last(const std::string& subject, std::function<void(std::optional<Last>)> then);
    /// What was last, and not after it.
    void remove(const std::string& subject, std::uint64_t sequence);
    void warn(std::string_view why);
    template <typename Function>
    void post(Function function);

    // nats_lease_copy.cpp
    void on_delivery(const NatsMessage& message);
    void on_message(const NatsMessage& message);
    void on_caught_up();
    void hear_key(const nats_lease::KeyWord& word, std::uint64_t sequence);
    /// What was written here, or read: it may come before or after it is heard.
    void take_key(const nats_lease::KeyWord& word, std::uint64_t sequence);
    void put_key(const nats_lease::KeyWord& word, std::uint64_t sequence);
    void take_session(const nats_lease::SessionWord& word, std::uint64_t sequence, bool is_here);
    void take_run(const nats_lease::RunWord& word, std::uint64_t sequence);
    void tell_free(const std::string& session);
    void drop_key(const std::string& key);
    void note_given_back(const std::string& key, std::uint64_t sequence, bool is_ours);
    void forget_given_back();
    void forget_copy();
    [[nodiscard]] std::uint64_t term_of(const Key& key) const noexcept;
    [[nodiscard]] LeaseOwner owner_of(const Key& key) const;
    void resume_counting();
    [[nodiscard]] bool is_over(const std::string& session) const;
    /// Nobody's, whoever it may say has it.
    [[nodiscard]] bool is_free(const Key& key) const;
    [[nodiscard]] Session& session_of(const std::string& name);
    [[nodiscard]] std::string key_subject(std::string_view key) const;
    [[nodiscard]] std::string session_subject(std::string_view session) const;

    // nats_lease_keys.cpp
    [[nodiscard]] static BatchPtr make_batch(const std::string& session,
                                             const std::vector<LeaseItem>& items,
                                             std::function<void(Batch&)> done);
    void settle(const BatchPtr& batch);
    void claim_one(const BatchPtr& batch, std::size_t i);
    [[nodiscard]] bool may_take(const Batch& batch, std::size_t i, const Key* known,
                                nats_lease::KeyWord& word) const;
    void give_back_one(const BatchPtr& batch, std::size_t i);
    void look_again(const BatchPtr& batch, std::size_t i, const std::string& subject,
                    void (NatsLeaseStore::*again)(const BatchPtr&, std::size_t));

    // nats_lease_sessions.cpp
    void begin_renewal();
    void send_renewal(const std::string& session, bool is_new, unsigned attempt);
    void after_refusal(const std::string& session, bool is_new, unsigned attempt);
    void answer_renewals(std::optional<LeaseRenewal> answer);
    void end_silent(const BatchPtr& batch, const std::string& name);
    [[nodiscard]] bool is_due(const Session& session, Time now) const noexcept;
    [[nodiscard]] LeaseSweep next_sweep() const;
    [[nodiscard]] std::chrono::milliseconds frozen() const;

    core::Rng& rng_;
    core::Log& log_;
    asio::io_context& io_;
    const std::chrono::milliseconds lease_;
    const std::chrono::milliseconds heartbeat_;
    const std::size_t replicas_;
    const std::string root_;
    const std::string stream_;
    const std::string front_;  ///< of all subjects of the stream
    LeaseEvents events_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  ///< for handlers that come late

    // This connection
    std::uint64_t connection_ = 0;
    std::string ear_;              ///< where the stream's consumer sends to
    std::uint64_t place_ = 0;      ///< of what it sent last
    std::uint64_t delivered_ = 0;  ///< sequence of that
    Time heard_{};                 ///< from it
    Time waits_since_{};           ///< to be ready, or for the answer to a renewal
    bool is_replicated_ = false;   ///< the stream
    std::uint64_t last_ = 0;       ///< what it had when this node connected
    bool is_listening_ = false;    ///< the consumer is there
    bool is_whole_ = false;        ///< the copy
    bool is_caught_up_ = false;    ///< with what the stream had
    bool is_ready_ = false;
    bool is_closed_ = false;

    // The copy
    std::unordered_map<std::string, Key> keys_;
    std::unordered_map<std::string, Session> sessions_;
    std::unordered_map<std::string, std::pair<std::uint64_t, Time>> heard_before_;
    std::deque<GivenBack> given_back_;
    std::string run_;
    std::string run_before_;  ///< of `heard_before_`
    std::uint64_t base_ = 0;
    std::uint64_t run_sequence_ = 0;
    std::uint64_t begin_ =
        0;  ///< of the run: what is before it was written by who did not know of it
    Time run_heard_{};
    bool is_open_ = false;
    std::uint64_t max_term_ = 0;

    std::string own_session_;        ///< the last that was renewed here
    std::vector<Renewal> renewals_;  ///< to be asked for together, when those below are answered
    std::vector<Renewal> renewing_;  ///< of one session; empty: nothing is under way
    asio::steady_timer open_timer_;
    asio::steady_timer watch_timer_;
    std::unique_ptr<NatsLink> link_;
};

}  // namespace pulse::cluster
