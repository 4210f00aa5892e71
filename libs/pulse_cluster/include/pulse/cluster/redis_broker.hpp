// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Nodes joined by a Redis (5.0 or later), alone or with sentinels, or by a Redis Cluster (7.0 or
// later), with history in its streams.
//
// On Redis, with P for the prefix:
//
//   P c:<channel>   pub/sub, what is published
//   P n:<node>      pub/sub, a node's own: marks how far it has heard
//   P s:<channel>   stream, an entry <offset>-0 per publication kept
//   P m:<channel>   hash, the stream's epoch, its last offset and the reign of Redis that counts
//
// In a Redis Cluster <channel> is in braces: all of a channel is of one slot.
//
// The epoch changes with every start of Redis and with every failover: neither a snapshot nor a
// replica is sure to have the last offsets, and an offset must never be given twice.
#pragma once

#include <string>

#include <pulse/cluster/broker.hpp>
#include <pulse/core/result.hpp>

namespace pulse::cluster {

/// `url`: as pulse/redis/address.hpp has them. Errors: those of pulse/redis/error.hpp.
[[nodiscard]] core::Result<std::shared_ptr<ClusterBroker>> make_redis_broker(
    const std::string& url, BrokerOptions options, const BrokerServices& services);

/// Empty when make_redis_broker() would take it, else what is wrong.
[[nodiscard]] std::string find_redis_url_problem(const std::string& url);

}  // namespace pulse::cluster
