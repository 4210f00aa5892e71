// SPDX-License-Identifier: MIT OR Apache-2.0
#include "metrics_contract.hpp"

using namespace pulse;

TEST_CASE("the memory metrics keep the contract", "[contract][metrics]") {
    contract::metrics_contract([] { return core::make_memory_metrics(); });
}

TEST_CASE("a collector's token may outlive the registry", "[contract][metrics]") {
    auto metrics = core::make_memory_metrics();
    core::Metrics::Token token = metrics->add_collector([](std::vector<core::MetricFamily>&) {});
    metrics.reset();
    token.reset();
    CHECK(token == nullptr);
}
