// SPDX-License-Identifier: MIT OR Apache-2.0
#include "dialect_contract.hpp"
#include "pulse_core/native/native_fixture.hpp"
#include "support/hook_dialect.hpp"

using namespace pulse;

namespace {

contract::DialectUnderTest subject_of(core::Dialect& dialect, test::HubFixture& hub,
                                      std::string sense, core::MessageKind kind) {
    return {dialect,
            hub.lane(),
            [&hub] { hub.flush(); },
            [&hub](std::chrono::milliseconds time) { hub.clock.advance(time); },
            std::move(sense),
            kind};
}

}  // namespace

TEST_CASE("the native dialect keeps the contract", "[contract][dialect]") {
    test::NativeEngine engine;
    contract::dialect_contract(
        subject_of(engine.dialect, engine,
                   test::encoded({test::Frame::subscribe(1, "c"), test::publication("c", "x")}),
                   core::MessageKind::binary));
}

TEST_CASE("the native dialect in its JSON form keeps the contract", "[contract][dialect]") {
    test::NativeEngine engine;
    contract::dialect_contract(subject_of(engine.dialect, engine,
                                          R"({"type":"subscribe","id":1,"channel":"c"})",
                                          core::MessageKind::text));
}

TEST_CASE("the native dialect that wants a token keeps the contract", "[contract][dialect]") {
    const auto authenticator = core::make_token_authenticator({{"ann", "sesame"}}, true);
    test::NativeEngine engine({}, authenticator.get());
    contract::dialect_contract(subject_of(engine.dialect, engine,
                                          test::encoded(test::Frame::connect(1, "sesame").view()),
                                          core::MessageKind::binary));
}

TEST_CASE("the tests' dialect of lambdas keeps the contract", "[contract][dialect]") {
    test::HubFixture hub;
    test::HookDialect dialect;
    contract::dialect_contract(subject_of(dialect, hub, "hello", core::MessageKind::text));
}
