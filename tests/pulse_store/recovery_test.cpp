// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The disk, or somebody else, gives trouble for a while. Everything acknowledged before and during
// it is there afterwards, and the store comes back by itself.
#include "support/fault_vfs.hpp"
#include "support/store_fixture.hpp"

#include <fstream>
#include <thread>

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

using namespace pulse;
using core::DocumentBatch;
using core::Error;

namespace {

struct Faulty : test::StoreFixture {
    Faulty() {
        options.vfs = vfs.name();
        options.durability = store::Durability::full;
        store = open_well();
        REQUIRE(test::commit(*store, DocumentBatch().put("a", "1")));
    }
    [[nodiscard]] std::error_code put(const char* value) {
        const auto result = test::commit(*store, DocumentBatch().put("a", value));
        return result ? std::error_code() : result.error();
    }
    [[nodiscard]] bool comes_back() {
        return test::eventually([&] { return store->status().is_available(); });
    }

    test::FaultVfs vfs;
    std::unique_ptr<core::DocumentStore> store;
};

}  // namespace

TEST_CASE("a full disk fails writes, not reads, and is forgotten when there is room",
          "[store][recovery]") {
    Faulty f;
    f.vfs.set_full(true);
    CHECK(f.put("2") == Error::store_full);
    CHECK(f.store->status().error == Error::store_full);
    CHECK(f.store->status().text == "no space left on the disk, or the file has reached its limit");
    CHECK(test::text_of(*f.store, "a") == "1");
    CHECK_FALSE(test::eventually([&] { return f.store->status().is_available(); },
                                 std::chrono::milliseconds(20)));
    f.vfs.set_full(false);
    SECTION("with nobody writing") { CHECK(f.comes_back()); }
    SECTION("with the first write") {}
    CHECK_FALSE(f.put("3"));
    CHECK(f.store->status().is_available());
    CHECK(test::text_of(*f.store, "a") == "3");
    CHECK(f.log.count("store_unavailable") == 1);
    CHECK(f.log.count("store_recovered") == 1);
}

