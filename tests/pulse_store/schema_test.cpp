// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Files of other versions.
#include "support/store_fixture.hpp"

#include <string>

#include <sqlite/schema.hpp>

using namespace pulse;
using namespace pulse::store::sqlite;
using core::DocumentBatch;

namespace {

/// Today's steps and one that a later version might take.
std::vector<Migration> with_next_step(const char* sql) {
    const auto today = migrations();
    std::vector<Migration> steps(today.begin(), today.end());
    steps.push_back({steps.back().version + 1, sql});
    return steps;
}

constexpr char kNextStep[] = R"(
    ALTER TABLE documents ADD COLUMN kind INTEGER NOT NULL DEFAULT 7;
    CREATE TABLE extra(name TEXT PRIMARY KEY) STRICT;
    INSERT INTO extra VALUES ('made by the next version');
)";

SQLite::Database open_raw(const std::string& path) {
    return SQLite::Database(path, SQLite::OPEN_READWRITE);
}

}  // namespace

TEST_CASE("a new file says whose it is and of which version", "[store][schema]") {
    test::StoreFixture f;
    (void)f.open_well();
    test::RawDatabase raw(f.options.path);
    CHECK(raw.run("PRAGMA application_id") == std::to_string(kApplicationId));
    CHECK(raw.run("PRAGMA user_version") == "1");
    CHECK(raw.run("PRAGMA journal_mode") == "wal");
    CHECK(raw.run("PRAGMA integrity_check") == "ok");
}

TEST_CASE("migrations go up one by one, from the first to the last", "[store][schema]") {
    std::int32_t expected = 1;
    for (const Migration& step : migrations()) CHECK(step.version == expected++);
}

TEST_CASE("a file of version 1 becomes one of version 2 with everything in it", "[store][schema]") {
    test::StoreFixture f;
    {
        auto store = f.open_well();
        CHECK(test::commit(*store, DocumentBatch().put("a", "1").add("n", 42)));
    }
    const auto steps = with_next_step(kNextStep);
    {
        auto db = open_raw(f.options.path);
        CHECK_FALSE(find_incompatibility(db, steps));
        migrate(db, steps);
        CHECK_FALSE(find_incompatibility(db, steps));
        migrate(db, steps);  // and not once more
    }
    test::RawDatabase raw(f.options.path);
    CHECK(raw.run("PRAGMA user_version") == "2");
    CHECK(raw.run("SELECT value FROM documents WHERE key = x'6e'") == "42");
    CHECK(raw.run("SELECT sum(kind) FROM documents") == "14");
    CHECK(raw.run("SELECT count(*) FROM extra") == "1");
}

TEST_CASE("an empty file goes through all steps", "[store][schema]") {
    test::StoreFixture f;
    std::filesystem::create_directories(f.dir / "data");
    SQLite::Database db(f.options.path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    const auto steps = with_next_step(kNextStep);
    CHECK_FALSE(find_incompatibility(db, steps));
    migrate(db, steps);
    CHECK(db.execAndGet("PRAGMA user_version").getInt() == 2);
    CHECK(db.execAndGet("SELECT count(*) FROM extra").getInt() == 1);
}

TEST_CASE("a step that fails leaves the version before it, whole", "[store][schema]") {
    test::StoreFixture f;
    {
        auto store = f.open_well();
        CHECK(test::commit(*store, DocumentBatch().put("a", "1")));
    }
    {
        auto db = open_raw(f.options.path);
        const auto steps = with_next_step(
            "CREATE TABLE extra(name TEXT); DELETE FROM documents; INSERT INTO nowhere VALUES (1)");
        CHECK_THROWS_AS(migrate(db, steps), SQLite::Exception);
        CHECK(db.execAndGet("PRAGMA user_version").getInt() == 1);
        CHECK_FALSE(db.tableExists("extra"));
    }
    CHECK(test::text_of(*f.open_well(), "a") == "1");
}

TEST_CASE("a file newer than the program is refused, and left as it is", "[store][schema]") {
    test::StoreFixture f;
    {
        auto store = f.open_well();
        CHECK(test::commit(*store, DocumentBatch().put("a", "1")));
    }
    {
        auto db = open_raw(f.options.path);
        migrate(db, with_next_step(kNextStep));
    }
    auto store = f.open();
    CHECK(store->status().error == core::Error::store_incompatible);
    CHECK(store->status().text ==
          "the file has version 2, this program knows up to 1: use a newer program");
    CHECK(test::commit(*store, DocumentBatch().put("a", "2")).error() ==
          core::Error::store_incompatible);
    CHECK(test::get(*store, "a").error() == core::Error::store_incompatible);
    CHECK(test::scan(*store, {}).error() == core::Error::store_incompatible);
    store.reset();
    test::RawDatabase raw(f.options.path);
    CHECK(raw.run("PRAGMA user_version") == "2");
    CHECK(raw.run("SELECT value FROM documents WHERE key = x'61'") == "1");
}

TEST_CASE("another program's database is refused, and left as it is", "[store][schema]") {
    test::StoreFixture f;
    std::filesystem::create_directories(f.dir / "data");
    const char* const schemas[] = {
        "CREATE TABLE theirs(x)",
        "PRAGMA application_id = 252006673; CREATE TABLE theirs(x)",
        "PRAGMA user_version = 1; CREATE TABLE documents(key, value, version, expires_at)",
    };
    for (const char* schema : schemas) {
        CAPTURE(schema);
        std::filesystem::remove(f.options.path);
        test::RawDatabase(f.options.path).run(schema);
        auto store = f.open();
        CHECK(store->status().error == core::Error::store_incompatible);
        CHECK(store->status().text == "the file is a database of another program");
        store.reset();
        test::RawDatabase raw(f.options.path);
        CHECK(raw.run("PRAGMA journal_mode") == "delete");
        CHECK(raw.run("SELECT count(*) FROM sqlite_schema") == "1");
    }
}
