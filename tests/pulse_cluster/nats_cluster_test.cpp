// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Several NATS servers as one, which keep what is published and who owns what on three of them.
#include "support/nats_cluster.hpp"

#include "contract/broker_contract.hpp"
#include "contract/recovery_contract.hpp"
#include "nats_fixture.hpp"
#include "ownership_fixture.hpp"

#include <algorithm>
#include <mutex>

using namespace pulse;
using namespace std::chrono_literals;
using contract::BrokerNode;
using test::eventually;
using test::NatsCluster;

namespace {

cluster::BrokerOptions on_three() {
    cluster::BrokerOptions options;
    options.replicas = NatsCluster::kServers;
    options.history = contract::recovery_policy;
    return options;
}

/// A node at each server.
std::vector<std::shared_ptr<core::Broker>> add_nodes(test::NatsNodes& nodes,
                                                     const NatsCluster& cluster, std::size_t n,
                                                     const cluster::BrokerOptions& options) {
    std::vector<std::shared_ptr<core::Broker>> brokers;
    for (std::size_t i = 0; i < n; ++i) {
        brokers.push_back(nodes.add(cluster.url(i), options));
        // The servers have to find one another, and choose.
        REQUIRE(eventually([&] { return brokers.back()->is_healthy(); }, 60s));
    }
    return brokers;
}

}  // namespace

TEST_CASE("brokers at different NATS servers keep the contracts", "[nats][contract][broker]") {
    // Of all sections: servers take seconds to choose who leads them.
    static const NatsCluster cluster;
    static int prefix = 0;
    test::NatsNodes nodes;
    cluster::BrokerOptions options = on_three();
    options.prefix = "test" + std::to_string(++prefix) + ":";
    contract::recovery_contract([&](std::size_t n, const core::HistoryPolicies& policies) {
        options.history = policies;
        return add_nodes(nodes, cluster, n, options);
    });
}

