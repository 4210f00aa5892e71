// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ownership over a server of somebody else's: a node has a session there, which it renews, and keys
// belong to sessions. However many keys a node has, one command renews them all.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <pulse/core/log.hpp>
#include <pulse/core/ownership.hpp>
#include <pulse/core/rng.hpp>

namespace asio {
class io_context;
}

namespace pulse::cluster {

struct OwnershipOptions {
    /// In front of all names on the server; the same on all nodes of a cluster.
    std::string prefix = "pulse:";
    /// Of this node among the owners, unlike the others' and without spaces; empty: drawn.
    std::string node{};
    /// The same on all nodes. What a node has is another's within that time after it died, or lost
    /// its way to the server. Renewed at a third of it; given up here at seven eighths, so that the
    /// rest is for telling those concerned, and for clocks that are not equally fast. At least
    /// 100 ms.
    std::chrono::milliseconds lease{6'000};
    /// A server that owes an answer for so long is taken for gone; at most half of the lease.
    std::chrono::milliseconds answer_timeout{3'000};
    /// Over NATS: servers that keep what is granted, when the stream is made. With 1 all of it is
    /// gone with its server.
    std::size_t replicas = 1;
};

/// What it works with; everything outlives it. One thread runs `io`, and calls what is told: if it
/// is kept busy for longer than the lease, others may own what it still believes to have.
struct OwnershipServices {
    asio::io_context& io;
    core::Rng& rng;
    core::Log& log;
};

struct OwnershipStats {
    bool is_up = false;                ///< the server is reached and this node's session is alive
    std::size_t claimed = 0;           ///< keys that this node is a candidate for
    std::size_t owned = 0;             ///< keys that it has
    std::uint64_t gained_total = 0;    ///< times that it got a key
    std::uint64_t given_total = 0;     ///< times that it gave one back
    std::uint64_t lost_total = 0;      ///< times that it lost one: its session was over
    std::uint64_t lapses_total = 0;    ///< sessions that were over, unrenewed for too long
    std::uint64_t renewals_total = 0;  ///< that the server confirmed
    std::uint64_t kept_total = 0;      ///< keys kept though the server had lost its data
};

/// **Thread-safe.** Destroying it tells those who claim, and then gives back what this node has.
/// Handles of claims may outlive it.
class ClusterOwnership : public core::Ownership {
  public:
    [[nodiscard]] virtual OwnershipStats stats() const = 0;
    /// What is wrong, for /readyz; empty when nothing is.
    [[nodiscard]] virtual std::string obstacle() const = 0;
};

}  // namespace pulse::cluster
