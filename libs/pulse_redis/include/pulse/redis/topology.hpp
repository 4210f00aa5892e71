// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which Redis has which slots of a Redis Cluster, asked of one of them after the other.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <pulse/core/rng.hpp>
#include <pulse/redis/address.hpp>
#include <pulse/redis/link.hpp>

namespace pulse::redis {

/// Slots of one master, by the first and the last.
struct SlotRange {
    std::uint16_t first = 0;
    std::uint16_t last = 0;
    Address master;
};

/// What CLUSTER SLOTS says; nothing when it is something else. `asked` has the login, and the host
/// of a Redis that does not know its own.
[[nodiscard]] std::vector<SlotRange> read_slots(const Reply& reply, const Address& asked);

struct TopologyEvents {
    std::function<void(const std::vector<SlotRange>& ranges)> on_ranges;
    /// Nobody who was asked last can tell.
    std::function<void(std::string_view why)> on_problem;
};

/// Asks every second, and when told to. **Loop-bound** to the io_context, which outlives it.
class Topology {
  public:
    Topology(asio::io_context& io, std::vector<Address> seeds,
             std::chrono::milliseconds answer_timeout, core::Rng& rng, TopologyEvents events);
    /// Nothing is called any more. An event may do it.
    ~Topology();
    Topology(const Topology&) = delete;
    Topology& operator=(const Topology&) = delete;

    void start();
    /// Soon, however often it is called.
    void refresh();

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace pulse::redis
