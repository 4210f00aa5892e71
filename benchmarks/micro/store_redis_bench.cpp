// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Documents on a Redis of the benchmark's own, on a Unix socket; the same load as store_bench.cpp,
// and what the names say there. In the temporary folder: see that it is on a disk.
//
//   commit/redis_always, commit/redis_everysec, commit/redis_memory   appendfsync, or no file at
//   all
#include "store_load.hpp"
#include "support/redis_server.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <pulse/core/log.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/store/redis_store.hpp>

namespace {

using namespace pulse;
using namespace pulse::bench;

struct RedisEngine {
    explicit RedisEngine(const std::string& fsync)
        : redis(fsync.empty()
                    ? std::vector<std::string>{}
                    : std::vector<std::string>{"--appendonly", "yes", "--appendfsync", fsync}) {
        store = store::make_redis_document_store(redis.url(), {}, {clock, rng, log}).value();
        if (!store->status().is_available()) throw std::runtime_error(store->status().text);
    }
    test::RedisServer redis;
    core::SystemClock clock;
    core::SystemRng rng;
    core::NullLog log;
    std::unique_ptr<core::DocumentStore> store;
};

void commit(benchmark::State& state, const char* fsync, MakeBatch make) {
    const RedisEngine engine(fsync);
    run_commits(state, *engine.store, make);
}

void get(benchmark::State& state) {
    const RedisEngine engine("");
    run_gets(state, *engine.store);
}

void scan(benchmark::State& state) {
    const RedisEngine engine("");
    run_scans(state, *engine.store);
}

void writers(benchmark::internal::Benchmark* benchmark) {
    benchmark->ArgName("writers")->Arg(1)->Arg(16)->Arg(256)->UseRealTime();
}

}  // namespace

BENCHMARK_CAPTURE(commit, always, "always", put_one)->Name("commit/redis_always")->Apply(writers);
BENCHMARK_CAPTURE(commit, everysec, "everysec", put_one)
    ->Name("commit/redis_everysec")
    ->Apply(writers);
BENCHMARK_CAPTURE(commit, memory, "", put_one)->Name("commit/redis_memory")->Apply(writers);
BENCHMARK_CAPTURE(commit, add, "always", add_one)
    ->Name("commit/redis_add")
    ->ArgName("writers")
    ->Arg(256)
    ->UseRealTime();
BENCHMARK(get)->Name("get/redis")->ArgName("callers")->Arg(1)->Arg(16)->Arg(256)->UseRealTime();
BENCHMARK(scan)->Name("scan/redis")->ArgName("page")->Arg(100)->Arg(1'000)->UseRealTime();

BENCHMARK_MAIN();
