// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Brokers that join the nodes of a cluster through a server of somebody else's.
//
// Publications wait in a bounded queue, from any thread; the loop sends those that came since its
// last turn together, one command per channel and batch. What the server keeps of a channel has a
// position there; by it a node sees what it missed, and fetches it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <pulse/cluster/mail_carrier.hpp>
#include <pulse/core/broker.hpp>
#include <pulse/core/clock.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/memory.hpp>
#include <pulse/core/rng.hpp>

namespace asio {
class io_context;
}

namespace pulse::cluster {

/// What becomes of publications while the server cannot be reached.
enum class WhileDown : std::uint8_t {
    refuse,  ///< Error::broker_unavailable at once
    queue,   ///< they wait, within the bounds; then Error::broker_unavailable
    local,   ///< delivered on this node alone, and all nodes are told of the gap later; those of
             ///< channels with history are refused, since they would have no position
};

struct BrokerOptions {
    // Behaviour
    /// In front of all names on the server: clusters that share one need different ones.
    std::string prefix = "pulse:";
    /// What is kept of a channel; the same on all nodes. Asked for each publication, on the
    /// publisher's thread. Empty: nothing. Where the server keeps nothing it is ignored.
    core::HistoryPolicies history{};
    WhileDown while_down = WhileDown::queue;
    /// The longest that a publication waits for a server that cannot be reached.
    std::chrono::milliseconds max_wait{10'000};
    /// A server that owes an answer for so long is taken for gone.
    std::chrono::milliseconds answer_timeout{3'000};
    /// Nodes that share presence say that they are alive three times as often; one that is silent
    /// for so long is dead, and its members are gone, at most a twelfth of it later.
    std::chrono::milliseconds node_timeout{6'000};
    /// NATS: how many of its servers keep what is kept, 1 to 5. Of streams that are made anew.
    std::size_t replicas = 1;

    // Bounds
    /// Publications accepted and not confirmed; more are Error::broker_overloaded.
    std::size_t max_waiting = 100'000;
    std::size_t max_waiting_bytes = std::size_t{64} * 1024 * 1024;
    /// Payloads that one reading of history gives; what is longer is not recovered.
    std::size_t max_page_bytes = std::size_t{16} * 1024 * 1024;
};

/// What a broker works with; everything outlives it. One thread runs `io`.
struct BrokerServices {
    asio::io_context& io;
    core::Rng& rng;
    core::Log& log;
    /// Set: members of channels are shared, see ClusterBroker::presence().
    const core::Clock* clock = nullptr;
    /// What this node holds of other nodes' members counts against it; members for whom there is no
    /// room are not shown here. Null: without limit.
    core::MemoryBudget* budget = nullptr;
};

struct BrokerStats {
    bool is_up = false;
    std::uint64_t published_total = 0;  ///< publications that the server confirmed
    std::uint64_t failed_total = 0;     ///< accepted, then not confirmed
    std::uint64_t refused_total = 0;    ///< not accepted: down or overloaded
    std::uint64_t commands_total = 0;   ///< that carried publications
    std::uint64_t received_total = 0;   ///< publications from the server, this node's own included
    std::uint64_t malformed_total = 0;  ///< messages that were not a node's
    std::uint64_t recovered_total = 0;  ///< publications that were missed and fetched
    std::uint64_t gaps_total = 0;       ///< times that subscribers of a channel were told of one
    std::uint64_t connects_total = 0;
    std::uint64_t members_refused_total = 0;  ///< of other nodes, for want of memory
    std::size_t waiting = 0;                  ///< publications accepted and not confirmed
    std::size_t waiting_bytes = 0;
    std::size_t channels = 0;  ///< that this node listens to
};

/// **Thread-safe.** Destroying it ends the connections; whatever waits ends unanswered.
class ClusterBroker : public core::Broker {
  public:
    /// The members of all nodes, for HubServices::presence; lives as long as the broker. Null
    /// unless BrokerServices::clock was given. What it holds of other nodes is a replica for
    /// channels that this node listens to; changes come to the hub as on_presence().
    [[nodiscard]] virtual core::PresenceStore* presence() noexcept = 0;
    /// The way from this node to others, on the loop of BrokerServices::io; for Relay. Lives as
    /// long as the broker.
    [[nodiscard]] virtual MailCarrier& mail() noexcept = 0;
    [[nodiscard]] virtual BrokerStats stats() const = 0;
    /// What is wrong, for /readyz; empty when nothing is.
    [[nodiscard]] virtual std::string obstacle() const = 0;
};

}  // namespace pulse::cluster
