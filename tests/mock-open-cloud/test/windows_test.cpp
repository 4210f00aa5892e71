// SPDX-License-Identifier: MIT OR Apache-2.0
#include "mock-open-cloud/windows.hpp"

#include "mock-open-cloud/characters.hpp"
#include "mock-open-cloud/time.hpp"
#include "support/catch.hpp"

namespace pulse::mock::test {

using namespace std::chrono_literals;

TEST_CASE("a window holds the minute that ends now", "[mock]") {
    const Time start{};
    SlidingWindow window;
    window.add(start, 3);
    window.add(start + 30s, 4);
    CHECK(window.used(start + 30s) == 7);
    CHECK(window.fits_at(start + 30s, 3, 10) == start + 30s);
    CHECK(window.fits_at(start + 30s, 4, 10) == start + 1min);
    CHECK(window.fits_at(start + 30s, 7, 10) == start + 90s);
    CHECK(window.fits_at(start + 30s, 11, 10) == start + 90s);
    CHECK(window.used(start + 1min - 1us) == 7);
    CHECK(window.used(start + 1min) == 4);
    CHECK(window.clear_at(start + 1min) == start + 90s);
    CHECK(window.used(start + 90s) == 0);
    CHECK(window.clear_at(start + 2min) == start + 2min);
}

TEST_CASE("servers that come and go often are still averaged within bounds", "[mock]") {
    ServerHistory history;
    Time now{};
    for (int i = 0; i < 10'000; ++i) {
        history.set(now, i % 2 == 0 ? 0 : 100);
        now += 100ms;
    }
    CHECK(history.current() == 100);
    CHECK(history.limit(now, ServerCount::current, 40, 80) == 40 + 80 * 100);
    const std::uint64_t average = history.limit(now, ServerCount::average, 0, 1);
    CHECK(average >= 40);
    CHECK(average <= 60);
}

TEST_CASE("a clock that becomes virtual stands, moves, and never goes back", "[mock]") {
    MockClock clock;
    CHECK_FALSE(clock.is_virtual());
    const auto before = clock.now();
    clock.make_virtual();
    const auto frozen = clock.now();
    CHECK(frozen >= before);
    CHECK(clock.now() == frozen);
    const std::uint64_t unix_ms = clock.unix_ms();
    clock.advance(1h);
    CHECK(clock.now() == frozen + 1h);
    CHECK(clock.unix_ms() == unix_ms + 3'600'000);
    clock.make_real();
    CHECK(clock.now() >= frozen + 1h);
}

TEST_CASE("percent-encoding decodes to UTF-8 or not at all", "[mock]") {
    CHECK(decode_percent("a%2Fb%20c") == "a/b c");
    CHECK(decode_percent("%f0%9F%98%80") == "\xf0\x9f\x98\x80");
    for (const char* bad :
         {"%", "%4", "%4g", "%ff", "%c3", "%ed%a0%80", "%c0%80", "%f4%90%80%80"}) {
        INFO(bad);
        CHECK_FALSE(decode_percent(bad).has_value());
    }
}

}  // namespace pulse::mock::test
