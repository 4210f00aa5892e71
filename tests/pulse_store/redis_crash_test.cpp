// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A process that writes is killed with SIGKILL at moments that are left to chance, or its Redis is.
#include "crash_victim.hpp"
#include "support/redis_store_fixture.hpp"

#include <chrono>
#include <csignal>
#include <cstdint>
#include <random>

using namespace pulse;
using test::crash::Victim;

TEST_CASE("writers that are killed leave whole batches, and all that were acknowledged",
          "[store][redis][crash]") {
    constexpr int kRounds = 60;
    test::RedisStoreFixture f;
    std::mt19937 random(20240229);
    std::uint64_t count = 0;
    std::size_t acknowledged = 0;
    for (int round = 0; round < kRounds; ++round) {
        CAPTURE(round);
        Victim victim(f.url, "full", round % 10 == 9 ? 30'000 : random() % 1'500);
        bool is_alive = true;
        if (round % 4 == 3) {
            // Perhaps while it connects.
            is_alive = victim.listen(10'000, std::chrono::microseconds(random() % 12'000));
        } else {
            is_alive = victim.listen(1 + random() % 300, test::kPatience) &&
                       victim.listen(10'000, std::chrono::microseconds(random() % 2'000));
            CHECK(victim.acknowledged() > 0);
        }
        CHECK(is_alive);
        CHECK(victim.kill() == SIGKILL);
        acknowledged += victim.acknowledged();
        // Redis goes on with what it had received.
        REQUIRE(test::eventually([&] {
            return f.redis.ask("INFO clients").find("connected_clients:1\r") != std::string::npos;
        }));
        const std::uint64_t before = count;
        count = test::crash::check_left(*f.open_well(), victim.last());
        CHECK(count >= before);
    }
    // Otherwise there was nothing to lose.
    CHECK(acknowledged > 2'000);
}

TEST_CASE("a Redis that is killed has all that was acknowledged when it comes back",
          "[store][redis][crash]") {
    constexpr int kRounds = 25;
    test::RedisStoreFixture f(test::append_only());
    std::mt19937 random(20240301);
    std::uint64_t count = 0;
    std::size_t acknowledged = 0;
    for (int round = 0; round < kRounds; ++round) {
        CAPTURE(round);
        Victim victim(f.url, "full", random() % 1'500);
        CHECK(victim.listen(50 + random() % 200, test::kPatience));
        CHECK(victim.listen(10'000, std::chrono::microseconds(random() % 2'000)));
        f.redis.kill();
        (void)victim.kill();  // or it ended by itself, since a batch had failed
        acknowledged += victim.acknowledged();
        f.redis.start();
        const auto store = f.open();
        REQUIRE(f.becomes_available(*store));
        const std::uint64_t before = count;
        count = test::crash::check_left(*store, victim.last());
        CHECK(count >= before);
    }
    CHECK(acknowledged > 1'000);
}
