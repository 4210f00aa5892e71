// SPDX-License-Identifier: MIT OR Apache-2.0
#include "history_store_contract.hpp"

using namespace pulse;

TEST_CASE("the memory history store keeps the contract", "[contract][history]") {
    contract::history_store_contract([](const core::Clock& clock, core::Rng& rng) {
        return core::make_memory_history_store(clock, rng);
    });
}
