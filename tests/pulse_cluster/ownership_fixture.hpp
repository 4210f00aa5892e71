// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Engines of ownership on a real Redis or NATS, each with a loop and a thread of its own.
#pragma once

#include "cluster_fixture.hpp"
#include "contract/ownership_contract.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <pulse/cluster/nats_ownership.hpp>
#include <pulse/cluster/redis_ownership.hpp>

namespace pulse::test {

/// Short, so that tests do not wait; long enough for machines that are busy: a connection that is
/// silent for half of it is given up.
inline constexpr std::chrono::milliseconds kTestLease{1'500};

class OwnershipEngines {
  public:
    using Make = core::Result<std::shared_ptr<cluster::ClusterOwnership>> (*)(
        const std::string&, cluster::OwnershipOptions, const cluster::OwnershipServices&);
    explicit OwnershipEngines(Make make) : make_(make) {}
    ~OwnershipEngines() {
        for (const auto& thread : threads_) thread->stop();
    }

    std::shared_ptr<cluster::ClusterOwnership> add(const std::string& url,
                                                   cluster::OwnershipOptions options = {
                                                       .lease = kTestLease}) {
        threads_.push_back(std::make_unique<IoThread>());
        auto made = make_(url, std::move(options), {threads_.back()->io(), rng_, log_});
        if (!made) throw std::runtime_error(made.error().message());
        return *made;
    }
    std::vector<std::shared_ptr<core::Ownership>> add(std::size_t n, const std::string& url) {
        std::vector<std::shared_ptr<core::Ownership>> out;
        for (std::size_t i = 0; i < n; ++i) out.push_back(add(url));
        return out;
    }

    /// Of the last that was added: while it is kept busy that node does nothing.
    [[nodiscard]] asio::io_context& last_io() noexcept { return threads_.back()->io(); }

  private:
    const Make make_;
    core::SystemRng rng_;
    core::NullLog log_;
    std::vector<std::unique_ptr<IoThread>> threads_;
};

class OwnershipNodes : public OwnershipEngines {
  public:
    OwnershipNodes() : OwnershipEngines(&cluster::make_redis_ownership) {}
};

class NatsOwnershipNodes : public OwnershipEngines {
  public:
    NatsOwnershipNodes() : OwnershipEngines(&cluster::make_nats_ownership) {}
};

}  // namespace pulse::test