TEST_CASE("a file at its limit takes what needs no room, and more when some is given back",
          "[store][recovery]") {
    test::StoreFixture f;
    f.options.max_file_bytes = 200'000;
    auto store = f.open_well();
    const std::string value(20'000, 'x');
    int stored = 0;
    for (; stored < 100; ++stored) {
        const auto key = "k" + std::to_string(stored);
        const auto result = test::commit(*store, DocumentBatch().put(key, value));
        if (result) continue;
        CHECK(result.error() == Error::store_full);
        break;
    }
    CHECK(stored > 3);
    CHECK(stored < 10);
    CHECK(store->status().error == Error::store_full);
    CHECK(test::commit(*store, DocumentBatch().remove("k0").remove("k1")));
    CHECK(test::commit(*store, DocumentBatch().put("new", value)));
    CHECK(test::eventually([&] { return store->status().is_available(); }));
    CHECK(test::scan_all(*store, {}).size() == static_cast<std::size_t>(stored - 1));
}

TEST_CASE("a disk that fails to sync acknowledges nothing, and the store comes back",
          "[store][recovery]") {
    Faulty f;
    f.vfs.set_unsyncable(true);
    CHECK(f.put("2") == Error::store_unavailable);
    CHECK(f.store->status().error == Error::store_unavailable);
    CHECK(f.put("2") == Error::store_unavailable);
    f.vfs.set_unsyncable(false);
    CHECK(f.comes_back());
    CHECK_FALSE(f.put("3"));
    CHECK(test::text_of(*f.store, "a") == "3");
}

TEST_CASE("a disk that fails to read takes the store out of use until it does not",
          "[store][recovery]") {
    test::StoreFixture f;
    {
        auto store = f.open_well();
        for (int i = 0; i < 100; ++i) {
            CHECK(test::commit(
                *store, DocumentBatch().put("k" + std::to_string(i), std::string(5'000, 'x'))));
        }
    }
    test::FaultVfs vfs;
    f.options.vfs = vfs.name();
    auto store = f.open_well();
    vfs.set_unreadable(true);
    CHECK(test::scan(*store, {}).error() == Error::store_unavailable);
    CHECK(test::eventually([&] { return !store->status().is_available(); }));
    CHECK(test::get(*store, "k1").error() == Error::store_unavailable);
    vfs.set_unreadable(false);
    CHECK(test::eventually([&] { return store->status().is_available(); }));
    CHECK(test::scan_all(*store, {}).size() == 100);
    CHECK(f.log.count("store_opened") == 2 + 1);
}

TEST_CASE("another program's lock is waited out", "[store][recovery]") {
    test::StoreFixture f;
    auto store = f.open_well();
    CHECK(test::commit(*store, DocumentBatch().put("a", "1")));
    {
        test::RawDatabase other(f.options.path);
        other.run("BEGIN IMMEDIATE");
        CHECK(test::commit(*store, DocumentBatch().put("a", "2")).error() ==
              Error::store_unavailable);
        CHECK(store->status().text == "another program keeps the file locked");
        CHECK(test::text_of(*store, "a") == "1");
        other.run("COMMIT");
        CHECK(test::eventually([&] { return store->status().is_available(); }));
    }
    CHECK(test::commit(*store, DocumentBatch().put("a", "3")));
    // A lock shorter than the patience goes unnoticed.
    f.options.busy_timeout = std::chrono::seconds(20);
    store.reset();
    store = f.open_well();
    test::RawDatabase other(f.options.path);
    other.run("BEGIN IMMEDIATE");
    auto answer = test::ask_commit(*store, DocumentBatch().put("a", "4"));
    CHECK(test::text_of(*store, "a") == "3");
    other.run("COMMIT");
    CHECK(answer.take());
}

TEST_CASE("a backup taken by another program while the store works is whole", "[store][recovery]") {
    test::StoreFixture f;
    auto store = f.open_well();
    for (int i = 0; i < 50; ++i) {
        CHECK(test::commit(*store, DocumentBatch().add("left", 1).add("right", 1)));
    }
    const std::string copy = (f.dir / "backup.db").string();
    test::RawDatabase(f.options.path).run("VACUUM INTO '" + copy + "'");
    CHECK(test::commit(*store, DocumentBatch().add("left", 1).add("right", 1)));
    store.reset();
    f.options.path = copy;
    auto restored = f.open_well();
    CHECK(test::listed(test::scan_all(*restored, {})) == "left=50 right=50");
    CHECK(test::commit(*restored, DocumentBatch().add("left", 1)).value().counters[0] == 51);
}

TEST_CASE("a file that could not be used at the start is taken when it is put right",
          "[store][recovery]") {
    test::StoreFixture f;
    {
        auto store = f.open_well();
        CHECK(test::commit(*store, DocumentBatch().put("a", "1")));
    }
    const std::string good = (f.dir / "good").string();
    std::filesystem::rename(f.options.path, good);
    std::ofstream(f.options.path) << "this is no database, whatever it says further down";
    auto store = f.open();
    CHECK(store->status().error == Error::store_corrupt);
    std::filesystem::rename(good, f.options.path);
    CHECK(test::eventually([&] { return store->status().is_available(); }));
    CHECK(test::text_of(*store, "a") == "1");
}

TEST_CASE("on a real disk that is full nothing acknowledged is lost", "[store][recovery]") {
    test::StoreFixture f;
    std::filesystem::create_directories(f.dir / "data");
    // In a view of the file system that only the threads below share.
    bool is_allowed = true;
    std::thread([&] {
        if (::unshare(CLONE_NEWNS) != 0 ||
            ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("none", (f.dir / "data").c_str(), "tmpfs", 0, "size=1m") != 0) {
            is_allowed = false;
            return;
        }
        f.options.durability = store::Durability::full;
        auto store = f.open();
        const std::string ballast = (f.dir / "data" / "ballast").string();
        std::ofstream(ballast) << std::string(500'000, 'x');
        int acknowledged = 0;
        std::error_code error;
        while (!error) {
            const auto result = test::commit(
                *store,
                DocumentBatch().put("k" + std::to_string(acknowledged), std::string(10'000, 'x')));
            if (result) ++acknowledged;
            if (!result) error = result.error();
        }
        // At once: what is small may fit again, and is tried from time to time.
        const core::StoreStatus full = store->status();
        const std::size_t at_first = test::scan_all(*store, {}).size();
        std::filesystem::remove(ballast);
        const bool is_back = test::eventually([&] { return store->status().is_available(); });
        const auto after = test::commit(*store, DocumentBatch().put("after", "1"));
        store.reset();
        auto again = f.open();
        const std::size_t at_last = test::scan_all(*again, {}).size();
        again.reset();
        CHECK(acknowledged > 5);
        CHECK(error == Error::store_full);
        CHECK(full.error == Error::store_full);
        CHECK(at_first == static_cast<std::size_t>(acknowledged));
        CHECK(is_back);
        CHECK(after);
        CHECK(at_last == static_cast<std::size_t>(acknowledged) + 1);
    }).join();
    if (!is_allowed) WARN("not root: left to the layer that pretends");
}
