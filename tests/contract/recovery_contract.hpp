// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every Broker that keeps history keeps to. Call it in a TEST_CASE of its own; each SECTION
// gets a new cluster.
#pragma once

#include "contract/broker_contract.hpp"

#include <chrono>
#include <future>
#include <optional>

#include <pulse/core/error.hpp>
#include <pulse/core/history.hpp>

namespace pulse::contract {

/// As MakeBrokers, of brokers that keep what `policies` says.
using MakeKeepingBrokers = std::function<std::vector<std::shared_ptr<core::Broker>>(
    std::size_t nodes, const core::HistoryPolicies& policies)>;

/// What recovery tests keep: three of "few", for a moment of "brief", nothing of "plain".
inline core::HistoryPolicy recovery_policy(std::string_view channel) {
    using std::chrono::milliseconds;
    if (channel.starts_with("plain")) return {};
    if (channel.starts_with("few")) return {.size = 3, .ttl = std::chrono::minutes(10)};
    if (channel.starts_with("brief")) return {.size = 100, .ttl = milliseconds(150)};
    if (channel.starts_with("ever")) return {.size = 100, .ttl = milliseconds(0)};
    return {.size = 1000, .ttl = std::chrono::minutes(10)};
}

inline core::HistoryPage read_history(core::Broker& broker, std::string_view channel,
                                      const core::StreamPosition* since, std::size_t limit = 1000) {
    REQUIRE(broker.history() != nullptr);
    // An engine may be busy coming up.
    core::Result<core::HistoryPage> page;
    REQUIRE(test::eventually([&] {
        std::promise<core::Result<core::HistoryPage>> promise;
        broker.history()->read(channel, since, limit,
                               [&promise](auto result) { promise.set_value(std::move(result)); });
        page = promise.get_future().get();
        return page.has_value();
    }));
    return *page;
}

inline std::vector<std::string> texts(const core::HistoryPage& page) {
    std::vector<std::string> out;
    for (const auto& each : page.publications) out.emplace_back(protocol::as_text(each->payload));
    return out;
}

inline void recovery_contract(const MakeKeepingBrokers& make) {
    using Payloads = std::vector<std::string>;
    const auto brokers = make(3, recovery_policy);
    REQUIRE(brokers.size() == 3);
    core::Broker& one = *brokers[0];
    core::Broker& two = *brokers[1];
    const auto publish = [](core::Broker& broker, std::string_view channel,
                            std::string_view payload) {
        core::PublicationView publication{channel};
        publication.payload = protocol::as_bytes(payload);
        CHECK(test::eventually([&] { return !publish_and_wait(broker, publication); }));
    };

    SECTION("positions count up from one in one epoch, whichever node publishes and reads") {
        publish(one, "news", "a");
        publish(two, "news", "b");
        publish(one, "news", "c");
        const auto page = read_history(*brokers[2], "news", nullptr);
        CHECK(texts(page) == Payloads{"a", "b", "c"});
        CHECK(page.top.offset == 3);
        CHECK(page.top.epoch != 0);
        for (std::size_t i = 0; i < page.publications.size(); ++i) {
            CHECK(page.publications[i]->position == core::StreamPosition{i + 1, page.top.epoch});
        }
        CHECK(read_history(one, "news", nullptr).top == page.top);
    }

    SECTION("what is delivered carries the position it is kept at") {
        BrokerNode ann(brokers[0]);
        BrokerNode bob(brokers[1]);
        ann.listen("news");
        bob.listen("news");
        publish(one, "news", "x");
        CHECK(ann.hears("news", 1));
        CHECK(bob.hears("news", 1));
        const auto page = read_history(two, "news", nullptr);
        REQUIRE_FALSE(page.publications.empty());
        CHECK(page.publications.back()->position == page.top);
        CHECK(ann.last().position == page.top);
        CHECK(bob.last().position == page.top);
    }

    SECTION("a publication is kept with all its parts") {
        const std::string bytes("\0\x01\xff text", 8);
        core::PublicationView publication{"news"};
        publication.event = "event";
        publication.payload = protocol::as_bytes(bytes);
        publication.source = core::SessionId{{5, 6}};
        publication.timestamp_ms = 1'767'225'600'123;
        CHECK(test::eventually([&] { return !publish_and_wait(one, publication); }));
        const auto page = read_history(two, "news", nullptr);
        REQUIRE(page.publications.size() == 1);
        const core::Publication& kept = *page.publications[0];
        CHECK(kept.channel == "news");
        CHECK(kept.event == "event");
        CHECK(protocol::as_text(kept.payload) == bytes);
        CHECK(kept.source == core::SessionId{{5, 6}});
        CHECK(kept.timestamp_ms == 1'767'225'600'123);
    }

    SECTION("reading since a position gives what came after it, or says that some is missing") {
        for (const char* text : {"a", "b", "c", "d", "e"}) publish(one, "few", text);
        const auto all = read_history(one, "few", nullptr);
        CHECK(texts(all) == Payloads{"c", "d", "e"});
        CHECK(all.top.offset == 5);
        const auto since = [&](std::uint64_t offset) {
            const core::StreamPosition position{offset, all.top.epoch};
            return read_history(two, "few", &position);
        };
        CHECK(since(5).recovered);
        CHECK(since(5).publications.empty());
        CHECK(since(4).recovered);
        CHECK(texts(since(4)) == Payloads{"e"});
        CHECK(since(2).recovered);
        CHECK(texts(since(2)) == Payloads{"c", "d", "e"});
        CHECK_FALSE(since(1).recovered);
        CHECK_FALSE(since(0).recovered);
        CHECK_FALSE(since(6).recovered);
        CHECK_FALSE(since(~std::uint64_t{0}).recovered);
        const core::StreamPosition foreign{4, all.top.epoch + 1};
        CHECK_FALSE(read_history(two, "few", &foreign).recovered);
        const core::StreamPosition none{4, 0};
        CHECK_FALSE(read_history(two, "few", &none).recovered);
    }

    SECTION("a limit cuts the newest") {
        for (const char* text : {"a", "b", "c"}) publish(one, "news", text);
        const auto page = read_history(one, "news", nullptr, 2);
        CHECK(texts(page) == Payloads{"a", "b"});
        CHECK(page.top.offset == 3);
        CHECK(read_history(one, "news", nullptr, 0).publications.empty());
    }

    SECTION("the position of a channel nobody published to holds good later") {
        const auto before = read_history(one, "news", nullptr);
        CHECK(before.top.offset == 0);
        CHECK(before.publications.empty());
        publish(two, "news", "a");
        const auto page = read_history(one, "news", &before.top);
        CHECK(page.recovered == (page.top.epoch == before.top.epoch));
        CHECK(texts(page) == Payloads{"a"});
    }

    SECTION("what is older than the time to live is forgotten, the position is not") {
        publish(one, "brief", "a");
        const auto first = read_history(one, "brief", nullptr);
        CHECK(first.top.offset == 1);
        CHECK(test::eventually(
            [&] { return read_history(two, "brief", nullptr).publications.empty(); }));
        const core::StreamPosition beginning{0, first.top.epoch};
        CHECK_FALSE(read_history(one, "brief", &beginning).recovered);
        CHECK(read_history(one, "brief", &first.top).recovered);
        publish(two, "brief", "b");
        const auto second = read_history(one, "brief", &first.top);
        CHECK(second.top == core::StreamPosition{2, first.top.epoch});
    }

    SECTION("a time to live of zero keeps it") {
        publish(one, "ever", "a");
        CHECK(texts(read_history(two, "ever", nullptr)) == Payloads{"a"});
    }

    SECTION("channels count on their own, whatever bytes their names have") {
        const std::string odd("a\0b: *{}>.\xff", 11);
        publish(one, "a", "1");
        publish(one, odd, "2");
        CHECK(read_history(two, odd, nullptr).top.offset == 1);
        CHECK(texts(read_history(two, odd, nullptr)) == Payloads{"2"});
    }

    SECTION("a channel that keeps nothing has no positions") {
        BrokerNode ann(brokers[0]);
        ann.listen("plain");
        publish(two, "plain", "x");
        CHECK(ann.hears("plain", 1));
        CHECK(ann.last().position == core::StreamPosition{});
    }

    SECTION("what a page has was delivered before, and what is delivered later is not in it") {
        constexpr int kCount = 300;
        BrokerNode ann(brokers[0]);
        ann.listen("news");
        std::thread publisher([&] {
            for (int i = 0; i < kCount; ++i) publish(two, "news", std::to_string(i));
        });
        std::uint64_t top = 0;
        while (top < kCount) {
            const auto page = read_history(one, "news", nullptr, 0);
            top = page.top.offset;
            // Probes count, too.
            CHECK(ann.last().position.offset >= top);
        }
        publisher.join();
    }

    SECTION("one order for all: by position nothing is given twice, and nothing is missing") {
        constexpr std::size_t kEach = 200;
        BrokerNode ann(brokers[0]);
        BrokerNode bob(brokers[1]);
        for (BrokerNode* node : {&ann, &bob}) node->listen("news");
        std::vector<std::thread> threads;
        for (const auto& broker : brokers) {
            threads.emplace_back([&publish, &broker] {
                for (std::size_t i = 0; i < kEach; ++i) publish(*broker, "news", "x");
            });
        }
        for (std::thread& thread : threads) thread.join();
        for (BrokerNode* node : {&ann, &bob}) {
            CHECK(node->hears("news", 3 * kEach));
            const auto positions = node->positions("news");
            for (std::size_t i = 1; i < positions.size(); ++i) {
                CHECK(positions[i].epoch == positions[0].epoch);
                CHECK(positions[i].offset == positions[i - 1].offset + 1);
            }
        }
    }
}

}  // namespace pulse::contract
