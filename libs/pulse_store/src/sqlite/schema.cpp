// SPDX-License-Identifier: MIT OR Apache-2.0
#include "sqlite/schema.hpp"

#include <string>

namespace pulse::store::sqlite {

namespace {

constexpr Migration kMigrations[] = {
    {1, R"(
        CREATE TABLE documents(
            id INTEGER PRIMARY KEY,
            key BLOB NOT NULL UNIQUE,
            value BLOB NOT NULL,
            version INTEGER NOT NULL,
            expires_at INTEGER
        ) STRICT;
        CREATE INDEX documents_by_expiry ON documents(expires_at) WHERE expires_at IS NOT NULL;
        CREATE TABLE state(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        INSERT INTO state VALUES ('version', 0), ('proof', 0);
    )"},
};

std::int32_t read_number(SQLite::Database& db, const char* question) {
    return db.execAndGet(question).getInt();
}

bool is_empty(SQLite::Database& db) {
    return read_number(db, "SELECT count(*) FROM sqlite_schema") == 0;
}

}  // namespace

std::span<const Migration> migrations() noexcept { return kMigrations; }

std::optional<Fault> find_incompatibility(SQLite::Database& db, std::span<const Migration> steps) {
    const std::int32_t application = read_number(db, "PRAGMA application_id");
    const std::int32_t version = read_number(db, "PRAGMA user_version");
    const bool is_new = application == 0 && version == 0 && is_empty(db);
    if (!is_new && application != kApplicationId) {
        return make_fault(core::Error::store_incompatible,
                          "the file is a database of another program");
    }
    const std::int32_t newest = steps.empty() ? 0 : steps.back().version;
    if (version > newest) {
        return make_fault(core::Error::store_incompatible,
                          "the file has version " + std::to_string(version) +
                              ", this program knows up to " + std::to_string(newest) +
                              ": use a newer program");
    }
    return std::nullopt;
}

void migrate(SQLite::Database& db, std::span<const Migration> steps) {
    const std::int32_t version = read_number(db, "PRAGMA user_version");
    for (const Migration& step : steps) {
        if (step.version <= version) continue;
        SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
        db.exec(step.sql);
        db.exec("PRAGMA application_id = " + std::to_string(kApplicationId));
        db.exec("PRAGMA user_version = " + std::to_string(step.version));
        transaction.commit();
    }
}

}  // namespace pulse::store::sqlite
