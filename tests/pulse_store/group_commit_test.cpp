// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Batches that wait together are written together.
#include "support/fault_vfs.hpp"
#include "support/store_fixture.hpp"

#include <future>
#include <numeric>
#include <vector>

using namespace pulse;
using core::DocumentBatch;
using core::Error;

namespace {

/// Queues batches behind one whose answer holds the writing thread, then lets go.
class Queue {
  public:
    explicit Queue(core::DocumentStore& store) : store_(store) {
        std::promise<void> held;
        auto is_held = held.get_future();
        store.commit(DocumentBatch().put("first", "1"),
                     [&held, opened = opened_.get_future().share()](auto) {
                         held.set_value();
                         opened.wait();
                     });
        is_held.wait();
    }
    void add(DocumentBatch batch) {
        answers_.push_back(test::ask_commit(store_, std::move(batch)));
    }
    std::vector<core::Result<core::CommitResult>> run() {
        opened_.set_value();
        std::vector<core::Result<core::CommitResult>> results;
        for (auto& answer : answers_) results.push_back(answer.take());
        return results;
    }

  private:
    core::DocumentStore& store_;
    std::promise<void> opened_;
    std::vector<test::CommitAnswer> answers_;
};

std::uint64_t commits_in(const core::DocumentStoreStats& stats) {
    const auto& buckets = stats.batches_per_commit.buckets;
    return std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
}

}  // namespace

TEST_CASE("batches that wait are one transaction and one sync", "[store][group]") {
    test::FaultVfs vfs;
    test::StoreFixture f;
    f.options.vfs = vfs.name();
    f.options.durability = store::Durability::full;
    auto store = f.open_well();
    Queue queue(*store);
    for (int i = 0; i < 200; ++i) queue.add(DocumentBatch().add("n", 1));
    const std::uint64_t syncs = vfs.syncs();
    std::int64_t expected = 0;
    for (const auto& result : queue.run()) CHECK(result.value().counters[0] == ++expected);
    CHECK(vfs.syncs() == syncs + 1);
    CHECK(commits_in(store->stats()) == 2);
    CHECK(store->stats().batches_per_commit.sum == 201);
}

TEST_CASE("in one transaction too, a batch that fails undoes itself and nothing else",
          "[store][group]") {
    test::StoreFixture f;
    auto store = f.open_well();
    Queue queue(*store);
    queue.add(DocumentBatch().put("text", "x").add("n", 1));
    queue.add(DocumentBatch().require_absent("text").put("text", "y"));   // conflict
    queue.add(DocumentBatch().put("a", "1").add("m", 1).add("text", 1));  // no counter
    queue.add(DocumentBatch().add("text", 1).put("b", "1"));              // no counter
    queue.add(DocumentBatch().require_absent("a").remove("text").add("text", 5).add("n", 1));
    queue.add(DocumentBatch().remove("n").put("c", "1").add("text", -5).add("c", 1).add("text", 1));
    const auto results = queue.run();
    CHECK(results[0]);
    CHECK(results[1].error() == Error::document_conflict);
    CHECK(results[2].error() == Error::not_a_counter);
    CHECK(results[3].error() == Error::not_a_counter);
    CHECK(results[4].value().counters == std::vector<std::int64_t>{5, 2});
    CHECK(results[5].value().counters == std::vector<std::int64_t>{0, 2, 1});
    CHECK(test::listed(test::scan_all(*store, {})) == "c=2 first=1 text=1");
    CHECK(commits_in(store->stats()) == 2);
}

TEST_CASE("every batch of a transaction has a version of its own", "[store][group]") {
    test::StoreFixture f;
    auto store = f.open_well();
    Queue queue(*store);
    for (int i = 0; i < 10; ++i) queue.add(DocumentBatch().put("k" + std::to_string(i), "1"));
    const auto results = queue.run();
    for (std::size_t i = 0; i < 10; ++i) {
        const auto document = test::get(*store, "k" + std::to_string(i)).value();
        CHECK(document->version == results[i].value().version);
        if (i > 0) CHECK(results[i].value().version > results[i - 1].value().version);
    }
}

TEST_CASE("when the whole does not fit, what fits is done", "[store][group]") {
    test::StoreFixture f;
    f.options.max_file_bytes = 400'000;
    auto store = f.open_well();
    CHECK(test::commit(*store, DocumentBatch().put("big", std::string(200'000, 'x'))));
    Queue queue(*store);
    queue.add(DocumentBatch().put("small", "1"));
    queue.add(DocumentBatch().put("huge", std::string(900'000, 'x')));
    queue.add(DocumentBatch().add("n", 1));
    const auto results = queue.run();
    CHECK(results[0]);
    CHECK(results[1].error() == Error::store_full);
    CHECK(results[2]);
    CHECK(test::text_of(*store, "small") == "1");
    CHECK_FALSE(test::text_of(*store, "huge"));
}
