// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Engines of ownership on a real Redis, each with a loop and a thread of its own.
#pragma once

#include "cluster_fixture.hpp"
#include "contract/ownership_contract.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <pulse/cluster/redis_ownership.hpp>

namespace pulse::test {

/// Short, so that tests do not wait; long enough for machines that are busy: a connection that is
/// silent for half of it is given up.
inline constexpr std::chrono::milliseconds kTestLease{1'500};

class OwnershipNodes {
  public:
    ~OwnershipNodes() {
        for (const auto& thread : threads_) thread->stop();
    }

    std::shared_ptr<cluster::ClusterOwnership> add(const std::string& url,
                                                   cluster::OwnershipOptions options = {
                                                       .lease = kTestLease}) {
        threads_.push_back(std::make_unique<IoThread>());
        auto made = cluster::make_redis_ownership(url, std::move(options),
                                                  {threads_.back()->io(), rng_, log_});
        if (!made) throw std::runtime_error(made.error().message());
        return *made;
    }
    std::vector<std::shared_ptr<core::Ownership>> add(std::size_t n, const std::string& url) {
        std::vector<std::shared_ptr<core::Ownership>> out;
        for (std::size_t i = 0; i < n; ++i) out.push_back(add(url));
        return out;
    }

  private:
    core::SystemRng rng_;
    core::NullLog log_;
    std::vector<std::unique_ptr<IoThread>> threads_;
};

}  // namespace pulse::test
