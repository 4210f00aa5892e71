// SPDX-License-Identifier: MIT OR Apache-2.0
#include "channel.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <pulse/core/hub.hpp>
#include <pulse/core/lane.hpp>
#include <pulse/core/prefetch.hpp>

namespace pulse::core {

using detail::LaneChannel;
using detail::Segment;

namespace {

/// Of an outlet and what is derived from it: where write_out() finds what it needs.
constexpr std::size_t kOutletHead = 128;

}  // namespace

Lane::Lane(Hub& hub, LaneHost& host, const Clock& clock, MemoryBudget* budget, std::uint32_t index)
    : hub_(hub),
      clock_(clock),
      budget_(budget),
      index_(index),
      now_(clock.now()),
      pool_(budget),
      host_(&host) {}

Lane::~Lane() {
    {
        const std::lock_guard lock(port_->mutex_);
        port_->lane_ = nullptr;
    }
    for (LaneChannel* channel : dirty_) {
        if (!channel->is_alive) delete channel;
    }
}

void Lane::begin_turn() noexcept {
    now_ = clock_.now();
    in_turn_ = true;
}

bool Lane::has_work() const noexcept {
    return has_inbox_.load(std::memory_order_acquire) || !touched_.empty();
}

void Lane::post(std::function<void()> function) { (void)try_post(function); }

bool Lane::try_post(std::function<void()>& function) {
    const std::lock_guard lock(inbox_mutex_);
    if (host_ == nullptr) return false;
    posted_.push_back(std::move(function));
    has_inbox_.store(true, std::memory_order_release);
    host_->wake();
    return true;
}

void Lane::detach_host() noexcept {
    std::vector<std::function<void()>> unrun;
    std::vector<Timer> timers_unrun;
    const std::lock_guard lock(inbox_mutex_);
    host_ = nullptr;
    // Destroyed behind the lock: what they hold may post once more.
    unrun.swap(posted_);
    timers_unrun.swap(timers_);
}

void Lane::wake_host() noexcept {
    // Under the lock, so that the host cannot go meanwhile.
    const std::lock_guard lock(inbox_mutex_);
    if (host_ != nullptr) host_->wake();
}

void Lane::Port::post(std::function<void()> function) {
    // A function nobody runs is destroyed when the lock is released: what it holds may post too.
    const std::lock_guard lock(mutex_);
    if (lane_ != nullptr) (void)lane_->try_post(function);
}

void Lane::mark_dirty(LaneChannel& channel) {
    const std::lock_guard lock(inbox_mutex_);
    dirty_.push_back(&channel);
    has_inbox_.store(true, std::memory_order_release);
}

void Lane::wake_from(const Lane* caller) noexcept {
    if (caller == this && in_turn_) return;
    wake_host();
}

void Lane::touch(Outlet& outlet) {
    outlet.is_touched_ = true;
    touched_.push_back(&outlet);
    if (!in_turn_) wake_host();
}

void Lane::forget(Outlet& outlet) noexcept {
    const auto found = std::find(touched_.begin(), touched_.end(), &outlet);
    if (found != touched_.end()) *found = nullptr;
}

Lane::Flushed Lane::flush() {
    in_turn_ = true;
    flushed_ = std::exchange(delivered_, {});
    if (!timers_.empty()) run_due();
    if (has_inbox_.load(std::memory_order_acquire)) take_inbox();
    // What posted functions published goes out in this turn, too, unless another function waits,
    // which may have been posted before the publication: those have their turn in the next flush.
    if (has_inbox_.load(std::memory_order_acquire)) {
        std::unique_lock lock(inbox_mutex_);
        if (posted_.empty()) {
            dirty_work_.swap(dirty_);
            has_inbox_.store(false, std::memory_order_release);
        }
        lock.unlock();
        hand_out_dirty();
    }
    // write_out() must not queue more, but on_overflow() of a dialect may: hence by index.
    for (std::size_t i = 0; i < touched_.size(); ++i) {
        if (i + kPrefetchAhead < touched_.size()) {
            prefetch(touched_[i + kPrefetchAhead], kOutletHead);
        }
        Outlet* outlet = touched_[i];
        if (outlet == nullptr) continue;
        outlet->is_touched_ = false;
        outlet->turn_reply_bytes_ = 0;
        if (outlet->turn_head_ != Outlet::kNone) outlet->write_out();
    }
    // Whatever an outlet could not write is in its backlog now; its slices of this turn are void.
    touched_.clear();
    nodes_.clear();
    for (ChunkRef& chunk : holds_) pool_.recycle(std::move(chunk));
    holds_.clear();
    pool_.recycle(replies_.release());
    pending_bytes_ = 0;
    if (!batch_times_.empty()) {
        const std::int64_t end = clock_.now().time_since_epoch().count();
        for (const std::int64_t begin : batch_times_) {
            stats_.publish_to_write.observe(
                static_cast<std::uint64_t>(std::max<std::int64_t>(0, end - begin)),
                LaneStats::kLatencyFirst);
        }
        batch_times_.clear();
    }
    in_turn_ = false;
    // A listener may have published while this turn was written: no publisher on the lane's own
    // thread wakes it.
    if (has_inbox_.load(std::memory_order_acquire)) wake_host();
    return flushed_;
}

void Lane::on_exception(std::string_view what) const noexcept {
    hub_.log().write(LogLevel::error, "posted_function_failed", {{"reason", what}});
}

void Lane::take_inbox() {
    // Both at one moment, and functions first: an answer that was posted before a publication was
    // made precedes it.
    {
        const std::lock_guard lock(inbox_mutex_);
        posted_work_.swap(posted_);
        dirty_work_.swap(dirty_);
        has_inbox_.store(false, std::memory_order_release);
    }
    run_posted();
    hand_out_dirty();
}

void Lane::run_posted() {
    for (auto& posted : posted_work_) {
        // Each goes when it has run: what it holds may be waited for.
        const std::function<void()> function = std::move(posted);
        run_guarded(function);
    }
    posted_work_.clear();
}

void Lane::run_guarded(const std::function<void()>& function) const noexcept {
    try {
        function();
    } catch (const std::exception& error) {
        on_exception(error.what());
    } catch (...) {
        on_exception("not a std::exception");
    }
}

void Lane::post_at(MonotonicTime due, std::function<void()> function) {
    const auto before = next_due();
    timers_.push_back({due, ++last_timer_, std::move(function)});
    std::push_heap(timers_.begin(), timers_.end());
    if (before && *before <= due) return;
    const std::lock_guard lock(inbox_mutex_);
    if (host_ != nullptr) host_->wake_at_due();
}

std::optional<MonotonicTime> Lane::next_due() const noexcept {
    if (timers_.empty()) return std::nullopt;
    return timers_.front().due;
}

void Lane::run_due() {
    const MonotonicTime now = clock_.now();
    // What is posted meanwhile waits for the next flush, or a function that posts itself for "now"
    // would hold the loop.
    const std::uint64_t last = last_timer_;
    while (!timers_.empty() && timers_.front().due <= now && timers_.front().serial <= last) {
        std::pop_heap(timers_.begin(), timers_.end());
        const std::function<void()> function = std::move(timers_.back().function);
        timers_.pop_back();
        run_guarded(function);
    }
}

void Lane::hand_out_dirty() {
    for (LaneChannel* channel : dirty_work_) {
        std::int64_t begin = 0;
        {
            const std::lock_guard lock(*channel->mutex);
            if (channel->is_alive) {
                channel->is_dirty = false;
                begin = std::exchange(channel->first_publish_ns, 0);
                channel->take_pending(segment_work_);
            }
        }
        // Only this thread clears is_alive, so it still holds what was read under the lock.
        if (!channel->is_alive) {
            delete channel;
            continue;
        }
        if (begin != 0) batch_times_.push_back(begin);
        hand_out(*channel, segment_work_);
    }
    dirty_work_.clear();
}

void Lane::deliver(const SharedFrame& frame, std::span<Outlet* const> to, bool is_first) {
    if (to.empty()) return;
    if (frame.chunk.get() == nullptr) {
        // There was no memory for it.
        stats_.lost_to_memory.add(to.size());
        return;
    }
    holds_.push_back(frame.chunk);
    const FrameSlice slice{frame.chunk.get(), frame.begin, frame.end, frame.messages};
    for (std::size_t i = 0; i < to.size(); ++i) {
        if (i + kPrefetchAhead < to.size()) prefetch(to[i + kPrefetchAhead], sizeof(Outlet));
        to[i]->push(slice, true);
    }
    stats_.fan_out.observe(to.size(), LaneStats::kFanOutFirst);
    stats_.deliveries.add(std::uint64_t{frame.messages} * to.size());
    stats_.delivered_bytes.add(std::uint64_t{frame.message_bytes} * to.size());
    pending_bytes_ += frame.size();
    // Of what is handed out while the turn is being written the next one tells.
    delivered_.messages += frame.messages;
    delivered_.bytes += frame.message_bytes;
    if (is_first) ++delivered_.channels;
}

void Lane::send(const SharedFrame& frame, std::span<Outlet* const> to) {
    if (to.empty()) return;
    holds_.push_back(frame.chunk);
    const FrameSlice slice{frame.chunk.get(), frame.begin, frame.end, frame.messages};
    std::uint64_t reached = 0;
    for (std::size_t i = 0; i < to.size(); ++i) {
        if (i + kPrefetchAhead < to.size()) prefetch(to[i + kPrefetchAhead], sizeof(Outlet));
        if (to[i]->is_finished_) continue;
        to[i]->push(slice, false);
        ++reached;
    }
    stats_.deliveries.add(reached * frame.messages);
    stats_.delivered_bytes.add(reached * frame.message_bytes);
}

void Lane::hand_out(LaneChannel& channel, std::vector<Segment>& segments) {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
    for (const Segment& segment : segments) {
        messages += segment.messages;
        bytes += segment.message_bytes;
        stats_.fan_out.observe(channel.subscribers.size(), LaneStats::kFanOutFirst);
    }
    if (messages != 0) ++flushed_.channels;
    flushed_.messages += messages;
    flushed_.bytes += bytes;
    messages *= channel.subscribers.size();
    bytes *= channel.subscribers.size();
    const std::vector<LaneChannel::Subscriber>& to = channel.subscribers;
    for (std::size_t i = 0; i < to.size(); ++i) {
        if (i + kPrefetchAhead < to.size()) prefetch(to[i + kPrefetchAhead].outlet, sizeof(Outlet));
        const LaneChannel::Subscriber& subscriber = to[i];
        for (const Segment& segment : segments) {
            if (segment.except == subscriber.outlet) {
                messages -= segment.messages;
                bytes -= segment.message_bytes;
                continue;
            }
            subscriber.outlet->push(
                {segment.chunk.get(), segment.begin, segment.end, segment.messages}, true);
        }
    }
    stats_.deliveries.add(messages);
    stats_.delivered_bytes.add(bytes);
    for (Segment& segment : segments) holds_.push_back(std::move(segment.chunk));
    segments.clear();
}

}  // namespace pulse::core
