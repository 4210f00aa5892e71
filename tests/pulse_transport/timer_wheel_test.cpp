// SPDX-License-Identifier: MIT OR Apache-2.0
#include "timer_wheel.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <vector>

using namespace pulse::transport;
using namespace std::chrono_literals;

namespace {

struct Timer : TimerNode {
    explicit Timer(int number_) : number(number_) {}
    int number;
};

/// The numbers of what fires.
std::vector<int> advance(TimerWheel& wheel, Tick now) {
    std::vector<int> fired;
    wheel.advance(now, [&](TimerNode& node) {
        CHECK_FALSE(node.is_scheduled());
        fired.push_back(static_cast<Timer&>(node).number);
    });
    return fired;
}

}  // namespace

TEST_CASE("durations are rounded up to whole ticks, at least one", "[transport][timer]") {
    CHECK(ticks_of(0ms) == 1);
    CHECK(ticks_of(1ms) == 1);
    CHECK(ticks_of(250ms) == 1);
    CHECK(ticks_of(251ms) == 2);
    CHECK(ticks_of(10s) == 40);
    CHECK(ticks_of(-5ms) == 1);
    // Longer than differences of ticks can tell apart: cut, not wrapped.
    CHECK(ticks_of(std::chrono::hours{24 * 365 * 100}) == 0x3fff'ffff);
    CHECK(tick_of(pulse::core::MonotonicTime(249ms)) == 0);
    CHECK(tick_of(pulse::core::MonotonicTime(250ms)) == 1);
}

TEST_CASE("a timer fires once, at its tick and not before", "[transport][timer]") {
    TimerWheel wheel;
    Timer timer(1);
    wheel.schedule(timer, 10);
    CHECK(timer.is_scheduled());
    CHECK_FALSE(wheel.is_empty());
    CHECK(advance(wheel, 9).empty());
    CHECK(advance(wheel, 10) == std::vector{1});
    CHECK(wheel.is_empty());
    CHECK(advance(wheel, 10).empty());
    CHECK(advance(wheel, 1000).empty());
}

TEST_CASE("a late advance fires everything that became due meanwhile, earliest first",
          "[transport][timer]") {
    TimerWheel wheel;
    std::deque<Timer> timers;
    for (const int due : {30, 10, 20, 250}) {
        wheel.schedule(timers.emplace_back(due), static_cast<Tick>(due));
    }
    CHECK(advance(wheel, 100) == std::vector{10, 20, 30});
    CHECK(advance(wheel, 5000) == std::vector{250});
}

TEST_CASE("timers beyond one turn of the wheel wait for their round", "[transport][timer]") {
    TimerWheel wheel;
    Timer far(1);
    wheel.schedule(far, 1000);  // 1000 = 3 * 256 + 232
    for (Tick now = 0; now < 1000; ++now) REQUIRE(advance(wheel, now).empty());
    CHECK(advance(wheel, 1000) == std::vector{1});
}

TEST_CASE("a timer whose tick has passed fires at the next advance", "[transport][timer]") {
    TimerWheel wheel;
    (void)advance(wheel, 500);
    Timer late(1);
    wheel.schedule(late, 3);
    CHECK(advance(wheel, 501) == std::vector{1});
}

TEST_CASE("a timer can be moved and cancelled", "[transport][timer]") {
    TimerWheel wheel;
    Timer timer(1);
    wheel.schedule(timer, 10);
    wheel.schedule(timer, 20);
    CHECK(advance(wheel, 15).empty());
    wheel.schedule(timer, 16);
    CHECK(advance(wheel, 16) == std::vector{1});
    wheel.schedule(timer, 30);
    wheel.cancel(timer);
    wheel.cancel(timer);
    CHECK(wheel.is_empty());
    CHECK(advance(wheel, 40).empty());
}

TEST_CASE("a timer may be rescheduled, and others cancelled, while one fires",
          "[transport][timer]") {
    TimerWheel wheel;
    Timer first(1);
    Timer second(2);
    Timer third(3);
    wheel.schedule(first, 5);
    wheel.schedule(second, 5);
    wheel.schedule(third, 300);
    std::vector<int> fired;
    const auto fire = [&](TimerNode& node) {
        const int number = static_cast<Timer&>(node).number;
        fired.push_back(number);
        if (number == 1) {
            wheel.cancel(second);  // due in the same tick
            wheel.cancel(third);
            wheel.schedule(first, 6);
        }
    };
    wheel.advance(5, fire);
    CHECK(fired == std::vector{1});
    wheel.advance(6, fire);
    CHECK(fired == std::vector{1, 1});
}

TEST_CASE("a timer that asks for a tick already passed while it fires is not lost",
          "[transport][timer]") {
    TimerWheel wheel;
    Timer timer(1);
    wheel.schedule(timer, 5);
    int fired = 0;
    const auto fire = [&](TimerNode& node) {
        if (++fired == 1) wheel.schedule(node, 2);
    };
    wheel.advance(5, fire);
    for (Tick now = 6; now < 10; ++now) wheel.advance(now, fire);
    CHECK(fired == 2);
}

TEST_CASE("ticks may wrap around", "[transport][timer]") {
    TimerWheel wheel;
    const Tick start = 0xffff'fff0;
    // In steps of less than half the range, as differences are signed.
    (void)advance(wheel, 0x7000'0000);
    (void)advance(wheel, 0xc000'0000);
    (void)advance(wheel, start);
    Timer timer(1);
    wheel.schedule(timer, start + 0x20);  // 0x10 after the wrap
    for (Tick i = 0; i < 0x20; ++i) REQUIRE(advance(wheel, start + i).empty());
    CHECK(advance(wheel, start + 0x20) == std::vector{1});
}

TEST_CASE("a wheel agrees with a sorted list under random use", "[transport][timer]") {
    for (unsigned seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        TimerWheel wheel;
        std::deque<Timer> timers;
        for (int i = 0; i < 50; ++i) timers.emplace_back(i);
        std::map<int, Tick> due;
        Tick now = 1000;
        (void)advance(wheel, now);
        for (int step = 0; step < 500; ++step) {
            Timer& timer = timers[random() % timers.size()];
            const auto distance = static_cast<Tick>(random() % 700);
            switch (random() % 4) {
                case 0:
                case 1:
                    wheel.schedule(timer, now + distance);
                    // What is due already fires at the next advance, one tick later.
                    due[timer.number] = std::max(now + distance, now + 1);
                    break;
                case 2:
                    wheel.cancel(timer);
                    due.erase(timer.number);
                    break;
                default:
                    now += static_cast<Tick>(1 + random() % 5);
                    std::vector<int> expected;
                    for (auto at = due.begin(); at != due.end();) {
                        if (at->second <= now) {
                            expected.push_back(at->first);
                            at = due.erase(at);
                        } else {
                            ++at;
                        }
                    }
                    std::vector<int> fired = advance(wheel, now);
                    std::sort(fired.begin(), fired.end());
                    REQUIRE(fired == expected);
            }
            REQUIRE(wheel.is_empty() == due.empty());
        }
    }
}
