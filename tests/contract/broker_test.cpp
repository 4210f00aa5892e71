// SPDX-License-Identifier: MIT OR Apache-2.0
#include "broker_contract.hpp"
#include "contract/recovery_contract.hpp"

#include <pulse/core/clock.hpp>
#include <pulse/core/rng.hpp>

using namespace pulse;

TEST_CASE("the memory broker keeps the contract", "[contract][broker]") {
    contract::broker_contract([](std::size_t nodes) {
        return std::vector<std::shared_ptr<core::Broker>>(nodes, core::make_memory_broker());
    });
}

TEST_CASE("an attachment to the memory broker may outlive the broker", "[contract][broker]") {
    contract::BrokerNode* heard = nullptr;
    std::shared_ptr<core::Broker> broker = core::make_memory_broker();
    contract::BrokerNode node(broker);
    heard = &node;
    core::Broker::Attachment second = broker->attach(*heard);
    broker.reset();
    second.reset();
    node.publish("news", "once");
    CHECK(node.heard("news") == std::vector<std::string>{"once"});
}

TEST_CASE("the memory broker keeps the contract of recovery", "[contract][broker][recovery]") {
    core::SystemClock clock;
    core::SystemRng rng;
    const auto store = core::make_memory_history_store(clock, rng);
    contract::recovery_contract([&](std::size_t nodes, const core::HistoryPolicies& policies) {
        return std::vector<std::shared_ptr<core::Broker>>(
            nodes, core::make_memory_broker(store.get(), policies));
    });
}
