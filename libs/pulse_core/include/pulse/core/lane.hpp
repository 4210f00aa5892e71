// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One event loop's part of the hub.
//
// A lane collects what became due for its outlets during a turn of its loop, and hands it out at
// the turn's end. Other threads reach it in two ways only: a publication marks a channel as dirty
// here, and post() queues a function; both wake the loop at most once per turn.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/core/encoding.hpp>
#include <pulse/core/memory.hpp>
#include <pulse/core/outlet.hpp>

namespace pulse::core {

class Hub;
class Session;
namespace detail {
struct Channel;
struct LaneChannel;
struct Segment;
}  // namespace detail

/// The loop that hosts a lane.
class LaneHost {
  public:
    virtual ~LaneHost() = default;
    /// Makes the loop call Lane::flush() soon. Thread-safe, and cheap to call again. It must not
    /// call the lane: that is locked meanwhile, so that the host cannot go.
    virtual void wake() noexcept = 0;
    /// Makes the loop call Lane::flush() when the hub's clock has come to Lane::next_due(), which
    /// has just become earlier. On the loop's thread. A host without timers leaves it: what is due
    /// then runs with whatever flush comes next.
    virtual void wake_at_due() noexcept {}
};

/// Counted by the lane's own thread, readable by any: relaxed, and without locked instructions.
class LaneCounter {
  public:
    void add(std::uint64_t n) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    void subtract(std::uint64_t n) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t get() const noexcept {
        return value_.load(std::memory_order_relaxed);
    }

  private:
    std::atomic<std::uint64_t> value_{0};
};

/// Powers of two from `kFirst`: bucket i counts values up to kFirst << i; the last takes the rest.
struct LaneHistogram {
    static constexpr std::size_t kBuckets = 24;
    LaneCounter buckets[kBuckets];
    LaneCounter sum;
    LaneCounter count;

    void observe(std::uint64_t value, std::uint64_t first) noexcept {
        std::size_t i = 0;
        while (i + 1 < kBuckets && value > (first << i)) ++i;
        buckets[i].add(1);
        sum.add(value);
        count.add(1);
    }
};

/// Nanoseconds in steps of an eighth of a power of two, for quantiles: at most 12.5 % off. From
/// 1,024 ns to half a minute; what lies outside counts in the first or last bucket.
struct LaneLatencies {
    static constexpr std::size_t kPerOctave = 8;
    static constexpr std::size_t kOctaves = 25;
    static constexpr std::size_t kBuckets = 1 + kPerOctave * kOctaves;
    LaneCounter buckets[kBuckets];
    LaneCounter sum;
    LaneCounter count;

    void observe(std::uint64_t nanoseconds, std::uint64_t times) noexcept {
        buckets[bucket_of(nanoseconds)].add(times);
        sum.add(nanoseconds * times);
        count.add(times);
    }
    [[nodiscard]] static std::size_t bucket_of(std::uint64_t nanoseconds) noexcept {
        const std::uint64_t units = nanoseconds >> 7;  // 128 ns: an eighth of the first octave
        if (units < 8) return 0;
        const auto octave = static_cast<std::size_t>(std::bit_width(units)) - 4;
        const std::size_t step = (units >> octave) & 7;
        return std::min(1 + octave * kPerOctave + step, kBuckets - 1);
    }
    /// What every value in the bucket lies below.
    [[nodiscard]] static std::uint64_t upper_bound(std::size_t bucket) noexcept {
        if (bucket == 0) return 1024;
        const std::size_t octave = (bucket - 1) / kPerOctave;
        const std::size_t step = (bucket - 1) % kPerOctave;
        return (std::uint64_t{9} + step) << (octave + 7);
    }
};

struct LaneStats {
    LaneCounter deliveries;          ///< publications handed to an outlet
    LaneCounter delivered_bytes;     ///< their bytes, without framing
    LaneCounter replies;             ///< messages to one peer
    LaneCounter reply_bytes;         ///< their bytes, without framing
    LaneCounter dropped_oldest;      ///< publications dropped under drop_oldest
    LaneCounter dropped_newest;      ///< publications dropped under drop_newest
    LaneCounter overflow_closes;     ///< outlets that passed their limits under close
    LaneCounter lost_to_memory;      ///< messages without room in the memory budget
    LaneCounter backlog_bytes;       ///< now waiting for full sockets
    LaneCounter backlog_outlets;     ///< outlets with a backlog now
    LaneHistogram fan_out;           ///< subscribers per publication batch, first bucket 1
    LaneHistogram publish_to_write;  ///< nanoseconds from the first publication of a batch to the
                                     ///< end of the turn that wrote it, first bucket 1,024 ns
    static constexpr std::uint64_t kFanOutFirst = 1;
    static constexpr std::uint64_t kLatencyFirst = 1024;
};

/// **Loop-bound**, but for what says otherwise. Made by Hub::add_lane and owned by the hub.
class Lane {
  public:
    /// When the pending bytes of one lane pass this, needs_flush() says so and the loop flushes
    /// before it reads on: bigger batches gain nothing and hold memory.
    static constexpr std::size_t kEarlyFlushBytes = std::size_t{256} * 1024;

