// SPDX-License-Identifier: MIT OR Apache-2.0
#include "contract/ownership_contract.hpp"

using namespace pulse;

TEST_CASE("the ownership of a node on its own keeps the contract", "[contract][ownership]") {
    contract::ownership_contract([](std::size_t nodes) {
        std::vector<std::shared_ptr<core::Ownership>> out;
        for (std::size_t i = 0; i < nodes; ++i) out.push_back(core::make_local_ownership());
        return out;
    });
}
