// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Engines of ownership on a real Redis or NATS, each with a loop and a thread of its own.
#pragma once

#include "cluster_fixture.hpp"
#include "contract/ownership_contract.hpp"

#include <algorithm>
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

/// Two nodes claim the same keys: each has some of them, and both know who has which. `before`: has
/// them first, and gives them back while both are waiting.
inline void check_claims_at_once(cluster::ClusterOwnership& one, cluster::ClusterOwnership& two,
                                 cluster::ClusterOwnership* before = nullptr) {
    constexpr std::size_t kKeys = 500;
    contract::Beliefs beliefs;
    const auto claim = [&beliefs](const std::vector<cluster::ClusterOwnership*>& nodes) {
        std::vector<std::unique_ptr<contract::Candidate>> out;
        for (std::size_t key = 0; key < kKeys; ++key) {
            for (cluster::ClusterOwnership* const each : nodes) {
                out.push_back(
                    std::make_unique<contract::Candidate>(*each, std::to_string(key), &beliefs));
            }
        }
        return out;
    };
    std::vector<std::unique_ptr<contract::Candidate>> first;
    if (before != nullptr) {
        first = claim({before});
        REQUIRE(eventually([&] { return beliefs.believers() == kKeys; }, std::chrono::seconds(60)));
    }
    const auto all = claim({&one, &two});
    if (before != nullptr) {
        REQUIRE(eventually([&] { return all.back()->owner().node == before->node(); },
                           std::chrono::seconds(60)));
        first.clear();
        const auto is_before = [before](const auto& each) {
            return each->owner().node == before->node();
        };
        REQUIRE(eventually([&] { return std::none_of(all.begin(), all.end(), is_before); },
                           std::chrono::seconds(60)));
    }
    REQUIRE(eventually(
        [&all] {
            return std::none_of(all.begin(), all.end(),
                                [](const auto& each) { return each->owner().node.empty(); });
        },
        std::chrono::seconds(60)));
    for (std::size_t i = 0; i < all.size(); i += 2) {
        CHECK(all[i]->has_it() != all[i + 1]->has_it());
        CHECK(all[i]->owner() ==
              core::Owner{all[i + 1]->owner().node, all[i]->has_it(), all[i + 1]->owner().term});
    }
    CHECK(beliefs.conflicts() == 0);
    CHECK(beliefs.believers() == kKeys);
    CHECK(one.stats().owned + two.stats().owned == kKeys);
}

class OwnershipNodes : public OwnershipEngines {
  public:
    OwnershipNodes() : OwnershipEngines(&cluster::make_redis_ownership) {}
};

class NatsOwnershipNodes : public OwnershipEngines {
  public:
    NatsOwnershipNodes() : OwnershipEngines(&cluster::make_nats_ownership) {}
};

}  // namespace pulse::test
