// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ownership over NATS servers (2.9 or later, with JetStream).
//
// On NATS, with P for the prefix as one subject token:
//
//   P-o                stream in memory, the last message of each subject
//   P.o.s.<session>    a session: written again whenever it is renewed, and once when it has ended
//   P.o.k.<key>        who has a key
//   P.o.r              the run: names the data, and whether keys are given away by now
//   P.c.=o<number>     where a node hears all of it, by a consumer of its own
//
// Everything is written on condition that what was last is still the last, so the stream decides
// who was first. A session that nobody has heard of for a lease is ended by whoever notices, on
// the condition that it was not renewed meanwhile; and it cannot be renewed after that. Only then
// its keys are somebody else's. No clocks are compared: a node counts from when it asked for the
// renewal, the others from when they heard of it.
//
// Terms are the sequence of the write, counted from the microseconds of the clock at the beginning
// of the run, or the highest term that is known and one if that is more.
//
// A stream that begins anew has lost what was granted. So nobody gets a key for the length of a
// lease then, unless it says that it has it already.
#pragma once

#include <string>

#include <pulse/cluster/ownership.hpp>
#include <pulse/core/result.hpp>

namespace pulse::cluster {

/// `url`, and what is said of libnats, as make_nats_broker() has it. A key that is longer than
/// 2,000 bytes is nobody's.
/// Errors: core::Error::broker_unavailable, when find_nats_url_problem() finds one.
[[nodiscard]] core::Result<std::shared_ptr<ClusterOwnership>> make_nats_ownership(
    const std::string& url, OwnershipOptions options, const OwnershipServices& services);

}  // namespace pulse::cluster
