// SPDX-License-Identifier: MIT OR Apache-2.0
#include "sqlite/writer.hpp"

#include "sqlite/statement.hpp"

#include <algorithm>
#include <utility>

#include <sqlite3.h>

#include <pulse/core/error.hpp>

namespace pulse::store::sqlite {

namespace {

constexpr int kSweptAtOnce = 500;

/// Pages of the log, of 4 KiB unless the file says otherwise, from which on it is moved to the
/// database: 16 MiB. Fewer means the pages that change all the time are moved more often.
constexpr int kLogPages = 4'000;
/// More of it until the next move, when readers kept it from beginning anew.
constexpr int kFurtherLogPages = kLogPages / 4;
/// From here on new readers are made to use the database alone, so that it can.
constexpr int kLongLogPages = 4 * kLogPages;
/// What a log shrinks to when it begins anew.
constexpr std::uint64_t kKeptLogBytes = std::uint64_t{64} * 1024 * 1024;
constexpr int kLongLogPatienceMs = 50;

constexpr char kPut[] =
    "INSERT INTO documents(key, value, version, expires_at) VALUES (?1, ?2, ?3, ?4) "
    "ON CONFLICT(key) DO UPDATE SET value = excluded.value, version = excluded.version, "
    "expires_at = excluded.expires_at";
constexpr char kSweep[] =
    "DELETE FROM documents WHERE id IN (SELECT id FROM documents "
    "WHERE expires_at IS NOT NULL AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";

}  // namespace

Writer::Writer(OpenFile file, const SqliteOptions& options, std::string path,
               const core::Clock& clock)
    : options_(options),
      path_(std::move(path)),
      clock_(clock),
      db_(std::move(file.db)),
      database_(file.database),
      log_(file.log),
      version_(file.version),
      written_version_(file.version),
      tidy_at_(kLogPages),
      begin_(db_, "BEGIN IMMEDIATE"),
      commit_(db_, "COMMIT"),
      savepoint_(db_, "SAVEPOINT batch"),
      rewind_(db_, "ROLLBACK TO batch"),
      release_(db_, "RELEASE batch"),
      find_(db_, "SELECT version, expires_at FROM documents WHERE key = ?1"),
      read_(db_, "SELECT value, expires_at FROM documents WHERE key = ?1"),
      put_(db_, kPut),
      remove_(db_, "DELETE FROM documents WHERE key = ?1"),
      set_version_(db_, "UPDATE state SET value = ?1 WHERE name = 'version'"),
      sweep_(db_, kSweep),
      first_expiry_(db_, "SELECT min(expires_at) FROM documents WHERE expires_at IS NOT NULL") {
    db_.exec("PRAGMA journal_size_limit = " + std::to_string(kKeptLogBytes));
    sqlite3_wal_hook(db_.getHandle(), &Writer::count_log, this);
    find_next_expiry();
    (void)find_displacement();  // the first commit will say so, if there is one; this is for the
                                // sizes
}

Writer::~Writer() = default;

int Writer::count_log(void* self, sqlite3*, const char*, int pages) {
    auto& writer = *static_cast<Writer*>(self);
    if (pages < writer.log_pages_) writer.tidy_at_ = kLogPages;  // it began anew
    writer.log_pages_ = pages;
    return SQLITE_OK;
}

tl::expected<std::size_t, Fault> Writer::commit(std::span<WriteWork> group,
                                                std::vector<Outcome>& outcomes) {
    outcomes.clear();
    const std::uint64_t version_before = version_;
    try {
        Use(begin_).run();
        const std::uint64_t now = clock_.unix_ms();
        for (const WriteWork& work : group) outcomes.push_back(apply(work, now));
        if (version_ != written_version_) Use(set_version_).bind(1, version_).run();
        Use(commit_).run();
        written_version_ = version_;
    } catch (...) {
        Fault fault = current_fault(db_.getHandle());
        roll_back();
        return tl::unexpected(std::move(fault));
    }
    if (auto fault = find_displacement()) return tl::unexpected(std::move(*fault));
    return static_cast<std::size_t>(version_ - version_before);
}

void Writer::roll_back() noexcept {
    // Some errors have ended the transaction already.
    if (sqlite3_get_autocommit(db_.getHandle()) != 0) return;
    (void)db_.tryExec("ROLLBACK");
}

Outcome Writer::apply(const WriteWork& work, std::uint64_t now) {
    const core::DocumentBatch& batch = work.batch;
    std::size_t writes = 0;
    std::size_t writes_before_last_add = 0;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        const Operation operation = batch[i];
        if (operation.is_precondition()) {
            if (!holds(operation, now)) {
                return tl::unexpected(make_error_code(core::Error::document_conflict));
            }
            continue;
        }
        if (operation.kind == Kind::add) writes_before_last_add = writes;
        ++writes;
    }
    core::CommitResult result;
    if (writes == 0) return result;
    // With its preconditions behind it, an addition alone can still refuse a batch; only one that
    // comes after other writes needs them taken back.
    const bool may_need_rewind = writes_before_last_add > 0;
    if (may_need_rewind) Use(savepoint_).run();
    const std::error_code error = write(work, now, version_ + 1, result.counters);
    if (may_need_rewind) {
        if (error) Use(rewind_).run();
        Use(release_).run();
    }
    if (error) return tl::unexpected(error);
    // Never taken back, not even when the transaction fails: its end may be in doubt.
    result.version = ++version_;
    return result;
}

