// SPDX-License-Identifier: MIT OR Apache-2.0
#include "backlog.hpp"

#include <algorithm>
#include <cstring>

namespace pulse::core {

namespace {

/// Slices up to this size are copied when they hold less than a quarter of their chunk; so what a
/// backlog pins is at most four times what it counts.
constexpr std::uint32_t kCopyBelow = 2048;
constexpr std::size_t kCopyChunk = 4096 - 64;

bool pins_too_much(const FrameSlice& slice) noexcept {
    return slice.size() <= kCopyBelow && slice.size() < slice.chunk->capacity() / 4;
}

}  // namespace

Outlet::Backlog::Verdict Outlet::Backlog::add(const FrameSlice& slice, bool is_droppable,
                                              const OutletLimits& limits, Lane& lane) {
    LaneStats& stats = lane.stats_;
    if (!is_droppable) {
        // A single reply may be as large as a frame; what is bounded is their piling up.
        if (limits.max_bytes != 0 && reply_bytes > 2 * limits.max_bytes) return Verdict::overflow;
    } else if (!fits(slice, limits)) {
        if (limits.policy == SlowConsumerPolicy::close) return Verdict::overflow;
        if (limits.policy == SlowConsumerPolicy::drop_newest || !make_room(slice, limits, stats)) {
            (limits.policy == SlowConsumerPolicy::drop_newest ? stats.dropped_newest
                                                              : stats.dropped_oldest)
                .add(slice.messages);
            return Verdict::dropped;
        }
    }
    Entry entry = own(slice, is_droppable, lane);
    bytes += slice.size();
    messages += slice.messages;
    if (!is_droppable) reply_bytes += slice.size();
    stats.backlog_bytes.add(slice.size());
    entries.push_back(std::move(entry));
    return Verdict::kept;
}

bool Outlet::Backlog::fits(const FrameSlice& slice, const OutletLimits& limits) const noexcept {
    return (limits.max_bytes == 0 || bytes + slice.size() <= limits.max_bytes) &&
           (limits.max_messages == 0 || messages + slice.messages <= limits.max_messages);
}

bool Outlet::Backlog::make_room(const FrameSlice& slice, const OutletLimits& limits,
                                LaneStats& stats) noexcept {
    // Never the first entry: part of it may be in the socket already.
    for (std::size_t i = 1; i < entries.size() && !fits(slice, limits);) {
        if (!entries[i].is_droppable) {
            ++i;
            continue;
        }
        stats.dropped_oldest.add(entries[i].messages);
        remove(entries.begin() + static_cast<std::ptrdiff_t>(i), stats);
    }
    return fits(slice, limits);
}

Outlet::Backlog::Entry Outlet::Backlog::own(const FrameSlice& slice, bool is_droppable,
                                            Lane& lane) {
    const bool is_copied = pins_too_much(slice);
    if (is_copied && (!copies || copies->capacity() - copies_used < slice.size())) {
        copies = ChunkRef::allocate(kCopyChunk, lane.budget());
        copies_used = 0;
    }
    // Without memory for a copy the chunk is pinned after all: it is there, and a message that is
    // half in the socket must not be lost.
    if (!is_copied || !copies) {
        return {ChunkRef::share(*slice.chunk), slice.begin, slice.end, slice.messages,
                is_droppable};
    }
    const std::uint32_t begin = copies_used;
    std::memcpy(copies->data() + begin, slice.chunk->data() + slice.begin, slice.size());
    copies_used += slice.size();
    return {copies, begin, copies_used, slice.messages, is_droppable};
}

void Outlet::Backlog::remove(const std::deque<Entry>::iterator& entry, LaneStats& stats) noexcept {
    const std::uint32_t size = entry->end - entry->begin;
    bytes -= size;
    messages -= entry->messages;
    if (!entry->is_droppable) reply_bytes -= std::min<std::size_t>(reply_bytes, size);
    stats.backlog_bytes.subtract(size);
    entries.erase(entry);
}

void Outlet::Backlog::keep_first(LaneStats& stats) noexcept {
    while (entries.size() > 1) remove(entries.end() - 1, stats);
    // What is left may be in the socket already, so it has to be finished; it no longer counts
    // against the farewell that is about to be queued.
    reply_bytes = 0;
}

std::size_t Outlet::Backlog::consume(std::size_t n, LaneStats& stats) noexcept {
    while (n > 0 && !entries.empty()) {
        Entry& front = entries.front();
        const std::uint32_t size = front.end - front.begin;
        if (n < size) {
            const auto taken = static_cast<std::uint32_t>(n);
            front.begin += taken;
            bytes -= taken;
            if (!front.is_droppable) reply_bytes -= std::min<std::size_t>(reply_bytes, taken);
            stats.backlog_bytes.subtract(taken);
            return 0;
        }
        n -= size;
        remove(entries.begin(), stats);
    }
    return n;
}

}  // namespace pulse::core
