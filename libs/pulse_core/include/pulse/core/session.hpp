// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The logical client: its identity in the hub and what it listens to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <pulse/core/encoding.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/ids.hpp>
#include <pulse/core/outlet.hpp>
#include <pulse/core/presence.hpp>
#include <pulse/core/result.hpp>

namespace pulse::core {

/// **Loop-bound** to its outlet's lane. Ends every subscription and presence when destroyed.
///
/// Order: a subscriber sees the publications that entered the channel after its subscribe()
/// returned and before its unsubscribe() did, all of them and no others, in the channel's order.
class Session {
  public:
    /// `outlet` receives what the session is subscribed to, written by `encoder`; both, and the
    /// hub, must outlive the session. One session per outlet.
    Session(Hub& hub, Outlet& outlet, const Encoder& encoder, SessionId id) noexcept;
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    [[nodiscard]] const SessionId& id() const noexcept { return id_; }

    /// For subscriptions made from now on.
    void set_encoder(const Encoder& encoder) noexcept { encoder_ = &encoder; }

    /// Errors, checked in this order: invalid_channel, too_many_subscriptions, already_subscribed,
    /// channel_not_found (creation switched off), too_many_channels.
    [[nodiscard]] std::error_code subscribe(std::string_view channel);
    /// The same with an encoder of its own. `position` is set to that of the last publication that
    /// was delivered here before: what this subscription sees comes after it. Epoch 0 when there
    /// was none, or it has no position.
    [[nodiscard]] std::error_code subscribe(std::string_view channel, const Encoder& encoder,
                                            StreamPosition& position);
    /// Why subscribe() would refuse, of the first three reasons.
    [[nodiscard]] std::error_code may_subscribe(std::string_view channel) const noexcept;
    /// Leaves the channel's presence as well. Error::not_subscribed.
    [[nodiscard]] std::error_code unsubscribe(std::string_view channel);
    void unsubscribe_all() noexcept;
    [[nodiscard]] bool is_subscribed(std::string_view channel) const noexcept;
    [[nodiscard]] std::size_t subscription_count() const noexcept { return subscriptions_.size(); }
    [[nodiscard]] std::vector<std::string> channels() const;

    /// As Hub::publish, from this lane; needs no subscription. The session is the source.
    Result<std::size_t> publish(PublicationView publication);

    /// Joins, or replaces the own record; the other subscribers are told (a repeated join as an
    /// update). Error::not_subscribed.
    Result<PresenceStore::Joined> presence_join(std::string_view channel,
                                                std::optional<PresenceData> data);
    /// Error::not_subscribed, Error::not_a_member.
    Result<PresenceState> presence_update(std::string_view channel,
                                          std::optional<PresenceData> data);
    /// Error::not_subscribed, Error::not_a_member.
    Result<PresenceState> presence_leave(std::string_view channel);
    /// Error::not_subscribed.
    Result<std::vector<PresenceState>> presence_members(std::string_view channel) const;

  private:
    friend class Hub;
    friend class Lane;

    struct Subscription {
        detail::LaneChannel* channel;
        std::uint32_t index;  ///< in the channel's subscriber list
        bool is_member;       ///< joined the channel's presence
    };
    [[nodiscard]] Subscription* find(std::string_view channel, std::uint64_t hash) noexcept;
    [[nodiscard]] const Subscription* find(std::string_view channel,
                                           std::uint64_t hash) const noexcept;
    /// Ends the subscription at this place of the list.
    void end(std::size_t position) noexcept;

    Hub& hub_;
    Outlet& outlet_;
    const Encoder* encoder_;
    SessionId id_;
    std::vector<Subscription> subscriptions_;
};

}  // namespace pulse::core
