// SPDX-License-Identifier: MIT OR Apache-2.0
#include "figures.hpp"

namespace pulse::store {

namespace {

using core::DocumentStoreStats;

DocumentStoreStats::Histogram copy(const core::LaneHistogram& histogram) {
    DocumentStoreStats::Histogram result;
    for (std::size_t i = 0; i < result.buckets.size(); ++i) {
        result.buckets[i] = histogram.buckets[i].get();
    }
    result.sum = histogram.sum.get();
    return result;
}

}  // namespace

DocumentStoreStats Figures::snapshot() const {
    DocumentStoreStats stats;
    stats.commits = commits.get();
    stats.gets = gets.get();
    stats.scans = scans.get();
    stats.conflicts = conflicts.get();
    stats.refusals = refusals.get();
    stats.failures = failures.get();
    stats.expired = expired.get();
    stats.stored_bytes = static_cast<std::size_t>(stored_bytes.load());
    stats.batches_per_commit = copy(batches_per_commit);
    stats.commit_time = copy(commit_time);
    return stats;
}

}  // namespace pulse::store
