// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What an acknowledged batch survives: the power failing at any moment, as far as a disk can be
// imitated (see support/fault_vfs.hpp).
#include "support/fault_vfs.hpp"
#include "support/store_fixture.hpp"

#include <atomic>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace pulse;
using core::DocumentBatch;

namespace {

/// Batches of two documents and a counter, always some of them under way; what was answered is
/// known.
class Load {
  public:
    explicit Load(core::DocumentStore& store) : store_(store) {}
    ~Load() {
        (void)test::eventually([&] { return under_way_ == 0; });
    }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    void add(int n) {
        for (int i = 0; i < n; ++i) {
            const int number = next_++;
            const std::string text = std::to_string(number);
            ++under_way_;
            store_.commit(DocumentBatch()
                              .put("left/" + text, text)
                              .put("right/" + text,
                                   text + std::string(static_cast<std::size_t>(number) % 700, 'x'))
                              .add("count", 1),
                          [this, number](core::Result<core::CommitResult> result) {
                              const std::lock_guard lock(mutex_);
                              if (result) acknowledged_.insert(number);
                              --under_way_;
                          });
        }
    }
    [[nodiscard]] std::set<int> acknowledged() const {
        const std::lock_guard lock(mutex_);
        return acknowledged_;
    }
    [[nodiscard]] int under_way() const { return under_way_; }

  private:
    core::DocumentStore& store_;
    int next_ = 0;
    std::atomic<int> under_way_{0};
    mutable std::mutex mutex_;
    std::set<int> acknowledged_;
};

struct Left {
    bool is_usable = false;
    bool is_consistent = false;
    std::size_t lost = 0;  ///< acknowledged and not there
};

/// Opens what a power failure left.
Left look_into(const std::string& path, const std::set<int>& acknowledged) {
    test::StoreFixture after;
    after.options.path = path;
    after.options.check_below_bytes = 1'000'000'000;
    auto store = after.open();
    Left left;
    left.is_usable = store->status().is_available();
    if (!left.is_usable) return left;
    std::set<std::string> lefts;
    std::set<std::string> rights;
    const auto collect = [&](const char* prefix, std::set<std::string>& into) {
        const std::string_view all(prefix);
        for (const auto& document : test::scan_all(*store, core::DocumentRange::prefix(all))) {
            into.insert(document.key.substr(all.size()));
        }
    };
    collect("left/", lefts);
    collect("right/", rights);
    const std::string count = test::text_of(*store, "count").value_or("0");
    left.is_consistent = lefts == rights && count == std::to_string(lefts.size());
    for (const int number : acknowledged) left.lost += !lefts.contains(std::to_string(number));
    return left;
}

struct PowerTest : test::StoreFixture {
    explicit PowerTest(store::Durability durability) {
        options.vfs = vfs.name();
        options.durability = durability;
    }

    test::FaultVfs vfs;
    std::mt19937 random{42};
};

}  // namespace

TEST_CASE("full durability: the power may fail at any moment and nothing acknowledged is missing",
          "[store][durability]") {
    PowerTest f(store::Durability::full);
    auto store = f.open_well();
    Load load(*store);
    for (int round = 0; round < 60; ++round) {
        CAPTURE(round);
        load.add(1 + static_cast<int>(f.random() % 40));
        // Sometimes in the middle of it, sometimes when all is done.
        if (round % 3 == 0) CHECK(test::eventually([&] { return load.under_way() == 0; }));
        const auto acknowledged = load.acknowledged();
        const std::string folder = (f.dir / std::to_string(round)).string();
        f.vfs.lose_power(folder, f.random);
        const Left left = look_into(folder + "/pulse.db", acknowledged);
        CHECK(left.is_usable);
        CHECK(left.is_consistent);
        CHECK(left.lost == 0);
    }
}

