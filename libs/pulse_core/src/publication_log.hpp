// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the receivers of a channel read: publications in segments of 64, each segment written once
// and read without a lock.
//
// The publisher (one at a time, under the channel's lock) fills entries and then advances `ready`;
// a receiver holds a share of the segment it reads, so nothing is overwritten under it. Only moving
// on to the next segment takes the log's lock. The log itself keeps the newest segments that cover
// its capacity; whoever comes for an older one learns how many publications it lost.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include <pulse/core/publication.hpp>

namespace pulse::core::detail {

struct LogSegment {
    static constexpr std::uint32_t kEntries = 64;
    explicit LogSegment(std::uint64_t first) noexcept : base(first) {}

    std::atomic<std::uint32_t> ready{0};
    const std::uint64_t base;  ///< sequence number of entries[0]
    std::array<PublicationPtr, kEntries> entries;
};

class PublicationLog {
  public:
    explicit PublicationLog(std::size_t capacity)
        : kept_segments_((capacity + LogSegment::kEntries - 1) / LogSegment::kEntries + 1) {
        segments_.push_back(std::make_shared<LogSegment>(0));
        tail_ = segments_.back().get();
    }

    /// Under the channel's lock.
    void append(PublicationPtr publication) {
        std::uint32_t index = tail_->ready.load(std::memory_order_relaxed);
        if (index == LogSegment::kEntries) {
            begin_segment();
            index = 0;
        }
        tail_->entries[index] = std::move(publication);
        // Sequentially consistent with the waiters' count: either this thread sees the waiter, or
        // the waiter sees the entry.
        tail_->ready.store(index + 1, std::memory_order_seq_cst);
        if (waiters_.load(std::memory_order_seq_cst) != 0) notify();
    }

    /// Under the channel's lock.
    void add_gap() noexcept { gaps_.fetch_add(1, std::memory_order_release); }
    [[nodiscard]] std::uint64_t gaps() const noexcept {
        return gaps_.load(std::memory_order_acquire);
    }

    /// Under the channel's lock: the segment whose end is "now".
    [[nodiscard]] std::shared_ptr<LogSegment> tail() const { return segments_.back(); }

    /// The segment that follows `segment`, or the oldest kept one if that is gone (`lost` then
    /// grows by what lies between); null when there is none yet.
    [[nodiscard]] std::shared_ptr<LogSegment> next(const LogSegment& segment, std::uint64_t& lost) {
        const std::lock_guard lock(mutex_);
        const std::uint64_t wanted = segment.base + LogSegment::kEntries;
        const std::uint64_t oldest = segments_.front()->base;
        if (wanted < oldest) {
            lost += oldest - wanted;
            return segments_.front();
        }
        const std::size_t index = (wanted - oldest) / LogSegment::kEntries;
        return index < segments_.size() ? segments_[index] : nullptr;
    }

    /// Whether the segment after `segment` has begun. Only inside wait_until's condition, which
    /// holds the lock.
    [[nodiscard]] bool has_after(const LogSegment& segment) const noexcept {
        return segments_.back()->base > segment.base;
    }

    /// Blocks until `is_ready()` (true) or the deadline (false).
    template <typename Ready>
    [[nodiscard]] bool wait_until(std::chrono::steady_clock::time_point deadline,
                                  Ready&& is_ready) {
        std::unique_lock lock(mutex_);
        waiters_.fetch_add(1, std::memory_order_seq_cst);
        const bool is_woken = changed_.wait_until(lock, deadline, is_ready);
        waiters_.fetch_sub(1, std::memory_order_relaxed);
        return is_woken;
    }

  private:
    void begin_segment() {
        auto segment = std::make_shared<LogSegment>(tail_->base + LogSegment::kEntries);
        const std::lock_guard lock(mutex_);
        tail_ = segment.get();
        segments_.push_back(std::move(segment));
        if (segments_.size() > kept_segments_) segments_.pop_front();
    }
    void notify() {
        const std::lock_guard lock(mutex_);
        changed_.notify_all();
    }

    const std::size_t kept_segments_;
    LogSegment* tail_;
    std::atomic<std::uint32_t> waiters_{0};
    std::atomic<std::uint64_t> gaps_{0};  ///< told by the broker
    std::mutex mutex_;                    ///< guards segments_ against readers
    std::condition_variable changed_;
    std::deque<std::shared_ptr<LogSegment>> segments_;
};

}  // namespace pulse::core::detail
