// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every DocumentStore keeps to between threads.
#pragma once

#include "document_store_contract.hpp"

#include <algorithm>
#include <atomic>
#include <random>
#include <set>
#include <thread>

#include <pulse/core/hub.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/rng.hpp>

namespace pulse::contract {

/// Completions reach a lane, where users of a store want them.
inline void document_store_lane_contract(const MakeDocumentStore& make) {
    struct Host final : core::LaneHost {
        void wake() noexcept override { wakes.fetch_add(1); }
        std::atomic<int> wakes{0};
    };
    test::ManualClock clock;
    core::SeededRng rng(1);
    core::NullLog log;
    core::Hub hub({}, {clock, rng, log});
    Host host;
    core::Lane& lane = hub.add_lane(host);
    const auto store = make(clock, {});
    std::thread::id ran_on;
    std::string read;
    store->commit(DocumentBatch().put("a", "1"),
                  core::on_lane(lane, [&](core::Result<core::CommitResult> result) {
                      REQUIRE(result);
                      store->get("a", core::on_lane(lane, [&](auto document) {
                                     ran_on = std::this_thread::get_id();
                                     read = document.value()->text();
                                 }));
                  }));
    CHECK(test::eventually([&] {
        lane.flush();
        return !read.empty();
    }));
    CHECK(read == "1");
    CHECK(ran_on == std::this_thread::get_id());
    CHECK(host.wakes > 0);
}

/// Several threads at once.
inline void document_store_concurrency_contract(const MakeDocumentStore& make) {
    constexpr int kThreads = 4;
    test::ManualClock clock;
    core::DocumentLimits limits;
    limits.max_page_documents = 10;
    const std::unique_ptr<core::DocumentStore> owner = make(clock, limits);
    core::DocumentStore& store = *owner;
    const auto run = [](auto&& work) {
        std::vector<std::thread> threads;
        for (int i = 0; i < kThreads; ++i) threads.emplace_back([&work, i] { work(i); });
        for (std::thread& thread : threads) thread.join();
    };

    SECTION("no addition is lost, and each is answered with a value of its own") {
        constexpr int kEach = 250;
        std::vector<std::vector<std::int64_t>> answers(kThreads);
        run([&](int me) {
            for (int i = 0; i < kEach; ++i) {
                const auto result = test::commit(store, DocumentBatch().add("n", 1));
                if (result) answers[static_cast<std::size_t>(me)].push_back(result->counters[0]);
            }
        });
        std::set<std::int64_t> distinct;
        for (const auto& mine : answers) {
            CHECK(std::is_sorted(mine.begin(), mine.end()));
            distinct.insert(mine.begin(), mine.end());
        }
        CHECK(distinct.size() == kThreads * kEach);
        CHECK(test::text_of(store, "n") == std::to_string(kThreads * kEach));
    }

    SECTION("of writers that saw the same version one wins") {
        constexpr int kEach = 60;
        CHECK(test::commit(store, DocumentBatch().put("list", "")));
        run([&](int me) {
            for (int i = 0; i < kEach; ++i) {
                for (;;) {
                    const auto seen = test::get(store, "list").value();
                    std::string next(seen->text());
                    next += static_cast<char>('a' + me);
                    const auto result = test::commit(
                        store,
                        DocumentBatch().require_version("list", seen->version).put("list", next));
                    if (result) break;
                    if (result.error() != core::Error::document_conflict) return;
                }
            }
        });
        const std::string list = test::text_of(store, "list").value();
        CHECK(list.size() == kThreads * kEach);
        for (int i = 0; i < kThreads; ++i) {
            CHECK(std::count(list.begin(), list.end(), static_cast<char>('a' + i)) == kEach);
        }
    }

    SECTION("a page shows batches whole: money that moves is neither made nor lost") {
        constexpr int kAccounts = 8;
        constexpr std::int64_t kTotal = kAccounts * 100;
        DocumentBatch open;
        const auto name = [](unsigned i) { return "account/" + std::to_string(i); };
        for (unsigned i = 0; i < kAccounts; ++i) open.put(name(i), "100");
        CHECK(test::commit(store, std::move(open)));
        std::atomic<bool> is_over{false};
        std::atomic<int> pages{0};
        std::atomic<int> wrong{0};
        std::thread reader([&] {
            do {
                const auto page = test::scan(store, DocumentRange::prefix("account/")).value();
                std::int64_t sum = 0;
                for (const auto& account : page.documents) sum += account.number().value();
                if (sum != kTotal || page.documents.size() != kAccounts) ++wrong;
                ++pages;
            } while (!is_over);
        });
        run([&](int me) {
            std::mt19937 random(static_cast<unsigned>(me));
            for (int i = 0; i < 200; ++i) {
                const auto amount = static_cast<std::int64_t>(random() % 50);
                (void)test::commit(store, DocumentBatch()
                                              .add(name(random() % kAccounts), -amount)
                                              .add(name(random() % kAccounts), amount));
            }
        });
        is_over = true;
        reader.join();
        CHECK(wrong == 0);
        CHECK(pages > 0);
    }

    SECTION("what was answered is seen by every thread") {
        run([&](int me) {
            const std::string key = "k" + std::to_string(me);
            for (int i = 0; i < 200; ++i) {
                const std::string value = std::to_string(i);
                const auto result = test::commit(store, DocumentBatch().put(key, value));
                const auto seen = test::get(store, key);
                if (!result || !seen || !*seen || (*seen)->text() != value) {
                    (void)test::commit(store, DocumentBatch().put("wrong", key));
                }
            }
        });
        CHECK_FALSE(test::text_of(store, "wrong"));
    }

    SECTION("closing while others work answers everybody, once") {
        std::atomic<int> asked{0};
        std::atomic<int> answered{0};
        std::atomic<int> succeeded{0};
        std::thread closer;
        run([&](int me) {
            for (int i = 0; i < 300; ++i) {
                if (me == 0 && i == 150) {
                    closer = std::thread([&] { test::close(store); });
                }
                ++asked;
                store.commit(DocumentBatch().add("n", 1), [&](auto result) {
                    if (result) ++succeeded;
                    ++answered;
                });
            }
        });
        closer.join();
        CHECK(test::eventually([&] { return answered == asked; }));
        CHECK(succeeded > 0);
        CHECK(store.stats().commits == static_cast<std::uint64_t>(asked));
    }
}

}  // namespace pulse::contract
