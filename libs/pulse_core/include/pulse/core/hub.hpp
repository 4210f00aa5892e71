// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who listens to what on this node, and the way of a publication to all of them.
//
// Each channel has one sequencer: the lock of its stripe, held only while a publication gets its
// offset and is appended, encoded once per wire form, to the channel's log. Every lane with
// subscribers then reads the log at the end of its turn. So all subscribers on all loops see one
// order, and publishing costs the same for one subscriber and for a million.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <pulse/core/broker.hpp>
#include <pulse/core/clock.hpp>
#include <pulse/core/encoding.hpp>
#include <pulse/core/history.hpp>
#include <pulse/core/lane.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/presence.hpp>
#include <pulse/core/publication.hpp>
#include <pulse/core/result.hpp>
#include <pulse/core/rng.hpp>

namespace pulse::core {

class Receiver;

struct HubOptions {
    // Behaviour
    std::size_t max_channels = 10'000;                ///< 0 = without limit
    std::size_t max_subscriptions_per_session = 100;  ///< 0 = without limit
    /// False: only create_channel() makes channels; subscribing to another is channel_not_found.
    bool auto_create_channels = true;
    /// False: a channel stays when its last subscriber leaves.
    bool auto_delete_empty_channels = true;
    /// What is kept of a channel. Asked for each publication, on the publisher's thread: it must be
    /// quick, thread-safe and constant. Empty: nothing is kept.
    std::function<HistoryPolicy(std::string_view channel)> history_policy{};

    /// What the members of one channel's presence may take: their data and 128 bytes each. One more
    /// join or a longer update is presence_full. Half of what a frame can hold, so that the list of
    /// members can always be sent. 0 = without limit.
    std::size_t max_presence_bytes = std::size_t{8} * 1024 * 1024;

    // Performance
    /// Publications a Receiver may lag behind before it loses the oldest.
    std::size_t receiver_capacity = 1024;
};

/// What a hub works with; everything outlives it. Null pointers: the in-memory engine (presence),
/// or none (history, broker, budget).
struct HubServices {
    const Clock& clock;
    Rng& rng;
    Log& log;
    MemoryBudget* budget = nullptr;
    PresenceStore* presence = nullptr;
    HistoryStore* history = nullptr;
    Broker* broker = nullptr;
};

struct HubStats {
    std::size_t channels = 0;
    /// Sessions and receivers' connections with at least one subscription now.
    std::size_t subscribed_sessions = 0;
    std::size_t subscriptions = 0;
    std::uint64_t subscribes_total = 0;
    std::uint64_t publications_total = 0;
    std::uint64_t publication_bytes_total = 0;  ///< payloads
    std::uint64_t publications_lost_total = 0;  ///< not delivered for want of memory
};

/// **Thread-safe**, but for add_lane.
class Hub final : private BrokerListener {
  public:
    Hub(HubOptions options, const HubServices& services);
    ~Hub() override;
    Hub(const Hub&) = delete;
    Hub& operator=(const Hub&) = delete;

    /// Adds an event loop's part. Before the loops run, from one thread. The host calls
    /// Lane::detach_host() before it goes. Throws std::length_error beyond kMaxLanes.
    Lane& add_lane(LaneHost& host);
    static constexpr std::uint32_t kMaxLanes = 64;

    /// Delivers to every subscriber of the channel on this node, and through the broker, if there
    /// is one, to those of other nodes. Returns the number of subscribers here.
    ///
    /// The name is not checked and no channel is created: a channel nobody listens to is no error.
    /// Encodes once per wire form. Cost: independent of the number of subscribers.
    /// `from`: the lane the caller runs on, if any; saves waking it.
    /// Errors: broker_unavailable, memory_exhausted (nobody got it), shutting_down.
    Result<std::size_t> publish(const PublicationView& publication, Lane* from = nullptr);
    /// The same for a publication that is shared already; receivers then share it too.
    Result<std::size_t> publish(const PublicationPtr& publication, Lane* from = nullptr);

    /// As publish(), and tells how it ended: see Broker::publish_confirmed. Without a broker `done`
    /// is called within the call.
    void publish_confirmed(const PublicationView& publication, Lane* from, Broker::Published done);
    /// Null for a node on its own.
    [[nodiscard]] Broker* broker() const noexcept { return services_.broker; }

    /// A pull subscription for code in this process. Errors as Session::subscribe.
    Result<Receiver> subscribe(std::string_view channel);
    /// The same for a look at what comes: it holds the channel, and is no subscription in stats().
    Result<Receiver> watch(std::string_view channel);

    [[nodiscard]] std::error_code create_channel(std::string_view channel);
    [[nodiscard]] bool channel_exists(std::string_view channel) const;
    [[nodiscard]] std::size_t subscriber_count(std::string_view channel) const;
    /// Up to `limit` names, in no order. A snapshot: it may be out of date when it returns.
    [[nodiscard]] std::vector<std::string> channel_names(std::size_t limit = SIZE_MAX) const;
    [[nodiscard]] HubStats stats() const;

