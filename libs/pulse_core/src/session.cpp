// SPDX-License-Identifier: MIT OR Apache-2.0
#include "channel.hpp"

#include <algorithm>

#include <pulse/core/error.hpp>
#include <pulse/core/session.hpp>
#include <pulse/protocol/channel_name.hpp>

namespace pulse::core {

using detail::LaneChannel;

Session::Session(Hub& hub, Outlet& outlet, const Encoder& encoder, SessionId id) noexcept
    : hub_(hub), outlet_(outlet), encoder_(&encoder), id_(id) {
    outlet_.session_ = this;
}

Session::~Session() {
    unsubscribe_all();
    outlet_.session_ = nullptr;
}

Session::Subscription* Session::find(std::string_view channel, std::uint64_t hash) noexcept {
    for (Subscription& subscription : subscriptions_) {
        const detail::Channel& candidate = *subscription.channel->channel;
        if (candidate.hash == hash && candidate.name == channel) return &subscription;
    }
    return nullptr;
}

const Session::Subscription* Session::find(std::string_view channel,
                                           std::uint64_t hash) const noexcept {
    return const_cast<Session*>(this)->find(channel, hash);
}

std::error_code Session::may_subscribe(std::string_view channel) const noexcept {
    if (protocol::check_channel_name(channel) != protocol::ChannelNameError::none) {
        return Error::invalid_channel;
    }
    const std::size_t limit = hub_.max_subscriptions_.load(std::memory_order_relaxed);
    if (limit != 0 && subscriptions_.size() >= limit) return Error::too_many_subscriptions;
    if (find(channel, hub_.hash(channel)) != nullptr) return Error::already_subscribed;
    return {};
}

std::error_code Session::subscribe(std::string_view channel) {
    StreamPosition ignored;
    return subscribe(channel, *encoder_, ignored);
}

std::error_code Session::subscribe(std::string_view channel, const Encoder& encoder,
                                   StreamPosition& position) {
    if (const std::error_code error = may_subscribe(channel)) return error;
    const std::uint64_t hash = hub_.hash(channel);
    // Before the hub knows of it: afterwards nothing may fail.
    if (subscriptions_.size() == subscriptions_.capacity()) {
        subscriptions_.reserve(std::max<std::size_t>(1, 2 * subscriptions_.size()));
    }
    auto joined = hub_.join(*this, channel, hash, encoder, position);
    if (!joined) return joined.error();
    if (subscriptions_.empty()) hub_.subscribed_sessions_.fetch_add(1, std::memory_order_relaxed);
    const auto index = static_cast<std::uint32_t>((*joined)->subscribers.size() - 1);
    subscriptions_.push_back({*joined, index, false});
    return {};
}

std::error_code Session::unsubscribe(std::string_view channel) {
    Subscription* found = find(channel, hub_.hash(channel));
    if (found == nullptr) return Error::not_subscribed;
    end(static_cast<std::size_t>(found - subscriptions_.data()));
    return {};
}

void Session::end(std::size_t position) noexcept {
    const Subscription ended = subscriptions_[position];
    if (ended.is_member) {
        hub_.presence_leave(ended.channel->channel->name, id_, &outlet_, &outlet_.lane());
    }
    hub_.leave(*this, *ended.channel, ended.index);
    subscriptions_[position] = subscriptions_.back();
    subscriptions_.pop_back();
    if (position < subscriptions_.size()) {
        const Subscription& moved = subscriptions_[position];
        moved.channel->subscribers[moved.index].subscription = static_cast<std::uint32_t>(position);
    }
    if (subscriptions_.empty()) hub_.subscribed_sessions_.fetch_sub(1, std::memory_order_relaxed);
}

void Session::unsubscribe_all() noexcept {
    while (!subscriptions_.empty()) end(subscriptions_.size() - 1);
    subscriptions_.shrink_to_fit();
}

bool Session::is_subscribed(std::string_view channel) const noexcept {
    return find(channel, hub_.hash(channel)) != nullptr;
}

std::vector<std::string> Session::channels() const {
    std::vector<std::string> names;
    names.reserve(subscriptions_.size());
    for (const Subscription& subscription : subscriptions_) {
        names.push_back(subscription.channel->channel->name);
    }
    return names;
}

Result<std::size_t> Session::publish(PublicationView publication) {
    publication.source = id_;
    return hub_.publish(publication, &outlet_.lane());
}

Result<PresenceStore::Joined> Session::presence_join(std::string_view channel,
                                                     std::optional<PresenceData> data) {
    Subscription* found = find(channel, hub_.hash(channel));
    if (found == nullptr) return tl::unexpected(make_error_code(Error::not_subscribed));
    auto joined = hub_.presence_join(channel, id_, std::move(data), &outlet_, &outlet_.lane());
    if (joined) found->is_member = true;
    return joined;
}

Result<PresenceState> Session::presence_update(std::string_view channel,
                                               std::optional<PresenceData> data) {
    const Subscription* found = find(channel, hub_.hash(channel));
    if (found == nullptr) return tl::unexpected(make_error_code(Error::not_subscribed));
    return hub_.presence_update(channel, id_, std::move(data), &outlet_, &outlet_.lane());
}

Result<PresenceState> Session::presence_leave(std::string_view channel) {
    Subscription* found = find(channel, hub_.hash(channel));
    if (found == nullptr) return tl::unexpected(make_error_code(Error::not_subscribed));
    found->is_member = false;
    auto left = hub_.presence_leave(channel, id_, &outlet_, &outlet_.lane());
    if (!left) return tl::unexpected(make_error_code(Error::not_a_member));
    return std::move(*left);
}

Result<std::vector<PresenceState>> Session::presence_members(std::string_view channel) const {
    if (!is_subscribed(channel)) return tl::unexpected(make_error_code(Error::not_subscribed));
    return hub_.presence().members(channel);
}

}  // namespace pulse::core