bool Writer::holds(const Operation& precondition, std::uint64_t now) {
    const auto stored = find(precondition.key, now);
    switch (precondition.kind) {
        case Kind::require_absent:
            return !stored;
        case Kind::require_present:
            return stored.has_value();
        default:
            return stored && stored->version == precondition.version;
    }
}

std::error_code Writer::write(const WriteWork& work, std::uint64_t now, std::uint64_t version,
                              std::vector<std::int64_t>& counters) {
    for (std::size_t i = 0; i < work.batch.size(); ++i) {
        const Operation operation = work.batch[i];
        if (operation.kind == Kind::put) {
            put(operation.key, operation.value, version,
                core::expiry(work.accepted_ms, operation.ttl));
        } else if (operation.kind == Kind::remove) {
            remove(operation.key);
        } else if (operation.kind == Kind::add) {
            const auto sum = add(operation, work.accepted_ms, now, version);
            if (!sum) return sum.error();
            counters.push_back(*sum);
        }
    }
    return {};
}

core::Result<std::int64_t> Writer::add(const Operation& operation, std::uint64_t accepted_ms,
                                       std::uint64_t now, std::uint64_t version) {
    std::int64_t before = 0;
    std::optional<std::uint64_t> expires_at = core::expiry(accepted_ms, operation.ttl);
    {
        Use row(read_);
        if (row.bind(1, operation.key).step() && !core::has_expired(row.optional_number(1), now)) {
            const auto value = core::counter_value(row.bytes(0));
            if (!value) return value;
            before = *value;
            expires_at = row.optional_number(1);
        }
    }
    const auto sum = core::counter_sum(before, operation.delta);
    if (sum) put(operation.key, core::CounterText(*sum).bytes(), version, expires_at);
    return sum;
}

std::optional<Writer::Stored> Writer::find(std::string_view key, std::uint64_t now) {
    Use row(find_);
    if (!row.bind(1, key).step()) return std::nullopt;
    Stored stored{row.number(0), row.optional_number(1)};
    if (core::has_expired(stored.expires_at, now)) return std::nullopt;
    return stored;
}

void Writer::put(std::string_view key, protocol::ByteView value, std::uint64_t version,
                 std::optional<std::uint64_t> expires_at) {
    Use(put_).bind(1, key).bind(2, value).bind(3, version).bind(4, expires_at).run();
    if (expires_at) next_expiry_ = std::min(next_expiry_.value_or(*expires_at), *expires_at);
}

void Writer::remove(std::string_view key) { Use(remove_).bind(1, key).run(); }

tl::expected<Writer::Swept, Fault> Writer::sweep() {
    const std::uint64_t now = clock_.unix_ms();
    if (!next_expiry_ || *next_expiry_ > now) return Swept{};
    Swept swept;
    try {
        Use(sweep_).bind(1, now).bind(2, std::uint64_t{kSweptAtOnce}).run();
        swept.documents = static_cast<std::size_t>(db_.getChanges());
        swept.is_all = swept.documents < kSweptAtOnce;
        find_next_expiry();
    } catch (...) {
        return tl::unexpected(current_fault(db_.getHandle()));
    }
    if (auto fault = find_displacement()) return tl::unexpected(std::move(*fault));
    return swept;
}

void Writer::find_next_expiry() {
    Use row(first_expiry_);
    next_expiry_ = row.step() ? row.optional_number(0) : std::nullopt;
}

std::optional<Fault> Writer::tidy_log() {
    if (log_pages_ < tidy_at_) return std::nullopt;
    tidy_at_ = log_pages_ + kFurtherLogPages;
    sqlite3* db = db_.getHandle();
    int pages = 0;
    int moved = 0;
    int code = sqlite3_wal_checkpoint_v2(db, nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved);
    if (code == SQLITE_OK && log_pages_ >= kLongLogPages) {
        // There has always been a reader. Wait for the ones there are: new ones do not need the
        // log.
        sqlite3_busy_timeout(db, kLongLogPatienceMs);
        code = sqlite3_wal_checkpoint_v2(db, nullptr, SQLITE_CHECKPOINT_RESTART, &pages, &moved);
        sqlite3_busy_timeout(db, static_cast<int>(options_.busy_timeout.count()));
    }
    if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY) return std::nullopt;
    try {
        throw SQLite::Exception(db, code);
    } catch (...) {
        return current_fault(db);
    }
}

std::optional<Fault> Writer::sync() {
    sqlite3* db = db_.getHandle();
    sqlite3_file* log = nullptr;
    int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (code == SQLITE_OK && log != nullptr && log->pMethods != nullptr) {
        code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
    }
    if (code == SQLITE_OK) return std::nullopt;
    return make_fault(core::Error::store_unavailable, "cannot put the log on the disk");
}

std::optional<Fault> Writer::prove() {
    try {
        prove_room(db_);
        prove_writable(db_);
    } catch (...) {
        return current_fault(db_.getHandle());
    }
    return find_displacement();
}

std::optional<Fault> Writer::find_displacement() {
    const auto database = look_at(path_);
    const auto log = look_at(path_ + "-wal");
    if (database && log && database->identity == database_ && log->identity == log_) {
        file_bytes_ = database->bytes + log->bytes;
        return std::nullopt;
    }
    const bool is_replaced = database && database->identity != database_;
    return make_fault(core::Error::store_unavailable,
                      std::string("the file or its log was ") +
                          (is_replaced ? "replaced" : "deleted") +
                          " while the store used it; what it held is lost when this process ends",
                      Remedy::restore);
}

}  // namespace pulse::store::sqlite
