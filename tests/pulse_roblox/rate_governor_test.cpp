// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rate_governor.hpp"

#include "support/catch.hpp"

#include <string>

using namespace pulse;
using namespace pulse::roblox;
using namespace std::chrono_literals;

namespace {

struct Fixture {
    explicit Fixture(GovernorOptions options = {}) : governor(options, rng) {}

    PublishRequest request(std::string_view topic = "pulse.b0", bool is_targeted = false) const {
        return {.universe = {7}, .owner = "owner", .real_topic = topic, .is_targeted = is_targeted};
    }
    /// Publishes as often as allowed and answers each at once.
    unsigned run(std::chrono::nanoseconds time, const PublishRequest& what) {
        unsigned count = 0;
        for (const core::MonotonicTime end = now + time; now < end; now += 50ms) {
            while (governor.try_take(what, now).is_granted) {
                governor.on_answer(what, {}, now);
                ++count;
            }
        }
        return count;
    }

    core::SeededRng rng{1};
    RateGovernor governor;
    core::MonotonicTime now{1h};
};

QuotaReport throttled(std::optional<std::chrono::milliseconds> retry_after) {
    return {.is_throttled = true, .retry_after = retry_after};
}

}  // namespace

TEST_CASE("A topic is paced at four fifths of its limit", "[roblox][governor]") {
    Fixture f;
    f.governor.set_servers({7}, 10);
    // 840 deliveries a minute, ten each; at first what a minute may see in all.
    CHECK(f.run(60s, f.request()) <= 84);
    f.run(60s, f.request());
    const unsigned steady = f.run(5min, f.request());
    CHECK(steady >= 5 * 62);
    CHECK(steady <= 5 * 68);
}

