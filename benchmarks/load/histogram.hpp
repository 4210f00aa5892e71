// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace pulse::load {

/// Latency histogram: log-linear buckets, 128 to an octave, so a percentile is off by less than
/// 0.8 %. Recording is one increment (it happens once per delivery, up to 30 million a second).
///
/// Values are nanoseconds; everything from 68 seconds on shares the last bucket, while max() stays
/// exact. Loop-bound.
class Histogram {
  public:
    void record(std::uint64_t value) noexcept {
        ++counts_[bucket_of(value)];
        ++count_;
        max_ = std::max(max_, value);
    }

    /// Value below which `fraction` (0..1) of the recorded values lie; 0 when there are none.
    [[nodiscard]] std::uint64_t percentile(double fraction) const noexcept;
    [[nodiscard]] std::uint64_t max() const noexcept { return max_; }
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

  private:
    static constexpr unsigned kSubBits = 7;
    static constexpr std::size_t kSub = std::size_t{1} << kSubBits;
    static constexpr unsigned kMaxBits = 36;
    // The first kSub buckets hold 0..127 exactly, then each octave [2^k, 2^(k+1)) has kSub of its
    // own.
    static constexpr std::size_t kBuckets = (kMaxBits - kSubBits + 1) * kSub;

    [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
        if (value < kSub) return static_cast<std::size_t>(value);
        const auto shift = static_cast<unsigned>(std::bit_width(value)) - kSubBits - 1;
        const std::size_t index = (shift + 1) * kSub + ((value >> shift) & (kSub - 1));
        return std::min(index, kBuckets - 1);
    }
    [[nodiscard]] static constexpr std::uint64_t middle_of(std::size_t bucket) noexcept {
        if (bucket < kSub) return bucket;
        const auto shift = static_cast<unsigned>(bucket / kSub) - 1;
        const std::uint64_t low = (std::uint64_t{kSub} + bucket % kSub) << shift;
        return low + ((std::uint64_t{1} << shift) >> 1);
    }

    std::array<std::uint64_t, kBuckets> counts_{};
    std::uint64_t count_ = 0;
    std::uint64_t max_ = 0;
};

}  // namespace pulse::load
