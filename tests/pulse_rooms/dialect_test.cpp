// SPDX-License-Identifier: MIT OR Apache-2.0
#include "contract/dialect_contract.hpp"
#include "support/room_fixture.hpp"

using namespace pulse;

TEST_CASE("the rooms' dialect keeps the contract of dialects", "[rooms][contract]") {
    test::RoomFixture fixture;
    core::Lane& lane = *fixture.hub.lanes().front();
    contract::dialect_contract(
        {fixture.rooms->dialect(), lane, [&] { fixture.run(); },
         [&](std::chrono::milliseconds time) { fixture.clock.advance(time); },
         R"({"type":"chat","data":"hello"})", core::MessageKind::text});
}
