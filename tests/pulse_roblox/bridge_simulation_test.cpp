// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ten minutes in virtual time through the whole bridge.
#include "support/bridge_world.hpp"
#include "support/catch.hpp"

using namespace pulse::roblox;
using namespace std::chrono_literals;
using pulse::test::Dice;
using pulse::test::Simulation;
using pulse::test::Time;
using pulse::test::World;

namespace {

[[nodiscard]] std::string some_topic(Dice& dice) {
    return "topic-" + std::to_string(dice.below(20));
}

}  // namespace

TEST_CASE("A flood through the bridge exceeds no documented limit, also while servers come and go",
          "[roblox][bridge][simulation]") {
    struct Phase {
        std::chrono::minutes until;
        unsigned servers;
    };
    const auto phases = GENERATE(
        std::vector<Phase>{{10min, 0}}, std::vector<Phase>{{10min, 1}},
        std::vector<Phase>{{10min, 10}}, std::vector<Phase>{{10min, 1'000}},
        std::vector<Phase>{{2min, 10}, {4min, 200}, {5min, 1}, {7min, 50}, {8min, 0}, {10min, 3}});
    World world({.seed = phases.size() + phases.front().servers});
    const Time begin = world.timeline().now();
    world.timeline().every(100ms, [&] {
        for (int i = 0; i < 100 && world.open() < 1'000; ++i) {
            Target target;
            if (i % 4 == 0) {
                target = {Target::Kind::server, Simulation::server_name(world.dice().below(5))};
            }
            if (!world.push(some_topic(world.dice()), target)) break;
        }
    });
    for (const Phase& phase : phases) {
        world.set_servers(phase.servers);
        world.timeline().run_until(begin + phase.until);
    }
    CAPTURE(phases.size(), phases.front().servers, world.publishes);
    CHECK(world.refused_for_quota == 0);
    CHECK(world.refused_under_way <= 4 * phases.size());
    CHECK(world.count(Outcome::throttled) == 0);
    // Ten times what one message for each publish could be.
    CHECK(world.count(Outcome::accepted) > 10 * 10 * 160);
}

TEST_CASE("With a third of all deliveries lost, servers that report gaps get every message once",
          "[roblox][bridge][simulation]") {
    const unsigned servers = GENERATE(1U, 10U, 1'000U);
    World world({.loss = 0.3,
                 .duplicates = 0.1,
                 .answer_lost = 0.02,
                 .fails = 0.02,
                 .modelled_servers = 4,
                 .seed = servers});
    world.set_servers(servers);
    const Time begin = world.timeline().now();
    bool is_loading = true;
    world.timeline().every(100ms, [&] {
        for (int i = 0; is_loading && i < 2; ++i) {
            Target target;
            if (world.dice().chance(0.1)) {
                const auto index = world.dice().below(std::min(servers, 4U));
                target = {Target::Kind::server, Simulation::server_name(index)};
            }
            world.push(some_topic(world.dice()), target);
        }
    });
    world.timeline().run_until(begin + 10min);
    is_loading = false;
    world.timeline().run_until(begin + 12min);

    CAPTURE(servers, world.publishes, world.lost, world.repaired);
    CHECK(world.refused_for_quota == 0);
    CHECK(world.pushed() > 11'000);
    CHECK(world.count(Outcome::accepted) == world.pushed());
    CHECK(world.lost > 100);
    CHECK(world.repaired > 100);
    const auto books = world.books();
    CHECK(books.received > 10'000);
    CHECK(books.missing == 0);
    CHECK(books.repeated == 0);
    CHECK(books.wrong_server == 0);
}

TEST_CASE("Servers that sleep get every message once, though a third of what wakes them is lost",
          "[roblox][bridge][simulation]") {
    const unsigned servers = GENERATE(1U, 20U);
    World world({.loss = 0.3,
                 .duplicates = 0.1,
                 .fails = 0.02,
                 .modelled_servers = 4,
                 .transport = ServerTransport::hybrid,
                 .seed = servers});
    world.set_servers(servers);
    const Time begin = world.timeline().now();
    bool is_loading = true;
    // Bursts with silence between, so that they fall asleep again and again.
    world.timeline().every(25s, [&] {
        for (int i = 0; is_loading && i < 50; ++i) {
            Target target;
            if (i % 5 == 0) target = {Target::Kind::server, Simulation::server_name(0)};
            world.push(some_topic(world.dice()), target);
        }
    });
    world.timeline().run_until(begin + 10min);
    is_loading = false;
    world.timeline().run_until(begin + 11min);
    const auto metrics = world.bridge().metrics();
    CHECK(metrics.wakes > 20);
    CHECK(world.lost > 5);
    CHECK(metrics.messages_out_published == 0);
    const auto books = world.books();
    CHECK(books.received > 900);
    CHECK(books.missing == 0);
    CHECK(books.repeated == 0);
    CHECK(books.wrong_server == 0);
    CHECK(world.refused_for_quota == 0);
}
