// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The hub as a plain in-process router: connections are names chosen by the caller, subscriptions
// are receivers. For programs that have no use for lanes and sessions.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/hub.hpp>
#include <pulse/core/presence.hpp>
#include <pulse/core/publication.hpp>
#include <pulse/core/result.hpp>

namespace pulse::core {

/// Reads one subscription of a Router. One thread at a time may use it, while others use the
/// router.
///
/// A subscription and its receiver end apart. A receiver that is destroyed keeps the subscription
/// on the books, as a client that stopped reading would: the channel lives on until unsubscribe().
/// And after unsubscribe() the receiver still gives what was published before, then nothing.
class RouterReceiver {
  public:
    RouterReceiver(RouterReceiver&&) noexcept;
    RouterReceiver& operator=(RouterReceiver&&) noexcept;
    ~RouterReceiver();

    /// The next publication, or null when there is none now.
    [[nodiscard]] PublicationPtr try_receive();
    /// Waits for a publication, at most `timeout`. Null when none came or the subscription ended.
    [[nodiscard]] PublicationPtr receive(std::chrono::milliseconds timeout);
    /// Publications lost since the last call, because the receiver fell behind by more than
    /// HubOptions::receiver_capacity.
    [[nodiscard]] std::uint64_t take_lagged();
    /// Whether the subscription ended and everything published before was received.
    [[nodiscard]] bool is_ended() const;

  private:
    friend class Router;
    struct Slot;
    explicit RouterReceiver(std::shared_ptr<Slot> slot) noexcept;

    std::shared_ptr<Slot> slot_;
};

/// **Thread-safe.** The hub must outlive it; receivers it gave out may outlive it, their
/// subscriptions end with it.
///
/// A connection begins with its first subscription or presence and ends with the last, at once by
/// unsubscribe_all(). In presence it appears under a SessionId of its own for as long.
class Router {
  public:
    explicit Router(Hub& hub);
    ~Router();
    Router(const Router&) = delete;
    Router& operator=(const Router&) = delete;

    /// Errors, in this order: invalid_channel, too_many_subscriptions, already_subscribed,
    /// channel_not_found, too_many_channels.
    [[nodiscard]] Result<RouterReceiver> subscribe(std::string_view connection,
                                                   std::string_view channel);
    /// Leaves the channel's presence as well. Error::not_subscribed.
    [[nodiscard]] std::error_code unsubscribe(std::string_view connection,
                                              std::string_view channel);
    /// Ends all subscriptions and presences of the connection.
    void unsubscribe_all(std::string_view connection);

    /// The number of subscribers on this node.
    Result<std::size_t> publish(const PublicationPtr& publication);
    /// Publishes `payload` stamped with the hub's time.
    Result<std::size_t> publish_to(std::string_view channel, ByteView payload);

    [[nodiscard]] bool channel_exists(std::string_view channel) const;
    [[nodiscard]] std::size_t subscriber_count(std::string_view channel) const;
    [[nodiscard]] std::vector<std::string> channel_names() const;
    /// In order of name; empty for a connection that is not known.
    [[nodiscard]] std::vector<std::string> connection_channels(std::string_view connection) const;

    /// True when the connection was not a member before. Error::channel_not_found; a subscription
    /// is not needed.
    [[nodiscard]] Result<bool> presence_join(std::string_view connection, std::string_view channel,
                                             std::optional<PresenceData> data = std::nullopt);
    /// Error::channel_not_found, Error::not_a_member.
    [[nodiscard]] Result<PresenceState> presence_update(std::string_view connection,
                                                        std::string_view channel,
                                                        std::optional<PresenceData> data);
    std::optional<PresenceState> presence_leave(std::string_view connection,
                                                std::string_view channel);
    [[nodiscard]] std::vector<PresenceState> presence_snapshot(std::string_view channel) const;

    /// As Hub::stats(); `subscribed_sessions` includes this router's connections with
    /// subscriptions.
    [[nodiscard]] HubStats stats() const;

  private:
    struct State;
    Hub& hub_;
    std::unique_ptr<State> state_;
};

}  // namespace pulse::core
