// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ownership over one Redis (5.0 or later).
//
// On Redis, with P for the prefix:
//
//   P {o}:s            sorted set, sessions by the time when they end
//   P {o}:k            hash, key -> session and term
//   P {o}:k:<session>  set, the keys of a session
//   P {o}:m            hash, the last term, the run of Redis that counts, until when nobody new
//   gets
//                      a key, and the newest connection of each session
//   P {o}              pub/sub, what changes hands
//
// None has a time to live of its own: eviction under a `volatile-` policy leaves them alone. What a
// session leaves behind is removed by the nodes that live on.
//
// Terms are microseconds of Redis' clock, or the last term and one if that is more, so they grow
// although Redis forgets.
//
// A Redis that starts anew, or is promoted, may lack what another run of it granted. So nobody gets
// a key for the length of a lease then, unless it says that it has it already: those who had keys
// keep them, and what nobody claims in that time nobody believes to have any more.
#pragma once

#include <string>

#include <pulse/cluster/ownership.hpp>
#include <pulse/core/result.hpp>

namespace pulse::cluster {

/// `url` as make_redis_broker() takes it. Errors: those of pulse/redis/error.hpp.
[[nodiscard]] core::Result<std::shared_ptr<ClusterOwnership>> make_redis_ownership(
    const std::string& url, OwnershipOptions options, const OwnershipServices& services);

}  // namespace pulse::cluster
