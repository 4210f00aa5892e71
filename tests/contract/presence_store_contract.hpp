// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every PresenceStore keeps to. Call it in a TEST_CASE of its own; each SECTION gets a new
// store.
#pragma once

#include "support/catch.hpp"
#include "support/manual_clock.hpp"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <pulse/core/error.hpp>
#include <pulse/core/presence.hpp>

namespace pulse::contract {

/// Makes an empty store that takes the time from the clock.
using MakePresenceStore = std::function<std::unique_ptr<core::PresenceStore>(const core::Clock&)>;

inline core::PresenceData presence_data(std::string_view text) {
    const auto bytes = protocol::as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

inline void presence_store_contract(const MakePresenceStore& make) {
    using namespace std::chrono_literals;
    test::ManualClock clock;
    const std::unique_ptr<core::PresenceStore> store = make(clock);
    const core::SessionId ann{{1, 10}};
    const core::SessionId bob{{2, 20}};
    const core::SessionId eve{{3, 30}};
    const auto sessions = [&](std::string_view channel) {
        std::vector<core::SessionId> ids;
        for (const core::PresenceState& state : store->members(channel))
            ids.push_back(state.session);
        return ids;
    };
    using Ids = std::vector<core::SessionId>;

    SECTION("a channel nobody joined has no members") {
        CHECK(store->members("lobby").empty());
        CHECK(store->count("lobby") == 0);
        CHECK_FALSE(store->get("lobby", ann));
        CHECK_FALSE(store->touch("lobby", ann));
        CHECK_FALSE(store->leave("lobby", ann));
        CHECK(store->update("lobby", ann, std::nullopt).error() == core::Error::not_a_member);
        store->forget("lobby");
        CHECK(store->prune_stale(0ms).empty());
    }

    SECTION("joining stamps the record and gives it back") {
        const auto joined = store->join("lobby", ann, presence_data("a"));
        REQUIRE(joined);
        CHECK(joined->is_new);
        CHECK(joined->state.session == ann);
        CHECK(joined->state.data == presence_data("a"));
        CHECK(joined->state.joined_at_ms == clock.unix_ms());
        CHECK(joined->state.last_seen_ms == clock.unix_ms());
        CHECK(store->get("lobby", ann) == joined->state);
        CHECK(store->count("lobby") == 1);
    }

    SECTION("no data and empty data are told apart") {
        REQUIRE(store->join("lobby", ann, std::nullopt));
        REQUIRE(store->join("lobby", bob, core::PresenceData{}));
        CHECK_FALSE(store->get("lobby", ann)->data.has_value());
        REQUIRE(store->get("lobby", bob)->data.has_value());
        CHECK(store->get("lobby", bob)->data->empty());
    }

    SECTION("data is kept byte for byte") {
        core::PresenceData data;
        for (int i = 0; i < 1024; ++i) data.push_back(static_cast<std::byte>(i & 0xff));
        REQUIRE(store->join("lobby", ann, data));
        CHECK(store->get("lobby", ann)->data == data);
    }

    SECTION("members are listed in order of joining, and joining again goes to the end") {
        REQUIRE(store->join("lobby", bob, std::nullopt));
        clock.advance(1s);
        REQUIRE(store->join("lobby", ann, std::nullopt));
        clock.advance(1s);
        REQUIRE(store->join("lobby", eve, std::nullopt));
        CHECK(sessions("lobby") == Ids{bob, ann, eve});

        clock.advance(1s);
        const auto again = store->join("lobby", bob, presence_data("new"));
        REQUIRE(again);
        CHECK_FALSE(again->is_new);
        CHECK(again->state.joined_at_ms == clock.unix_ms());
        CHECK(again->state.last_seen_ms == clock.unix_ms());
        CHECK(again->state.data == presence_data("new"));
        CHECK(sessions("lobby") == Ids{ann, eve, bob});
        CHECK(store->count("lobby") == 3);
    }

    SECTION("joining again without data removes the data") {
        REQUIRE(store->join("lobby", ann, presence_data("a")));
        REQUIRE(store->join("lobby", ann, std::nullopt));
        CHECK_FALSE(store->get("lobby", ann)->data.has_value());
    }

    SECTION("an update replaces data, touches last_seen and leaves the rest") {
        REQUIRE(store->join("lobby", ann, presence_data("a")));
        REQUIRE(store->join("lobby", bob, std::nullopt));
        const std::uint64_t joined_at = clock.unix_ms();
        clock.advance(5s);
        const auto updated = store->update("lobby", ann, presence_data("b"));
        REQUIRE(updated);
        CHECK(updated->data == presence_data("b"));
        CHECK(updated->joined_at_ms == joined_at);
        CHECK(updated->last_seen_ms == clock.unix_ms());
        CHECK(store->get("lobby", ann) == *updated);
        CHECK(sessions("lobby") == Ids{ann, bob});
        CHECK(store->get("lobby", bob)->last_seen_ms == joined_at);
    }

    SECTION("touching moves last_seen alone") {
        REQUIRE(store->join("lobby", ann, presence_data("a")));
        const core::PresenceState before = *store->get("lobby", ann);
        clock.advance(5s);
        CHECK(store->touch("lobby", ann));
        core::PresenceState expected = before;
        expected.last_seen_ms = clock.unix_ms();
        CHECK(store->get("lobby", ann) == expected);
    }

    SECTION("leaving gives the last record, once") {
        REQUIRE(store->join("lobby", ann, presence_data("a")));
        REQUIRE(store->join("lobby", bob, std::nullopt));
        const auto left = store->leave("lobby", ann);
        REQUIRE(left);
        CHECK(left->session == ann);
        CHECK(left->data == presence_data("a"));
        CHECK_FALSE(store->leave("lobby", ann));
        CHECK(sessions("lobby") == Ids{bob});
        const auto back = store->join("lobby", ann, std::nullopt);
        REQUIRE(back);
        CHECK(back->is_new);
    }

    SECTION("channels are apart, whatever bytes their names have") {
        const std::string odd("a\0b: *{}\xff", 9);
        REQUIRE(store->join("a", ann, presence_data("1")));
        REQUIRE(store->join(odd, ann, presence_data("2")));
        REQUIRE(store->join(odd, bob, std::nullopt));
        CHECK(store->count("a") == 1);
        CHECK(store->count(odd) == 2);
        CHECK(store->count("") == 0);
        CHECK(store->leave("a", ann)->data == presence_data("1"));
        CHECK(store->get(odd, ann)->data == presence_data("2"));
    }

    SECTION("pruning removes whoever was idle for longer than the time, in every channel") {
        REQUIRE(store->join("lobby", ann, presence_data("a")));
        REQUIRE(store->join("lobby", bob, std::nullopt));
        REQUIRE(store->join("hall", ann, std::nullopt));
        clock.advance(30s);
        REQUIRE(store->touch("lobby", bob));
        CHECK(store->prune_stale(30s).empty());
        clock.advance(1ms);
        const auto pruned = store->prune_stale(30s);
        REQUIRE(pruned.size() == 2);
        std::set<std::string> channels;
        for (const auto& gone : pruned) {
            CHECK(gone.state.session == ann);
            channels.insert(gone.channel);
        }
        CHECK(channels == std::set<std::string>{"hall", "lobby"});
        CHECK(sessions("lobby") == Ids{bob});
        CHECK(store->count("hall") == 0);
        CHECK(store->prune_stale(30s).empty());
    }

    SECTION("a clock that was set back makes nobody stale") {
        REQUIRE(store->join("lobby", ann, std::nullopt));
        clock.set_unix_ms(clock.unix_ms() - 3'600'000);
        CHECK(store->prune_stale(1s).empty());
        CHECK(store->count("lobby") == 1);
    }

    SECTION("a forgotten channel has no members left") {
        REQUIRE(store->join("lobby", ann, std::nullopt));
        REQUIRE(store->join("hall", ann, std::nullopt));
        store->forget("lobby");
        CHECK(store->count("lobby") == 0);
        CHECK_FALSE(store->get("lobby", ann));
        CHECK(store->count("hall") == 1);
        CHECK(store->join("lobby", ann, std::nullopt)->is_new);
    }

    SECTION("threads that use it at once lose nothing") {
        constexpr int kThreads = 4;
        constexpr int kMembers = 50;
        std::vector<std::thread> threads;
        for (int t = 0; t < kThreads; ++t) {
            threads.emplace_back([&store, t] {
                const std::string own = "own" + std::to_string(t);
                for (int i = 0; i < kMembers; ++i) {
                    const core::SessionId id{
                        {static_cast<std::uint64_t>(t + 1), static_cast<std::uint64_t>(i + 1)}};
                    (void)store->join("shared", id, std::nullopt);
                    (void)store->join(own, id, std::nullopt);
                    (void)store->members("shared");
                    if (i % 2 == 0) (void)store->leave("shared", id);
                    (void)store->touch(own, id);
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        CHECK(store->count("shared") == kThreads * kMembers / 2);
        for (int t = 0; t < kThreads; ++t) {
            CHECK(store->count("own" + std::to_string(t)) == kMembers);
        }
    }
}

}  // namespace pulse::contract
