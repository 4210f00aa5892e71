// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A receiver's book: which frames of which stream have come. A stream is one sender's numbering of
// one real topic, (epoch, real topic). Says of each frame whether it is new, and which numbers are
// missing once they have been waited for: MessagingService repeats, reorders and loses.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pulse/core/clock.hpp>

namespace pulse::roblox {

struct FrameTrackerOptions {
    std::chrono::milliseconds gap_after{3'000};  ///< it may just be late
    std::chrono::milliseconds report_again_after{10'000};
    std::size_t max_streams = 4'096;  ///< the least recently heard is forgotten
    std::chrono::milliseconds forget_after{300'000};
    std::size_t max_missing = 4'096;  ///< per stream; more is given up at once
};

/// **Loop-bound.**
class FrameTracker {
  public:
    explicit FrameTracker(FrameTrackerOptions options = {}) : options_(options) {}

    enum class Arrival : unsigned char { is_new, is_duplicate };
    /// The first number heard of a stream begins it: what came before was for others.
    Arrival arrive(std::string_view epoch, std::string_view real_topic, std::uint64_t seq,
                   core::MonotonicTime now);
    /// The sender says that `seq` was its last number so far: whatever is missing up to there will
    /// not be shown by a later frame. Unknown streams begin behind it.
    void expect(std::string_view epoch, std::string_view real_topic, std::uint64_t seq,
                core::MonotonicTime now);

    struct Gap {
        std::string epoch;
        std::string real_topic;
        std::uint64_t first = 0;
        std::uint64_t last = 0;

        friend bool operator==(const Gap&, const Gap&) = default;
    };
    /// What is missing long enough and was not asked for lately, at most `limit` ranges.
    [[nodiscard]] std::vector<Gap> take_gaps(core::MonotonicTime now, std::size_t limit = 64);
    /// Nobody has it any more, or there was nothing: no longer missing. `is_lost` counts it.
    void give_up(std::string_view epoch, std::string_view real_topic, std::uint64_t seq,
                 bool is_lost);

    /// Forgets streams that have been silent for long.
    void expire(core::MonotonicTime now);

    [[nodiscard]] std::size_t stream_count() const noexcept { return streams_.size(); }
    [[nodiscard]] std::size_t missing_count() const noexcept;
    [[nodiscard]] std::uint64_t lost_count() const noexcept { return lost_; }
    [[nodiscard]] std::uint64_t duplicate_count() const noexcept { return duplicates_; }

  private:
    using Key = std::pair<std::string, std::string>;
    struct Missing {
        core::MonotonicTime due{};  ///< when to report it (again)
    };
    struct Stream {
        Key key;
        core::MonotonicTime heard{};
        std::uint64_t highest = 0;
        std::map<std::uint64_t, Missing> missing;
    };
    using Streams = std::list<Stream>;  // least recently heard first

    Stream& stream_of(std::string_view epoch, std::string_view real_topic, std::uint64_t begin,
                      core::MonotonicTime now);
    void advance(Stream& stream, std::uint64_t end, core::MonotonicTime now);
    void forget_oldest();

    FrameTrackerOptions options_;
    Streams streams_;
    std::map<Key, Streams::iterator> by_key_;
    std::uint64_t lost_ = 0;
    std::uint64_t duplicates_ = 0;
};

}  // namespace pulse::roblox
