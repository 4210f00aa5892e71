// SPDX-License-Identifier: MIT OR Apache-2.0
#include "sqlite/opening.hpp"

#include "sqlite/schema.hpp"

#include <algorithm>
#include <utility>

#include <sqlite3.h>

namespace pulse::store::sqlite {

namespace {

/// Versions handed out in vain are skipped after an unclean end: with less than full durability the
/// batches that had them may be gone, and no version may ever mean two things.
constexpr std::uint64_t kVersionsSkipped = std::uint64_t{1} << 32;

std::optional<Fault> switch_to_log(SQLite::Database& db) {
    const std::string mode = db.execAndGet("PRAGMA journal_mode = WAL").getString();
    if (mode == "wal") return std::nullopt;
    return make_fault(core::Error::store_unavailable,
                      "the file system cannot share memory, which the write-ahead log needs");
}

/// While one of these lives, what the connection does is given up when nobody wants it any more.
/// SQLite before 3.41 asks while it looks at rows, not while it looks at pages.
class Interruptible {
  public:
    Interruptible(SQLite::Database& db, const std::function<bool()>& is_unwanted)
        : db_(db.getHandle()) {
        if (!is_unwanted) return;
        constexpr int kStepsBetween = 1'000;
        sqlite3_progress_handler(
            db_, kStepsBetween,
            [](void* question) {
                return (*static_cast<const std::function<bool()>*>(question))() ? 1 : 0;
            },
            const_cast<std::function<bool()>*>(&is_unwanted));
    }
    ~Interruptible() { sqlite3_progress_handler(db_, 0, nullptr, nullptr); }
    Interruptible(const Interruptible&) = delete;
    Interruptible& operator=(const Interruptible&) = delete;

