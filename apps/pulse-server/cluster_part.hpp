// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What joins this server to others: a broker with a thread of its own, so that it hears its Redis
// or NATS however busy the event loops are.
#pragma once

#include "config/config.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <pulse/core/broker.hpp>
#include <pulse/core/clock.hpp>
#include <pulse/core/history.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/memory.hpp>
#include <pulse/core/metrics.hpp>
#include <pulse/core/ownership.hpp>
#include <pulse/core/presence.hpp>
#include <pulse/core/rng.hpp>

namespace asio {
class io_context;
}
namespace pulse::cluster {
class MailCarrier;
}

namespace pulse::server {

/// What history.keep says, to be asked for each publication.
[[nodiscard]] core::HistoryPolicies history_policies(const HistoryOptions& options);

/// In this process, where there is something to keep and no broker that keeps it; else null.
[[nodiscard]] std::unique_ptr<core::HistoryStore> make_history(const Config& config,
                                                               const core::Clock& clock,
                                                               core::Rng& rng);

/// Made and destroyed on the main thread; the hub that uses the broker goes before it.
class ClusterPart {
  public:
    /// The services outlive it. Null when this server stands alone.
    [[nodiscard]] static std::unique_ptr<ClusterPart> make(const Config& config,
                                                           const core::Clock& clock, core::Rng& rng,
                                                           core::Log& log,
                                                           core::MemoryBudget& budget);
    ~ClusterPart();
    ClusterPart(const ClusterPart&) = delete;
    ClusterPart& operator=(const ClusterPart&) = delete;

    /// Why there is no broker; empty when there is one.
    [[nodiscard]] const std::string& problem() const noexcept;
    /// Null when there is a problem.
    [[nodiscard]] core::Broker* broker() const noexcept;
    /// The members of all nodes; null likewise.
    [[nodiscard]] core::PresenceStore* presence() const noexcept;
    /// Which server has what; null likewise.
    [[nodiscard]] core::Ownership* ownership() const noexcept;
    /// The way to the others, and the loop that it is of; null likewise.
    [[nodiscard]] cluster::MailCarrier* mail() const noexcept;
    [[nodiscard]] asio::io_context* io() const noexcept;
    /// For /readyz.
    [[nodiscard]] std::string obstacle() const;
    [[nodiscard]] core::Metrics::Token add_metrics(core::Metrics& metrics) const;
    /// Calls `done`, on its thread, once nothing waits for the broker, or at the deadline.
    void flush(std::chrono::steady_clock::time_point deadline, std::function<void()> done);

  private:
    struct Impl;
    explicit ClusterPart(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace pulse::server