TEST_CASE("what writers at different NATS servers are told is kept is kept, once",
          "[nats][broker]") {
    constexpr std::size_t kEach = 300;
    const NatsCluster cluster;
    test::NatsNodes nodes;
    const auto brokers = add_nodes(nodes, cluster, NatsCluster::kServers, on_three());
    BrokerNode node(brokers[0]);
    node.listen("news");
    std::mutex mutex;
    std::vector<std::string> kept;
    std::vector<std::thread> threads;
    for (std::size_t b = 0; b < brokers.size(); ++b) {
        threads.emplace_back([&, b] {
            for (std::size_t i = 0; i < kEach; ++i) {
                const std::string text = std::to_string(b) + "." + std::to_string(i);
                core::PublicationView publication{"news"};
                publication.payload = protocol::as_bytes(text);
                if (contract::publish_and_wait(*brokers[b], publication)) continue;
                const std::lock_guard lock(mutex);
                kept.push_back(text);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    REQUIRE(kept.size() > kEach);
    CHECK(node.hears("news", kept.size()));
    auto heard = node.heard("news");
    auto read = contract::texts(contract::read_history(*brokers[1], "news", nullptr));
    std::erase(read, std::string(BrokerNode::kProbe));
    const auto missing_in = [&kept](std::vector<std::string> all) {
        std::sort(all.begin(), all.end());
        CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
        std::vector<std::string> missing;
        std::sort(kept.begin(), kept.end());
        std::set_difference(kept.begin(), kept.end(), all.begin(), all.end(),
                            std::back_inserter(missing));
        return missing;
    };
    CHECK(missing_in(heard).empty());
    CHECK(missing_in(read).empty());
    CHECK(heard == read);
    CHECK(node.gaps().empty());
}

TEST_CASE("a page has what it ends with, whichever NATS server gives it", "[nats][broker]") {
    const NatsCluster cluster;
    test::NatsNodes nodes;
    const auto brokers = add_nodes(nodes, cluster, NatsCluster::kServers, on_three());
    const std::string text(20'000, 'x');
    for (std::size_t i = 0; i < 150; ++i) {
        core::PublicationView publication{"few"};
        publication.payload = protocol::as_bytes(text);
        REQUIRE_FALSE(contract::publish_and_wait(*brokers[i % brokers.size()], publication));
        const auto page =
            contract::read_history(*brokers[(i + 1) % brokers.size()], "few", nullptr);
        REQUIRE(page.publications.size() == std::min<std::size_t>(i + 1, 3));
        CHECK(page.publications.back()->position == page.top);
        CHECK(page.top.offset == i + 1);
    }
}

TEST_CASE("a NATS server of three that dies takes nothing along that is kept on all",
          "[nats][broker][fault]") {
    const std::size_t victim = GENERATE(0U, 1U, 2U);
    NatsCluster cluster;
    test::NatsNodes nodes;
    const auto brokers = add_nodes(nodes, cluster, 2, on_three());
    BrokerNode node(brokers[1]);
    node.listen("news");
    std::vector<std::string> kept;
    const auto publish = [&](const std::string& text) {
        core::PublicationView publication{"news"};
        publication.payload = protocol::as_bytes(text);
        const bool is_kept = !contract::publish_and_wait(*brokers[0], publication);
        if (is_kept) kept.push_back(text);
        return is_kept;
    };
    for (int i = 0; i < 20; ++i) REQUIRE(publish(std::to_string(i)));
    CHECK(node.hears("news", kept.size()));
    const core::StreamPosition before = node.last().position;
    cluster.server(victim).kill();
    int next = 20;
    REQUIRE(eventually([&] { return publish(std::to_string(next++)); }, 60s));
    REQUIRE(eventually([&] { return brokers[1]->is_healthy(); }, 60s));
    REQUIRE(eventually([&] { return publish("last"); }, 60s));
    // What was not acknowledged may have been kept all the same.
    REQUIRE(eventually([&] { return node.heard("news").back() == "last"; }, 30s));
    const auto heard = node.heard("news");
    std::size_t found = 0;
    for (const std::string& each : heard) found += found < kept.size() && each == kept[found];
    CHECK(found == kept.size());
    CHECK(node.last().position.epoch == before.epoch);
    CHECK(node.gaps().empty());
}

TEST_CASE("nodes that claim keys at different NATS servers have each key once",
          "[nats][ownership]") {
    const NatsCluster cluster;
    test::NatsOwnershipNodes nodes;
    const auto add = [&](std::size_t i) {
        return nodes.add(cluster.url(i),
                         {.lease = test::kTestLease, .replicas = NatsCluster::kServers});
    };
    const auto one = add(0);
    const auto two = add(1);
    const auto three = add(2);
    for (const auto& each : {one, two, three}) {
        REQUIRE(eventually([&] { return each->obstacle().empty(); }, 60s));
    }
    test::check_claims_at_once(*one, *two, three.get());
}

TEST_CASE("a NATS server of three that dies gives nobody what another has",
          "[nats][ownership][fault]") {
    NatsCluster cluster;
    test::NatsOwnershipNodes nodes;
    contract::Beliefs beliefs;
    // Longer than the servers take to choose another leader of the stream.
    const cluster::OwnershipOptions options{.lease = 20s, .replicas = NatsCluster::kServers};
    const auto one = nodes.add(cluster.url(0), options);
    const auto two = nodes.add(cluster.url(1), options);
    auto ann = std::make_unique<contract::Candidate>(*one, "a", &beliefs);
    REQUIRE(eventually([&] { return ann->has_it(); }, 90s));
    const core::Owner before = ann->owner();
    const contract::Candidate bob(*two, "a", &beliefs);
    REQUIRE(eventually([&] { return bob.owner().node == one->node(); }, 60s));
    const auto renewals = one->stats().renewals_total;
    cluster.server(0).kill();
    REQUIRE(eventually([&] { return one->stats().renewals_total >= renewals + 2; }, 90s));
    CHECK(ann->owner() == before);
    CHECK(one->stats().kept_total == 0);
    ann.reset();
    REQUIRE(eventually([&] { return bob.has_it(); }, 60s));
    CHECK(bob.owner().term > before.term);
    CHECK(beliefs.conflicts() == 0);
}
