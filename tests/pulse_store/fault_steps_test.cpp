// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Each operation on the disk fails once, one run for each: opening, reading, writing, syncing,
// moving the log, closing.
#include "support/fault_vfs.hpp"
#include "support/store_fixture.hpp"

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

using namespace pulse;
using core::DocumentBatch;

namespace {

/// Does a bit of everything and keeps what was acknowledged. Nothing here may hang or crash,
/// whatever fails.
struct Scenario {
    /// Folder and file are there already: to make them really would wait for the real disk,
    /// hundreds of times.
    explicit Scenario(test::StoreFixture& fixture) : f(fixture) {
        std::filesystem::create_directories(f.dir / "data");
        std::ofstream(f.options.path).close();
    }

    void put(core::DocumentStore& store, const std::string& key, const std::string& value) {
        const auto result =
            test::commit(store, DocumentBatch().put(key, value).put(key + "'", value));
        if (result) {
            expected[key] = value;
            doubtful[key].clear();
        } else {
            // Not acknowledged is not the same as not done: until something is, it may be there.
            doubtful[key].insert(value);
        }
    }

    void run() {
        for (int opening = 0; opening < 2; ++opening) {
            auto store = f.open();
            for (int i = 0; i < 4; ++i) {
                put(*store, "k" + std::to_string(opening) + std::to_string(i),
                    std::string(3'000, 'x'));
                put(*store, "same", std::to_string(opening) + std::to_string(i));
                (void)test::get(*store, "k00");
                (void)test::scan(*store, {});
            }
            // Whatever it was, it comes back by itself.
            const bool is_back = test::eventually([&] { return store->status().is_available(); });
            INFO(store->status().text);
            CHECK(is_back);
            put(*store, "last", std::to_string(opening));
        }
    }

    void check(const std::string& moment) {
        CAPTURE(moment);
        auto store = f.open_well();
        for (const auto& [key, value] : expected) {
            CAPTURE(key);
            const auto kept = test::text_of(*store, key);
            const bool is_there = kept && (*kept == value || doubtful[key].contains(*kept));
            CHECK(is_there);
        }
        for (const auto& document : test::scan_all(*store, {})) {
            if (document.key.ends_with('\'')) continue;
            CHECK(test::text_of(*store, document.key + "'") == document.text());
        }
    }

    test::StoreFixture& f;
    std::map<std::string, std::string> expected;
    std::map<std::string, std::set<std::string>> doubtful;
};

/// The number of operations of a run without a fault.
std::uint64_t count_operations() {
    test::FaultVfs vfs;
    test::StoreFixture f;
    f.options.vfs = vfs.name();
    f.options.durability = store::Durability::full;
    Scenario scenario(f);
    scenario.run();
    return vfs.operations();
}

void fail_each(std::uint64_t more, std::uint64_t step) {
    const std::uint64_t operations = count_operations();
    REQUIRE(operations > 100);
    std::uint64_t hit = 0;
    for (std::uint64_t n = 1; n <= operations; n += step) {
        CAPTURE(n);
        test::FaultVfs vfs;
        test::StoreFixture f;
        f.options.vfs = vfs.name();
        f.options.durability = store::Durability::full;
        f.options.retry_interval = std::chrono::milliseconds(1);
        Scenario scenario(f);
        vfs.fail_at(n, more);
        scenario.run();
        hit += vfs.faults() > 0;
        vfs.heal();
        scenario.check("with the disk healthy again");
        f.options.vfs.clear();
        f.options.durability = store::Durability::none;
        scenario.check("without the layer that fails");
    }
    // Threads do things in different orders, so the last few may not be reached every time.
    CHECK(hit * step > operations * 8 / 10);
}

}  // namespace

TEST_CASE("any one operation on the disk may fail", "[store][faults]") { fail_each(0, 1); }

TEST_CASE("any ten operations on the disk in a row may fail", "[store][faults]") {
    fail_each(9, 3);
}
