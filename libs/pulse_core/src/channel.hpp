// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The hub's own structures. What is guarded by the stripe's lock and what belongs to a lane's
// thread is said at each.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/encoding.hpp>
#include <pulse/core/history.hpp>
#include <pulse/core/lane.hpp>
#include <pulse/core/session.hpp>

namespace pulse::core::detail {

class PublicationLog;
struct Stream;

/// A run of framed messages that waits for one lane to hand it out.
struct Segment {
    ChunkRef chunk;
    std::uint32_t begin;
    std::uint32_t end;
    std::uint32_t messages;
    std::uint32_t message_bytes;  ///< without framing
    const Outlet* except;         ///< this outlet alone does not get it (compared, never followed)
};

/// One wire form of one channel on one lane.
struct LaneChannel {
    Lane* lane;
    Channel* channel;   ///< valid while is_alive
    std::mutex* mutex;  ///< the stripe's, which outlives the channel

    // Under the stripe's lock.
    Stream* stream;
    std::vector<Segment> pending;
    std::int64_t first_publish_ns = 0;  ///< of the oldest pending publication; 0 = not known
    std::uint32_t subscriber_count = 0;
    bool is_dirty = false;  ///< stands in the lane's dirty list
    bool is_alive = true;   ///< false: the lane deletes it when it meets it in the list

    // The lane's thread only.
    struct Subscriber {
        Outlet* outlet;
        std::uint32_t subscription;  ///< index in its session's list
    };
    std::vector<Subscriber> subscribers;

    /// Moves what is pending to `out` (empty before). Under the stripe's lock.
    void take_pending(std::vector<Segment>& out) noexcept;
};

/// One wire form of a channel: the log of framed messages, and the lanes that read it. Under the
/// stripe's lock.
struct Stream {
    const Encoder* encoder;
    const Framing* framing;
    FrameBuffer buffer;
    std::uint32_t subscribers = 0;
    std::vector<std::unique_ptr<LaneChannel>> lanes;  ///< by the lane's index, with gaps
};

/// Under the stripe's lock, but for `name` and `hash`, which never change.
struct Channel {
    std::string name;
    std::uint64_t hash;
    std::uint32_t subscribers = 0;  ///< sessions and receivers
    std::uint32_t receivers = 0;
    bool is_kept = false;            ///< made by create_channel(), or empty channels stay
    bool has_presence = false;       ///< somebody joined its presence once
    std::size_t presence_bytes = 0;  ///< of its members, reserved from the budget
    std::vector<std::unique_ptr<Stream>> streams;
    std::shared_ptr<PublicationLog> log;  ///< while there are receivers
    StreamPosition position;              ///< of the last publication that had one
};

/// Channels by name: open addressing, linear probing, deletion by shifting back. Hashes are keyed
/// with a secret, so that peers cannot choose names that collide.
class ChannelTable {
  public:
    [[nodiscard]] Channel* find(std::string_view name, std::uint64_t hash) const noexcept;
    Channel& insert(std::unique_ptr<Channel> channel);
    void erase(const Channel& channel) noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    template <typename Function>
    void for_each(Function&& function) const {
        for (const Slot& slot : slots_) {
            if (slot.channel) function(*slot.channel);
        }
    }

  private:
    struct Slot {
        std::uint64_t hash = 0;
        std::unique_ptr<Channel> channel;
    };
    void grow();

    std::vector<Slot> slots_;  ///< empty or a power of two, at most three quarters full
    std::size_t size_ = 0;
};

/// Keyed 64-bit hash in the manner of wyhash: wide multiplications folded.
[[nodiscard]] std::uint64_t hash_name(std::string_view name, std::uint64_t seed) noexcept;

}  // namespace pulse::core::detail

namespace pulse::core {

struct alignas(64) Hub::Stripe {
    std::mutex mutex;
    detail::ChannelTable channels;
    std::uint64_t subscriptions = 0;
    std::uint64_t subscribes_total = 0;
    std::uint64_t publications_total = 0;
    std::uint64_t publication_bytes_total = 0;
    std::uint64_t publications_lost_total = 0;
};

}  // namespace pulse::core