TEST_CASE("Targeted publishes cost one, broadcasts one per server", "[roblox][governor]") {
    Fixture f;
    f.governor.set_servers({7}, 100);
    const unsigned targeted = f.run(60s, f.request("pulse.s.a", true));
    CHECK(targeted > 3'900);  // the owner's 5,000 a minute is the narrower limit
    CHECK(targeted <= 5'000);
}

TEST_CASE("Topics together stay within the universe's limit", "[roblox][governor]") {
    Fixture f;
    f.governor.set_servers({7}, 1'000);
    unsigned count = 0;
    for (const auto end = f.now + 5min; f.now < end; f.now += 50ms) {
        for (const char* topic : {"pulse.b0", "pulse.b1", "pulse.b2", "pulse.b3"}) {
            if (!f.governor.try_take(f.request(topic), f.now).is_granted) continue;
            f.governor.on_answer(f.request(topic), {}, f.now);
            ++count;
        }
    }
    CHECK(count >= 5 * 155);
    CHECK(count <= 5 * 200);
}

TEST_CASE("All universes of one owner share the owner's limit", "[roblox][governor]") {
    Fixture f;
    unsigned count = 0;
    for (const auto end = f.now + 60s; f.now < end; f.now += 50ms) {
        for (std::uint64_t id = 1; id <= 100; ++id) {
            const PublishRequest request{.universe = {id}, .owner = "owner", .real_topic = "t"};
            while (f.governor.try_take(request, f.now).is_granted) {
                f.governor.on_answer(request, {}, f.now);
                ++count;
            }
        }
    }
    CHECK(count > 4'500);
    CHECK(count <= 5'000);
}

TEST_CASE("When servers go, what was sent to them still counts", "[roblox][governor]") {
    Fixture f;
    f.governor.set_servers({7}, 1'000);
    CHECK(f.run(10s, f.request()) > 10);
    f.governor.set_servers({7}, 1);
    // More than 10,000 deliveries in the last minute, where 120 would be allowed.
    CHECK(f.run(59s, f.request()) == 0);
    f.now += 20s;
    CHECK(f.run(60s, f.request()) > 60);
}

TEST_CASE("Publishes are unbounded neither in flight per universe nor in all",
          "[roblox][governor]") {
    Fixture f({.max_in_flight_per_universe = 2, .max_in_flight = 3});
    const PublishRequest other{.universe = {8}, .owner = "b", .real_topic = "t"};
    CHECK(f.governor.try_take(f.request("a"), f.now).is_granted);
    CHECK(f.governor.try_take(f.request("b"), f.now).is_granted);
    CHECK_FALSE(f.governor.try_take(f.request("c"), f.now).is_granted);
    CHECK(f.governor.try_take(other, f.now).is_granted);
    CHECK_FALSE(f.governor.try_take(other, f.now).is_granted);
    f.governor.on_answer(f.request("a"), {}, f.now);
    CHECK(f.governor.try_take(other, f.now).is_granted);
    CHECK(f.governor.level(f.request(), f.now).in_flight == 1);
}

TEST_CASE("A refusal halves the pace, silences for as long as asked, and is forgotten slowly",
          "[roblox][governor]") {
    Fixture f;
    f.governor.set_servers({7}, 10);
    REQUIRE(f.governor.try_take(f.request(), f.now).is_granted);
    f.governor.on_answer(f.request(), throttled(7s), f.now);
    CHECK(f.governor.level(f.request(), f.now).factor == 0.5);
    const Permission refused = f.governor.try_take(f.request(), f.now);
    CHECK_FALSE(refused.is_granted);
    CHECK(refused.retry_at == f.now + 7s);
    f.now += 7s;
    CHECK(f.governor.try_take(f.request(), f.now).is_granted);
    f.governor.on_answer(f.request(), {}, f.now);
    CHECK(f.governor.level(f.request(), f.now + 22s).factor == 0.5);
    CHECK(f.governor.level(f.request(), f.now + 23s).factor == Approx(0.55));
    CHECK(f.governor.level(f.request(), f.now + 10min).factor == 1.0);

    for (int i = 0; i < 10; ++i) {
        f.now += 10min;
        (void)f.governor.try_take(f.request(), f.now);
    }
    for (int i = 0; i < 10; ++i) {
        f.governor.on_answer(f.request(), throttled({}), f.now);
    }
    CHECK(f.governor.level(f.request(), f.now).factor == 0.1);
}

TEST_CASE("Without a time to wait, refusals back off with jitter up to half a minute",
          "[roblox][governor]") {
    Fixture f;
    for (unsigned i = 1; i <= 40; ++i) {
        f.governor.on_answer(f.request(), throttled({}), f.now);
        const auto wait = f.governor.try_take(f.request(), f.now).retry_at - f.now;
        CHECK(wait <= 30s + 1s);
        f.now += 31s;
    }
    core::SeededRng rng(5);
    for (unsigned failures = 1; failures < 20; ++failures) {
        const auto longest = std::min<std::chrono::milliseconds>(
            30s, std::chrono::milliseconds(1'000LL << std::min(failures - 1, 10U)));
        for (int i = 0; i < 50; ++i) CHECK(backoff({}, failures, rng) <= longest);
    }
}

TEST_CASE("The owner's bucket follows what Roblox says is left", "[roblox][governor]") {
    Fixture f;
    f.governor.set_servers({7}, 100);
    const PublishRequest targeted = f.request("pulse.s.a", true);
    REQUIRE(f.governor.try_take(targeted, f.now).is_granted);
    f.governor.on_answer(targeted, {.remaining = 2, .reset = 40s}, f.now);
    CHECK(f.governor.try_take(targeted, f.now).is_granted);
    CHECK(f.governor.try_take(targeted, f.now).is_granted);
    CHECK_FALSE(f.governor.try_take(targeted, f.now).is_granted);
    f.governor.on_answer(targeted, {.is_throttled = true, .remaining = 0, .reset = 40s}, f.now);
    // All of the owner's universes wait; the universe itself is not slowed down.
    const PublishRequest other{.universe = {8}, .owner = "owner", .real_topic = "t"};
    CHECK_FALSE(f.governor.try_take(other, f.now + 39s).is_granted);
    CHECK(f.governor.try_take(other, f.now + 40s).is_granted);
    CHECK(f.governor.level(targeted, f.now).factor == 1.0);
}

TEST_CASE("What game servers publish themselves is taken from the universe", "[roblox][governor]") {
    Fixture f;
    f.governor.set_servers({7}, 10);
    REQUIRE(f.governor.try_take(f.request(), f.now).is_granted);
    f.governor.on_answer(f.request(), {}, f.now);
    const double before = f.governor.level(f.request(), f.now).universe_tokens;
    f.governor.charge({7}, "pulse.b0", 5, f.now);
    CHECK(f.governor.level(f.request(), f.now).universe_tokens == Approx(before - 50));
    f.governor.charge({7}, {}, UINT64_MAX, f.now);  // a lie costs a minute, not for ever
    CHECK_FALSE(f.governor.try_take(f.request(), f.now).is_granted);
    f.now += 3min;
    CHECK(f.governor.try_take(f.request(), f.now).is_granted);
}

TEST_CASE("From unknown to known the unit changes and the past still counts",
          "[roblox][governor]") {
    Fixture f;
    CHECK(f.run(60s, f.request()) <= 80);
    f.governor.set_servers({7}, 1'000);
    CHECK(f.run(30s, f.request()) <= 40);
    f.governor.set_servers({7}, std::nullopt);
    CHECK(f.run(60s, f.request()) <= 80);
    f.governor.remove({7});
    f.governor.tidy(f.now + 10min);
    CHECK(f.governor.level(f.request(), f.now).factor == 1.0);
}

TEST_CASE("An optimistic pace rises above the limits only until the first refusal",
          "[roblox][governor]") {
    Fixture f({.max_factor = 2.0});
    f.governor.set_servers({7}, 10);
    for (int i = 0; i < 100; ++i) {
        f.now += 30s;
        (void)f.governor.level(f.request(), f.now);
    }
    CHECK(f.governor.level(f.request(), f.now).factor == Approx(2.0));
    CHECK(f.run(5min, f.request()) > 5 * 84);
    f.governor.on_answer(f.request(), throttled(1s), f.now);
    CHECK(f.governor.level(f.request(), f.now).factor == Approx(1.0));
}

TEST_CASE("A broadcast that costs more than ever gathers goes when all of it has",
          "[roblox][governor]") {
    Fixture f{{.topic_base = 80, .topic_per_server = 0}};
    f.governor.set_servers({7}, 40);  // a cost of 40, where 16 gather
    const unsigned count = f.run(10min, f.request());
    CHECK(count >= 10);
    CHECK(count <= 20);
}