    ~Lane();
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    [[nodiscard]] Hub& hub() const noexcept { return hub_; }
    [[nodiscard]] std::uint32_t index() const noexcept { return index_; }

    /// Begins a turn: reads the clock. What happens until flush() goes out together.
    void begin_turn() noexcept;
    /// The time of the current turn's beginning, to save clock reads.
    [[nodiscard]] MonotonicTime now() const noexcept { return now_; }
    /// What a flush carried.
    struct Flushed {
        std::size_t channels = 0;  ///< that had publications
        std::size_t messages = 0;  ///< their publications, not multiplied by subscribers
        std::size_t bytes = 0;     ///< of these, without framing
    };
    /// Ends the turn: runs posted functions, hands out what is pending, calls write_out() on every
    /// outlet that has something.
    Flushed flush();
    [[nodiscard]] bool needs_flush() const noexcept { return pending_bytes_ >= kEarlyFlushBytes; }
    /// Whether anything waits for a flush. Thread-safe.
    [[nodiscard]] bool has_work() const noexcept;
    /// For a host that waits a little for more to flush: publications of other threads in a channel
    /// that has some pending already do not wake it. Whether there have been such since
    /// expect_more().
    void expect_more() noexcept { is_expecting_.store(true, std::memory_order_relaxed); }
    [[nodiscard]] bool has_more_come() noexcept {
        return !is_expecting_.exchange(false, std::memory_order_relaxed);
    }

    /// Hands a publication that the caller fans out itself to outlets of this lane whose framing
    /// is that of `frame`, as the hub does with its own: at once, so that it keeps its place among
    /// replies, under OutletLimits, counted as deliveries, and with one share of the chunk for all
    /// of them. A frame without a chunk, for which there was no memory, is counted as lost to all.
    /// `is_first`: of its channel in this turn.
    void deliver(const SharedFrame& frame, std::span<Outlet* const> to, bool is_first);
    /// Outlet::send(frame) to each, with one share of the chunk for all of them.
    void send(const SharedFrame& frame, std::span<Outlet* const> to);

    /// Runs `function` on the lane's loop during its next flush. Thread-safe. Functions still
    /// queued when the lane or its host ends are destroyed unrun. What a function throws is logged.
    void post(std::function<void()> function);
    /// Runs `function` during the first flush at or after `due`, in the order of due times.
    /// **Loop-bound**; precise to a millisecond or so where the host has timers. What is left when
    /// the lane or its host ends is destroyed unrun.
    void post_at(MonotonicTime due, std::function<void()> function);
    /// When the next of these is due. Loop-bound.
    [[nodiscard]] std::optional<MonotonicTime> next_due() const noexcept;
    /// The host is about to go: it is not woken any more, and what is posted from now on is
    /// destroyed unrun.
    void detach_host() noexcept;

