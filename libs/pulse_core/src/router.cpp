// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include <pulse/core/error.hpp>
#include <pulse/core/receiver.hpp>
#include <pulse/core/router.hpp>
#include <pulse/protocol/channel_name.hpp>

namespace pulse::core {

// -------------------------------------------------------------- RouterReceiver

/// Shared by the router's books and the caller's receiver, so that either may go first.
struct RouterReceiver::Slot {
    explicit Slot(Receiver receiver) : live(std::move(receiver)) {}

    std::mutex mutex;
    std::atomic<bool> is_ending{false};  ///< somebody wants the mutex to end the subscription
    std::condition_variable ended;
    std::optional<Receiver> live;     ///< empty once the subscription ended
    std::deque<PublicationPtr> rest;  ///< what was unread then
    std::uint64_t lagged = 0;         ///< what was lost until then

    /// Steps aside for an end under way: the mutex is not fair, a busy reader could keep it out.
    [[nodiscard]] std::unique_lock<std::mutex> enter() {
        std::unique_lock lock(mutex);
        step_aside(lock);
        return lock;
    }
    void step_aside(std::unique_lock<std::mutex>& lock) {
        if (!is_ending.load(std::memory_order_relaxed)) return;
        ended.wait(lock, [this] { return !live; });
    }

    /// Under the mutex.
    [[nodiscard]] PublicationPtr take_rest() {
        if (rest.empty()) return nullptr;
        PublicationPtr publication = std::move(rest.front());
        rest.pop_front();
        return publication;
    }

    /// Ends the subscription in the hub. `is_read`: somebody still holds the receiver.
    void end(bool is_read) {
        is_ending.store(true, std::memory_order_relaxed);
        const std::lock_guard lock(mutex);
        if (!live) return;
        if (is_read) {
            while (const PublicationPtr* publication = live->try_receive()) {
                rest.push_back(*publication);
            }
            lagged += live->take_lagged();
        }
        live.reset();
        ended.notify_all();
    }
};

RouterReceiver::RouterReceiver(std::shared_ptr<Slot> slot) noexcept : slot_(std::move(slot)) {}
RouterReceiver::RouterReceiver(RouterReceiver&&) noexcept = default;
RouterReceiver& RouterReceiver::operator=(RouterReceiver&&) noexcept = default;
RouterReceiver::~RouterReceiver() = default;

PublicationPtr RouterReceiver::try_receive() {
    const auto lock = slot_->enter();
    if (!slot_->live) return slot_->take_rest();
    const PublicationPtr* publication = slot_->live->try_receive();
    return publication != nullptr ? *publication : nullptr;
}

PublicationPtr RouterReceiver::receive(std::chrono::milliseconds timeout) {
    // The wait holds the slot, hence in slices: the longest an unsubscribe() has to wait.
    constexpr std::chrono::milliseconds kSlice{10};
    constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 365);
    const auto deadline = std::chrono::steady_clock::now() + std::min(timeout, kLongest);
    auto lock = slot_->enter();
    while (slot_->live) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        const auto slice = std::clamp(left, std::chrono::milliseconds(0), kSlice);
        if (const PublicationPtr* publication = slot_->live->receive(slice)) return *publication;
        if (left <= kSlice) return nullptr;
        slot_->step_aside(lock);
    }
    return slot_->take_rest();
}

std::uint64_t RouterReceiver::take_lagged() {
    const auto lock = slot_->enter();
    const std::uint64_t before = std::exchange(slot_->lagged, 0);
    return before + (slot_->live ? slot_->live->take_lagged() : 0);
}

bool RouterReceiver::is_ended() const {
    const auto lock = slot_->enter();
    return !slot_->live && slot_->rest.empty();
}

// ---------------------------------------------------------------------- Router

/// One lock for the books, held across the calls to the hub that belong to an entry: two threads
/// that use the same connection name see each call whole. The hub never calls back into a router,
/// so the order router -> slot -> hub has no way round. Publishing takes none of them.
struct Router::State {
    using SlotPtr = std::shared_ptr<RouterReceiver::Slot>;

    struct Connection {
        SessionId id;
        std::map<std::string, SlotPtr, std::less<>> subscriptions;
        std::set<std::string, std::less<>> presences;
    };
    using Connections = std::map<std::string, Connection, std::less<>>;

    mutable std::mutex mutex;
    Connections connections;  ///< none without a subscription or presence

    Connection& find_or_add(std::string_view name, Rng& rng) {
        const auto found = connections.find(name);
        if (found != connections.end()) return found->second;
        return connections.emplace(std::string(name), Connection{SessionId::generate(rng), {}, {}})
            .first->second;
    }
    void remove_if_idle(Connections::iterator connection) {
        const Connection& entry = connection->second;
        if (entry.subscriptions.empty() && entry.presences.empty()) connections.erase(connection);
    }

    static void end(const SlotPtr& slot) { slot->end(slot.use_count() > 1); }
};

Router::Router(Hub& hub) : hub_(hub), state_(std::make_unique<State>()) {}

Router::~Router() {
    while (!state_->connections.empty()) {
        unsubscribe_all(std::string(state_->connections.begin()->first));
    }
}

