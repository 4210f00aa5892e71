// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A vote that changes, and the stats that are published of it, by the number of voters.
#include "poll.hpp"

#include <cstdint>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

namespace {

using pulse::rooms::Poll;

constexpr std::string_view kAnswers[] = {"Green", "Red", "Purple", "Orange"};

void vote(benchmark::State& state) {
    const auto voters = static_cast<std::uint64_t>(state.range(0));
    Poll poll("fav_color", 1, nullptr);
    for (std::uint64_t voter = 0; voter < voters; ++voter) poll.vote(voter, kAnswers[voter % 4]);
    std::uint64_t n = 0;
    std::string stats;
    for (auto _ : state) {
        // A stride that visits all of them, far apart.
        const std::uint64_t voter = (n * 7919) % voters;
        benchmark::DoNotOptimize(poll.vote(voter, kAnswers[(voter + ++n) % 4]));
        stats.clear();
        poll.append_stats(stats);
        benchmark::DoNotOptimize(stats.data());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(vote)->Name("poll/vote")->RangeMultiplier(10)->Range(100, 1'000'000);

}  // namespace

BENCHMARK_MAIN();
