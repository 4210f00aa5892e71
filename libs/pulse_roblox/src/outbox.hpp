// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What one universe has for its game servers: queued per real topic, put into frames at the moment
// something may be sent, not before, so that frames fill up by themselves under pressure.
//
// No frame is ever larger than the budget, however it is counted, and no message is lost here
// without take_dropped() saying so.
#pragma once

#include "frame_writer.hpp"
#include "lane.hpp"
#include "zstd_text.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/core/result.hpp>
#include <pulse/roblox/bridge_options.hpp>
#include <pulse/roblox/envelope.hpp>
#include <pulse/roblox/error.hpp>
#include <pulse/roblox/frame.hpp>
#include <pulse/roblox/sequence.hpp>

namespace pulse::roblox {

/// What every live game server can do.
struct Capabilities {
    bool zstd = false;
    bool http = false;
};

/// One publish.
struct OutgoingFrame {
    std::string real_topic;
    Target::Kind kind = Target::Kind::broadcast;
    std::string text;
    std::uint64_t seq = 0;  ///< 0 for v0, which has no numbers
    std::vector<MessageId> messages{};
    /// When the last of its messages expires: retries end here.
    core::MonotonicTime deadline{};
    /// False for all chunks of an item but the last: it has arrived when that has.
    bool is_last_part = true;
};

/// A message that was taken, and in how many forms it will be sent.
struct Queued {
    MessageId id = 0;
    unsigned forms = 1;
};

/// A message that left the outbox unsent.
struct Dropped {
    MessageId id = 0;
    Error error = Error::expired;
};

/// **Loop-bound.**
class Outbox {
  public:
    /// Keeps an item to be fetched and returns its token; empty when it cannot.
    using KeepClaim = std::function<std::string(const std::string& item)>;

    Outbox(OutboxOptions options, SequenceSource& sequence, KeepClaim keep_claim = {});
    Outbox(const Outbox&) = delete;
    Outbox& operator=(const Outbox&) = delete;

    void set_capabilities(Capabilities capabilities) noexcept { capabilities_ = capabilities; }
    /// How many shards to publish to from now on; see effective_shards().
    void set_shards(unsigned shards) noexcept;
    /// For messages from now on; what waits keeps its real topic.
    void set_prefix(const std::string& prefix) { options_.prefix = prefix; }
    /// Compresses with another's working memory instead of its own. It outlives the outbox.
    void share_packer(ZstdPacker& packer) noexcept { packer_ = &packer; }

    /// Sends a hint to poll, without a message. One that waits for the same topic is replaced.
    void push_wake(const std::string& real_topic, Target::Kind kind, std::string cursor);

    /// Errors: Error::queue_full, Error::message_too_large, Error::invalid_topic,
    /// Error::invalid_server_id. In both forms it counts as sent when each was.
    [[nodiscard]] core::Result<Queued> push(OutgoingMessage message, Forms forms,
                                            core::MonotonicTime now);

    /// Builds the frames that are due, most urgent first: for each, `may_send(real topic, kind)` is
    /// asked, and no frame is built for a topic that it refuses. Where nothing comes of a leave
    /// that was given (what waited fits no frame any more, or has no number yet), `give_back` is
    /// told. Returns how many were handed out.
    using Leave = std::function<bool(const std::string&, Target::Kind)>;
    using GiveBack = std::function<void(const std::string&, Target::Kind)>;
    std::size_t pump(core::MonotonicTime now, const Leave& may_send,
                     const std::function<void(OutgoingFrame)>& send,
                     const GiveBack& give_back = {});
    /// When something will be due that is not yet; nothing when empty. In the past when something
    /// is due now. Topics that `is_blocked` are left out; what was due by `asked_at` has been asked
    /// for in vain, and counts as due at `again_at`.
    [[nodiscard]] std::optional<core::MonotonicTime> next_due(
        const std::function<bool(const std::string&)>& is_blocked = {},
        core::MonotonicTime asked_at = core::MonotonicTime::min(),
        core::MonotonicTime again_at = core::MonotonicTime::min()) const;

