// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the memory engine has beyond the contract: bounds of the whole store, and answers at once.
#include "support/catch.hpp"
#include "support/document_calls.hpp"
#include "support/manual_clock.hpp"

#include <string>

#include <pulse/core/document_store.hpp>
#include <pulse/core/error.hpp>

using namespace pulse;
using namespace std::chrono_literals;
using core::DocumentBatch;
using core::Error;

namespace {

struct Fixture {
    explicit Fixture(std::size_t max_documents, std::size_t max_bytes) {
        core::MemoryDocumentStoreOptions options;
        options.max_documents = max_documents;
        options.max_bytes = max_bytes;
        store = core::make_memory_document_store(clock, options);
    }
    std::error_code commit(DocumentBatch batch) {
        const auto result = test::commit(*store, std::move(batch));
        return result ? std::error_code() : result.error();
    }
    [[nodiscard]] std::string all() const { return test::listed(test::scan_all(*store, {})); }

    test::ManualClock clock;
    std::unique_ptr<core::DocumentStore> store;
};

}  // namespace

TEST_CASE("a full memory store takes no more documents until some go", "[core][documents]") {
    Fixture f(2, 0);
    CHECK_FALSE(f.commit(DocumentBatch().put("a", "1").put("b", "1")));
    CHECK(f.commit(DocumentBatch().put("c", "1")) == Error::store_full);
    CHECK(f.commit(DocumentBatch().put("a", "2").add("n", 1)) == Error::store_full);
    CHECK(f.all() == "a=1 b=1");
    CHECK_FALSE(f.commit(DocumentBatch().put("a", "2")));
    CHECK_FALSE(f.commit(DocumentBatch().remove("a").put("c", "1")));
    CHECK(f.all() == "b=1 c=1");
    CHECK(f.store->stats().failures == 2);
    CHECK(f.store->status().is_available());
}

TEST_CASE("a full memory store takes no more bytes, and fewer always", "[core][documents]") {
    Fixture f(0, 20);
    CHECK_FALSE(f.commit(DocumentBatch().put("a", std::string(10, 'x')).put("b", "12345678")));
    CHECK(f.store->stats().stored_bytes == 20);
    CHECK(f.commit(DocumentBatch().put("b", "123456789")) == Error::store_full);
    CHECK_FALSE(f.commit(DocumentBatch().put("b", "12")));
    CHECK(f.store->stats().stored_bytes == 14);
    CHECK_FALSE(f.commit(DocumentBatch().remove("a").remove("b")));
    CHECK(f.store->stats().stored_bytes == 0);
}

TEST_CASE("expired documents give their room back", "[core][documents]") {
    Fixture f(1, 100);
    CHECK_FALSE(f.commit(DocumentBatch().put("a", "1", 5ms)));
    CHECK(f.commit(DocumentBatch().put("b", "1")) == Error::store_full);
    f.clock.advance(5ms);
    CHECK_FALSE(f.commit(DocumentBatch().put("b", "1")));
    CHECK(f.all() == "b=1");
    CHECK(f.store->stats().expired == 1);
}

TEST_CASE("a memory store answers before the call returns, and never under its lock",
          "[core][documents]") {
    Fixture f(0, 0);
    int answers = 0;
    f.store->commit(DocumentBatch().put("a", "1"), [&](auto) {
        ++answers;
        f.store->get("a", [&](auto document) {
            ++answers;
            CHECK(document.value()->text() == "1");
            f.store->close([&] { ++answers; });
        });
    });
    CHECK(answers == 3);
}

TEST_CASE("a clock that is set back makes nothing expire early", "[core][documents]") {
    Fixture f(0, 0);
    CHECK_FALSE(f.commit(DocumentBatch().put("a", "1", 1000ms)));
    f.clock.set_unix_ms(test::ManualClock::kStartMs - 5000);
    CHECK(f.all() == "a=1");
    f.clock.set_unix_ms(test::ManualClock::kStartMs + 1000);
    CHECK(f.all().empty());
}
