// SPDX-License-Identifier: MIT OR Apache-2.0
#include "clock_contract.hpp"
#include "support/manual_clock.hpp"

using namespace pulse;

TEST_CASE("the system clock keeps the contract", "[contract][clock]") {
    contract::clock_contract([] {
        contract::ClockUnderTest subject{std::make_unique<core::SystemClock>(), nullptr};
        const core::Clock* clock = subject.clock.get();
        subject.pass = [clock](std::chrono::milliseconds time) {
            const core::MonotonicTime end = clock->now() + time;
            while (clock->now() < end) std::this_thread::yield();
        };
        return subject;
    });
}

TEST_CASE("the tests' manual clock keeps the contract", "[contract][clock]") {
    contract::clock_contract([] {
        auto clock = std::make_unique<test::ManualClock>();
        test::ManualClock* moved = clock.get();
        return contract::ClockUnderTest{
            std::move(clock), [moved](std::chrono::milliseconds time) { moved->advance(time); }};
    });
}

TEST_CASE("a manual clock that is set back goes on monotonically", "[contract][clock]") {
    test::ManualClock clock;
    const core::MonotonicTime before = clock.now();
    clock.set_unix_ms(clock.unix_ms() - 60'000);
    CHECK(clock.now() == before);
    CHECK(clock.unix_ms() == test::ManualClock::kStartMs - 60'000);
    clock.advance(std::chrono::milliseconds(1500));
    CHECK(clock.now() - before == std::chrono::milliseconds(1500));
    CHECK(clock.unix_ms() == test::ManualClock::kStartMs - 58'500);
}