    /// Drops what has expired. Linear: call it about once a second.
    void expire(core::MonotonicTime now);
    /// Forgets the remaining chunks of an item of which one could not be sent.
    void abandon(const std::string& real_topic, MessageId message);
    /// Drops everything, as when a universe's key was refused.
    void drop_all(Error error);
    /// What was dropped since the last call.
    [[nodiscard]] std::vector<Dropped> take_dropped() { return std::exchange(dropped_, {}); }

    [[nodiscard]] std::size_t message_count() const noexcept { return message_count_; }
    [[nodiscard]] std::size_t byte_count() const noexcept { return byte_count_; }
    [[nodiscard]] std::optional<core::MonotonicTime> oldest() const noexcept;

  private:
    struct Queue {
        Lane lane;
        std::deque<OutgoingFrame> ready{};  // chunks of an item that has been begun
        std::string wake{};                 // cursor of a wake to be sent; empty = none

        [[nodiscard]] bool is_empty() const noexcept {
            return ready.empty() && wake.empty() && lane.is_empty();
        }
    };
    using Queues = std::map<std::string, Queue, std::less<>>;
    struct Batch;

    [[nodiscard]] bool has_room(std::size_t cost, std::size_t count) const noexcept;
    [[nodiscard]] Queue& queue_of(std::string real_topic, Target::Kind kind, bool is_v0);
    [[nodiscard]] std::string real_topic_for(const OutgoingMessage& message, bool is_spread);
    [[nodiscard]] std::uint64_t next_spread_seq(const OutgoingMessage& message);
    [[nodiscard]] Pending make_pending(OutgoingMessage& message, MessageId id,
                                       core::MonotonicTime now) const;
    [[nodiscard]] static std::size_t largest_batch_overhead(Counting counting);
    [[nodiscard]] bool fits_one_frame(const Pending& message) const noexcept;
    [[nodiscard]] bool fits_somehow(const Pending& message) const noexcept;
    [[nodiscard]] Pending* find_waiting(const std::string& key) noexcept;
    void put(Queue& queue, Pending message);
    void replace(Pending message);
    [[nodiscard]] bool is_due(const Queue& queue, core::MonotonicTime now) const noexcept;
    [[nodiscard]] core::MonotonicTime due_at(const Queue& queue) const noexcept;
    [[nodiscard]] std::optional<OutgoingFrame> build(Queue& queue, core::MonotonicTime now);
    [[nodiscard]] std::optional<OutgoingFrame> build_wake(Queue& queue, core::MonotonicTime now);
    [[nodiscard]] std::optional<OutgoingFrame> build_v0(Queue& queue);
    [[nodiscard]] std::optional<OutgoingFrame> build_batch(Queue& queue, core::MonotonicTime now);
    [[nodiscard]] std::optional<OutgoingFrame> build_large(Queue& queue);
    [[nodiscard]] std::vector<std::string_view> slice(std::string_view item) const;
    [[nodiscard]] std::string try_claim(const Pending& message, const std::string& item);
    /// Takes the next message into the batch, unless it would grow beyond these.
    bool add_next(Queue& queue, core::MonotonicTime now, Batch& batch, std::size_t max_counted,
                  std::size_t max_bytes);
    /// Finds how many messages fit when compressed; the text of that frame, or nothing.
    [[nodiscard]] std::string compress(Queue& queue, core::MonotonicTime now, std::uint64_t seq,
                                       Batch& batch);
    void drop_expired_heads(Queue& queue, core::MonotonicTime now);
    void forget(const Pending& message);
    void drop(const Pending& message, Error error);

    OutboxOptions options_;
    SequenceSource& sequence_;
    KeepClaim keep_claim_;
    Capabilities capabilities_;
    Queues queues_;
    struct Waiting {
        Queue* queue;
        Pending* message;
    };
    std::unordered_map<std::string, Waiting> by_key_;
    std::vector<Dropped> dropped_;
    ZstdPacker own_packer_;
    ZstdPacker* packer_ = &own_packer_;
    std::size_t batch_overhead_ = 0;  ///< header and brackets, with the longest number
    std::size_t message_count_ = 0;
    std::size_t byte_count_ = 0;
    MessageId last_id_ = 0;
    std::uint64_t last_order_ = 0;
    std::uint64_t last_chunk_id_ = 0;
    unsigned next_spread_shard_ = 0;
    std::unordered_map<std::string, std::uint64_t> spread_seqs_;
};

}  // namespace pulse::roblox
