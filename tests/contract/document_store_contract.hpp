// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every DocumentStore keeps to; the rest of it is in document_store_threads_contract.hpp and
// document_store_model.hpp. Call it in a TEST_CASE of its own; each SECTION gets a new store.
#pragma once

#include "support/catch.hpp"
#include "support/document_calls.hpp"
#include "support/eventually.hpp"
#include "support/manual_clock.hpp"

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <pulse/core/document_store.hpp>
#include <pulse/core/error.hpp>

namespace pulse::contract {

/// Makes an empty store with these limits and room for 100,000 documents and 100 MiB.
using MakeDocumentStore = std::function<std::unique_ptr<core::DocumentStore>(
    const core::Clock&, const core::DocumentLimits&)>;

using core::DocumentBatch;
using core::DocumentRange;

/// Small, so that a test reaches them.
inline core::DocumentLimits small_limits() {
    core::DocumentLimits limits;
    limits.max_key_bytes = 40;
    limits.max_value_bytes = 1000;
    limits.max_batch_operations = 10;
    limits.max_batch_bytes = 4000;
    limits.max_page_documents = 20;
    limits.max_page_bytes = 2500;
    return limits;
}

inline void document_store_contract(const MakeDocumentStore& make) {
    using namespace std::chrono_literals;
    test::ManualClock clock;
    const std::unique_ptr<core::DocumentStore> owner = make(clock, small_limits());
    core::DocumentStore& store = *owner;
    const auto commit = [&](DocumentBatch batch) { return test::commit(store, std::move(batch)); };
    const auto text_of = [&](const char* key) { return test::text_of(store, key); };
    const auto everything = [&] { return test::listed(test::scan_all(store, {})); };
    /// The error of a commit that must fail.
    const auto error_of = [&](DocumentBatch batch) {
        const auto result = commit(std::move(batch));
        REQUIRE_FALSE(result);
        return result.error();
    };

    SECTION("a document is read as it was put") {
        const std::string odd("a\0b: *{}\xff", 9);
        const std::string bytes("\0\x01\xff text\0", 9);
        const auto written = commit(DocumentBatch().put(odd, bytes));
        REQUIRE(written);
        CHECK(written->version > 0);
        CHECK(written->counters.empty());
        const auto document = test::get(store, odd).value();
        REQUIRE(document);
        CHECK(document->key == odd);
        CHECK(document->text() == bytes);
        CHECK(document->version == written->version);
        CHECK_FALSE(document->expires_at_ms);
    }

    SECTION("a value may be empty") {
        CHECK(commit(DocumentBatch().put("empty", "")));
        CHECK(text_of("empty") == "");
        CHECK(everything() == "empty=");
    }

    SECTION("what is not there reads as nothing") {
        CHECK_FALSE(text_of("a"));
        CHECK(commit(DocumentBatch().put("ab", "1")));
        CHECK_FALSE(text_of("a"));
        CHECK_FALSE(text_of("abc"));
    }

    SECTION("putting replaces, removing removes, and removing nothing is no error") {
        CHECK(commit(DocumentBatch().put("a", "1").put("b", "1")));
        CHECK(commit(DocumentBatch().put("a", "2")));
        CHECK(everything() == "a=2 b=1");
        CHECK(commit(DocumentBatch().remove("a").remove("never")));
        CHECK(everything() == "b=1");
    }

    SECTION("writes of a batch take effect in their order, all with its version") {
        const auto written = commit(
            DocumentBatch().put("a", "1").put("a", "2").put("b", "1").remove("b").remove("c").put(
                "c", "3"));
        REQUIRE(written);
        CHECK(everything() == "a=2 c=3");
        for (const auto& document : test::scan_all(store, {})) {
            CHECK(document.version == written->version);
        }
    }

    SECTION("versions grow with every batch that writes and never come again") {
        std::uint64_t last = 0;
        for (int i = 0; i < 5; ++i) {
            const auto put = commit(DocumentBatch().put("a", "same"));
            REQUIRE(put);
            CHECK(put->version > last);
            last = put->version;
            const auto removed = commit(DocumentBatch().remove("a"));
            REQUIRE(removed);
            CHECK(removed->version > last);
            last = removed->version;
        }
    }

    SECTION("a batch without writes has no version, an empty one succeeds") {
        CHECK(commit(DocumentBatch()).value().version == 0);
        CHECK(commit(DocumentBatch().require_absent("a")).value().version == 0);
    }

    SECTION("absent and present are held against the state before the batch") {
        CHECK(commit(DocumentBatch().put("a", "1").require_absent("a")));
        CHECK(error_of(DocumentBatch().require_absent("a").put("a", "2")) ==
              core::Error::document_conflict);
        CHECK(commit(DocumentBatch().remove("a").require_present("a")));
        CHECK(error_of(DocumentBatch().put("b", "1").require_present("b")) ==
              core::Error::document_conflict);
        CHECK(everything().empty());
    }

    SECTION("a version holds until anything was written, by whatever value") {
        const auto first = commit(DocumentBatch().put("a", "1")).value().version;
        const auto second =
            commit(DocumentBatch().require_version("a", first).put("a", "1")).value().version;
        CHECK(error_of(DocumentBatch().require_version("a", first).put("a", "3")) ==
              core::Error::document_conflict);
        CHECK(commit(DocumentBatch().require_version("a", second).remove("a")));
        CHECK(error_of(DocumentBatch().require_version("a", second)) ==
              core::Error::document_conflict);
        CHECK(commit(DocumentBatch().put("a", "1")));
        CHECK(error_of(DocumentBatch().require_version("a", second)) ==
              core::Error::document_conflict);
        CHECK(error_of(DocumentBatch().require_version("never", 0)) ==
              core::Error::document_conflict);
    }

    SECTION("one precondition that does not hold undoes the whole batch") {
        CHECK(commit(DocumentBatch().put("a", "1")));
        CHECK(error_of(DocumentBatch()
                           .put("a", "2")
                           .put("b", "2")
                           .require_present("a")
                           .require_absent("b")
                           .require_present("c")) == core::Error::document_conflict);
        CHECK(everything() == "a=1");
    }

    SECTION("a counter begins at zero and tells where it is") {
        const auto result =
            commit(DocumentBatch().add("n", 5).put("x", "y").add("n", -7).add("m", 0));
        REQUIRE(result);
        CHECK(result->counters == std::vector<std::int64_t>{5, -2, 0});
        CHECK(everything() == "m=0 n=-2 x=y");
        CHECK(test::get(store, "n").value()->number() == -2);
    }

    SECTION("a counter is set, removed and compared like any document") {
        CHECK(commit(DocumentBatch().put("n", "41").add("n", 1)).value().counters[0] == 42);
        CHECK(commit(DocumentBatch().remove("n").add("n", 1)).value().counters[0] == 1);
        const auto version = test::get(store, "n").value()->version;
        CHECK(commit(DocumentBatch().require_version("n", version).add("n", 1)));
        CHECK(error_of(DocumentBatch().require_version("n", version).add("n", 1)) ==
              core::Error::document_conflict);
        CHECK(text_of("n") == "2");
    }

    SECTION("adding to what is no whole number undoes the whole batch") {
        for (const char* text : {"", "x", "1.5", "01", "+1", "-0", " 1", "1 ", "0x1", "1e3",
                                 "9223372036854775808", "-9223372036854775809"}) {
            CAPTURE(text);
            CHECK(commit(DocumentBatch().put("n", text)));
            CHECK(error_of(DocumentBatch().put("a", "1").add("m", 1).add("n", 1).put("b", "1")) ==
                  core::Error::not_a_counter);
            CHECK(everything() == "n=" + std::string(text));
            CHECK(test::get(store, "n").value()->number() ==
                  tl::unexpected(make_error_code(core::Error::not_a_counter)));
        }
    }

    SECTION("a counter has 64 bits, and what leaves them changes nothing") {
        constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
        constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
        CHECK(commit(DocumentBatch().add("max", kMax).add("min", kMin)));
        CHECK(error_of(DocumentBatch().add("max", 1)) == core::Error::not_a_counter);
        CHECK(error_of(DocumentBatch().add("min", -1)) == core::Error::not_a_counter);
        CHECK(everything() == "max=9223372036854775807 min=-9223372036854775808");
        CHECK(commit(DocumentBatch().add("max", kMin).add("min", kMax)));
        CHECK(everything() == "max=-1 min=-1");
    }

    SECTION("keys are in the order of their bytes, unsigned and shorter first") {
        const std::vector<std::string> keys{
            std::string("\0", 1), "a", "a\x01", "aa", "b", "\x7f", "\x80", "\xff", "\xff\xff"};
        for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
            CHECK(commit(DocumentBatch().put(*key, "")));
        }
        std::vector<std::string> seen;
        for (const auto& document : test::scan_all(store, {})) seen.push_back(document.key);
        CHECK(seen == keys);
    }

