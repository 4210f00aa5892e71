// SPDX-License-Identifier: MIT OR Apache-2.0
#include "channel.hpp"
#include "publication_log.hpp"

#include <algorithm>
#include <bit>
#include <optional>
#include <stdexcept>

#include <pulse/core/error.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/receiver.hpp>
#include <pulse/core/session.hpp>
#include <pulse/protocol/channel_name.hpp>

namespace pulse::core {

using detail::Channel;
using detail::LaneChannel;
using detail::Segment;
using detail::Stream;

namespace {

constexpr std::size_t kStripes = 64;
/// A member's record, in memory and in a list, but for its data.
constexpr std::size_t kMemberBytes = 128;

std::size_t cost_of(const std::optional<PresenceState>& member) noexcept {
    return !member ? 0 : kMemberBytes + (member->data ? member->data->size() : 0);
}

/// Puts the message just written behind what each lane of the stream has pending, and calls
/// `mark_dirty` for those that had nothing, `note_more` for the others. Under the stripe's lock.
/// Returns the lanes to wake.
template <typename MarkDirty, typename NoteMore>
std::uint64_t append(Stream& stream, const Outlet* except, Lane* from, const Clock& clock,
                     std::int64_t& now_ns, MarkDirty&& mark_dirty, NoteMore&& note_more) {
    std::uint64_t wake = 0;
    const FrameBuffer::Range range = stream.buffer.last();
    const ChunkRef& chunk = stream.buffer.chunk();
    for (const auto& lane_channel : stream.lanes) {
        if (lane_channel == nullptr) continue;
        auto& pending = lane_channel->pending;
        if (!pending.empty() && pending.back().except == except &&
            pending.back().chunk.get() == chunk.get() && pending.back().end == range.begin) {
            pending.back().end = range.end;
            ++pending.back().messages;
            pending.back().message_bytes += range.message_bytes;
        } else {
            pending.push_back({chunk, range.begin, range.end, 1, range.message_bytes, except});
        }
        if (lane_channel->is_dirty) {
            note_more(*lane_channel->lane);
            continue;
        }
        if (now_ns == 0)
            now_ns = (from != nullptr ? from->now() : clock.now()).time_since_epoch().count();
        lane_channel->is_dirty = true;
        lane_channel->first_publish_ns = now_ns;
        mark_dirty(*lane_channel);
        wake |= std::uint64_t{1} << lane_channel->lane->index();
    }
    return wake;
}

}  // namespace

Hub::Hub(HubOptions options, const HubServices& services)
    : options_(std::move(options)),
      services_(services),
      own_presence_(services.presence == nullptr ? make_memory_presence_store(services.clock)
                                                 : nullptr),
      presence_(services.presence == nullptr ? own_presence_.get() : services.presence),
      hash_seed_(services.rng.next_u64()),
      stripes_(std::make_unique<Stripe[]>(kStripes)),
      max_channels_(options_.max_channels),
      max_subscriptions_(options_.max_subscriptions_per_session),
      max_presence_bytes_(options_.max_presence_bytes),
      auto_create_(options_.auto_create_channels) {
    if (services_.broker != nullptr) attachment_ = services_.broker->attach(*this);
}

Hub::~Hub() { attachment_.reset(); }

Lane& Hub::add_lane(LaneHost& host) {
    if (lanes_.size() == kMaxLanes) throw std::length_error("a hub has at most 64 lanes");
    lanes_.push_back(std::unique_ptr<Lane>(new Lane(*this, host, services_.clock, services_.budget,
                                                    static_cast<std::uint32_t>(lanes_.size()))));
    return *lanes_.back();
}

std::uint64_t Hub::hash(std::string_view channel) const noexcept {
    return detail::hash_name(channel, hash_seed_);
}

Hub::Stripe& Hub::stripe(std::uint64_t hash) const noexcept {
    // The table inside a stripe uses the low bits.
    return stripes_[(hash >> 58) % kStripes];
}

void Hub::wake_lanes(std::uint64_t mask, Lane* from) noexcept {
    while (mask != 0) {
        const int index = std::countr_zero(mask);
        mask &= mask - 1;
        lanes_[static_cast<std::size_t>(index)]->wake_from(from);
    }
}

void Hub::tell_broker(std::string_view channel) {
    if (services_.broker != nullptr) services_.broker->interest_changed(channel);
}

// ---------------------------------------------------------------- publishing

Result<std::size_t> Hub::publish(const PublicationView& publication, Lane* from) {
    if (services_.broker == nullptr) return deliver(publication, nullptr, from);
    if (const std::error_code error = services_.broker->publish(stamped(publication))) {
        return tl::unexpected(error);
    }
    return subscriber_count(publication.channel);
}

Result<std::size_t> Hub::publish(const PublicationPtr& publication, Lane* from) {
    if (services_.broker == nullptr) return deliver(publication->view(), &publication, from);
    return publish(publication->view(), from);
}

void Hub::on_publication(const PublicationView& publication) noexcept {
    (void)deliver(publication, nullptr, nullptr);
}

void Hub::on_publications(std::span<const PublicationView> publications) noexcept {
    // A lane that is woken by the first would write before it has the last.
    std::uint64_t due = 0;
    for (const PublicationView& each : publications) (void)deliver(each, nullptr, nullptr, &due);
    wake_lanes(due, nullptr);
}

void Hub::on_gap(std::string_view name, const StreamPosition& position) noexcept {
    const std::uint64_t key = hash(name);
    Stripe& home = stripe(key);
    std::uint64_t wake = 0;
    {
        const std::lock_guard lock(home.mutex);
        Channel* channel = home.channels.find(name, key);
        if (channel == nullptr) return;
        if (position.epoch != 0) channel->position = position;
        if (channel->log != nullptr) channel->log->add_gap();
        // Whoever is about to recover finds the gap by what is missing between two positions.
        announce(*channel, GapEvent{name, position}, nullptr, nullptr, wake);
    }
    wake_lanes(wake, nullptr);
}

void Hub::on_presence(const PresenceEvent& event) noexcept {
    const std::uint64_t key = hash(event.channel);
    Stripe& home = stripe(key);
    std::uint64_t wake = 0;
    {
        const std::lock_guard lock(home.mutex);
        Channel* channel = home.channels.find(event.channel, key);
        if (channel == nullptr) return;
        channel->has_presence = true;
        announce(*channel, event, nullptr, nullptr, wake);
    }
    wake_lanes(wake, nullptr);
}

Result<std::size_t> Hub::deliver(const PublicationView& publication, const PublicationPtr* shared,
                                 Lane* from, std::uint64_t* due) {
    HistoryPolicy policy;
    if (services_.history != nullptr) policy = history_policy(publication.channel);
    const std::uint64_t key = hash(publication.channel);
    Stripe& home = stripe(key);
    std::uint64_t wake = 0;
    std::size_t receivers = 0;
    bool is_lost = false;
    {
        const std::lock_guard lock(home.mutex);
        ++home.publications_total;
        home.publication_bytes_total += publication.payload.size();
        PublicationView placed = publication;
        Channel* channel = home.channels.find(publication.channel, key);
        const bool has_readers = channel != nullptr && channel->log != nullptr;
        if (placed.timestamp_ms == 0 && (has_readers || policy.is_kept())) {
            placed.timestamp_ms = services_.clock.unix_ms();
        }
        // A node on its own gives positions; in a cluster the broker does.
        const bool is_placed = services_.broker != nullptr && placed.position.epoch != 0;
        if (!is_placed) placed.position = {};
        if (policy.is_kept() && !is_placed) {
            auto position = services_.history->append(placed, policy);
            if (!position) return tl::unexpected(position.error());
            placed.position = *position;
        }
        if (channel == nullptr) return std::size_t{0};
        receivers = channel->subscribers;
        if (placed.position.epoch != 0) channel->position = placed.position;
        if (channel->log != nullptr) {
            channel->log->append(shared != nullptr && !policy.is_kept()
                                     ? *shared
                                     : std::make_shared<const Publication>(placed));
        }
        std::int64_t now_ns = 0;
        for (const auto& stream : channel->streams) {
            if (stream->subscribers == 0) continue;
            MessageWriter writer(stream->buffer, *stream->framing,
                                 from != nullptr ? &from->pool_ : nullptr, services_.budget);
            if (!stream->encoder->encode(placed, writer)) {
                is_lost = true;
                ++home.publications_lost_total;
                continue;
            }
            wake |= append(
                *stream, nullptr, from, services_.clock, now_ns,
                [](LaneChannel& dirty) { dirty.lane->mark_dirty(dirty); },
                [](Lane& lane) { lane.note_more(); });
            if (from != nullptr) from->pending_bytes_ += stream->buffer.last().size();
        }
    }
    if (due != nullptr) {
        *due |= wake;
    } else {
        wake_lanes(wake, from);
    }
    if (is_lost) return tl::unexpected(make_error_code(Error::memory_exhausted));
    return receivers;
}

// ------------------------------------------------------------ joining, leaving

Result<Channel*> Hub::find_or_create(Stripe& home, std::string_view name, std::uint64_t key,
                                     bool may_create) {
    if (Channel* channel = home.channels.find(name, key)) return channel;
    if (!may_create) {
        return tl::unexpected(make_error_code(Error::channel_not_found));
    }
    const std::size_t limit = max_channels_.load(std::memory_order_relaxed);
    if (channels_.fetch_add(1, std::memory_order_relaxed) >= limit && limit != 0) {
        channels_.fetch_sub(1, std::memory_order_relaxed);
        return tl::unexpected(make_error_code(Error::too_many_channels));
    }
    auto channel = std::make_unique<Channel>();
    channel->name = name;
    channel->hash = key;
    channel->is_kept = !options_.auto_delete_empty_channels;
    return &home.channels.insert(std::move(channel));
}

void Hub::release_if_empty(Stripe& home, Channel& channel) noexcept {
    if (channel.subscribers != 0) return;
    // Publications that come while nobody is here may not come here.
    channel.position = {};
    if (channel.is_kept) return;
    if (channel.has_presence) presence_->forget(channel.name);
    release_presence(channel, channel.presence_bytes);
    home.channels.erase(channel);
    channels_.fetch_sub(1, std::memory_order_relaxed);
}

Result<LaneChannel*> Hub::join(Session& session, std::string_view name, std::uint64_t key,
                               const Encoder& encoder, StreamPosition& position) {
    Lane& lane = session.outlet_.lane();
    Stripe& home = stripe(key);
    LaneChannel* joined = nullptr;
    bool is_first = false;
    {
        const std::lock_guard lock(home.mutex);
        auto channel =
            find_or_create(home, name, key, auto_create_.load(std::memory_order_relaxed));
        if (!channel) return tl::unexpected(channel.error());
        is_first = (*channel)->subscribers == 0;
        joined = &lane_channel(**channel, home, session, lane, encoder);
        position = (*channel)->position;
        ++joined->subscriber_count;
        ++joined->stream->subscribers;
        ++(*channel)->subscribers;
        ++home.subscriptions;
        ++home.subscribes_total;
        // What was published before goes to those who were here before.
        joined->take_pending(lane.segment_work_);
    }
    lane.hand_out(*joined, lane.segment_work_);
    joined->subscribers.push_back(
        {&session.outlet_, static_cast<std::uint32_t>(session.subscriptions_.size())});
    if (is_first) tell_broker(name);
    return joined;
}

LaneChannel& Hub::lane_channel(Channel& channel, Stripe& home, Session& session, Lane& lane,
                               const Encoder& encoder) {
    Stream* stream = nullptr;
    for (const auto& candidate : channel.streams) {
        if (candidate->encoder == &encoder && candidate->framing == &session.outlet_.framing()) {
            stream = candidate.get();
        }
    }
    if (stream == nullptr) {
        channel.streams.push_back(std::make_unique<Stream>());
        stream = channel.streams.back().get();
        stream->encoder = &encoder;
        stream->framing = &session.outlet_.framing();
    }
    if (stream->lanes.size() <= lane.index()) stream->lanes.resize(lane.index() + 1);
    auto& slot = stream->lanes[lane.index()];
    if (slot == nullptr) {
        slot = std::make_unique<LaneChannel>();
        slot->lane = &lane;
        slot->channel = &channel;
        slot->mutex = &home.mutex;
        slot->stream = stream;
    }
    return *slot;
}

void Hub::leave(Session& session, LaneChannel& at, std::uint32_t index) noexcept {
    Lane& lane = session.outlet_.lane();
    Stripe& home = stripe(at.channel->hash);
    std::unique_ptr<LaneChannel> ended;
    std::string last_of;
    {
        const std::lock_guard lock(home.mutex);
        Channel& channel = *at.channel;
        // What was published before this call still goes to the one who leaves.
        at.take_pending(lane.segment_work_);
        --at.stream->subscribers;
        --channel.subscribers;
        --home.subscriptions;
        if (--at.subscriber_count == 0) {
            ended = std::move(at.stream->lanes[lane.index()]);
            ended->is_alive = false;
        }
        if (channel.subscribers == 0) {
            if (services_.broker != nullptr) last_of = channel.name;
            release_if_empty(home, channel);
        }
    }
    lane.hand_out(at, lane.segment_work_);
    auto& subscribers = at.subscribers;
    subscribers[index] = subscribers.back();
    subscribers.pop_back();
    if (index < subscribers.size()) {
        const LaneChannel::Subscriber& moved = subscribers[index];
        moved.outlet->session_->subscriptions_[moved.subscription].index = index;
    }
    // While it stands in the dirty list, the list owns it.
    if (ended != nullptr && ended->is_dirty) (void)ended.release();
    if (!last_of.empty()) tell_broker(last_of);
}

Result<Receiver> Hub::subscribe(std::string_view name) { return make_receiver(name, true); }
Result<Receiver> Hub::watch(std::string_view name) { return make_receiver(name, false); }

Result<Receiver> Hub::make_receiver(std::string_view name, bool is_counted) {
    if (protocol::check_channel_name(name) != protocol::ChannelNameError::none) {
        return tl::unexpected(make_error_code(Error::invalid_channel));
    }
    const std::uint64_t key = hash(name);
    Stripe& home = stripe(key);
    std::optional<Receiver> receiver;
    bool is_first = false;
    {
        const std::lock_guard lock(home.mutex);
        auto found = find_or_create(home, name, key, auto_create_.load(std::memory_order_relaxed));
        if (!found) return tl::unexpected(found.error());
        Channel& channel = **found;
        is_first = channel.subscribers == 0;
        if (channel.log == nullptr) {
            channel.log = std::make_shared<detail::PublicationLog>(options_.receiver_capacity);
        }
        ++channel.receivers;
        ++channel.subscribers;
        if (is_counted) {
            ++home.subscriptions;
            ++home.subscribes_total;
        }
        receiver.emplace(Receiver(*this, channel, channel.log, is_counted));
    }
    if (is_first) tell_broker(name);
    return std::move(*receiver);
}

void Hub::remove_receiver(Channel& channel, bool is_counted) noexcept {
    Stripe& home = stripe(channel.hash);
    std::shared_ptr<detail::PublicationLog> ended;
    std::string last_of;
    {
        const std::lock_guard lock(home.mutex);
        if (--channel.receivers == 0) ended = std::move(channel.log);
        --channel.subscribers;
        if (is_counted) --home.subscriptions;
        if (channel.subscribers == 0) {
            if (services_.broker != nullptr) last_of = channel.name;
            release_if_empty(home, channel);
        }
    }
    if (!last_of.empty()) tell_broker(last_of);
}

std::error_code Hub::create_channel(std::string_view name) {
    if (protocol::check_channel_name(name) != protocol::ChannelNameError::none) {
        return Error::invalid_channel;
    }
    const std::uint64_t key = hash(name);
    Stripe& home = stripe(key);
    const std::lock_guard lock(home.mutex);
    auto channel = find_or_create(home, name, key, true);
    if (!channel) return channel.error();
    (*channel)->is_kept = true;
    return {};
}

// ------------------------------------------------------------------- presence

/// Makes room for the member `id` with so much data, in the channel's account and the budget's.
std::error_code Hub::resize_presence(Channel& channel, const SessionId& id,
                                     std::size_t data_bytes) {
    const std::size_t before = cost_of(presence_->get(channel.name, id));
    const std::size_t after = kMemberBytes + data_bytes;
    if (after > before) {
        const std::size_t more = after - before;
        const std::size_t limit = max_presence_bytes_.load(std::memory_order_relaxed);
        if (limit != 0 && channel.presence_bytes + more > limit) return Error::presence_full;
        if (services_.budget != nullptr && !services_.budget->try_reserve(more)) {
            return Error::memory_exhausted;
        }
        channel.presence_bytes += more;
    } else {
        release_presence(channel, before - after);
    }
    return {};
}

void Hub::release_presence(Channel& channel, std::size_t bytes) noexcept {
    // Members that were put into the store past the hub are not in the account.
    bytes = std::min(bytes, channel.presence_bytes);
    channel.presence_bytes -= bytes;
    if (services_.budget != nullptr) services_.budget->release(bytes);
}

Result<PresenceStore::Joined> Hub::presence_join(std::string_view name, const SessionId& id,
                                                 std::optional<PresenceData> data,
                                                 const Outlet* except, Lane* from) {
    const std::uint64_t key = hash(name);
    Stripe& home = stripe(key);
    std::uint64_t wake = 0;
    Result<PresenceStore::Joined> joined;
    {
        const std::lock_guard lock(home.mutex);
        Channel* channel = home.channels.find(name, key);
        if (channel == nullptr) return tl::unexpected(make_error_code(Error::channel_not_found));
        const std::size_t before = channel->presence_bytes;
        if (const auto error = resize_presence(*channel, id, data ? data->size() : 0)) {
            return tl::unexpected(error);
        }
        joined = presence_->join(name, id, std::move(data));
        if (!joined) {
            release_presence(*channel,
                             channel->presence_bytes - std::min(before, channel->presence_bytes));
            return joined;
        }
        channel->has_presence = true;
        const auto action = joined->is_new ? PresenceAction::join : PresenceAction::update;
        announce(*channel, PresenceEvent{name, action, joined->state}, except, from, wake);
    }
    wake_lanes(wake, from);
    return joined;
}

Result<PresenceState> Hub::presence_update(std::string_view name, const SessionId& id,
                                           std::optional<PresenceData> data, const Outlet* except,
                                           Lane* from) {
    const std::uint64_t key = hash(name);
    Stripe& home = stripe(key);
    std::uint64_t wake = 0;
    Result<PresenceState> updated;
    {
        const std::lock_guard lock(home.mutex);
        Channel* channel = home.channels.find(name, key);
        if (channel == nullptr) return tl::unexpected(make_error_code(Error::channel_not_found));
        if (!presence_->get(name, id)) return tl::unexpected(make_error_code(Error::not_a_member));
        if (const auto error = resize_presence(*channel, id, data ? data->size() : 0)) {
            return tl::unexpected(error);
        }
        updated = presence_->update(name, id, std::move(data));
        if (!updated) return updated;
        announce(*channel, PresenceEvent{name, PresenceAction::update, *updated}, except, from,
                 wake);
    }
    wake_lanes(wake, from);
    return updated;
}

std::optional<PresenceState> Hub::presence_leave(std::string_view name, const SessionId& id,
                                                 const Outlet* except, Lane* from) {
    const std::uint64_t key = hash(name);
    Stripe& home = stripe(key);
    std::uint64_t wake = 0;
    std::optional<PresenceState> left;
    {
        const std::lock_guard lock(home.mutex);
        left = presence_->leave(name, id);
        Channel* channel = home.channels.find(name, key);
        if (!left || channel == nullptr) return left;
        release_presence(*channel, cost_of(left));
        announce(*channel, PresenceEvent{name, PresenceAction::leave, *left}, except, from, wake);
    }
    wake_lanes(wake, from);
    return left;
}

std::size_t Hub::prune_presence(std::chrono::milliseconds idle) {
    const std::vector<PresenceStore::Pruned> pruned = presence_->prune_stale(idle);
    for (const PresenceStore::Pruned& gone : pruned) {
        const std::uint64_t key = hash(gone.channel);
        Stripe& home = stripe(key);
        std::uint64_t wake = 0;
        {
            const std::lock_guard lock(home.mutex);
            Channel* channel = home.channels.find(gone.channel, key);
            if (channel == nullptr) continue;
            release_presence(*channel, cost_of(gone.state));
            // Whoever has come back meanwhile has been announced, and is counted, as such.
            if (presence_->get(gone.channel, gone.state.session)) continue;
            announce(*channel, PresenceEvent{gone.channel, PresenceAction::leave, gone.state},
                     nullptr, nullptr, wake);
        }
        wake_lanes(wake, nullptr);
    }
    return pruned.size();
}

template <typename Event>
void Hub::announce(Channel& channel, const Event& event, const Outlet* except, Lane* from,
                   std::uint64_t& wake) {
    std::int64_t now_ns = 0;
    for (const auto& stream : channel.streams) {
        if (stream->subscribers == 0) continue;
        MessageWriter writer(stream->buffer, *stream->framing,
                             from != nullptr ? &from->pool_ : nullptr, services_.budget);
        if (!stream->encoder->encode(event, writer)) continue;
        wake |= append(
            *stream, except, from, services_.clock, now_ns,
            [](LaneChannel& dirty) { dirty.lane->mark_dirty(dirty); },
            [](Lane& lane) { lane.note_more(); });
        if (from != nullptr) from->pending_bytes_ += stream->buffer.last().size();
    }
}

// -------------------------------------------------------------------- looking

bool Hub::channel_exists(std::string_view name) const {
    const std::uint64_t key = hash(name);
    Stripe& home = stripe(key);
    const std::lock_guard lock(home.mutex);
    return home.channels.find(name, key) != nullptr;
}

bool Hub::has_interest(std::string_view name) const noexcept { return subscriber_count(name) > 0; }

std::size_t Hub::subscriber_count(std::string_view name) const {
    const std::uint64_t key = hash(name);
    Stripe& home = stripe(key);
    const std::lock_guard lock(home.mutex);
    const Channel* channel = home.channels.find(name, key);
    return channel == nullptr ? 0 : channel->subscribers;
}

std::vector<std::string> Hub::channel_names(std::size_t limit) const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < kStripes && names.size() < limit; ++i) {
        const std::lock_guard lock(stripes_[i].mutex);
        stripes_[i].channels.for_each([&](const Channel& channel) {
            if (names.size() < limit) names.push_back(channel.name);
        });
    }
    return names;
}

HubStats Hub::stats() const {
    HubStats stats;
    stats.subscribed_sessions = subscribed_sessions_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < kStripes; ++i) {
        const Stripe& part = stripes_[i];
        const std::lock_guard lock(stripes_[i].mutex);
        stats.channels += part.channels.size();
        stats.subscriptions += part.subscriptions;
        stats.subscribes_total += part.subscribes_total;
        stats.publications_total += part.publications_total;
        stats.publication_bytes_total += part.publication_bytes_total;
        stats.publications_lost_total += part.publications_lost_total;
    }
    return stats;
}

}  // namespace pulse::core
