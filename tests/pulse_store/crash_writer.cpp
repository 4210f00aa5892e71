// SPDX-License-Identifier: MIT OR Apache-2.0
//
//   store_crash_writer PATH|URL DURABILITY VALUE_BYTES
//
// Writes to the store (a file, or a Redis, whose durability is its own) as fast as it takes it,
// until somebody kills it. Batches are numbered; the next number is what the counter "count" says.
// Batch n puts n (and filler) to both halves of pair n mod kPairs, puts "tail/n", removes
// "tail/n-1", and counts. Each acknowledged number is written to standard output, a line each.
#include "crash_pattern.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include <unistd.h>

#include <pulse/core/clock.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/store/redis_store.hpp>
#include <pulse/store/sqlite_store.hpp>

namespace core = pulse::core;
namespace crash = pulse::test::crash;

namespace {

constexpr int kUnderWay = 64;

[[maybe_unused]] pulse::store::Durability durability_of(const char* name) {
    if (std::strcmp(name, "full") == 0) return pulse::store::Durability::full;
    if (std::strcmp(name, "second") == 0) return pulse::store::Durability::second;
    return pulse::store::Durability::none;
}

std::unique_ptr<core::DocumentStore> open_store(const char* where,
                                                [[maybe_unused]] const char* durability) {
    static const core::SystemClock clock;
    static core::NullLog log;
    if (std::strstr(where, "://") != nullptr) {
#ifdef PULSE_WITH_REDIS
        static core::SystemRng rng;
        return pulse::store::make_redis_document_store(where, {}, {clock, rng, log}).value();
#endif
    } else {
#ifdef PULSE_WITH_SQLITE
        pulse::store::SqliteOptions options;
        options.path = where;
        options.durability = durability_of(durability);
        return pulse::store::make_sqlite_store(options, {clock, log});
#endif
    }
    std::abort();
}

std::uint64_t read_count(core::DocumentStore& store) {
    std::promise<std::uint64_t> promise;
    store.get("count", [&promise](core::Result<std::optional<core::Document>> document) {
        const bool is_there = document && *document;
        promise.set_value(is_there ? static_cast<std::uint64_t>((*document)->number().value_or(0))
                                   : 0);
    });
    return promise.get_future().get();
}

void acknowledge(std::uint64_t number) {
    const std::string line = std::to_string(number) + "\n";
    // One write, so that the reader sees all of a line or nothing.
    if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::_Exit(3);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const auto value_bytes = static_cast<std::size_t>(std::atoi(argv[3]));
    const auto store = open_store(argv[1], argv[2]);
    if (!store->status().is_available()) {
        std::fprintf(stderr, "%s\n", store->status().text.c_str());
        return 4;
    }

    std::atomic<int> under_way{0};
    for (std::uint64_t n = read_count(*store);; ++n) {
        while (under_way >= kUnderWay) std::this_thread::yield();
        ++under_way;
        const std::string value = crash::value_of(n, value_bytes);
        core::DocumentBatch batch;
        batch.put(crash::left_key(n), value).put(crash::right_key(n), value).add("count", 1);
        batch.put(crash::tail_key(n), "");
        if (n > 0) batch.remove(crash::tail_key(n - 1));
        store->commit(std::move(batch), [n, &under_way](core::Result<core::CommitResult> result) {
            if (!result) std::_Exit(5);
            acknowledge(n);
            --under_way;
        });
    }
}
