// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Times to live beyond what the contract says: across openings, and many at once.
#include "support/store_fixture.hpp"

using namespace pulse;
using namespace std::chrono_literals;
using core::DocumentBatch;

namespace {

bool has_removed(core::DocumentStore& store, std::uint64_t n) {
    return test::eventually([&] { return store.stats().expired >= n; });
}

}  // namespace

TEST_CASE("a time to live runs on while the store is closed", "[store][expiry]") {
    test::StoreFixture f;
    {
        auto store = f.open_well();
        CHECK(test::commit(*store, DocumentBatch().put("a", "1", 60s).put("b", "1", 120s)));
    }
    f.clock.advance(60s);
    auto store = f.open_well();
    CHECK(test::listed(test::scan_all(*store, {})) == "b=1");
    CHECK(has_removed(*store, 1));
    CHECK(test::get(*store, "b").value()->expires_at_ms == test::ManualClock::kStartMs + 120'000);
}

TEST_CASE("expired documents leave the file, nobody asking for them", "[store][expiry]") {
    test::StoreFixture f;
    auto store = f.open_well();
    constexpr int kDocuments = 1'800;  // several rounds
    for (int i = 0; i < kDocuments / 100; ++i) {
        DocumentBatch batch;
        for (int j = 0; j < 100; ++j) batch.put("e" + std::to_string(i * 100 + j), "1", 10s);
        CHECK(test::commit(*store, std::move(batch)));
    }
    CHECK(test::commit(*store, DocumentBatch().put("kept", "1").put("later", "1", 20s)));
    f.clock.advance(10s);
    CHECK(has_removed(*store, kDocuments));
    test::RawDatabase raw(f.options.path);
    CHECK(raw.run("SELECT count(*) FROM documents") == "2");
    f.clock.advance(10s);
    CHECK(has_removed(*store, kDocuments + 1));
    CHECK(raw.run("SELECT count(*) FROM documents") == "1");
    CHECK(store->stats().expired == kDocuments + 1);
}

TEST_CASE("writing goes on while expired documents are removed", "[store][expiry]") {
    test::StoreFixture f;
    auto store = f.open_well();
    for (int i = 0; i < 20; ++i) {
        DocumentBatch batch;
        for (int j = 0; j < 100; ++j) batch.put("e" + std::to_string(i * 100 + j), "1", 10s);
        CHECK(test::commit(*store, std::move(batch)));
    }
    f.clock.advance(10s);
    for (int i = 0; i < 200; ++i) CHECK(test::commit(*store, DocumentBatch().add("n", 1)));
    CHECK(has_removed(*store, 2'000));
    CHECK(test::listed(test::scan_all(*store, {})) == "n=200");
}
