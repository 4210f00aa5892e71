// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ownership over any store of leases: the session of this node, and what is known of each key that
// is claimed here.
#pragma once

#include "lease_store.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <pulse/cluster/ownership.hpp>

namespace pulse::cluster {

/// One claim: told by the loop, ended by whoever has the handle. **Thread-safe.**
class Claimant {
  public:
    explicit Claimant(core::Ownership::Changed changed) : changed_(std::move(changed)) {}
    void tell(const core::Owner& owner);
    /// Waits for a call under way, unless it is that call which ends it.
    void end();

  private:
    std::mutex mutex_;
    std::mutex calling_;  ///< held during a call
    std::thread::id caller_;
    bool is_ended_ = false;
    core::Ownership::Changed changed_;
};

/// State belongs to the loop's thread, but for what says otherwise.
class LeaseOwnership : public std::enable_shared_from_this<LeaseOwnership> {
  public:
    LeaseOwnership(std::unique_ptr<LeaseStore> store, OwnershipOptions options,
                   const OwnershipServices& services);

    // From any thread.

    void start();
    void close();
    [[nodiscard]] core::Ownership::Claim claim(std::string key, core::Ownership::Changed changed);
    [[nodiscard]] const std::string& node() const noexcept { return options_.node; }
    [[nodiscard]] OwnershipStats stats() const;
    [[nodiscard]] std::string obstacle() const;

  private:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;

    struct Entry {
        std::vector<std::shared_ptr<Claimant>> claimants;
        std::string owner;       ///< the node; empty: nobody, or not known
        std::uint64_t term = 0;  ///< the highest heard of
        bool is_mine = false;
        /// Is mine, but the store has not said so for the session that is now.
        bool is_carried = false;
        /// The store may have it as this session's.
        bool is_held = false;
        bool is_queued = false;
        bool is_busy = false;   ///< asked about, and not answered
        bool is_again = false;  ///< to be asked about once more, then
    };
    using Entries = std::unordered_map<std::string, Entry>;
    using Items = std::vector<LeaseItem>;

    template <typename Function>
    void post(Function function) {
        asio::post(io_, [self = shared_from_this(), function = std::move(function)]() mutable {
            if (!self->is_closed_) function(*self);
        });
    }

    // lease_ownership.cpp: keys
    void add(const std::string& key, const std::shared_ptr<Claimant>& claimant);
    void remove(const std::string& key, const std::shared_ptr<Claimant>& claimant);
    void enqueue(const std::string& key, Entry& entry);
    void enqueue_unsettled();
    void pump_soon();
    void pump();
    void ask(Items items);
    void give_back(Items items);
    void on_answer(const std::string& session, const Items& items,
                   const std::optional<LeaseAnswer>& answer);
    void settle(Entry& entry, const LeaseOwner& owner);
    void on_given_back(const std::string& session, const Items& items, bool is_done);
    void on_changed(std::string_view key, const LeaseOwner& owner);
    void on_late(std::string_view key);
    void become_mine(Entry& entry, std::uint64_t term);
    void become_others(Entry& entry, const LeaseOwner& owner);
    void lose(Entry& entry);
    void tell(const Entry& entry) const;
    [[nodiscard]] core::Owner shown(const Entry& entry) const;
    [[nodiscard]] bool needs_asking(const Entry& entry) const noexcept;

    // lease_session.cpp: the session
    void on_state(bool can_ask, bool can_hear, std::string_view run, std::string_view why);
    void begin_session();
    void renew();
    void renew_regularly();
    void on_renewed(Time asked, const LeaseRenewal& renewal);
    void carry_over();
    void carried();
    void extend();
    void lapse(std::string_view why);
    void watch_deadline();
    void freeze(std::chrono::milliseconds wait);
    void sweep();
    void sweep_after(std::chrono::milliseconds wait);
    void show_state(std::string_view why);

    asio::io_context& io_;
    core::Rng& rng_;
    core::Log& log_;
    const OwnershipOptions options_;
    std::unique_ptr<LeaseStore> store_;
    Entries entries_;
    std::deque<std::string> queue_;
    std::size_t in_flight_ = 0;  ///< batches
    bool is_pump_due_ = false;

    std::string session_;
    std::string run_;           ///< that knows the session
    std::string seen_run_;      ///< at the other end of the connection
    bool is_new_ = true;        ///< the session has not been confirmed
    bool is_doubtful_ = false;  ///< with the next renewal all that is not settled is asked again
    Time deadline_{};           ///< of what is mine
    Time renewed_until_{};      ///< of the session; they differ while keys are carried over
    std::size_t carried_ = 0;
    Time frozen_until_{};
    bool can_ask_ = false;
    bool can_hear_ = false;
    bool is_sweeping_ = false;
    bool is_sweep_again_ = false;
    std::string logged_why_;
    asio::steady_timer renew_timer_;
    asio::steady_timer deadline_timer_;
    asio::steady_timer frozen_timer_;
    asio::steady_timer sweep_timer_;

    std::atomic<bool> is_closed_{false};
    mutable std::mutex mutex_;
    std::string why_down_ = "not connected yet";  ///< under the mutex
    std::atomic<bool> is_up_{false};
    std::atomic<std::size_t> claimed_{0};
    std::atomic<std::size_t> owned_{0};
    std::atomic<std::uint64_t> gained_{0};
    std::atomic<std::uint64_t> given_{0};
    std::atomic<std::uint64_t> lost_{0};
    std::atomic<std::uint64_t> lapses_{0};
    std::atomic<std::uint64_t> renewals_{0};
    std::atomic<std::uint64_t> kept_{0};
};

/// With what is not set, and within what is sensible.
[[nodiscard]] OwnershipOptions completed(OwnershipOptions options, core::Rng& rng);

/// The handle that users hold. `store` is not started yet.
[[nodiscard]] std::shared_ptr<ClusterOwnership> make_lease_ownership(
    std::unique_ptr<LeaseStore> store, OwnershipOptions options, const OwnershipServices& services);

}  // namespace pulse::cluster
