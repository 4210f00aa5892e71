// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Documents on a Redis (5.0 or later), shared by all nodes that use it.
//
// All keys begin with "{<prefix>}:", so that on a cluster they lie on one shard; their layout is in
// docs/operations/store.md. The nodes' clocks say what has expired: keep them in step.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <pulse/core/clock.hpp>
#include <pulse/core/document_store.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/result.hpp>
#include <pulse/core/rng.hpp>

namespace pulse::store {

/// What an answered batch survives is up to Redis. With `appendonly yes` and `appendfsync always`
/// it is on the disk before the answer; with `everysec` Redis' end costs nothing as a rule, and
/// losing power what was answered in the last second or two; with `no`, what the system had not
/// written. Without an append-only file a restart of Redis loses the store. A failover to a replica
/// loses what had not come there: see `replicas`.
struct RedisDocumentStoreOptions {
    // Behaviour
    /// 1 to 64 printable characters without blanks and braces. Stores that share a Redis need
    /// different ones.
    std::string prefix = "pulse";
    core::DocumentLimits limits;
    /// Above one of them writes of this node that make more of it fail with store_full. 0: without
    /// limit but Redis' maxmemory.
    std::uint64_t max_documents = 0;
    std::uint64_t max_bytes = 0;  ///< keys and values; Redis takes 250 bytes a document more
    /// A batch is answered when so many replicas have it (WAIT); reads behind it wait as well. When
    /// they have not after `replicas_timeout`, it is answered with store_unavailable, though the
    /// master has it.
    std::uint32_t replicas = 0;
    /// At most half of answer_timeout.
    std::chrono::milliseconds replicas_timeout{1'000};
    /// A Redis that owes an answer for so long is taken for gone.
    std::chrono::milliseconds answer_timeout{3'000};
    /// Between attempts to use a Redis that is there and refuses; grows to thirty times as much.
    std::chrono::milliseconds retry_interval{1'000};

    // Performance
    /// Between removals of expired documents; one node at a time does them.
    std::chrono::milliseconds sweep_interval{5'000};
};

/// What a store works with; everything outlives it.
struct RedisDocumentStoreServices {
    const core::Clock& clock;
    core::Rng& rng;  ///< used on the store's thread
    core::Log& log;
};

/// A store with one connection and one thread of its own. Batches that wait while others are on
/// their way become one script together, which is one step for Redis. What was under way when a
/// connection broke is answered with store_unavailable and never tried again; while there is no
/// connection, operations fail at once.
///
/// Waits for the first attempt to connect, at most about answer_timeout, twice that with sentinels
/// or a Redis Cluster.
/// A store is returned whether or not that worked; status() says, and it goes on trying by itself.
/// It never begins anew when what it had is gone from Redis (flushed, evicted, restarted without an
/// append-only file): then it is unavailable until that is back, or the process ends.
///
/// `url`: as pulse/redis/address.hpp has it. With sentinels the store goes to the master that they
/// name, on a Redis Cluster to the one that has its slot. Errors: those of pulse/redis/error.hpp;
/// std::errc::invalid_argument for a prefix that is none. There when Pulse was built with
/// PULSE_WITH_REDIS.
[[nodiscard]] core::Result<std::unique_ptr<core::DocumentStore>> make_redis_document_store(
    const std::string& url, RedisDocumentStoreOptions options,
    const RedisDocumentStoreServices& services);

/// Whether it is one; see RedisDocumentStoreOptions.
[[nodiscard]] bool is_redis_store_prefix(std::string_view prefix) noexcept;

}  // namespace pulse::store
