// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The broker over any backend: the queue of publications, who listens to what, and what to do about
// what was missed.
#pragma once

#include "backend.hpp"
#include "envelope.hpp"
#include "shared_presence.hpp"

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <pulse/cluster/broker.hpp>

namespace pulse::cluster {

struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const noexcept {
        return std::hash<std::string_view>{}(name);
    }
};
template <typename Value>
using ByName = std::unordered_map<std::string, Value, NameHash, std::equal_to<>>;

/// The listeners of one broker. Whoever detaches has waited for a call under way.
class Listeners {
  public:
    void add(core::BrokerListener* listener);
    void remove(core::BrokerListener* listener);
    [[nodiscard]] bool has_interest(std::string_view channel) const;
    template <typename Function>
    void for_each(Function&& function) const {
        const std::shared_lock lock(mutex_);
        for (core::BrokerListener* listener : listeners_) function(*listener);
    }

  private:
    mutable std::shared_mutex mutex_;
    std::vector<core::BrokerListener*> listeners_;
};

/// What both sides count.
struct Counters {
    std::atomic<bool> is_up{false};
    std::atomic<std::uint64_t> published{0};
    std::atomic<std::uint64_t> failed{0};
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> commands{0};
    std::atomic<std::uint64_t> received{0};
    std::atomic<std::uint64_t> malformed{0};
    std::atomic<std::uint64_t> recovered{0};
    std::atomic<std::uint64_t> gaps{0};
    std::atomic<std::uint64_t> connects{0};
    std::atomic<std::size_t> waiting{0};
    std::atomic<std::size_t> waiting_bytes{0};
    std::atomic<std::size_t> channels{0};
};

/// State belongs to the loop's thread, but for what says otherwise.
class BackendBroker : public std::enable_shared_from_this<BackendBroker> {
  public:
    BackendBroker(std::unique_ptr<Backend> backend, BrokerOptions options,
                  const BrokerServices& services, const NodeId& node);
    ~BackendBroker();

    // From any thread.

    void start();
    /// Ends it; nothing is called any more once the loop has seen it.
    void close();
    void attach(core::BrokerListener& listener) { listeners_.add(&listener); }
    void detach(core::BrokerListener& listener);
    /// Error: not accepted; `done` (may be null) is then left alone, else taken.
    [[nodiscard]] std::error_code publish(const core::PublicationView& publication,
                                          core::Broker::Published* done);
    void interest_changed(std::string_view channel);
    void when_listening(std::string_view channel, std::function<void()> done);
    void read(std::string_view channel, const core::StreamPosition* since, std::size_t limit,
              core::HistoryReader::Done done);
    [[nodiscard]] bool keeps_history() const noexcept { return keeps_history_; }
    /// Null when members are each node's own.
    [[nodiscard]] core::PresenceStore* presence() noexcept { return presence_.get(); }
    [[nodiscard]] MailCarrier& mail() noexcept { return mail_; }
    [[nodiscard]] bool is_healthy() const noexcept { return counters_.is_up.load(); }
    [[nodiscard]] BrokerStats stats() const;
    [[nodiscard]] std::string obstacle() const;

  private:
    using Clock = std::chrono::steady_clock;
    class Mail final : public MailCarrier {
      public:
        Mail(BackendBroker& broker, const NodeId& node);
        [[nodiscard]] const std::string& node() const noexcept override { return node_; }
        void listen(OnTold on_told) override;
        [[nodiscard]] bool tell(const std::string& node, const std::string& bytes) override;
        [[nodiscard]] std::size_t unsent_bytes() const noexcept override;
        [[nodiscard]] std::size_t max_bytes() const noexcept override;

      private:
        friend class BackendBroker;
        BackendBroker& broker_;
        const std::string node_;
        OnTold on_told_;
    };
    struct Waiting {
        std::string channel;
        std::string record;
        core::Broker::Published done;
        core::HistoryPolicy policy;
        Clock::time_point since;
        [[nodiscard]] std::size_t cost() const noexcept;
    };
    struct Batch {
        std::vector<core::Broker::Published> done;
        std::size_t publications = 0;
        std::size_t cost = 0;
    };
    /// Of a channel that is behind: what it missed is on its way, what comes meanwhile is held.
    struct CatchUp {
        std::vector<std::string> held;
        std::size_t held_bytes = 0;
        bool is_queued = false;  ///< in behind_
        bool is_reading = false;
        bool is_overflowed = false;
        std::vector<std::function<void()>> after;
    };
    struct Channel {
        bool is_listening = false;
        std::vector<std::function<void()>> waiting;  ///< for that
        core::StreamPosition position;               ///< of the last publication delivered
        std::unique_ptr<CatchUp> catch_up;
    };

    template <typename Function>
    void post(Function function) {
        asio::post(io_, [self = shared_from_this(), function = std::move(function)]() mutable {
            if (!self->is_closed_) function(*self);
        });
    }
    void on_state(bool can_send, bool can_hear, std::string_view why);
    void tell_whether_up(bool can_send, bool can_hear, std::string_view why);

