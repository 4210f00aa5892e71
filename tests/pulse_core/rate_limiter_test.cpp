// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "support/manual_clock.hpp"

#include <pulse/core/rate_limiter.hpp>

using namespace pulse::core;
using namespace std::chrono_literals;
using pulse::test::ManualClock;

TEST_CASE("a full bucket lets a burst through, then refuses", "[core][rate_limiter]") {
    ManualClock clock;
    const RateLimit limit{.per_second = 10, .burst = 3};
    TokenBucket bucket(clock.now(), limit);
    for (int i = 0; i < 3; ++i) CHECK(bucket.try_take(clock.now(), limit));
    CHECK_FALSE(bucket.try_take(clock.now(), limit));
}

TEST_CASE("tokens come back with time, no more than the burst", "[core][rate_limiter]") {
    ManualClock clock;
    const RateLimit limit{.per_second = 10, .burst = 3};
    TokenBucket bucket(clock.now(), limit);
    for (int i = 0; i < 3; ++i) REQUIRE(bucket.try_take(clock.now(), limit));
    clock.advance(99ms);
    CHECK_FALSE(bucket.try_take(clock.now(), limit));
    clock.advance(1ms);
    CHECK(bucket.try_take(clock.now(), limit));
    CHECK_FALSE(bucket.try_take(clock.now(), limit));
    clock.advance(1h);
    for (int i = 0; i < 3; ++i) CHECK(bucket.try_take(clock.now(), limit));
    CHECK_FALSE(bucket.try_take(clock.now(), limit));
}

TEST_CASE("without a burst one second's worth may come at once", "[core][rate_limiter]") {
    ManualClock clock;
    CHECK(RateLimit{.per_second = 5}.capacity() == 5);
    CHECK(RateLimit{.per_second = 0.1}.capacity() == 1);
    const RateLimit limit{.per_second = 5};
    TokenBucket bucket(clock.now(), limit);
    for (int i = 0; i < 5; ++i) CHECK(bucket.try_take(clock.now(), limit));
    CHECK_FALSE(bucket.try_take(clock.now(), limit));
}

TEST_CASE("a rate of zero never refuses", "[core][rate_limiter]") {
    ManualClock clock;
    const RateLimit unlimited{};
    CHECK(unlimited.is_unlimited());
    TokenBucket bucket(clock.now(), unlimited);
    for (int i = 0; i < 1000; ++i) CHECK(bucket.try_take(clock.now(), unlimited, 1000));
}

TEST_CASE("a refusal takes nothing, whatever the cost", "[core][rate_limiter]") {
    ManualClock clock;
    const RateLimit limit{.per_second = 1, .burst = 10};
    TokenBucket bucket(clock.now(), limit);
    CHECK_FALSE(bucket.try_take(clock.now(), limit, 11));
    CHECK(bucket.try_take(clock.now(), limit, 6));
    CHECK_FALSE(bucket.try_take(clock.now(), limit, 5));
    CHECK(bucket.try_take(clock.now(), limit, 4));
}

TEST_CASE("a clock that goes back refills nothing and takes nothing away", "[core][rate_limiter]") {
    ManualClock clock;
    const RateLimit limit{.per_second = 1, .burst = 2};
    TokenBucket bucket(clock.now(), limit);
    REQUIRE(bucket.try_take(clock.now(), limit));
    const MonotonicTime earlier = clock.now() - 10s;
    CHECK(bucket.try_take(earlier, limit));
    CHECK_FALSE(bucket.try_take(earlier, limit));
    CHECK_FALSE(bucket.try_take(clock.now(), limit));
    clock.advance(1s);
    CHECK(bucket.try_take(clock.now(), limit));
}

TEST_CASE("a limit that is lowered holds at once", "[core][rate_limiter]") {
    ManualClock clock;
    const RateLimit generous{.per_second = 100};
    const RateLimit strict{.per_second = 1, .burst = 2};
    TokenBucket bucket(clock.now(), generous);
    CHECK(bucket.try_take(clock.now(), strict));
    CHECK(bucket.try_take(clock.now(), strict));
    CHECK_FALSE(bucket.try_take(clock.now(), strict));
    CHECK_FALSE(bucket.try_take(clock.now(), generous));  // what is gone does not come back
}

TEST_CASE("many small refills make exactly the rate", "[core][rate_limiter]") {
    ManualClock clock;
    const RateLimit limit{.per_second = 1000, .burst = 1};
    TokenBucket bucket(clock.now(), limit);
    int taken = 0;
    for (int i = 0; i < 100'000; ++i) {
        clock.advance(10us);  // one second in all
        taken += bucket.try_take(clock.now(), limit);
    }
    CHECK(taken >= 999);
    CHECK(taken <= 1001);
}
