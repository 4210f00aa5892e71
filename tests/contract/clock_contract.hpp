// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "support/catch.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <pulse/core/clock.hpp>

namespace pulse::contract {

struct ClockUnderTest {
    std::unique_ptr<core::Clock> clock;
    /// Makes time go by: waits, or moves the clock.
    std::function<void(std::chrono::milliseconds)> pass;
};

/// What every Clock keeps to. Call it in a TEST_CASE of its own.
inline void clock_contract(const std::function<ClockUnderTest()>& make) {
    const ClockUnderTest subject = make();
    core::Clock& clock = *subject.clock;

    SECTION("the monotonic time never goes back, on any thread") {
        std::atomic<int> steps_back{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < 2; ++t) {
            threads.emplace_back([&] {
                core::MonotonicTime last = clock.now();
                for (int i = 0; i < 10'000; ++i) {
                    const core::MonotonicTime now = clock.now();
                    if (now < last) ++steps_back;
                    last = now;
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        CHECK(steps_back == 0);
    }

    SECTION("both times move on by what went by, at least") {
        const core::MonotonicTime before = clock.now();
        const std::uint64_t unix_before = clock.unix_ms();
        subject.pass(std::chrono::milliseconds(5));
        CHECK(clock.now() - before >= std::chrono::milliseconds(5));
        CHECK(clock.unix_ms() >= unix_before + 4);  // both ends are cut to whole milliseconds
    }

    SECTION("the Unix time is of this century") {
        CHECK(clock.unix_ms() > 1'600'000'000'000);
        CHECK(clock.unix_ms() < 4'102'444'800'000);
    }
}

}  // namespace pulse::contract
