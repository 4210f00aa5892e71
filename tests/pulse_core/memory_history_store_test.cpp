// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The memory engine's own bounds; what every engine keeps to is tested in tests/contract.
#include "support/catch.hpp"
#include "support/manual_clock.hpp"

#include <string>

#include <pulse/core/history.hpp>

using namespace pulse;
using namespace pulse::core;
using namespace std::chrono_literals;

namespace {

struct Store {
    explicit Store(const MemoryHistoryOptions& options)
        : store(make_memory_history_store(clock, rng, options)) {}

    StreamPosition append(std::string_view channel, std::string_view payload,
                          HistoryPolicy policy = {.size = 100}) {
        PublicationView publication{channel};
        publication.payload = protocol::as_bytes(payload);
        const auto position = store->append(publication, policy);
        REQUIRE(position);
        return *position;
    }
    std::string read(std::string_view channel) {
        const auto page = store->read(channel, nullptr, 1000);
        REQUIRE(page);
        std::string text;
        for (const auto& publication : page->publications) {
            text += std::string(protocol::as_text(publication->payload)) + ",";
        }
        return text;
    }
    bool recovers(std::string_view channel, const StreamPosition& since) {
        return store->read(channel, &since, 1000)->recovered;
    }

    test::ManualClock clock;
    SeededRng rng{11};
    std::unique_ptr<HistoryStore> store;
};

}  // namespace

TEST_CASE("the channel untouched for longest goes when there are too many", "[core][history]") {
    Store store({.max_channels = 3});
    const auto a = store.append("a", "1");
    store.append("b", "1");
    store.append("c", "1");
    CHECK(store.read("a") == "1,");  // reading is touching
    store.append("d", "1");
    CHECK(store.read("b").empty());
    CHECK(store.read("a") == "1,");
    CHECK(store.recovers("a", a));
    store.append("e", "1");
    CHECK(store.read("c").empty());
    CHECK(store.read("d") == "1,");
}

TEST_CASE("a channel that was pushed out begins a new epoch", "[core][history]") {
    Store store({.max_channels = 1});
    const auto first = store.append("a", "1");
    store.append("b", "1");
    const auto second = store.append("a", "2");
    CHECK(second.offset == 1);
    CHECK(second.epoch != first.epoch);
    CHECK_FALSE(store.recovers("a", first));
}

TEST_CASE("reading a name that has no history leaves nothing behind", "[core][history]") {
    Store store({.max_channels = 2});
    store.append("a", "1");
    store.append("b", "1");
    for (int i = 0; i < 1000; ++i) CHECK(store.read("x" + std::to_string(i)).empty());
    CHECK(store.read("a") == "1,");
    CHECK(store.read("b") == "1,");
}

TEST_CASE("the position of an unknown channel holds good until something was forgotten",
          "[core][history]") {
    Store store({.max_channels = 10});
    store.append("other", "1");
    const StreamPosition before = store.store->read("a", nullptr, 0)->top;
    CHECK(before.offset == 0);
    CHECK(store.recovers("a", before));
    store.append("a", "1");
    CHECK(store.recovers("a", before));

    const StreamPosition unknown = store.store->read("b", nullptr, 0)->top;
    store.append("b", "missed");
    store.store->remove("b");
    // The channel is unknown again, but something was missed: that must show.
    CHECK_FALSE(store.recovers("b", unknown));
    store.append("b", "2");
    CHECK_FALSE(store.recovers("b", unknown));
}

TEST_CASE("whole channels go when there are too many bytes, the coldest first", "[core][history]") {
    Store store({.max_bytes = 3000});
    const std::string kilobyte(1000, 'x');
    store.append("a", kilobyte);
    store.append("b", kilobyte);
    store.append("c", "small");
    store.append("d", kilobyte);
    CHECK(store.read("a").empty());
    CHECK(store.read("b") == kilobyte + ",");
    CHECK(store.read("c") == "small,");
    CHECK(store.read("d") == kilobyte + ",");
}

TEST_CASE("a single channel may fill the store and then loses its oldest", "[core][history]") {
    Store store({.max_bytes = 3500});
    StreamPosition last;
    for (int i = 0; i < 10; ++i) {
        last = store.append("a", std::string(1000, static_cast<char>('0' + i)));
    }
    const auto page = store.store->read("a", nullptr, 100);
    REQUIRE(page->publications.size() == 3);
    CHECK(page->publications[0]->position.offset == 8);
    CHECK(page->top == last);
    CHECK(last.offset == 10);
}

TEST_CASE("a publication larger than the store is counted and not kept", "[core][history]") {
    Store store({.max_bytes = 1000});
    const auto first = store.append("a", "1");
    const auto second = store.append("a", std::string(5000, 'x'));
    CHECK(second.offset == 2);
    CHECK(store.read("a").empty());
    CHECK_FALSE(store.recovers("a", first));
    CHECK(store.recovers("a", second));
    store.append("a", "3");
    CHECK(store.read("a") == "3,");
}

TEST_CASE("bounds of zero are no bounds", "[core][history]") {
    Store store({.max_channels = 0, .max_bytes = 0});
    for (int i = 0; i < 1000; ++i) store.append(std::to_string(i), std::string(1000, 'x'));
    for (int i = 0; i < 1000; ++i) {
        CHECK(store.store->read(std::to_string(i), nullptr, 10)->publications.size() == 1);
    }
}

TEST_CASE("what expired makes room without being asked for", "[core][history]") {
    Store store({.max_bytes = 60'000});
    const HistoryPolicy minute{.size = 100, .ttl = 60s};
    const auto kept = store.append("forever", "1");
    for (int i = 0; i < 50; ++i) {
        store.append("old" + std::to_string(i), std::string(1000, 'x'), minute);
    }
    store.clock.advance(61s);
    // As many bytes again: had the expired ones stayed, the coldest channel would have to go.
    for (int i = 0; i < 50; ++i) {
        store.append("new" + std::to_string(i), std::string(1000, 'x'), minute);
    }
    CHECK(store.read("forever") == "1,");
    CHECK(store.recovers("forever", kept));
}

TEST_CASE("a time to live beyond all reason is for ever", "[core][history]") {
    Store store({});
    const auto first =
        store.append("a", "1", {.size = 10, .ttl = std::chrono::milliseconds::max()});
    store.clock.advance(std::chrono::hours(24 * 365));
    CHECK(store.read("a") == "1,");
    CHECK(store.recovers("a", first));
}

TEST_CASE("a busy channel with a time to live stays exact for long", "[core][history]") {
    Store store({});
    const HistoryPolicy policy{.size = 1000, .ttl = 10s};
    for (int i = 0; i < 2000; ++i) {
        store.append("a", "x", policy);
        store.clock.advance(100ms);
        const auto page = store.store->read("a", nullptr, 1000);
        REQUIRE(page->publications.size() == static_cast<std::size_t>(std::min(i + 1, 100)));
    }
}
