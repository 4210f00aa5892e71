// SPDX-License-Identifier: MIT OR Apache-2.0
#include "log_contract.hpp"

using namespace pulse;

TEST_CASE("the log that says nothing keeps the contract", "[contract][log]") {
    contract::log_contract(
        [] { return contract::LogUnderTest{std::make_unique<core::NullLog>()}; });
}
