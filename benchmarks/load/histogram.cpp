// SPDX-License-Identifier: MIT OR Apache-2.0
#include "histogram.hpp"

#include <cmath>

namespace pulse::load {

std::uint64_t Histogram::percentile(double fraction) const noexcept {
    if (count_ == 0) return 0;
    const double clamped = std::clamp(fraction, 0.0, 1.0);
    const auto wanted = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(std::ceil(clamped * static_cast<double>(count_))));
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
        seen += counts_[bucket];
        if (seen < wanted) continue;
        if (bucket == kBuckets - 1) return max_;
        return std::min(middle_of(bucket), max_);
    }
    return max_;
}

}  // namespace pulse::load
