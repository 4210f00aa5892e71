// SPDX-License-Identifier: MIT OR Apache-2.0
#include "frame_tracker.hpp"

#include <algorithm>

namespace pulse::roblox {

void FrameTracker::forget_oldest() {
    lost_ += streams_.front().missing.size();
    by_key_.erase(streams_.front().key);
    streams_.pop_front();
}

void FrameTracker::expire(core::MonotonicTime now) {
    while (!streams_.empty() && streams_.front().heard + options_.forget_after <= now) {
        forget_oldest();
    }
}

/// The stream, begun behind `begin` if it is new, moved to the end of the list.
FrameTracker::Stream& FrameTracker::stream_of(std::string_view epoch, std::string_view real_topic,
                                              std::uint64_t begin, core::MonotonicTime now) {
    Key key{epoch, real_topic};
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) {
        expire(now);
        if (streams_.size() >= options_.max_streams) forget_oldest();
        streams_.push_back(Stream{.key = key, .heard = now, .highest = begin, .missing = {}});
        by_key_.emplace(std::move(key), std::prev(streams_.end()));
    } else {
        streams_.splice(streams_.end(), streams_, found->second);
        streams_.back().heard = now;
    }
    return streams_.back();
}

/// All numbers before `end` that have not come are missing from now.
void FrameTracker::advance(Stream& stream, std::uint64_t end, core::MonotonicTime now) {
    std::uint64_t first = stream.highest + 1;
    // A number far ahead must not fill the memory: what cannot be noted is lost.
    if (end > first && end - first > options_.max_missing) {
        const std::uint64_t keep_from = end - options_.max_missing;
        lost_ += keep_from - first;
        first = keep_from;
    }
    for (std::uint64_t seq = first; seq < end; ++seq) {
        stream.missing.emplace_hint(stream.missing.end(), seq, Missing{now + options_.gap_after});
    }
    while (stream.missing.size() > options_.max_missing) {
        stream.missing.erase(stream.missing.begin());
        ++lost_;
    }
}

FrameTracker::Arrival FrameTracker::arrive(std::string_view epoch, std::string_view real_topic,
                                           std::uint64_t seq, core::MonotonicTime now) {
    Stream& stream = stream_of(epoch, real_topic, seq - 1, now);
    if (seq > stream.highest) {
        advance(stream, seq, now);
        stream.highest = seq;
        return Arrival::is_new;
    }
    if (stream.missing.erase(seq) != 0) return Arrival::is_new;
    ++duplicates_;
    return Arrival::is_duplicate;
}

void FrameTracker::expect(std::string_view epoch, std::string_view real_topic, std::uint64_t seq,
                          core::MonotonicTime now) {
    Stream& stream = stream_of(epoch, real_topic, seq, now);
    if (seq <= stream.highest) return;
    advance(stream, seq + 1, now);
    stream.highest = seq;
}

std::vector<FrameTracker::Gap> FrameTracker::take_gaps(core::MonotonicTime now, std::size_t limit) {
    std::vector<Gap> gaps;
    for (Stream& stream : streams_) {
        Gap* open = nullptr;
        for (auto& [seq, missing] : stream.missing) {
            if (missing.due > now) continue;
            if (open == nullptr || open->last + 1 != seq) {
                if (gaps.size() == limit) return gaps;
                gaps.push_back({stream.key.first, stream.key.second, seq, seq});
                open = &gaps.back();
            }
            open->last = seq;
            missing.due = now + options_.report_again_after;
        }
    }
    return gaps;
}

void FrameTracker::give_up(std::string_view epoch, std::string_view real_topic, std::uint64_t seq,
                           bool is_lost) {
    const auto found = by_key_.find(Key{epoch, real_topic});
    if (found == by_key_.end() || found->second->missing.erase(seq) == 0) return;
    if (is_lost) ++lost_;
}

std::size_t FrameTracker::missing_count() const noexcept {
    std::size_t count = 0;
    for (const Stream& stream : streams_) count += stream.missing.size();
    return count;
}

}  // namespace pulse::roblox