    SECTION("a range begins with its first key and ends before its last") {
        CHECK(commit(DocumentBatch().put("a", "").put("b", "").put("c", "").put("d", "")));
        const auto in = [&](std::string begin, std::optional<std::string> end) {
            return test::listed(
                test::scan_all(store, {std::move(begin), std::move(end), std::size_t{0}}));
        };
        CHECK(in("b", "d") == "b= c=");
        CHECK(in("bb", "dd") == "c= d=");
        CHECK(in("", "b") == "a=");
        CHECK(in("c", std::nullopt) == "c= d=");
        CHECK(in("c", "c").empty());
        CHECK(in("d", "a").empty());
        CHECK(in("a", "").empty());
    }

    SECTION("a prefix takes what begins with it and nothing else") {
        for (const char* key : {"room", "room/", "room/1", "room/\xff", "room0", "\xff", "\xff\xff",
                                "\xff\xff/1", "\xfe"}) {
            CHECK(commit(DocumentBatch().put(key, "")));
        }
        const auto with = [&](const char* prefix) {
            return test::listed(test::scan_all(store, DocumentRange::prefix(prefix)));
        };
        CHECK(with("room/") == "room/= room/1= room/\xff=");
        CHECK(with("room/\xff") == "room/\xff=");
        CHECK(with("\xff\xff") == "\xff\xff= \xff\xff/1=");
        CHECK(with("\xfe\xff").empty());
        CHECK(test::scan_all(store, DocumentRange::prefix("")).size() == 9);
    }