TEST_CASE("full durability holds through the moving of the log into the file",
          "[store][durability]") {
    PowerTest f(store::Durability::full);
    auto store = f.open_well();
    Load load(*store);
    // 20 MB: more than a log is allowed to have.
    const std::string value(100'000, 'x');
    for (int round = 0; round < 200; ++round) {
        load.add(1);
        CHECK(test::commit(*store, DocumentBatch().put("big/" + std::to_string(round % 5), value)));
        if (round % 10 != 9) continue;
        const auto acknowledged = load.acknowledged();
        const std::string folder = (f.dir / std::to_string(round)).string();
        f.vfs.lose_power(folder, f.random);
        const Left left = look_into(folder + "/pulse.db", acknowledged);
        CHECK(left.is_usable);
        CHECK(left.is_consistent);
        CHECK(left.lost == 0);
        std::filesystem::remove_all(folder);
    }
    CHECK(std::filesystem::file_size(f.beside("-wal")) < 20'000'000);
}

TEST_CASE("what a failed sync has given up takes nothing with it that is acknowledged later",
          "[store][durability]") {
    for (const auto durability : {store::Durability::full, store::Durability::second}) {
        CAPTURE(static_cast<int>(durability));
        PowerTest f(durability);
        f.options.retry_interval = std::chrono::milliseconds(1);
        auto store = f.open_well();
        CHECK(test::commit(*store, DocumentBatch().put("before", "1")));
        f.vfs.set_unsyncable(true);
        // With the second it is acknowledged, and lost at worst: the trouble comes with the sync.
        const bool is_done{test::commit(*store, DocumentBatch().put("amid", "1"))};
        CHECK(is_done == (durability == store::Durability::second));
        CHECK(test::eventually([&] { return !store->status().is_available(); }));
        f.vfs.set_unsyncable(false);
        CHECK(test::eventually([&] { return store->status().is_available(); }));
        CHECK(test::commit(*store, DocumentBatch().put("after", "1")));
        CHECK(test::eventually([&] { return f.vfs.unsynced_bytes() == 0; }));
        const std::string left = (f.dir / "left").string();
        f.vfs.lose_power(left, f.random);
        store.reset();

        f.options.vfs.clear();
        f.options.path = left + "/pulse.db";
        auto again = f.open_well();
        CHECK(test::text_of(*again, "before") == "1");
        CHECK(test::text_of(*again, "after") == "1");
    }
}

TEST_CASE("a second's durability: the power costs the last second, and never the file",
          "[store][durability]") {
    PowerTest f(store::Durability::second);
    auto store = f.open_well();
    Load load(*store);
    for (int round = 0; round < 20; ++round) {
        load.add(20);
        CHECK(test::eventually([&] { return load.under_way() == 0; }));
        const std::string folder = (f.dir / std::to_string(round)).string();
        f.vfs.lose_power(folder, f.random);
        const Left left = look_into(folder + "/pulse.db", load.acknowledged());
        CHECK(left.is_usable);
        CHECK(left.is_consistent);
    }
    // Nobody writes any more: the last second's work reaches the disk all the same.
    CHECK(test::eventually([&] { return f.vfs.unsynced_bytes() == 0; }));
    f.vfs.lose_power((f.dir / "last").string(), f.random);
    CHECK(look_into((f.dir / "last" / "pulse.db").string(), load.acknowledged()).lost == 0);
}

TEST_CASE("no durability: nothing is synced, and the imitated disk does lose it",
          "[store][durability]") {
    PowerTest f(store::Durability::none);
    auto store = f.open_well();
    Load load(*store);
    load.add(50);
    CHECK(test::eventually([&] { return load.under_way() == 0; }));
    const std::uint64_t syncs = f.vfs.syncs();
    load.add(200);
    CHECK(test::eventually([&] { return load.under_way() == 0; }));
    CHECK(f.vfs.syncs() == syncs);
    f.vfs.lose_power((f.dir / "left").string(), f.random);
    const Left left = look_into((f.dir / "left" / "pulse.db").string(), load.acknowledged());
    CHECK((!left.is_usable || left.lost > 0));
    // A process that ends keeps it: the system has it all.
    const std::string copy = f.copy_files("copy");
    const Left whole = look_into(copy, load.acknowledged());
    CHECK(whole.is_usable);
    CHECK(whole.is_consistent);
    CHECK(whole.lost == 0);
}
