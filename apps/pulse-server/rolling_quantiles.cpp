// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rolling_quantiles.hpp"

#include <cmath>
#include <limits>

namespace pulse::server {

namespace {

constexpr std::chrono::seconds kBetweenSnapshots{20};
constexpr std::chrono::seconds kWindow{60};

/// The first bucket at which `wanted` of `total` observations are reached.
double quantile(const RollingQuantiles::Counts& counts, std::uint64_t total, double wanted) {
    if (total == 0) return std::numeric_limits<double>::quiet_NaN();
    const auto rank = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(std::ceil(wanted * static_cast<double>(total))));
    std::uint64_t seen = 0;
    std::size_t i = 0;
    for (; i + 1 < counts.size(); ++i) {
        seen += counts[i];
        if (seen >= rank) break;
    }
    return static_cast<double>(core::LaneLatencies::upper_bound(i)) * 1e-9;
}

}  // namespace

std::vector<std::pair<double, double>> RollingQuantiles::update(core::MonotonicTime now,
                                                                const Counts& counts,
                                                                std::span<const double> wanted) {
    const std::lock_guard lock(mutex_);
    // The second oldest takes over once it spans the window by itself.
    while (snapshots_.size() > 1 && now - snapshots_[1].taken >= kWindow) snapshots_.pop_front();
    Counts recent = counts;
    if (!snapshots_.empty()) {
        for (std::size_t i = 0; i < recent.size(); ++i) recent[i] -= snapshots_.front().counts[i];
    }
    if (snapshots_.empty() || now - snapshots_.back().taken >= kBetweenSnapshots) {
        snapshots_.push_back({now, counts});
    }
    std::uint64_t total = 0;
    for (const std::uint64_t count : recent) total += count;
    std::vector<std::pair<double, double>> result;
    result.reserve(wanted.size());
    for (const double q : wanted) result.emplace_back(q, quantile(recent, total, q));
    return result;
}

}  // namespace pulse::server
