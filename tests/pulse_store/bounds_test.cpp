// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How much may wait, and that one direction does not hold up the other.
#include "support/store_fixture.hpp"

#include <atomic>
#include <future>
#include <limits>
#include <thread>
#include <vector>

using namespace pulse;
using core::DocumentBatch;
using core::Error;

namespace {

/// Holds the thread that answers, as no completion should.
class Gate {
  public:
    template <typename Result>
    [[nodiscard]] std::function<void(Result)> hold() {
        return [is_held = is_held_, opened = opened_](Result) {
            *is_held = true;
            opened.wait();
        };
    }
    void wait_until_held() const {
        while (!*is_held_) std::this_thread::yield();
    }
    void open() {
        if (!is_open_) promise_.set_value();
        is_open_ = true;
    }
    ~Gate() { open(); }

  private:
    std::promise<void> promise_;
    std::shared_future<void> opened_ = promise_.get_future().share();
    std::shared_ptr<std::atomic<bool>> is_held_ = std::make_shared<std::atomic<bool>>(false);
    bool is_open_ = false;
};

using CommitResult = core::Result<core::CommitResult>;
using GetResult = core::Result<std::optional<core::Document>>;

}  // namespace

TEST_CASE("more work than may wait is refused at once, and taken again later", "[store][bounds]") {
    test::StoreFixture f;
    f.options.limits.max_waiting = 10;
    auto store = f.open_well();
    Gate gate;
    store->commit(DocumentBatch().put("a", "1"), gate.hold<CommitResult>());
    gate.wait_until_held();

    std::vector<test::CommitAnswer> answers;
    for (int i = 0; i < 10; ++i) {
        answers.push_back(test::ask_commit(*store, DocumentBatch().add("n", 1)));
    }
    CHECK(store->stats().waiting == 10);
    auto refused = test::ask_commit(*store, DocumentBatch().add("n", 1));
    REQUIRE(refused.has_come());
    CHECK(refused.take().error() == Error::store_overloaded);
    // Reads wait in the same room.
    CHECK(test::get(*store, "a").error() == Error::store_overloaded);
    CHECK(test::scan(*store, {}).error() == Error::store_overloaded);
    CHECK(store->stats().refusals == 3);
    CHECK(store->status().is_available());

    gate.open();
    for (auto& answer : answers) CHECK(answer.take());
    CHECK(test::text_of(*store, "n") == "10");
    CHECK(store->stats().waiting == 0);
    CHECK(store->stats().waiting_bytes == 0);
}

TEST_CASE("more bytes than may wait are refused", "[store][bounds]") {
    test::StoreFixture f;
    f.options.limits.max_waiting_bytes = 10'000;
    auto store = f.open_well();
    Gate gate;
    store->commit(DocumentBatch().put("a", "1"), gate.hold<CommitResult>());
    gate.wait_until_held();
    const std::string value(4'000, 'x');
    auto first = test::ask_commit(*store, DocumentBatch().put("a", value));
    auto second = test::ask_commit(*store, DocumentBatch().put("b", value));
    CHECK(store->stats().waiting_bytes == 2 * (4'001 + 64));
    CHECK(test::ask_commit(*store, DocumentBatch().put("c", value)).take().error() ==
          Error::store_overloaded);
    auto small = test::ask_commit(*store, DocumentBatch().put("c", "1"));
    gate.open();
    CHECK(first.take());
    CHECK(second.take());
    CHECK(small.take());
    CHECK(store->stats().waiting_bytes == 0);
}

TEST_CASE("what waits is weighed with what each operation of it costs", "[store][bounds]") {
    test::StoreFixture f;
    f.options.limits.max_waiting_bytes = 100'000;
    auto store = f.open_well();
    Gate gate;
    store->commit(DocumentBatch().put("a", "1"), gate.hold<CommitResult>());
    gate.wait_until_held();
    // A thousand bytes of keys, and dozens of times as much around them.
    DocumentBatch many;
    for (int i = 0; i < 1'000; ++i) many.remove("a");
    std::vector<test::CommitAnswer> answers;
    for (int i = 0; i < 3; ++i) answers.push_back(test::ask_commit(*store, many));
    REQUIRE(answers.back().has_come());
    CHECK(answers.back().take().error() == Error::store_overloaded);
    gate.open();
    CHECK(answers.front().take());
}

TEST_CASE("limits above what SQLite can hold are brought down to it", "[store][bounds]") {
    test::StoreFixture f;
    f.options.limits.max_key_bytes = f.options.limits.max_value_bytes =
        f.options.limits.max_page_documents = std::numeric_limits<std::size_t>::max();
    auto store = f.open_well();
    CHECK(store->limits().max_key_bytes < 10'000'000);
    CHECK(store->limits().max_value_bytes < 900'000'000);
    CHECK(test::commit(*store, DocumentBatch().put("a", "1")));
    CHECK(test::listed(test::scan_all(*store, {})) == "a=1");
}

TEST_CASE("writing goes on while reading is held up, and the other way round", "[store][bounds]") {
    test::StoreFixture f;
    auto store = f.open_well();
    CHECK(test::commit(*store, DocumentBatch().put("a", "1")));
    {
        Gate gate;
        store->get("a", gate.hold<GetResult>());
        gate.wait_until_held();
        for (int i = 0; i < 100; ++i) CHECK(test::commit(*store, DocumentBatch().add("n", 1)));
    }
    {
        Gate gate;
        store->commit(DocumentBatch().put("a", "2"), gate.hold<CommitResult>());
        gate.wait_until_held();
        CHECK(test::text_of(*store, "n") == "100");
        CHECK(test::text_of(*store, "a") == "2");
    }
}

TEST_CASE("ending the store answers everything that was accepted", "[store][bounds]") {
    test::StoreFixture f;
    std::atomic<int> answered{0};
    std::atomic<int> failed{0};
    {
        auto store = f.open_well();
        for (int i = 0; i < 1'000; ++i) {
            store->commit(DocumentBatch().add("n", 1), [&](CommitResult result) {
                failed += result ? 0 : 1;
                ++answered;
            });
            store->get("n", [&](GetResult result) {
                failed += result ? 0 : 1;
                ++answered;
            });
        }
    }
    CHECK(answered == 2'000);
    CHECK(failed == 0);
    CHECK(test::text_of(*f.open_well(), "n") == "1000");
}