    /// A way to post that may outlive the lane. **Thread-safe.**
    class Port {
      public:
        explicit Port(Lane& lane) noexcept : lane_(&lane) {}
        void post(std::function<void()> function);

      private:
        friend class Lane;
        std::mutex mutex_;
        Lane* lane_;  ///< null when it is gone
    };
    [[nodiscard]] const std::shared_ptr<Port>& port() const noexcept { return port_; }

    [[nodiscard]] ChunkPool& pool() noexcept { return pool_; }
    [[nodiscard]] MemoryBudget* budget() const noexcept { return budget_; }
    void set_limits(const OutletLimits& limits) noexcept { limits_ = limits; }
    [[nodiscard]] const OutletLimits& limits() const noexcept { return limits_; }
    /// Readable from any thread.
    [[nodiscard]] const LaneStats& stats() const noexcept { return stats_; }

  private:
    friend class Hub;
    friend class Outlet;
    friend class Session;

    Lane(Hub& hub, LaneHost& host, const Clock& clock, MemoryBudget* budget, std::uint32_t index);

    /// Called by publishers under the channel's lock; they wake the loop after unlocking.
    void mark_dirty(detail::LaneChannel& channel);
    /// It is dirty already, and has more.
    void note_more() noexcept {
        // Written to only when it says something: every publisher reads it.
        if (is_expecting_.load(std::memory_order_relaxed)) {
            is_expecting_.store(false, std::memory_order_relaxed);
        }
    }
    void wake_from(const Lane* caller) noexcept;
    void hand_out(detail::LaneChannel& channel, std::vector<detail::Segment>& segments);
    void take_inbox();
    void run_posted();
    void hand_out_dirty();
    void run_due();
    void run_guarded(const std::function<void()>& function) const noexcept;
    /// False, and `function` left as it is, when there is nobody to run it.
    bool try_post(std::function<void()>& function);
    void wake_host() noexcept;
    void on_exception(std::string_view what) const noexcept;
    void touch(Outlet& outlet);
    void forget(Outlet& outlet) noexcept;

    struct Node {
        FrameSlice slice;
        std::uint32_t next;
        bool is_droppable;
    };

    struct Timer {
        MonotonicTime due;
        std::uint64_t serial;  ///< of equal times the first posted runs first
        std::function<void()> function;
        [[nodiscard]] bool operator<(const Timer& other) const noexcept {
            // A heap has its greatest in front.
            return due != other.due ? due > other.due : serial > other.serial;
        }
    };

    Hub& hub_;
    const Clock& clock_;
    MemoryBudget* budget_;
    std::uint32_t index_;
    bool in_turn_ = false;
    MonotonicTime now_{};
    OutletLimits limits_;

    // This turn.
    std::vector<Node> nodes_;
    std::vector<Outlet*> touched_;
    std::vector<ChunkRef> holds_;
    FrameBuffer replies_;
    std::size_t pending_bytes_ = 0;
    Flushed flushed_;
    Flushed delivered_;  ///< by deliver(), since the last flush
    std::vector<std::int64_t> batch_times_;

    ChunkPool pool_;
    std::vector<detail::LaneChannel*> dirty_work_;
    std::vector<detail::Segment> segment_work_;
    std::vector<std::function<void()>> posted_work_;
    std::vector<Timer> timers_;  ///< a heap
    std::uint64_t last_timer_ = 0;

    std::mutex inbox_mutex_;
    LaneHost* host_;  ///< null when it is gone
    std::vector<detail::LaneChannel*> dirty_;
    std::vector<std::function<void()>> posted_;
    std::atomic<bool> has_inbox_{false};
    std::atomic<bool> is_expecting_{false};
    std::shared_ptr<Port> port_ = std::make_shared<Port>(*this);

    LaneStats stats_;
};

}  // namespace pulse::core
