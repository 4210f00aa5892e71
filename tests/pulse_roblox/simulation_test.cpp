// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ten minutes of a bad day, in virtual time.
#include "support/simulation.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <string>

using namespace pulse;
using namespace pulse::test;
using namespace std::chrono_literals;
using roblox::Outcome;
using roblox::Target;

namespace {

std::string topic(Dice& dice) { return "topic-" + std::to_string(dice.below(20)); }

}  // namespace

TEST_CASE("With a third of all deliveries lost, servers with HTTP get every message once",
          "[roblox][simulation]") {
    const unsigned servers = GENERATE(1U, 10U, 1'000U);
    Simulation simulation({.servers = servers,
                           .modelled_servers = 12,
                           .loss = 0.3,
                           .duplicates = 0.1,
                           .has_http = true,
                           .answer_lost = 0.02,
                           .fails = 0.02,
                           .seed = servers});
    const Time begin = simulation.timeline().now();
    bool is_loading = true;
    simulation.timeline().every(100ms, [&] {
        if (!is_loading) return;
        for (int i = 0; i < 3; ++i) {
            Target target;
            if (simulation.dice().chance(0.1)) {
                const auto index = simulation.dice().below(std::min(servers, 10U));
                target = {Target::Kind::server, Simulation::server_name(index)};
            }
            simulation.push(topic(simulation.dice()), target);
        }
    });
    simulation.timeline().run_until(begin + 10min);
    is_loading = false;
    simulation.timeline().run_until(begin + 12min);  // what is on its way arrives

    CAPTURE(servers, simulation.publishes, simulation.deliveries_lost, simulation.repairs());
    CHECK(simulation.refused_for_quota == 0);
    CHECK(simulation.too_long == 0);
    CHECK(simulation.pushed() > 17'000);
    CHECK(simulation.open() == 0);
    CHECK(simulation.count(Outcome::accepted) == simulation.pushed());
    const auto books = simulation.books();
    CHECK(simulation.deliveries_lost > 100);
    CHECK(simulation.repairs() > 100);
    CHECK(books.missing == 0);
    CHECK(books.repeated == 0);
    CHECK(books.wrong_server == 0);
    CHECK(books.received > 10'000);
}

TEST_CASE("Servers without HTTP are told of every loss", "[roblox][simulation]") {
    const unsigned servers = GENERATE(1U, 10U, 1'000U);
    Simulation simulation({.servers = servers,
                           .modelled_servers = 5,
                           .loss = 0.3,
                           .duplicates = 0.1,
                           .has_http = false,
                           .seed = 100 + servers});
    const Time begin = simulation.timeline().now();
    bool is_loading = true;
    simulation.timeline().every(100ms, [&] {
        for (int i = 0; is_loading && i < 3; ++i) simulation.push(topic(simulation.dice()));
    });
    simulation.timeline().run_until(begin + 10min);
    is_loading = false;
    // Only a later frame shows that one before it is missing: a trickle, so that the end of the
    // measured load is not the end of the streams.
    const std::size_t measured = simulation.pushed();
    simulation.timeline().every(500ms, [&] {
        if (simulation.timeline().now() < begin + 11min) simulation.push(topic(simulation.dice()));
    });
    simulation.timeline().run_until(begin + 12min);
    CHECK(simulation.refused_for_quota == 0);
    CHECK(measured > 17'000);
    const auto books = simulation.books();
    CHECK(books.repeated == 0);
    CHECK(books.missing > 1'000);
    // Of the trickle's last frames a few may be missing with nothing behind them.
    CHECK(books.missing_unreported < 60 * std::min(servers, 5U));
    CHECK(books.missing_unreported * 100 < books.missing);
}

TEST_CASE("A flood exceeds no documented limit, whatever the number of servers",
          "[roblox][simulation]") {
    struct Phase {
        std::chrono::minutes until;
        unsigned servers;
    };
    const auto phases = GENERATE(std::vector<Phase>{{10min, 1}}, std::vector<Phase>{{10min, 10}},
                                 std::vector<Phase>{{10min, 1'000}},
                                 std::vector<Phase>{{2min, 10},
                                                    {3min, 1'000},
                                                    {4min, 1},
                                                    {6min, 100},
                                                    {7min, 3},
                                                    {8min, 1'000},
                                                    {10min, 2}});
    Simulation simulation({.servers = phases.front().servers,
                           .modelled_servers = 0,
                           .seed = phases.size() + phases.front().servers});
    const Time begin = simulation.timeline().now();
    simulation.timeline().every(100ms, [&] {
        // Always enough for every frame to be full; more would only slow the test down.
        for (int i = 0; i < 100 && simulation.dispatcher().outbox().message_count() < 1'500; ++i) {
            Target target;
            if (i % 4 == 0) {
                target = {Target::Kind::server,
                          Simulation::server_name(simulation.dice().below(5))};
            }
            if (!simulation.push(topic(simulation.dice()), target)) break;
        }
    });
    for (const Phase& phase : phases) {
        simulation.set_servers(phase.servers);
        simulation.timeline().run_until(begin + phase.until);
    }
    CAPTURE(phases.size(), phases.front().servers, simulation.publishes);
    CHECK(simulation.refused_for_quota == 0);
    // At most what may be in flight, each of the four times that servers go.
    CHECK(simulation.refused_under_way <= 4 * 4);
    CHECK(simulation.too_long == 0);
    // A message per publish would be 80 % of 200 a minute; this is well beyond ten times that.
    CHECK(simulation.messages_in_frames > 10 * 10 * 160);
    if (phases.size() == 1 && phases.front().servers == 1'000) {
        CHECK(simulation.publishes > 1'500);  // broadcasts at 160 a minute, and targeted ones
    }
    // Nothing overtakes within a real topic.
    for (const auto& [name, seqs] : simulation.order_of_seqs) {
        CHECK(std::is_sorted(seqs.begin(), seqs.end()));
    }
}

TEST_CASE("While the number of servers is not known, a pace is kept that fits any",
          "[roblox][simulation]") {
    const unsigned servers = GENERATE(1U, 10U, 1'000U);
    Simulation simulation({.servers = servers, .modelled_servers = 0});
    simulation.governor().set_servers({42}, std::nullopt);
    const Time begin = simulation.timeline().now();
    simulation.timeline().every(100ms, [&] {
        while (simulation.dispatcher().outbox().message_count() < 1'500) {
            simulation.push(topic(simulation.dice()));
        }
    });
    simulation.timeline().run_until(begin + 5min);
    CHECK(simulation.refused_for_quota == 0);
    CHECK(simulation.publishes > 600);
    CHECK(simulation.publishes <= 5 * 200);
}