    SECTION("pages join to the whole, each with at most its limit and no empty one at the end") {
        for (int i = 0; i < 25; ++i) {
            CHECK(commit(DocumentBatch().put("k" + std::to_string(100 + i), std::to_string(i))));
        }
        for (const std::size_t limit : {1U, 2U, 5U, 7U, 20U, 0U, 1000U}) {
            CAPTURE(limit);
            const std::size_t most = limit == 0 || limit > 20 ? 20 : limit;
            DocumentRange range = DocumentRange::prefix("k", limit);
            std::vector<core::Document> all;
            for (;;) {
                const auto page = test::scan(store, range).value();
                CHECK(page.documents.size() == std::min(most, 25 - all.size()));
                all.insert(all.end(), page.documents.begin(), page.documents.end());
                if (!page.next) break;
                range.begin = *page.next;
            }
            CHECK(all.size() == 25);
            CHECK(all == test::scan_all(store, {}));
        }
    }

    SECTION("a page ends where its bytes are full, but never empty") {
        const std::string big(1000, 'x');
        for (const char* key : {"a", "b", "c", "d", "e"}) {
            CHECK(commit(DocumentBatch().put(key, big)));
        }
        const auto page = test::scan(store, {}).value();
        CHECK(page.documents.size() == 2);
        CHECK(page.next == "c");
        CHECK(test::scan_all(store, {}).size() == 5);
    }

    SECTION("documents beyond the page may change while one reads on") {
        for (const char* key : {"a", "b", "c", "d"}) CHECK(commit(DocumentBatch().put(key, "1")));
        DocumentRange range{"", std::nullopt, 2};
        auto page = test::scan(store, range).value();
        CHECK(page.next == "c");
        CHECK(commit(DocumentBatch().remove("c").put("cc", "2").put("aa", "2")));
        range.begin = *page.next;
        page = test::scan(store, range).value();
        CHECK(test::listed(page.documents) == "cc=2 d=1");
        CHECK_FALSE(page.next);
    }

