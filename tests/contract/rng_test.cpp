// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rng_contract.hpp"

using namespace pulse;

TEST_CASE("the system's generator keeps the contract", "[contract][rng]") {
    contract::rng_contract([] { return std::make_unique<core::SystemRng>(); });
}

TEST_CASE("a seeded generator keeps the contract", "[contract][rng]") {
    contract::rng_contract([] { return std::make_unique<core::SeededRng>(42); });
}
