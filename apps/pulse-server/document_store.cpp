// SPDX-License-Identifier: MIT OR Apache-2.0
#include "document_store.hpp"

#include "bridge_part.hpp"
#include "rooms_part.hpp"

#include <limits>
#include <utility>
#include <vector>

#ifdef PULSE_WITH_REDIS
#include <pulse/store/redis_store.hpp>
#endif
#ifdef PULSE_WITH_SQLITE
#include <pulse/store/sqlite_store.hpp>
#endif

namespace pulse::server {

namespace {

using core::DocumentStoreStats;
using core::MetricFamily;
using core::MetricKind;
using core::MetricLabels;
using core::MetricSample;

core::DocumentLimits limits_of(const StoreOptions& options) {
    core::DocumentLimits limits;
    limits.max_waiting_bytes = options.max_waiting_bytes;
    return limits;
}

using Made = tl::expected<std::unique_ptr<core::DocumentStore>, std::string>;

#ifdef PULSE_WITH_REDIS
Made make_redis(const StoreOptions& wanted, const core::Clock& clock, core::Rng& rng,
                core::Log& log) {
    store::RedisDocumentStoreOptions options;
    options.prefix = wanted.prefix;
    options.limits = limits_of(wanted);
    options.max_bytes = wanted.max_bytes;
    options.replicas = wanted.replicas;
    options.answer_timeout = wanted.answer_timeout;
    auto made = store::make_redis_document_store(wanted.url, std::move(options), {clock, rng, log});
    if (!made) return tl::unexpected("store.url: " + made.error().message());
    return std::move(*made);
}
#else
Made make_redis(const StoreOptions&, const core::Clock&, core::Rng&, core::Log&) {
    return tl::unexpected(
        std::string("this build has no Redis; set store.engine = \"sqlite\" or \"memory\""));
}
#endif

Made make_sqlite(const StoreOptions& wanted, const core::Clock& clock, core::Log& log) {
#ifdef PULSE_WITH_SQLITE
    store::SqliteOptions options;
    options.path = wanted.path;
    options.limits = limits_of(wanted);
    options.max_file_bytes = wanted.max_bytes;
    switch (wanted.durability) {
        case StoreDurability::full:
            options.durability = store::Durability::full;
            break;
        case StoreDurability::second:
            options.durability = store::Durability::second;
            break;
        case StoreDurability::none:
            options.durability = store::Durability::none;
            break;
    }
    return store::make_sqlite_store(std::move(options), {clock, log});
#else
    (void)wanted;
    (void)clock;
    (void)log;
    return tl::unexpected(std::string("this build has no SQLite; set store.engine = \"memory\""));
#endif
}

MetricSample number(std::uint64_t value, MetricLabels labels = {}) {
    MetricSample sample;
    sample.labels = std::move(labels);
    sample.value = static_cast<double>(value);
    return sample;
}

MetricSample histogram(const DocumentStoreStats::Histogram& values, std::uint64_t first,
                       double unit) {
    MetricSample sample;
    sample.value = static_cast<double>(values.sum) * unit;
    double bound = static_cast<double>(first) * unit;
    for (std::size_t i = 0; i < values.buckets.size(); ++i) {
        sample.count += values.buckets[i];
        const bool is_last = i + 1 == values.buckets.size();
        sample.buckets.emplace_back(is_last ? std::numeric_limits<double>::infinity() : bound,
                                    sample.count);
        bound *= 2;
    }
    return sample;
}

void add_families(std::vector<MetricFamily>& out, const core::DocumentStore& store) {
    const DocumentStoreStats stats = store.stats();
    const bool is_up = store.status().is_available();
    out.push_back({"pulse_store_up",
                   "1 while the store can be written.",
                   MetricKind::gauge,
                   {number(is_up ? 1 : 0)}});
    out.push_back({"pulse_store_operations_total",
                   "Operations answered, whatever the answer.",
                   MetricKind::counter,
                   {number(stats.commits, {{"operation", "commit"}}),
                    number(stats.gets, {{"operation", "get"}}),
                    number(stats.scans, {{"operation", "scan"}})}});
    out.push_back({"pulse_store_errors_total",
                   "Operations answered with an error: preconditions that did not hold, refused "
                   "before they were tried, failed.",
                   MetricKind::counter,
                   {number(stats.conflicts, {{"type", "conflict"}}),
                    number(stats.refusals, {{"type", "refused"}}),
                    number(stats.failures, {{"type", "failed"}})}});
    out.push_back({"pulse_store_expired_total",
                   "Documents removed because their time had come.",
                   MetricKind::counter,
                   {number(stats.expired)}});
    out.push_back({"pulse_store_waiting_operations",
                   "Operations accepted and not answered.",
                   MetricKind::gauge,
                   {number(stats.waiting)}});
    out.push_back({"pulse_store_waiting_bytes",
                   "Memory that they hold, about.",
                   MetricKind::gauge,
                   {number(stats.waiting_bytes)}});
    out.push_back({"pulse_store_stored_bytes",
                   "Size of the store's files, or of the keys and values that it holds.",
                   MetricKind::gauge,
                   {number(stats.stored_bytes)}});
    out.push_back({"pulse_store_batches_per_commit",
                   "Batches that were written together.",
                   MetricKind::histogram,
                   {histogram(stats.batches_per_commit, 1, 1)}});
    out.push_back({"pulse_store_commit_seconds",
                   "Time to write a group of batches to the disk, or to Redis and back.",
                   MetricKind::histogram,
                   {histogram(stats.commit_time, DocumentStoreStats::kCommitTimeFirst, 1e-9)}});
}

}  // namespace

bool needs_document_store(const Config& config) {
    return config.store.enabled || is_bridge_enabled(config) || is_rooms_enabled(config);
}

tl::expected<std::unique_ptr<core::DocumentStore>, std::string> make_document_store(
    const StoreOptions& options, const core::Clock& clock, core::Rng& rng, core::Log& log) {
    if (options.engine == StoreEngine::sqlite) return make_sqlite(options, clock, log);
    if (options.engine == StoreEngine::redis) return make_redis(options, clock, rng, log);
    core::MemoryDocumentStoreOptions memory;
    memory.limits = limits_of(options);
    memory.max_bytes = options.max_bytes;
    return core::make_memory_document_store(clock, memory);
}

core::Metrics::Token add_store_metrics(core::Metrics& metrics, const core::DocumentStore& store) {
    return metrics.add_collector(
        [&store](std::vector<MetricFamily>& out) { add_families(out, store); });
}

}  // namespace pulse::server