    [[nodiscard]] PresenceStore& presence() noexcept { return *presence_; }
    /// Presence for code in this process; a Session does the same for its own subscriptions. The
    /// channel must exist, a subscription is not needed. Everybody subscribed is told, but for the
    /// outlet `except`. Errors: channel_not_found, not_a_member, presence_full, memory_exhausted
    /// (the members count against the memory budget).
    Result<PresenceStore::Joined> presence_join(std::string_view channel, const SessionId& id,
                                                std::optional<PresenceData> data,
                                                const Outlet* except = nullptr,
                                                Lane* from = nullptr);
    Result<PresenceState> presence_update(std::string_view channel, const SessionId& id,
                                          std::optional<PresenceData> data,
                                          const Outlet* except = nullptr, Lane* from = nullptr);
    std::optional<PresenceState> presence_leave(std::string_view channel, const SessionId& id,
                                                const Outlet* except = nullptr,
                                                Lane* from = nullptr);
    /// Removes members idle for longer than `idle` and tells their channels. Returns how many.
    std::size_t prune_presence(std::chrono::milliseconds idle);

    /// Error::history_unavailable when the channel keeps none.
    Result<HistoryPage> history(std::string_view channel, const StreamPosition* since,
                                std::size_t limit);

    /// The same from wherever it is kept, the broker before the HubServices::history of this node;
    /// `done` as with HistoryReader::read.
    void read_history(std::string_view channel, const StreamPosition* since, std::size_t limit,
                      HistoryReader::Done done);
    /// What is kept of the channel.
    [[nodiscard]] HistoryPolicy history_policy(std::string_view channel) const;

    void set_max_channels(std::size_t n) noexcept { max_channels_.store(n); }
    void set_auto_create_channels(bool is_on) noexcept { auto_create_.store(is_on); }
    void set_max_presence_bytes(std::size_t n) noexcept { max_presence_bytes_.store(n); }
    [[nodiscard]] std::size_t max_subscriptions_per_session() const noexcept {
        return max_subscriptions_.load(std::memory_order_relaxed);
    }
    void set_max_subscriptions_per_session(std::size_t n) noexcept { max_subscriptions_.store(n); }

    [[nodiscard]] const std::vector<std::unique_ptr<Lane>>& lanes() const noexcept {
        return lanes_;
    }
    [[nodiscard]] const HubOptions& options() const noexcept { return options_; }
    [[nodiscard]] const Clock& clock() const noexcept { return services_.clock; }
    [[nodiscard]] Rng& rng() const noexcept { return services_.rng; }
    [[nodiscard]] Log& log() const noexcept { return services_.log; }

  private:
    friend class Lane;
    friend class Receiver;
    friend class Session;
    struct Stripe;

    void on_publication(const PublicationView& publication) noexcept override;
    void on_publications(std::span<const PublicationView> publications) noexcept override;
    void on_gap(std::string_view channel, const StreamPosition& position) noexcept override;
    void on_presence(const PresenceEvent& event) noexcept override;
    [[nodiscard]] bool has_interest(std::string_view channel) const noexcept override;

    /// What is kept has a time.
    [[nodiscard]] PublicationView stamped(const PublicationView& publication) const;
    /// Wakes the lanes that it is for, unless `due` is there to be told which those are.
    Result<std::size_t> deliver(const PublicationView& publication, const PublicationPtr* shared,
                                Lane* from, std::uint64_t* due = nullptr);
    [[nodiscard]] std::uint64_t hash(std::string_view channel) const noexcept;
    [[nodiscard]] Stripe& stripe(std::uint64_t hash) const noexcept;
    Result<detail::Channel*> find_or_create(Stripe& stripe, std::string_view name,
                                            std::uint64_t hash, bool may_create);
    void release_if_empty(Stripe& stripe, detail::Channel& channel) noexcept;
    detail::LaneChannel& lane_channel(detail::Channel& channel, Stripe& stripe, Session& session,
                                      Lane& lane, const Encoder& encoder);
    Result<detail::LaneChannel*> join(Session& session, std::string_view channel,
                                      std::uint64_t hash, const Encoder& encoder,
                                      StreamPosition& position);
    void leave(Session& session, detail::LaneChannel& at, std::uint32_t index) noexcept;
    Result<Receiver> make_receiver(std::string_view channel, bool is_counted);
    void remove_receiver(detail::Channel& channel, bool is_counted) noexcept;
    std::error_code resize_presence(detail::Channel& channel, const SessionId& id,
                                    std::size_t data_bytes);
    void release_presence(detail::Channel& channel, std::size_t bytes) noexcept;
    template <typename Event>
    void announce(detail::Channel& channel, const Event& event, const Outlet* except, Lane* from,
                  std::uint64_t& wake);
    void wake_lanes(std::uint64_t mask, Lane* from) noexcept;
    void tell_broker(std::string_view channel);

    HubOptions options_;
    HubServices services_;
    std::unique_ptr<PresenceStore> own_presence_;
    PresenceStore* presence_;
    Broker::Attachment attachment_;
    std::uint64_t hash_seed_;
    std::unique_ptr<Stripe[]> stripes_;
    std::vector<std::unique_ptr<Lane>> lanes_;

    std::atomic<std::size_t> max_channels_;
    std::atomic<std::size_t> max_subscriptions_;
    std::atomic<std::size_t> max_presence_bytes_;
    std::atomic<bool> auto_create_;
    std::atomic<std::size_t> channels_{0};
    std::atomic<std::size_t> subscribed_sessions_{0};
};

}  // namespace pulse::core
