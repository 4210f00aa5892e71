// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A folder of its own for a store, a clock that stands still, and what the store logged.
#pragma once

#include "support/catch.hpp"
#include "support/document_calls.hpp"
#include "support/eventually.hpp"
#include "support/manual_clock.hpp"
#include "support/recording_log.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include <sqlite3.h>

#include <pulse/core/error.hpp>
#include <pulse/store/sqlite_store.hpp>

namespace pulse::test {

struct StoreFixture {
    StoreFixture() {
        options.path = (dir / "data" / "pulse.db").string();
        options.retry_interval = std::chrono::milliseconds(2);
        options.sweep_interval = std::chrono::milliseconds(2);
        options.busy_timeout = std::chrono::milliseconds(20);
        // The tests that are about the disk say so.
        options.durability = store::Durability::none;
    }

    [[nodiscard]] std::unique_ptr<core::DocumentStore> open() {
        return store::make_sqlite_store(options, {clock, log});
    }
    /// One that works.
    [[nodiscard]] std::unique_ptr<core::DocumentStore> open_well() {
        auto opened = open();
        INFO(opened->status().text);
        REQUIRE(opened->status().is_available());
        return opened;
    }
    [[nodiscard]] std::string beside(const char* suffix) const { return options.path + suffix; }
    [[nodiscard]] bool exists(const char* suffix = "") const {
        return std::filesystem::exists(beside(suffix));
    }

    /// What a process leaves that ends now: the files as they are, in a folder of their own.
    [[nodiscard]] std::string copy_files(const char* folder) const {
        std::filesystem::create_directories(dir / folder);
        const std::string to = (dir / folder / "pulse.db").string();
        for (const char* suffix : {"", "-wal"}) {
            if (exists(suffix)) std::filesystem::copy_file(beside(suffix), to + suffix);
        }
        return to;
    }

    TempDir dir;
    ManualClock clock;
    RecordingLog log;
    store::SqliteOptions options;
};

/// A connection past the store, for looking and for damaging.
class RawDatabase {
  public:
    explicit RawDatabase(const std::string& path) {
        if (sqlite3_open(path.c_str(), &db_) != SQLITE_OK) throw std::runtime_error("sqlite3_open");
    }
    ~RawDatabase() { sqlite3_close(db_); }
    RawDatabase(const RawDatabase&) = delete;
    RawDatabase& operator=(const RawDatabase&) = delete;

    /// The first column of the first row, as text; throws what SQLite says.
    std::string run(const std::string& sql) {
        std::string first;
        char* problem = nullptr;
        const auto keep = [](void* into, int, char** values, char**) {
            auto& text = *static_cast<std::string*>(into);
            if (text.empty() && values[0] != nullptr) text = values[0];
            return 0;
        };
        if (sqlite3_exec(db_, sql.c_str(), keep, &first, &problem) != SQLITE_OK) {
            const std::string text = problem != nullptr ? problem : "unknown";
            sqlite3_free(problem);
            throw std::runtime_error(text);
        }
        return first;
    }

  private:
    sqlite3* db_ = nullptr;
};

}  // namespace pulse::test
