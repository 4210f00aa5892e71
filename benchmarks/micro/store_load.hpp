// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The load that the store's benchmarks put on an engine.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <numeric>
#include <semaphore>
#include <string>
#include <utility>

#include <benchmark/benchmark.h>

#include <pulse/core/document_store.hpp>

namespace pulse::bench {

inline constexpr unsigned kKeys = 10'000;
inline constexpr std::size_t kValueBytes = 200;

inline std::string key_of(unsigned n) {
    return "rooms/room-" + std::to_string(n % 100) + "/profile/" +
           std::to_string(n * 2'654'435'761U);
}

inline void fill(core::DocumentStore& store) {
    const auto done = std::make_shared<std::counting_semaphore<>>(0);
    constexpr unsigned kAtOnce = 500;
    for (unsigned n = 0; n < kKeys;) {
        core::DocumentBatch batch;
        for (unsigned i = 0; i < kAtOnce; ++i)
            batch.put(key_of(n++), std::string(kValueBytes, 'x'));
        store.commit(std::move(batch), [done](auto) { done->release(); });
    }
    for (unsigned n = 0; n < kKeys; n += kAtOnce) done->acquire();
}

/// Keeps `callers` calls under way until `total` have been answered. The next call is made by the
/// completion of the one before, as a caller on a loop of its own would a moment later.
class ClosedLoop {
  public:
    /// Calls the store, and the function it is given when answered.
    using Call = std::function<void(std::function<void(bool)>)>;
    ClosedLoop(Call call, std::int64_t callers) : call_(std::move(call)), callers_(callers) {}

    /// False: something failed.
    bool run(std::int64_t total) {
        left_to_call_ = total;
        left_to_answer_ = total;
        is_fine_ = true;
        for (std::int64_t i = 0; i < std::min(callers_, total); ++i) next();
        finished_.acquire();
        return is_fine_;
    }

  private:
    void next() {
        if (left_to_call_.fetch_sub(1) <= 0) return;
        call_([this](bool is_fine) {
            if (!is_fine) is_fine_ = false;
            // Last of all: this may be gone once everybody has been answered.
            next();
            if (left_to_answer_.fetch_sub(1) == 1) finished_.release();
        });
    }

    Call call_;
    std::int64_t callers_;
    std::atomic<std::int64_t> left_to_call_{0};
    std::atomic<std::int64_t> left_to_answer_{0};
    std::atomic<bool> is_fine_{true};
    std::binary_semaphore finished_{0};
};

/// Answered calls per iteration: enough that the edges do not show.
inline std::int64_t calls_per_iteration(std::int64_t callers) {
    return std::max<std::int64_t>(8 * callers, 64);
}

inline void report_group(benchmark::State& state, const core::DocumentStore& store,
                         const core::DocumentStoreStats& before) {
    const core::DocumentStoreStats after = store.stats();
    const auto commits = [](const core::DocumentStoreStats& stats) {
        const auto& buckets = stats.batches_per_commit.buckets;
        return std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
    };
    const auto n = commits(after) - commits(before);
    if (n == 0) return;
    state.counters["batches_per_commit"] =
        static_cast<double>(after.batches_per_commit.sum - before.batches_per_commit.sum) /
        static_cast<double>(n);
}

using MakeBatch = core::DocumentBatch (*)(unsigned random);

inline core::DocumentBatch put_one(unsigned random) {
    static const std::string value(kValueBytes, 'y');
    core::DocumentBatch batch;
    batch.put(key_of(random % kKeys), value);
    return batch;
}

inline core::DocumentBatch add_one(unsigned random) {
    core::DocumentBatch batch;
    batch.add("counters/" + std::to_string(random % 1'000), 1);
    return batch;
}

inline void run_commits(benchmark::State& state, core::DocumentStore& store, MakeBatch make) {
    const std::int64_t writers = state.range(0);
    fill(store);
    std::atomic<unsigned> number{1};
    ClosedLoop loop(
        [&](std::function<void(bool)> done) {
            const unsigned random = number.fetch_add(1) * 2'654'435'769U >> 7U;
            store.commit(make(random), [done = std::move(done)](const auto& result) {
                done(result.has_value());
            });
        },
        writers);
    const std::int64_t calls = calls_per_iteration(writers);
    const core::DocumentStoreStats before = store.stats();
    for (auto _ : state) {
        if (!loop.run(calls)) state.SkipWithError("a batch failed");
    }
    state.SetItemsProcessed(state.iterations() * calls);
    report_group(state, store, before);
}

inline void run_gets(benchmark::State& state, core::DocumentStore& store) {
    fill(store);
    std::atomic<unsigned> number{1};
    ClosedLoop loop(
        [&](std::function<void(bool)> done) {
            const unsigned random = number.fetch_add(1) * 2'654'435'769U >> 7U;
            store.get(key_of(random % kKeys), [done = std::move(done)](const auto& found) {
                done(found && *found && (*found)->value.size() == kValueBytes);
            });
        },
        state.range(0));
    const std::int64_t calls = calls_per_iteration(state.range(0));
    for (auto _ : state) {
        if (!loop.run(calls)) state.SkipWithError("a read failed");
    }
    state.SetItemsProcessed(state.iterations() * calls);
}

inline void run_scans(benchmark::State& state, core::DocumentStore& store) {
    fill(store);
    core::DocumentRange range;
    range.limit = static_cast<std::size_t>(state.range(0));
    std::int64_t documents = 0;
    for (auto _ : state) {
        std::promise<core::Result<core::DocumentPage>> answer;
        store.scan(range, [&](auto page) { answer.set_value(std::move(page)); });
        const auto page = answer.get_future().get();
        if (!page) {
            state.SkipWithError("a page failed");
            break;
        }
        documents += static_cast<std::int64_t>(page->documents.size());
        range.begin = page->next.value_or("");
    }
    state.SetItemsProcessed(documents);
}

}  // namespace pulse::bench