    void on_announced(std::string_view bytes);
    void on_told(std::string_view bytes);
    [[nodiscard]] PresencePort presence_port();
    void beat();

    // backend_broker_publish.cpp
    [[nodiscard]] bool reserve(std::size_t cost) noexcept;
    void release(std::size_t publications, std::size_t cost) noexcept;
    void take_incoming();
    void pump();
    void pump_soon();
    void send_some();
    [[nodiscard]] bool put_aside(Waiting& waiting);
    void take_back();
    void fail(const Waiting& waiting);
    void send_batch(const std::string& channel, const core::HistoryPolicy& policy,
                    const std::vector<std::string>& records, Batch batch);
    void finish(std::uint64_t batch, std::error_code error);
    void fail_queue(Clock::time_point older_than);
    void watch_queue();

    // backend_broker_channels.cpp
    void act_on_changes();
    void refresh(const std::string& channel);
    void forget(ByName<Channel>::iterator place);
    void want(const std::string& channel, std::function<void()> done);
    void on_listening(std::string_view channel);
    void on_deaf(std::string_view channel);
    void on_missed(std::string_view channel);
    void settle(const std::string& name, bool asks_for_members);
    void set_listening(const std::string& name, Channel& channel, bool is_listening);
    static void call_waiting(Channel& channel);

    // backend_broker_messages.cpp
    void on_message(std::string_view channel, std::string_view bytes);
    void place(const std::string& name, Channel& channel, const Envelope& envelope,
               std::string_view bytes);
    void deliver(const std::string& name, const Envelope& envelope, std::uint64_t skip);
    void tell_gap(const std::string& name, Channel& channel, const core::StreamPosition& now);
    void hold(CatchUp& catch_up, std::string_view bytes);
    void begin_catch_up(const std::string& name, Channel& channel);
    void catch_up_with(const std::string& name, Channel& channel);
    void catch_up_with_all();
    void read_next();
    void give_up_after(Channel& channel);
    void on_page(const std::string& name, core::Result<core::HistoryPage> page);
    void read_on_loop(const std::string& channel, std::optional<core::StreamPosition> since,
                      std::size_t limit, core::HistoryReader::Done done);
    [[nodiscard]] core::HistoryPolicy policy_of(std::string_view channel) const;

    asio::io_context& io_;
    core::Log& log_;
    const BrokerOptions options_;
    const NodeId node_;
    std::unique_ptr<Backend> backend_;
    Mail mail_;
    const bool keeps_history_;
    std::atomic<std::size_t> backend_limit_{0};  ///< bytes of a record; 0: any
    Counters counters_;
    Listeners listeners_;

    // From any thread, under the mutex.
    mutable std::mutex mutex_;
    std::vector<Waiting> incoming_;
    std::unordered_set<std::string, NameHash, std::equal_to<>> changed_;
    std::unordered_set<std::string, NameHash, std::equal_to<>> listening_;
    std::string why_down_ = "not connected yet";
    bool is_take_due_ = false;
    unsigned looks_ = 0;        ///< take_incoming() since it last found enough
    unsigned quiet_looks_ = 0;  ///< the last of them, that found nothing
    bool is_change_due_ = false;

    std::atomic<bool> can_send_{false};
    std::atomic<bool> is_closed_{false};
    std::atomic<bool> delivered_alone_{false};  ///< since it could last be sent
    std::atomic<std::size_t> reads_{0};         ///< asked for and not answered

    bool can_hear_ = false;
    std::string logged_why_;
    bool was_sending_ = false;    ///< as can_send_, which close() clears
    bool was_connected_ = false;  ///< could be sent and heard
    std::deque<Waiting> queue_;
    std::deque<Waiting> aside_;  ///< older than queue_, for parts of the server that are away
    std::unordered_map<std::uint64_t, Batch> in_flight_;
    std::uint64_t last_batch_ = 0;
    ByName<Channel> channels_;
    std::unique_ptr<SharedPresence> presence_;     ///< set by the constructor
    std::deque<std::string> behind_;               ///< channels whose catch-up waits for its turn
    std::size_t catching_up_ = 0;                  ///< reads under way for catch-ups
    std::vector<core::PublicationView> together_;  ///< of one envelope, while it is delivered
    std::size_t held_bytes_ = 0;                   ///< of all catch-ups
    asio::steady_timer queue_timer_;
    asio::steady_timer retry_timer_;
    asio::steady_timer beat_timer_;
    bool is_queue_watched_ = false;
    bool is_pump_due_ = false;
    bool is_retry_due_ = false;
};

/// The handle that users hold. `backend` is not started yet.
[[nodiscard]] std::shared_ptr<ClusterBroker> make_backend_broker(std::unique_ptr<Backend> backend,
                                                                 BrokerOptions options,
                                                                 const BrokerServices& services,
                                                                 const NodeId& node);
[[nodiscard]] NodeId draw_node_id(core::Rng& rng);
/// As MailCarrier and core::Ownership have it: 32 hexadecimal digits.
[[nodiscard]] std::string node_name(const NodeId& node);

}  // namespace pulse::cluster