Result<RouterReceiver> Router::subscribe(std::string_view connection, std::string_view channel) {
    if (!protocol::is_valid_channel_name(channel)) {
        return tl::unexpected(make_error_code(Error::invalid_channel));
    }
    const std::lock_guard lock(state_->mutex);
    const auto known = state_->connections.find(connection);
    if (known != state_->connections.end()) {
        const auto& subscriptions = known->second.subscriptions;
        const std::size_t limit = hub_.max_subscriptions_per_session();
        if (limit != 0 && subscriptions.size() >= limit) {
            return tl::unexpected(make_error_code(Error::too_many_subscriptions));
        }
        if (subscriptions.contains(channel)) {
            return tl::unexpected(make_error_code(Error::already_subscribed));
        }
    }
    Result<Receiver> receiver = hub_.subscribe(channel);
    if (!receiver) return tl::unexpected(receiver.error());
    auto slot = std::make_shared<RouterReceiver::Slot>(std::move(*receiver));
    state_->find_or_add(connection, hub_.rng()).subscriptions.emplace(channel, slot);
    return RouterReceiver(std::move(slot));
}

std::error_code Router::unsubscribe(std::string_view connection, std::string_view channel) {
    const std::lock_guard lock(state_->mutex);
    const auto known = state_->connections.find(connection);
    if (known == state_->connections.end()) return Error::not_subscribed;
    State::Connection& entry = known->second;
    const auto subscription = entry.subscriptions.find(channel);
    if (subscription == entry.subscriptions.end()) return Error::not_subscribed;
    const auto presence = entry.presences.find(channel);
    if (presence != entry.presences.end()) {
        hub_.presence_leave(channel, entry.id);
        entry.presences.erase(presence);
    }
    State::end(subscription->second);
    entry.subscriptions.erase(subscription);
    state_->remove_if_idle(known);
    return {};
}

void Router::unsubscribe_all(std::string_view connection) {
    const std::lock_guard lock(state_->mutex);
    const auto known = state_->connections.find(connection);
    if (known == state_->connections.end()) return;
    const State::Connection& entry = known->second;
    for (const std::string& channel : entry.presences) hub_.presence_leave(channel, entry.id);
    for (const auto& [channel, slot] : entry.subscriptions) State::end(slot);
    state_->connections.erase(known);
}

Result<std::size_t> Router::publish(const PublicationPtr& publication) {
    return hub_.publish(publication);
}

Result<std::size_t> Router::publish_to(std::string_view channel, ByteView payload) {
    PublicationView publication{channel};
    publication.payload = payload;
    publication.timestamp_ms = hub_.clock().unix_ms();
    return hub_.publish(publication);
}

bool Router::channel_exists(std::string_view channel) const { return hub_.channel_exists(channel); }

std::size_t Router::subscriber_count(std::string_view channel) const {
    return hub_.subscriber_count(channel);
}

std::vector<std::string> Router::channel_names() const { return hub_.channel_names(); }

std::vector<std::string> Router::connection_channels(std::string_view connection) const {
    std::vector<std::string> names;
    const std::lock_guard lock(state_->mutex);
    const auto known = state_->connections.find(connection);
    if (known == state_->connections.end()) return names;
    names.reserve(known->second.subscriptions.size());
    for (const auto& [channel, slot] : known->second.subscriptions) names.push_back(channel);
    return names;
}

Result<bool> Router::presence_join(std::string_view connection, std::string_view channel,
                                   std::optional<PresenceData> data) {
    const std::lock_guard lock(state_->mutex);
    State::Connection& entry = state_->find_or_add(connection, hub_.rng());
    const auto joined = hub_.presence_join(channel, entry.id, std::move(data));
    if (!joined) {
        state_->remove_if_idle(state_->connections.find(connection));
        return tl::unexpected(joined.error());
    }
    entry.presences.emplace(channel);
    return joined->is_new;
}

Result<PresenceState> Router::presence_update(std::string_view connection, std::string_view channel,
                                              std::optional<PresenceData> data) {
    const std::lock_guard lock(state_->mutex);
    const auto known = state_->connections.find(connection);
    if (known == state_->connections.end()) {
        return tl::unexpected(make_error_code(
            hub_.channel_exists(channel) ? Error::not_a_member : Error::channel_not_found));
    }
    return hub_.presence_update(channel, known->second.id, std::move(data));
}

std::optional<PresenceState> Router::presence_leave(std::string_view connection,
                                                    std::string_view channel) {
    const std::lock_guard lock(state_->mutex);
    const auto known = state_->connections.find(connection);
    if (known == state_->connections.end()) return std::nullopt;
    const auto presence = known->second.presences.find(channel);
    if (presence == known->second.presences.end()) return std::nullopt;
    auto left = hub_.presence_leave(channel, known->second.id);
    known->second.presences.erase(presence);
    state_->remove_if_idle(known);
    return left;
}

std::vector<PresenceState> Router::presence_snapshot(std::string_view channel) const {
    return hub_.presence().members(channel);
}

HubStats Router::stats() const {
    HubStats stats = hub_.stats();
    const std::lock_guard lock(state_->mutex);
    for (const auto& [name, connection] : state_->connections) {
        if (!connection.subscriptions.empty()) ++stats.subscribed_sessions;
    }
    return stats;
}

}  // namespace pulse::core
