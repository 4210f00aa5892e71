// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A process that writes is killed with SIGKILL, two hundred times, at moments that are left to
// chance: while it opens the file, between and within commits, while the log is moved. Each time
// the file is opened again and looked through.
#include "crash_victim.hpp"
#include "support/store_fixture.hpp"

#include <chrono>
#include <csignal>
#include <cstdint>
#include <random>

using namespace pulse;
using test::crash::Victim;

TEST_CASE("two hundred kills at any moment lose nothing that was acknowledged", "[store][crash]") {
    constexpr int kRounds = 200;
    test::StoreFixture f;
    std::mt19937 random(20240229);
    std::uint64_t count = 0;
    std::size_t acknowledged = 0;
    for (int round = 0; round < kRounds; ++round) {
        CAPTURE(round);
        const char* const kDurabilities[] = {"full", "second", "none"};
        // Every tenth writes enough for the log to be moved while it runs.
        const bool is_heavy = round % 10 == 9;
        const std::size_t value_bytes = is_heavy ? 30'000 : random() % 1'500;
        Victim victim(f.options.path, kDurabilities[round % 3], value_bytes);
        bool is_alive = true;
        if (round % 4 == 3) {
            // Perhaps while it opens the file.
            is_alive = victim.listen(10'000, std::chrono::microseconds(random() % 12'000));
        } else {
            const std::size_t wanted = is_heavy ? 300 + random() % 300 : 1 + random() % 300;
            is_alive = victim.listen(wanted, test::kPatience) &&
                       victim.listen(10'000, std::chrono::microseconds(random() % 2'000));
            CHECK(victim.acknowledged() > 0);
        }
        CHECK(is_alive);
        CHECK(victim.kill() == SIGKILL);
        acknowledged += victim.acknowledged();
        const std::uint64_t before = count;
        count = test::crash::check_left(*f.open_well(), victim.last());
        CHECK(count >= before);
    }
    // Otherwise there was nothing to lose.
    CHECK(acknowledged > 5'000);
    CHECK(test::RawDatabase(f.options.path).run("PRAGMA integrity_check") == "ok");
}
