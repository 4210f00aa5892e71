// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every HistoryStore keeps to. Call it in a TEST_CASE of its own; each SECTION gets a new
// store. Engines may write behind: reading is polled until a deadline.
#pragma once

#include "support/catch.hpp"
#include "support/eventually.hpp"
#include "support/manual_clock.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <pulse/core/history.hpp>
#include <pulse/core/rng.hpp>

namespace pulse::contract {

/// Makes an empty store with room for at least 100 channels and 1 MiB.
using MakeHistoryStore =
    std::function<std::unique_ptr<core::HistoryStore>(const core::Clock&, core::Rng&)>;

inline void history_store_contract(const MakeHistoryStore& make) {
    using namespace std::chrono_literals;
    using Payloads = std::vector<std::string>;
    constexpr std::size_t kAll = 1000;
    test::ManualClock clock;
    core::SeededRng rng(7);
    const std::unique_ptr<core::HistoryStore> store = make(clock, rng);
    const core::HistoryPolicy ten{.size = 10};

    const auto append = [&](std::string_view channel, std::string_view payload,
                            const core::HistoryPolicy& policy) {
        core::PublicationView publication{channel};
        publication.payload = protocol::as_bytes(payload);
        const auto position = store->append(publication, policy);
        REQUIRE(position);
        return *position;
    };
    const auto payloads = [](const core::HistoryPage& page) {
        Payloads out;
        for (const auto& publication : page.publications) {
            out.emplace_back(protocol::as_text(publication->payload));
        }
        return out;
    };
    /// The page once it has the newest publication.
    const auto read = [&](std::string_view channel, const core::StreamPosition* since,
                          std::size_t limit, const core::StreamPosition& newest) {
        core::Result<core::HistoryPage> page;
        CHECK(test::eventually([&] {
            page = store->read(channel, since, limit);
            return page && page->top == newest;
        }));
        REQUIRE(page);
        return *page;
    };

    SECTION("offsets count up from one within one epoch") {
        const auto first = append("news", "a", ten);
        const auto second = append("news", "b", ten);
        CHECK(first.offset == 1);
        CHECK(second.offset == 2);
        CHECK(first.epoch != 0);
        CHECK(first.epoch == second.epoch);
    }

    SECTION("channels count on their own, whatever bytes their names have") {
        const std::string odd("a\0b: *{}\xff", 9);
        append("news", "a", ten);
        append("news", "b", ten);
        const auto position = append(odd, "c", ten);
        CHECK(position.offset == 1);
        CHECK(payloads(read(odd, nullptr, kAll, position)) == Payloads{"c"});
    }

    SECTION("a publication is kept as it was, with its position") {
        const std::string bytes("\0\x01\xff text", 8);
        core::PublicationView publication{"news"};
        publication.event = "event";
        publication.payload = protocol::as_bytes(bytes);
        publication.source = core::SessionId{{5, 6}};
        publication.timestamp_ms = 1234;
        const auto position = store->append(publication, ten);
        REQUIRE(position);
        core::PublicationView plain{"news"};
        const auto newest = store->append(plain, ten);
        REQUIRE(newest);

        const auto page = read("news", nullptr, kAll, *newest);
        REQUIRE(page.publications.size() == 2);
        const core::Publication& kept = *page.publications[0];
        CHECK(kept.channel == "news");
        CHECK(kept.event == "event");
        CHECK(protocol::as_text(kept.payload) == bytes);
        CHECK(kept.source == core::SessionId{{5, 6}});
        CHECK(kept.timestamp_ms == 1234);
        CHECK(kept.position == *position);
        CHECK_FALSE(page.publications[1]->event.has_value());
        CHECK_FALSE(page.publications[1]->source.has_value());
        CHECK(page.publications[1]->payload.empty());
    }

    SECTION("reading gives the oldest first, up to the limit, and always the top") {
        for (const char* text : {"a", "b", "c"}) append("news", text, ten);
        const auto newest = append("news", "d", ten);
        CHECK(payloads(read("news", nullptr, kAll, newest)) == Payloads{"a", "b", "c", "d"});
        const auto page = read("news", nullptr, 2, newest);
        CHECK(payloads(page) == Payloads{"a", "b"});
        CHECK(page.recovered);
        CHECK(payloads(read("news", nullptr, 0, newest)).empty());
    }

    SECTION("reading since a position gives what came after it") {
        const auto first = append("news", "a", ten);
        const auto second = append("news", "b", ten);
        const auto third = append("news", "c", ten);
        const auto after_first = read("news", &first, kAll, third);
        CHECK(payloads(after_first) == Payloads{"b", "c"});
        CHECK(after_first.recovered);
        const auto limited = read("news", &first, 1, third);
        CHECK(payloads(limited) == Payloads{"b"});
        CHECK(limited.recovered);
        CHECK(payloads(read("news", &second, kAll, third)) == Payloads{"c"});
        const auto at_top = read("news", &third, kAll, third);
        CHECK(at_top.publications.empty());
        CHECK(at_top.recovered);
        const core::StreamPosition beginning{0, first.epoch};
        const auto from_beginning = read("news", &beginning, kAll, third);
        CHECK(payloads(from_beginning) == Payloads{"a", "b", "c"});
        CHECK(from_beginning.recovered);
    }

    SECTION("paging by the last position sees everything once") {
        Payloads expected;
        core::StreamPosition newest;
        for (int i = 0; i < 10; ++i) {
            expected.push_back(std::to_string(i));
            newest = append("news", expected.back(), ten);
        }
        Payloads seen;
        core::StreamPosition at{0, newest.epoch};
        while (at.offset < newest.offset) {
            const auto page = read("news", &at, 3, newest);
            CHECK(page.recovered);
            REQUIRE_FALSE(page.publications.empty());
            for (const auto& text : payloads(page)) seen.push_back(text);
            at = page.publications.back()->position;
        }
        CHECK(seen == expected);
    }

    SECTION("the newest `size` are kept, and who asks for older ones is told of the gap") {
        const core::HistoryPolicy two{.size = 2};
        const auto first = append("news", "a", two);
        const auto second = append("news", "b", two);
        append("news", "c", two);
        const auto newest = append("news", "d", two);
        CHECK(payloads(read("news", nullptr, kAll, newest)) == Payloads{"c", "d"});
        const auto gap = read("news", &first, kAll, newest);
        CHECK_FALSE(gap.recovered);
        CHECK(payloads(gap) == Payloads{"c", "d"});
        const auto just = read("news", &second, kAll, newest);
        CHECK(just.recovered);
        CHECK(payloads(just) == Payloads{"c", "d"});
    }

    SECTION("a smaller policy trims what a larger one kept") {
        for (const char* text : {"a", "b", "c"}) append("news", text, ten);
        const auto newest = append("news", "d", core::HistoryPolicy{.size = 1});
        CHECK(payloads(read("news", nullptr, kAll, newest)) == Payloads{"d"});
    }

    SECTION("what is older than the time to live is forgotten, the position is not") {
        const core::HistoryPolicy minute{.size = 10, .ttl = 60s};
        const auto first = append("news", "a", minute);
        clock.advance(40s);
        const auto second = append("news", "b", minute);
        clock.advance(20s);
        CHECK(payloads(read("news", nullptr, kAll, second)) == Payloads{"a", "b"});
        clock.advance(1s);
        const auto page = read("news", nullptr, kAll, second);
        CHECK(payloads(page) == Payloads{"b"});
        CHECK(read("news", &first, kAll, second).recovered);
        const core::StreamPosition beginning{0, first.epoch};
        CHECK_FALSE(read("news", &beginning, kAll, second).recovered);

        clock.advance(3600s);
        const auto empty = read("news", &second, kAll, second);
        CHECK(empty.publications.empty());
        CHECK(empty.recovered);
        CHECK_FALSE(read("news", &first, kAll, second).recovered);
        const auto third = append("news", "c", minute);
        CHECK(third.offset == 3);
        CHECK(third.epoch == second.epoch);
    }

    SECTION("a time to live of zero never expires") {
        const auto first = append("news", "a", ten);
        clock.advance(std::chrono::hours(24 * 365));
        CHECK(payloads(read("news", nullptr, kAll, first)) == Payloads{"a"});
    }

    SECTION("a position of another epoch or of the future is not recovered") {
        const auto first = append("news", "a", ten);
        const core::StreamPosition foreign{first.offset, first.epoch + 1};
        const auto page = read("news", &foreign, kAll, first);
        CHECK_FALSE(page.recovered);
        CHECK(payloads(page) == Payloads{"a"});
        const core::StreamPosition future{first.offset + 1, first.epoch};
        CHECK_FALSE(read("news", &future, kAll, first).recovered);
    }

    SECTION("a channel without history reads as empty, and its position holds good later") {
        const auto before = store->read("news", nullptr, kAll);
        REQUIRE(before);
        CHECK(before->publications.empty());
        CHECK(before->recovered);
        CHECK(before->top.offset == 0);
        const auto first = append("news", "a", ten);
        // An engine may call the epoch new; it must not hide a gap, nor invent one within an epoch.
        const auto page = read("news", &before->top, kAll, first);
        CHECK(page.recovered == (before->top.epoch == first.epoch));
        CHECK(payloads(page) == Payloads{"a"});
    }

    SECTION("a removed channel begins a new epoch") {
        const auto first = append("news", "a", ten);
        append("other", "x", ten);
        store->remove("news");
        store->remove("never seen");
        CHECK(test::eventually([&] {
            const auto page = store->read("news", nullptr, kAll);
            return page && page->publications.empty();
        }));
        const auto again = append("news", "b", ten);
        CHECK(again.offset == 1);
        CHECK(again.epoch != first.epoch);
        const auto page = read("news", &first, kAll, again);
        CHECK_FALSE(page.recovered);
        CHECK(payloads(page) == Payloads{"b"});
        const auto other = append("other", "y", ten);
        CHECK(payloads(read("other", nullptr, kAll, other)) == Payloads{"x", "y"});
    }

    SECTION("threads that append at once get every offset once") {
        constexpr int kThreads = 4;
        constexpr int kEach = 200;
        const core::HistoryPolicy all{.size = kThreads * kEach};
        std::vector<std::vector<core::StreamPosition>> positions(kThreads);
        std::vector<std::thread> threads;
        for (auto& mine : positions) {
            threads.emplace_back([&] {
                for (int i = 0; i < kEach; ++i) {
                    const auto position = store->append(core::PublicationView{"news"}, all);
                    if (position) mine.push_back(*position);
                    (void)store->read("news", nullptr, 5);
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        std::vector<std::uint64_t> offsets;
        for (const auto& mine : positions) {
            for (const auto& position : mine) offsets.push_back(position.offset);
            CHECK(std::is_sorted(mine.begin(), mine.end(),
                                 [](const auto& a, const auto& b) { return a.offset < b.offset; }));
        }
        std::sort(offsets.begin(), offsets.end());
        REQUIRE(offsets.size() == kThreads * kEach);
        bool is_gapless = true;
        for (std::size_t i = 0; i < offsets.size(); ++i) is_gapless &= offsets[i] == i + 1;
        CHECK(is_gapless);
    }
}

}  // namespace pulse::contract
