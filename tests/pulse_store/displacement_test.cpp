// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Somebody deletes or replaces the file while the store uses it.
#include "support/fault_vfs.hpp"
#include "support/store_fixture.hpp"

using namespace pulse;
using Catch::Matchers::Contains;
using core::DocumentBatch;
using core::Error;

namespace {

struct Open : test::StoreFixture {
    Open() : store(open_well()) { REQUIRE(test::commit(*store, DocumentBatch().put("a", "1"))); }

    /// What everybody sees while the file is not the store's.
    void check_displaced(const char* how) {
        CHECK(test::commit(*store, DocumentBatch().put("a", "2")).error() ==
              Error::store_unavailable);
        CHECK(store->status().error == Error::store_unavailable);
        CHECK_THAT(store->status().text, Contains(how));
        // What was acknowledged is still there to be read, for as long as the process lives.
        CHECK(test::text_of(*store, "a").has_value());
        CHECK_FALSE(test::eventually([&] { return store->status().is_available(); },
                                     std::chrono::milliseconds(20)));
        CHECK(log.count("store_unavailable") == 1);
    }

    std::unique_ptr<core::DocumentStore> store;
};

}  // namespace

TEST_CASE("a store whose file was deleted says so and makes no new one", "[store][displacement]") {
    Open f;
    std::filesystem::remove(f.options.path);
    f.check_displaced("deleted");
    CHECK_FALSE(f.exists());
    CHECK(test::commit(*f.store, DocumentBatch().put("b", "1")).error() ==
          Error::store_unavailable);
    f.store.reset();
    CHECK_FALSE(f.exists());
}

TEST_CASE("a store whose file was moved goes on when it is back", "[store][displacement]") {
    Open f;
    const auto elsewhere = f.dir / "elsewhere";
    std::filesystem::rename(f.options.path, elsewhere);
    f.check_displaced("deleted");
    std::filesystem::rename(elsewhere, f.options.path);
    CHECK(test::eventually([&] { return f.store->status().is_available(); }));
    CHECK(test::commit(*f.store, DocumentBatch().put("b", "1")));
    f.store.reset();
    CHECK(test::text_of(*f.open_well(), "b") == "1");
}

TEST_CASE("a store whose file was moved, and could not be read meanwhile, is read when it is back",
          "[store][displacement]") {
    test::FaultVfs vfs;
    test::StoreFixture f;
    f.options.vfs = vfs.name();
    auto store = f.open_well();
    CHECK(test::commit(*store, DocumentBatch().put("a", "1")));
    const auto elsewhere = f.dir / "elsewhere";
    std::filesystem::rename(f.options.path, elsewhere);
    vfs.set_unreadable(true);
    CHECK(test::get(*store, "a").error() == Error::store_unavailable);
    CHECK(test::eventually([&] { return !store->status().is_available(); }));
    vfs.heal();
    std::filesystem::rename(elsewhere, f.options.path);
    CHECK(test::eventually([&] { return store->status().is_available(); }));
    CHECK(test::text_of(*store, "a") == "1");
}

TEST_CASE("a store whose file was replaced keeps to its own", "[store][displacement]") {
    Open f;
    std::filesystem::rename(f.options.path, f.dir / "elsewhere");
    test::RawDatabase(f.options.path).run("CREATE TABLE theirs(x)");
    f.check_displaced("replaced");
    f.store.reset();
    CHECK(test::RawDatabase(f.options.path).run("SELECT count(*) FROM sqlite_schema") == "1");
}

TEST_CASE("a store whose log was deleted acknowledges nothing more", "[store][displacement]") {
    Open f;
    std::filesystem::remove(f.beside("-wal"));
    f.check_displaced("deleted");
}

TEST_CASE("a file that goes while the store has it closed is not made anew",
          "[store][displacement]") {
    test::FaultVfs vfs;
    test::StoreFixture f;
    f.options.vfs = vfs.name();
    auto store = f.open_well();
    CHECK(test::commit(*store, DocumentBatch().put("a", "1")));
    vfs.set_unreadable(true);
    vfs.fail_at(1, 1'000'000);
    CHECK(test::commit(*store, DocumentBatch().put("a", "2")).error() != std::error_code());
    CHECK_FALSE(store->status().is_available());
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(f.beside(suffix));
    vfs.heal();
    CHECK(test::eventually([&] {
        return store->status().text.find("was deleted while the store used it") !=
               std::string::npos;
    }));
    CHECK(test::commit(*store, DocumentBatch().put("a", "2")).error() == Error::store_unavailable);
    CHECK_FALSE(f.exists());
}