    SECTION("what has expired is not there for anybody") {
        CHECK(commit(DocumentBatch().put("a", "1", 60s).add("n", 5, 60s).put("b", "1")));
        CHECK(test::get(store, "a").value()->expires_at_ms == test::ManualClock::kStartMs + 60'000);
        clock.advance(59'999ms);
        CHECK(everything() == "a=1 b=1 n=5");
        CHECK(commit(DocumentBatch().require_present("a")));
        clock.advance(1ms);
        CHECK_FALSE(text_of("a"));
        CHECK(everything() == "b=1");
        CHECK(error_of(DocumentBatch().require_present("a")) == core::Error::document_conflict);
        CHECK(commit(DocumentBatch().require_absent("a").put("a", "2")));
        CHECK(commit(DocumentBatch().add("n", 1)).value().counters[0] == 1);
        clock.advance(std::chrono::hours(24 * 365));
        CHECK(everything() == "a=2 b=1 n=1");
    }

    SECTION("putting replaces the time to live, adding keeps it") {
        CHECK(commit(DocumentBatch().put("a", "1", 10s).put("b", "1", 10s).add("n", 1, 10s)));
        CHECK(commit(DocumentBatch().put("a", "2", 20s).put("b", "2").add("n", 1, 20s)));
        clock.advance(10s);
        CHECK(everything() == "a=2 b=2");
        clock.advance(10s);
        CHECK(everything() == "b=2");
        CHECK(commit(
            DocumentBatch().put("c", "1", 10s).put("c", "2").put("d", "1").put("d", "2", 10s)));
        clock.advance(10s);
        CHECK(everything() == "b=2 c=2");
    }

    SECTION("no time to live left means gone, a very long one stays") {
        CHECK(commit(DocumentBatch().put("a", "1").put("b", "1")));
        CHECK(commit(DocumentBatch()
                         .put("a", "2", 0ms)
                         .put("b", "2", -5ms)
                         .put("c", "1", std::chrono::milliseconds::max())));
        CHECK(everything() == "c=1");
        clock.advance(std::chrono::hours(24 * 365 * 50));
        CHECK(everything() == "c=1");
        CHECK(commit(DocumentBatch().put("n", "5", 0ms).add("n", 1)).value().counters[0] == 1);
        CHECK(text_of("n") == "1");
    }

    SECTION("expired documents are removed in the background, many as well as few") {
        for (int i = 0; i < 100; ++i) {
            CHECK(commit(DocumentBatch()
                             .put("e" + std::to_string(i), "1", std::chrono::milliseconds(1 + i))
                             .put("k" + std::to_string(i), "1")));
        }
        clock.advance(50ms);
        const auto expired = [&](std::uint64_t n) {
            return test::eventually([&] {
                (void)text_of("k1");  // engines without a thread of their own clean up on the way
                return store.stats().expired >= n;
            });
        };
        CHECK(expired(50));
        CHECK(store.stats().expired == 50);
        clock.advance(50ms);
        CHECK(expired(100));
        CHECK(test::scan_all(store, DocumentRange::prefix("e")).empty());
        CHECK(test::scan_all(store, DocumentRange::prefix("k")).size() == 100);
    }

    SECTION("a document put anew is not removed with its former time to live") {
        CHECK(commit(DocumentBatch().put("a", "1", 10ms).put("b", "1", 10ms)));
        CHECK(commit(DocumentBatch().put("a", "2").put("c", "1", 10ms)));
        clock.advance(10ms);
        CHECK(test::eventually([&] {
            (void)text_of("x");
            return store.stats().expired >= 2;
        }));
        CHECK(everything() == "a=2");
    }

    SECTION("what breaks a limit is refused at once, on the caller's thread, and changes nothing") {
        const auto limits = store.limits();
        const std::string key(limits.max_key_bytes, 'k');
        const std::string value(limits.max_value_bytes, 'v');
        const auto refusal = [&](DocumentBatch batch) {
            auto answer = test::ask_commit(store, std::move(batch));
            REQUIRE(answer.has_come());
            const auto result = answer.take();
            REQUIRE_FALSE(result);
            return result.error();
        };
        CHECK(commit(DocumentBatch().put(key, value)));
        CHECK(commit(DocumentBatch().remove(key)));
        CHECK(refusal(DocumentBatch().put(key + "k", "1")) == core::Error::document_too_big);
        CHECK(refusal(DocumentBatch().put("a", value + "v")) == core::Error::document_too_big);
        CHECK(refusal(DocumentBatch().put("", "1")) == core::Error::invalid_key);
        CHECK(refusal(DocumentBatch().put("a", "1").require_absent("")) ==
              core::Error::invalid_key);
        DocumentBatch many;
        while (many.size() < limits.max_batch_operations) many.put("a", "1");
        CHECK(commit(many));
        CHECK(refusal(many.remove("a")) == core::Error::document_too_big);
        DocumentBatch big;
        while (big.bytes() <= limits.max_batch_bytes) big.put("a", value);
        CHECK(refusal(big) == core::Error::document_too_big);
        CHECK(test::get(store, "").error() == core::Error::invalid_key);
        CHECK(test::get(store, key + "k").error() == core::Error::document_too_big);
        CHECK(test::scan(store, {key + "k", std::nullopt, 0}).error() ==
              core::Error::document_too_big);
        CHECK(test::scan(store, {"", key + "k", 0}).error() == core::Error::document_too_big);
        CHECK(everything() == "a=1");
        CHECK(store.stats().refusals == 10);
    }

    SECTION("batches of one thread take effect in the order of its calls, without waiting") {
        std::vector<test::CommitAnswer> answers;
        for (int i = 0; i < 500; ++i) {
            answers.push_back(test::ask_commit(
                store, DocumentBatch().put("last", std::to_string(i)).add("n", 1)));
        }
        std::uint64_t version = 0;
        for (int i = 0; i < 500; ++i) {
            const auto result = answers[static_cast<std::size_t>(i)].take().value();
            CHECK(result.counters[0] == i + 1);
            CHECK(result.version > version);
            version = result.version;
        }
        CHECK(text_of("last") == "499");
    }

    SECTION("a batch that fails does no harm to those beside it") {
        std::vector<test::CommitAnswer> answers;
        for (int i = 0; i < 300; ++i) {
            DocumentBatch batch;
            if (i % 3 == 1) batch.require_present("never");
            batch.put("t", "text").add(i % 3 == 2 ? "t" : "n", 1);
            answers.push_back(test::ask_commit(store, std::move(batch)));
        }
        for (std::size_t i = 0; i < answers.size(); ++i) {
            const auto result = answers[i].take();
            if (i % 3 == 0) CHECK(result.value().counters[0] == static_cast<int>(i / 3 + 1));
            if (i % 3 == 1) CHECK(result.error() == core::Error::document_conflict);
            if (i % 3 == 2) CHECK(result.error() == core::Error::not_a_counter);
        }
        CHECK(everything() == "n=100 t=text");
        CHECK(store.stats().conflicts == 100);
    }

    SECTION("a completion may call the store") {
        auto read = std::make_shared<test::GetAnswer>();
        auto scanned = std::make_shared<test::ScanAnswer>();
        store.commit(DocumentBatch().put("a", "1"), [&, read, scanned](auto) {
            store.commit(DocumentBatch().put("a", "2"), [&, read, scanned](auto) {
                store.get("a", read->done());
                store.scan({}, scanned->done());
            });
        });
        CHECK(read->take().value()->text() == "2");
        CHECK(test::listed(scanned->take().value().documents) == "a=2");
    }

    SECTION("closing finishes what was accepted and refuses the rest") {
        std::vector<test::CommitAnswer> answers;
        for (int i = 0; i < 100; ++i) {
            answers.push_back(test::ask_commit(store, DocumentBatch().add("n", 1)));
        }
        CHECK(store.status().is_available());
        test::close(store);
        for (auto& answer : answers) {
            CHECK(answer.has_come());
            CHECK(answer.take());
        }
        CHECK(commit(DocumentBatch().add("n", 1)).error() == core::Error::shutting_down);
        CHECK(test::get(store, "n").error() == core::Error::shutting_down);
        CHECK(test::scan(store, {}).error() == core::Error::shutting_down);
        CHECK(store.status().error == core::Error::shutting_down);
        CHECK_FALSE(store.status().text.empty());
        test::close(store);
    }

    SECTION("figures count what was answered") {
        CHECK(commit(DocumentBatch().put("a", "1")));
        CHECK_FALSE(commit(DocumentBatch().require_absent("a")));
        CHECK_FALSE(commit(DocumentBatch().put("x", "x").add("x", 1)));
        CHECK(test::get(store, "a"));
        CHECK(test::scan(store, {}));
        const auto all = [&] {
            const core::DocumentStoreStats stats = store.stats();
            return stats.commits == 3 && stats.conflicts == 1 && stats.failures == 1 &&
                   stats.gets == 1 && stats.scans == 1 && stats.waiting == 0 &&
                   stats.waiting_bytes == 0;
        };
        CHECK(test::eventually(all));
        CHECK(store.stats().stored_bytes > 0);
        CHECK(store.status().is_available());
        CHECK(store.status().text.empty());
    }
}

}  // namespace pulse::contract
