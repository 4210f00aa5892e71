// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Documents: one put of 200 bytes to one of 10,000 keys per batch, unless said otherwise.
//
//   commit/<durability>/writers:N   N callers, each with one batch under way: it commits the next
//                                   when it is answered. Batches per second
//   floor/<durability>/batches:N    SQLite alone: the same rows, N to a transaction, one thread, no
//                                   queue and no answers
//   commit/memory                   the engine in memory, one caller
//   commit/add/writers:N            a counter's addition instead of a put, full durability
//   get/callers:N                   reads of one document. Reads per second
//   floor/get                       SQLite alone: a prepared SELECT and a copy of the value
//   scan/page:N                     pages of N documents, one after another. Documents per second
//
// "batches_per_commit" says how many shared a transaction. Files lie in the folder that the
// environment names in PULSE_BENCH_DIR, otherwise in the temporary one: figures for `full` are the
// disk's, so see that it is one (a tmpfs syncs for nothing). Run with --benchmark_repetitions=5 on
// an idle machine.
#include "store_load.hpp"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include <benchmark/benchmark.h>
#include <sqlite3.h>

#include <pulse/core/document_store.hpp>
#include <pulse/core/log.hpp>
#include <pulse/store/sqlite_store.hpp>

namespace {

using namespace pulse;
using namespace pulse::bench;
using store::Durability;

/// A folder that goes with the object.
class Folder {
  public:
    Folder() {
        const char* wanted = std::getenv("PULSE_BENCH_DIR");
        const std::filesystem::path parent =
            wanted != nullptr ? wanted : std::filesystem::temp_directory_path();
        path_ = (parent / "pulse-bench-XXXXXX").string();
        if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp: " + path_);
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string file() const { return path_ + "/pulse.db"; }

  private:
    std::string path_;
};

struct SqliteEngine {
    explicit SqliteEngine(Durability durability) {
        store::SqliteOptions options;
        options.path = folder.file();
        options.durability = durability;
        store = store::make_sqlite_store(options, {clock, log});
        if (!store->status().is_available()) throw std::runtime_error(store->status().text);
    }
    Folder folder;
    core::SystemClock clock;
    core::NullLog log;
    std::unique_ptr<core::DocumentStore> store;
};

void commit_sqlite(benchmark::State& state, Durability durability, MakeBatch make) {
    SqliteEngine engine(durability);
    run_commits(state, *engine.store, make);
}

/// It answers within the call, so there is nothing to have under way.
void commit_memory(benchmark::State& state) {
    const core::SystemClock clock;
    const auto store = core::make_memory_document_store(clock);
    fill(*store);
    unsigned number = 1;
    bool is_fine = true;
    for (auto _ : state) {
        store->commit(put_one(number++ * 2'654'435'769U >> 7U),
                      [&](const auto& result) { is_fine &= result.has_value(); });
    }
    if (!is_fine) state.SkipWithError("a batch failed");
    state.SetItemsProcessed(state.iterations());
}

// --------------------------------------------------------------------------- the floor

class RawStatement {
  public:
    RawStatement(sqlite3* db, const char* sql) {
        if (sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr) != SQLITE_OK) {
            throw std::runtime_error(sqlite3_errmsg(db));
        }
    }
    ~RawStatement() { sqlite3_finalize(statement_); }
    RawStatement(const RawStatement&) = delete;
    RawStatement& operator=(const RawStatement&) = delete;
    [[nodiscard]] sqlite3_stmt* get() const noexcept { return statement_; }
    bool run() {
        const bool is_done = sqlite3_step(statement_) == SQLITE_DONE;
        sqlite3_reset(statement_);
        return is_done;
    }

  private:
    sqlite3_stmt* statement_ = nullptr;
};

void floor(benchmark::State& state, Durability durability) {
    Folder folder;
    {  // The store's own file, filled by it.
        const core::SystemClock clock;
        core::NullLog log;
        store::SqliteOptions options;
        options.path = folder.file();
        fill(*store::make_sqlite_store(options, {clock, log}));
    }
    sqlite3* db = nullptr;
    sqlite3_open(folder.file().c_str(), &db);
    const char* const synchronous[] = {"PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL",
                                       "PRAGMA synchronous = OFF"};
    sqlite3_exec(db, synchronous[static_cast<int>(durability)], nullptr, nullptr, nullptr);
    sqlite3_exec(db, "PRAGMA cache_size = -8192; PRAGMA wal_autocheckpoint = 4000", nullptr,
                 nullptr, nullptr);
    {
        RawStatement begin(db, "BEGIN IMMEDIATE");
        RawStatement commit(db, "COMMIT");
        RawStatement put(db,
                         "INSERT INTO documents(key, value, version, expires_at) VALUES (?1, ?2, "
                         "?3, ?4) ON CONFLICT(key) DO UPDATE SET value = excluded.value, version = "
                         "excluded.version, expires_at = excluded.expires_at");
        RawStatement version(db, "UPDATE state SET value = ?1 WHERE name = 'version'");
        const std::string value(kValueBytes, 'y');
        const std::int64_t batches = state.range(0);
        unsigned number = 1;
        bool is_fine = true;
        for (auto _ : state) {
            is_fine &= begin.run();
            for (std::int64_t i = 0; i < batches; ++i) {
                const std::string key = key_of((number++ * 2'654'435'769U >> 7U) % kKeys);
                sqlite3_bind_blob(put.get(), 1, key.data(), static_cast<int>(key.size()),
                                  SQLITE_STATIC);
                sqlite3_bind_blob(put.get(), 2, value.data(), static_cast<int>(value.size()),
                                  SQLITE_STATIC);
                sqlite3_bind_int64(put.get(), 3, number + 1'000'000'000);
                is_fine &= put.run();
            }
            sqlite3_bind_int64(version.get(), 1, number + 1'000'000'000);
            is_fine &= version.run() && commit.run();
        }
        if (!is_fine) state.SkipWithError("SQLite refused");
        state.SetItemsProcessed(state.iterations() * batches);
    }
    sqlite3_close(db);
}

// --------------------------------------------------------------------------- reading

void floor_get(benchmark::State& state) {
    const SqliteEngine engine(Durability::none);
    fill(*engine.store);
    sqlite3* db = nullptr;
    sqlite3_open(engine.folder.file().c_str(), &db);
    sqlite3_exec(db, "PRAGMA cache_size = -8192", nullptr, nullptr, nullptr);
    {
        RawStatement find(db, "SELECT value, version, expires_at FROM documents WHERE key = ?1");
        unsigned number = 1;
        bool is_fine = true;
        for (auto _ : state) {
            const std::string key = key_of((number++ * 2'654'435'769U >> 7U) % kKeys);
            sqlite3_bind_blob(find.get(), 1, key.data(), static_cast<int>(key.size()),
                              SQLITE_STATIC);
            is_fine &= sqlite3_step(find.get()) == SQLITE_ROW;
            const auto* data = static_cast<const char*>(sqlite3_column_blob(find.get(), 0));
            const auto size = static_cast<std::size_t>(sqlite3_column_bytes(find.get(), 0));
            std::string value(data, size);
            benchmark::DoNotOptimize(value.data());
            sqlite3_reset(find.get());
        }
        if (!is_fine) state.SkipWithError("SQLite refused");
        state.SetItemsProcessed(state.iterations());
    }
    sqlite3_close(db);
}

void get(benchmark::State& state) {
    const SqliteEngine engine(Durability::none);
    run_gets(state, *engine.store);
}

void scan(benchmark::State& state) {
    const SqliteEngine engine(Durability::none);
    run_scans(state, *engine.store);
}

}  // namespace

BENCHMARK_CAPTURE(commit_sqlite, full, Durability::full, put_one)
    ->Name("commit/full")
    ->ArgName("writers")
    ->Arg(1)
    ->Arg(16)
    ->Arg(256)
    ->UseRealTime();
BENCHMARK_CAPTURE(floor, full, Durability::full)
    ->Name("floor/full")
    ->ArgName("batches")
    ->Arg(1)
    ->Arg(16)
    ->Arg(256)
    ->UseRealTime();
BENCHMARK_CAPTURE(commit_sqlite, second, Durability::second, put_one)
    ->Name("commit/second")
    ->ArgName("writers")
    ->Arg(1)
    ->Arg(16)
    ->Arg(256)
    ->UseRealTime();
BENCHMARK_CAPTURE(floor, second, Durability::second)
    ->Name("floor/second")
    ->ArgName("batches")
    ->Arg(1)
    ->Arg(16)
    ->Arg(256)
    ->UseRealTime();
BENCHMARK_CAPTURE(commit_sqlite, none, Durability::none, put_one)
    ->Name("commit/none")
    ->ArgName("writers")
    ->Arg(1)
    ->Arg(16)
    ->Arg(256)
    ->UseRealTime();
BENCHMARK_CAPTURE(floor, none, Durability::none)
    ->Name("floor/none")
    ->ArgName("batches")
    ->Arg(1)
    ->Arg(16)
    ->Arg(256)
    ->UseRealTime();
BENCHMARK(commit_memory)->Name("commit/memory");
BENCHMARK_CAPTURE(commit_sqlite, add, Durability::full, add_one)
    ->Name("commit/add")
    ->ArgName("writers")
    ->Arg(256)
    ->UseRealTime();
BENCHMARK(get)->Name("get")->ArgName("callers")->Arg(1)->Arg(16)->Arg(256)->UseRealTime();
BENCHMARK(floor_get)->Name("floor/get")->UseRealTime();
BENCHMARK(scan)->Name("scan")->ArgName("page")->Arg(100)->Arg(1'000)->UseRealTime();

BENCHMARK_MAIN();
