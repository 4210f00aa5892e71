// SPDX-License-Identifier: MIT OR Apache-2.0
#include "log_limiter.hpp"

#include "support.hpp"
#include "support/catch.hpp"

#include <string>

namespace pulse::server::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("an event is let through at its rate and its losses are counted", "[log][limiter]") {
    ManualClock clock;
    EventLimiter limiter{3};
    for (int i = 0; i < 3; ++i) CHECK(limiter.admit("bad_frame", clock.now()) == 0u);
    for (int i = 0; i < 5; ++i) CHECK_FALSE(limiter.admit("bad_frame", clock.now()));
    clock.advance(milliseconds{400});
    CHECK(limiter.admit("bad_frame", clock.now()) == 5u);
    CHECK_FALSE(limiter.admit("bad_frame", clock.now()));
    clock.advance(seconds{60});
    CHECK(limiter.admit("bad_frame", clock.now()) == 1u);
    CHECK(limiter.admit("bad_frame", clock.now()) == 0u);
}

TEST_CASE("one event does not silence another", "[log][limiter]") {
    ManualClock clock;
    EventLimiter limiter{1};
    CHECK(limiter.admit("a", clock.now()) == 0u);
    CHECK_FALSE(limiter.admit("a", clock.now()));
    CHECK(limiter.admit("b", clock.now()) == 0u);
}

TEST_CASE("rate zero lets everything through, and the rate can change", "[log][limiter]") {
    ManualClock clock;
    EventLimiter limiter{0};
    for (int i = 0; i < 1'000; ++i) CHECK(limiter.admit("a", clock.now()) == 0u);
    limiter.set_rate(1);
    CHECK(limiter.admit("a", clock.now()) == 0u);
    CHECK_FALSE(limiter.admit("a", clock.now()));
    limiter.set_rate(0);
    CHECK(limiter.admit("a", clock.now()) == 1u);
    CHECK(limiter.admit("a", clock.now()) == 0u);
}

TEST_CASE("names beyond the table share one bucket", "[log][limiter]") {
    ManualClock clock;
    EventLimiter limiter{2};
    for (std::size_t i = 0; i < EventLimiter::kMaxEvents; ++i) {
        CHECK(limiter.admit("event" + std::to_string(i), clock.now()) == 0u);
    }
    CHECK(limiter.admit("more1", clock.now()) == 0u);
    CHECK(limiter.admit("more2", clock.now()) == 0u);
    CHECK_FALSE(limiter.admit("more3", clock.now()));
    CHECK(limiter.admit("event0", clock.now()) == 0u);
    // Names are told apart by their first bytes only, so that a long one costs no memory.
    EventLimiter other{1};
    const std::string prefix(EventLimiter::kMaxNameBytes, 'x');
    CHECK(other.admit(prefix + "a", clock.now()) == 0u);
    CHECK_FALSE(other.admit(prefix + "b", clock.now()));
}

}  // namespace
}  // namespace pulse::server::test
