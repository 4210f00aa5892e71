// SPDX-License-Identifier: MIT OR Apache-2.0
#include "presence_store_contract.hpp"

using namespace pulse;

TEST_CASE("the memory presence store keeps the contract", "[contract][presence]") {
    contract::presence_store_contract(
        [](const core::Clock& clock) { return core::make_memory_presence_store(clock); });
}
