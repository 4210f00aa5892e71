// SPDX-License-Identifier: MIT OR Apache-2.0
#include "contract/dialect_contract.hpp"
#include "mesa_fixture.hpp"

using namespace pulse;

TEST_CASE("Mesa's dialect keeps the contract of dialects", "[mesa][contract]") {
    const bool has_handler = GENERATE(true, false);
    test::MesaFixture hub;
    mesa::Server server(hub.hub, {});
    if (has_handler) test::accept_everybody(server);
    contract::dialect_contract({server.dialect(), hub.lane(), [&] { hub.flush(); },
                                [&](std::chrono::milliseconds time) { hub.pass(time); },
                                test::log_in("7"), core::MessageKind::text});
}
