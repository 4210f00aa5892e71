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

#include <asio/steady_timer.hpp>

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

/// **Loop-bound.** Asks every second, and when told to.
class Topology {
  public:
    Topology(asio::io_context& io, std::vector<Address> seeds,
             std::chrono::milliseconds answer_timeout, core::Rng& rng, TopologyEvents events);

    ~Topology() { *alive_ = false; }
    Topology(const Topology&) = delete;
    Topology& operator=(const Topology&) = delete;

    void start();
    /// Soon, however often it is called.
    void refresh() { is_wanted_ = true; }

  private:
    using Time = std::chrono::steady_clock::time_point;

    void tick();
    void ask();
    void on_info(std::string_view info);
    void on_slots(const Reply& reply);
    [[nodiscard]] Address next();

    const std::vector<Address> seeds_;
    std::vector<Address> masters_;  ///< as was told last
    const TopologyEvents events_;
    std::size_t next_ = 0;
    Address asked_;
    /// That all agree on, and goes up with every failover: whoever has an older one was cut off.
    std::uint64_t epoch_ = 0;
    std::uint64_t newest_epoch_ = 0;
    std::size_t refused_ = 0;  ///< answers in a row that were too old
    bool is_down_ = false;     ///< as the one that is asked sees it
    bool is_wanted_ = true;
    bool is_asking_ = false;
    Time last_asked_{};
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    asio::steady_timer timer_;
    std::unique_ptr<Link> link_;
};

}  // namespace pulse::redis