  private:
    sqlite3* db_;
};

std::optional<Fault> read_through(SQLite::Database& db, const OpeningRules& rules) {
    const Interruptible reading(db, rules.is_unwanted);
    const std::string verdict = db.execAndGet("PRAGMA quick_check(1)").getString();
    if (verdict == "ok") return std::nullopt;
    return make_fault(core::Error::store_corrupt, "the file is damaged", Remedy::check);
}

/// Moves what a log that was left over holds into the file, and begins it anew. Parts of it may be
/// in the system's memory alone: once a sync has failed, Linux forgets that they are not on the
/// disk. Behind such a gap nothing can be found again after a loss of power, however well it was
/// synced, so nothing is written behind it.
std::optional<Fault> empty_log(SQLite::Database& db, const OpeningRules& rules) {
    const bool is_busy = db.execAndGet("PRAGMA wal_checkpoint(TRUNCATE)").getInt() != 0;
    // Of the log of a process that is gone no failed sync is known, and another program may read
    // for long.
    if (!is_busy || !rules.known) return std::nullopt;
    return make_fault(core::Error::store_unavailable, "another program keeps the log in use",
                      Remedy::reopen);
}

void limit_size(SQLite::Database& db, std::uint64_t max_bytes) {
    if (max_bytes == 0) return;
    const auto page = static_cast<std::uint64_t>(db.execAndGet("PRAGMA page_size").getInt64());
    // What SQLite can count to is its own limit.
    const std::uint64_t pages = std::clamp<std::uint64_t>(max_bytes / page, 1, 0xfffffffe);
    (void)db.execAndGet("PRAGMA max_page_count = " + std::to_string(pages)).getInt64();
}

void set_durability(SQLite::Database& db, Durability durability) {
    // In WAL mode: FULL syncs the log at each commit, NORMAL at checkpoints alone, OFF never.
    switch (durability) {
        case Durability::full:
            db.exec("PRAGMA synchronous = FULL");
            break;
        case Durability::second:
            db.exec("PRAGMA synchronous = NORMAL");
            break;
        case Durability::none:
            db.exec("PRAGMA synchronous = OFF");
            break;
    }
}

std::uint64_t read_version(SQLite::Database& db) {
    return static_cast<std::uint64_t>(
        db.execAndGet("SELECT value FROM state WHERE name = 'version'").getInt64());
}

/// The file is there, ours to use and not yet open.
tl::expected<OpenFile, Fault> open_claimed(const SqliteOptions& options, const std::string& path,
                                           const OpeningRules& rules, const FileFacts& facts) {
    // Before SQLite sees it: that would open it for reading, and give what it makes beside it the
    // same mode, in which nobody could write there later either.
    if (auto fault = find_lack_of_rights(path)) return tl::unexpected(*fault);
    // A log with content is what a process leaves that did not close the file.
    const auto left_over = look_at(path + "-wal");
    const bool was_closed_well = !left_over || left_over->bytes == 0;

    OpenFile file{connect(options, path), facts.identity, {}, 0, was_closed_well, false};
    SQLite::Database& db = file.db;
    if (sqlite3_db_readonly(db.getHandle(), "main") == 1) {
        return tl::unexpected(
            make_fault(core::Error::store_unavailable, "the file or its folder is read-only"));
    }
    if (auto fault = find_incompatibility(db, migrations())) return tl::unexpected(*fault);
    if (auto fault = switch_to_log(db)) return tl::unexpected(*fault);
    file.was_checked = rules.must_check || (!was_closed_well && facts.bytes > 0 &&
                                            facts.bytes <= options.check_below_bytes);
    if (file.was_checked) {
        if (auto fault = read_through(db, rules)) return tl::unexpected(*fault);
    }
    // Whatever the setting says of batches, this is done for good.
    set_durability(db, Durability::full);
    if (!was_closed_well) {
        if (auto fault = empty_log(db, rules)) return tl::unexpected(*fault);
    }
    migrate(db, migrations());
    limit_size(db, options.max_file_bytes);
    prove_writable(db);
    set_durability(db, options.durability);
    file.version = read_version(db) + (was_closed_well ? 0 : kVersionsSkipped);
    const auto log = look_at(path + "-wal");
    if (!log) {
        return tl::unexpected(
            make_fault(core::Error::store_unavailable, "the write-ahead log has disappeared"));
    }
    file.log = log->identity;
    return file;
}

}  // namespace

SQLite::Database connect(const SqliteOptions& options, const std::string& path) {
    // Without SQLite's own locking: each connection has one thread.
    SQLite::Database db(path, SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX,
                        static_cast<int>(options.busy_timeout.count()), options.vfs);
    sqlite3_extended_result_codes(db.getHandle(), 1);
    // What is read from the file is data: no schema of a doctored file shall run functions, and a
    // broken page is met with an error.
    sqlite3_db_config(db.getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(db.getHandle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    db.exec("PRAGMA cell_size_check = ON");
    db.exec("PRAGMA cache_size = -" + std::to_string(options.cache_bytes / 1024));
    db.exec("PRAGMA temp_store = MEMORY");
    // Checkpoints are made when nobody waits for an answer; see Writer.
    db.exec("PRAGMA wal_autocheckpoint = 0");
    return db;
}

void prove_writable(SQLite::Database& db) {
    db.exec("UPDATE state SET value = value + 1 WHERE name = 'proof'");
}

void prove_room(SQLite::Database& db) {
    SQLite::Transaction never_committed(db, SQLite::TransactionBehavior::IMMEDIATE);
    db.exec("INSERT INTO documents(key, value, version) VALUES (x'', zeroblob(65536), 0)");
}

tl::expected<OpenFile, Fault> open_file(const SqliteOptions& options, const std::string& path,
                                        const OpeningRules& rules, std::optional<FileLock>& lock) {
    try {
        if (sqlite3_threadsafe() == 0) {
            return tl::unexpected(
                make_fault(core::Error::store_unavailable, "SQLite was built without threads"));
        }
        if (options.path.empty()) {
            return tl::unexpected(make_fault(core::Error::store_unavailable, "no path is given"));
        }
        if (!rules.known) {
            if (auto fault = make_folders_for(path)) return tl::unexpected(*fault);
        }
        // First of all: what the other process does with the file is none of ours.
        if (!lock) {
            auto taken = FileLock::acquire(path + "-lock");
            if (!taken) return tl::unexpected(taken.error());
            lock.emplace(std::move(*taken));
        }
        if (!rules.known) {
            if (auto fault = make_file(path)) return tl::unexpected(*fault);
        }
        const auto facts = look_at(path);
        if (rules.known && (!facts || facts->identity != *rules.known)) {
            return tl::unexpected(
                make_fault(core::Error::store_unavailable,
                           std::string("the file was ") + (facts ? "replaced" : "deleted") +
                               " while the store used it; restart to begin with what is there"));
        }
        if (!facts) {
            return tl::unexpected(
                make_fault(core::Error::store_unavailable, "the path is not that of a file"));
        }
        return open_claimed(options, path, rules, *facts);
    } catch (...) {
        return tl::unexpected(current_fault(nullptr));
    }
}

}  // namespace pulse::store::sqlite
