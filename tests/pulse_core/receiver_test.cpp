// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "support/hub_fixture.hpp"

#include <atomic>
#include <future>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <pulse/core/receiver.hpp>

using namespace pulse;
using namespace pulse::core;
using namespace std::chrono_literals;
using test::HubFixture;

namespace {

std::string text_of(const PublicationPtr* publication) {
    return publication == nullptr ? "(none)"
                                  : std::string(protocol::as_text((*publication)->payload));
}

PublicationPtr publication(std::string_view channel, std::string_view payload) {
    return std::make_shared<const Publication>(std::string(channel), protocol::as_bytes(payload));
}

}  // namespace

TEST_CASE("a receiver gets what is published after it subscribed, once, in order",
          "[core][receiver]") {
    HubFixture fixture;
    auto early = fixture.hub.subscribe("news");
    REQUIRE(early);
    CHECK(fixture.publish("news", "a") == Result<std::size_t>(1));
    auto late = fixture.hub.subscribe("news");
    REQUIRE(late);
    CHECK(fixture.publish("news", "b") == Result<std::size_t>(2));
    CHECK(text_of(early->try_receive()) == "a");
    CHECK(text_of(early->try_receive()) == "b");
    CHECK(early->try_receive() == nullptr);
    CHECK(text_of(late->try_receive()) == "b");
    CHECK(late->try_receive() == nullptr);
    CHECK(early->take_lagged() == 0);
}

TEST_CASE("receivers share a publication that is shared", "[core][receiver]") {
    HubFixture fixture;
    auto first = fixture.hub.subscribe("news");
    auto second = fixture.hub.subscribe("news");
    const PublicationPtr shared = publication("news", "x");
    REQUIRE(fixture.hub.publish(shared));
    const PublicationPtr* a = first->try_receive();
    const PublicationPtr* b = second->try_receive();
    REQUIRE(a != nullptr);
    REQUIRE(b != nullptr);
    CHECK(*a == shared);
    CHECK(*b == shared);
}

TEST_CASE("a publication that was copied out outlives receiver and hub", "[core][receiver]") {
    PublicationPtr kept;
    {
        HubFixture fixture;
        auto receiver = fixture.hub.subscribe("news");
        (void)fixture.publish("news", "kept");
        kept = *receiver->try_receive();
    }
    CHECK(protocol::as_text(kept->payload) == "kept");
}

TEST_CASE("a receiver reads across any number of segments", "[core][receiver]") {
    HubFixture fixture({.options = {.receiver_capacity = 10'000}});
    auto receiver = fixture.hub.subscribe("news");
    for (int i = 0; i < 5000; ++i) (void)fixture.publish("news", std::to_string(i));
    for (int i = 0; i < 5000; ++i) REQUIRE(text_of(receiver->try_receive()) == std::to_string(i));
    CHECK(receiver->try_receive() == nullptr);
    CHECK(receiver->take_lagged() == 0);
}

TEST_CASE("reading in step with publishing never ends and never repeats", "[core][receiver]") {
    HubFixture fixture({.options = {.receiver_capacity = 1}});
    auto receiver = fixture.hub.subscribe("news");
    for (int i = 0; i < 1000; ++i) {
        (void)fixture.publish("news", std::to_string(i));
        REQUIRE(text_of(receiver->try_receive()) == std::to_string(i));
        REQUIRE(receiver->try_receive() == nullptr);
    }
    CHECK(receiver->take_lagged() == 0);
}

TEST_CASE("a receiver that falls behind loses the oldest and is told how many",
          "[core][receiver]") {
    const auto capacity = GENERATE(as<std::size_t>(), 1, 64, 100, 1024);
    CAPTURE(capacity);
    HubFixture fixture({.options = {.receiver_capacity = capacity}});
    auto receiver = fixture.hub.subscribe("news");
    constexpr int kCount = 10'000;
    for (int i = 0; i < kCount; ++i) (void)fixture.publish("news", std::to_string(i));
    std::uint64_t received = 0;
    std::uint64_t lost = 0;
    int next = 0;
    while (const PublicationPtr* got = receiver->try_receive()) {
        lost += receiver->take_lagged();
        next = std::stoi(text_of(got));
        REQUIRE(static_cast<std::uint64_t>(next) == received + lost);
        ++received;
    }
    CHECK(next == kCount - 1);
    CHECK(received + lost == kCount);
    CHECK(lost > 0);
    CHECK(received >= capacity);
    CHECK(receiver->take_lagged() == 0);
}

TEST_CASE("a receiver within the capacity loses nothing", "[core][receiver]") {
    // Wherever in a segment it stands when the burst begins.
    const int offset = GENERATE(range(0, 70));
    HubFixture fixture({.options = {.receiver_capacity = 128}});
    auto receiver = fixture.hub.subscribe("news");
    for (int i = 0; i < offset; ++i) {
        (void)fixture.publish("news", "x");
        REQUIRE(receiver->try_receive() != nullptr);
    }
    for (int i = 0; i < 128; ++i) (void)fixture.publish("news", std::to_string(i));
    for (int i = 0; i < 128; ++i) REQUIRE(text_of(receiver->try_receive()) == std::to_string(i));
    CHECK(receiver->try_receive() == nullptr);
    CHECK(receiver->take_lagged() == 0);
}

TEST_CASE("a receiver counts as a subscriber for as long as it lives", "[core][receiver]") {
    HubFixture fixture;
    {
        auto receiver = fixture.hub.subscribe("news");
        REQUIRE(receiver);
        CHECK(fixture.hub.channel_exists("news"));
        CHECK(fixture.hub.subscriber_count("news") == 1);
        Receiver moved = std::move(*receiver);
        CHECK(fixture.hub.subscriber_count("news") == 1);
        (void)fixture.publish("news", "x");
        CHECK(text_of(moved.try_receive()) == "x");
        auto other = fixture.hub.subscribe("other");
        moved = std::move(*other);
        CHECK_FALSE(fixture.hub.channel_exists("news"));
        CHECK(fixture.hub.channel_exists("other"));
    }
    CHECK(fixture.hub.stats().channels == 0);
    CHECK(fixture.hub.stats().subscriptions == 0);
}

TEST_CASE("a channel without receivers keeps no log", "[core][receiver]") {
    HubFixture fixture({.options = {.auto_delete_empty_channels = false}});
    const PublicationPtr shared = publication("news", "x");
    {
        auto receiver = fixture.hub.subscribe("news");
        REQUIRE(fixture.hub.publish(shared));
        CHECK(shared.use_count() == 2);
    }
    CHECK(shared.use_count() == 1);
    REQUIRE(fixture.hub.publish(shared));
    CHECK(shared.use_count() == 1);
    auto again = fixture.hub.subscribe("news");
    CHECK(again->try_receive() == nullptr);
}

TEST_CASE("waiting ends at once when there is something", "[core][receiver]") {
    HubFixture fixture;
    auto receiver = fixture.hub.subscribe("news");
    (void)fixture.publish("news", "x");
    CHECK(text_of(receiver->receive(std::chrono::hours(1))) == "x");
}

TEST_CASE("waiting ends without anything after the time", "[core][receiver]") {
    HubFixture fixture;
    auto receiver = fixture.hub.subscribe("news");
    CHECK(receiver->receive(0ms) == nullptr);
    CHECK(receiver->receive(5ms) == nullptr);
    CHECK(receiver->receive(-5ms) == nullptr);
}

TEST_CASE("waiting for the longest time there is waits", "[core][receiver]") {
    HubFixture fixture;
    auto receiver = fixture.hub.subscribe("news");
    auto waiting = std::async(std::launch::async, [&] {
        return text_of(receiver->receive(std::chrono::milliseconds::max()));
    });
    CHECK(waiting.wait_for(20ms) == std::future_status::timeout);
    (void)fixture.publish("news", "at last");
    CHECK(waiting.get() == "at last");
}

TEST_CASE("a waiting receiver is woken by a publication, at every place of a segment",
          "[core][receiver]") {
    HubFixture fixture;
    auto receiver = fixture.hub.subscribe("news");
    std::atomic<int> received{0};
    std::thread reader([&] {
        for (int i = 0; i < 200; ++i) {
            const PublicationPtr* got = receiver->receive(std::chrono::minutes(1));
            if (text_of(got) != std::to_string(i)) return;
            ++received;
        }
    });
    for (int i = 0; i < 200; ++i) {
        // Most of the time the reader waits when this comes.
        while (received < i) std::this_thread::yield();
        (void)fixture.publish("news", std::to_string(i));
    }
    reader.join();
    CHECK(received == 200);
}

TEST_CASE("receivers see one order, whoever publishes", "[core][receiver]") {
    constexpr int kPublishers = 3;
    constexpr int kEach = 3000;
    HubFixture fixture({.options = {.receiver_capacity = kPublishers * kEach}});
    std::vector<Receiver> receivers;
    for (int i = 0; i < 3; ++i) receivers.push_back(std::move(*fixture.hub.subscribe("news")));
    std::vector<std::vector<std::string>> heard(receivers.size());
    std::vector<std::thread> threads;
    for (std::size_t r = 0; r < receivers.size(); ++r) {
        threads.emplace_back([&, r] {
            while (heard[r].size() < kPublishers * kEach) {
                const PublicationPtr* got = receivers[r].receive(std::chrono::minutes(1));
                if (got == nullptr) return;
                heard[r].push_back(text_of(got));
            }
        });
    }
    for (int p = 0; p < kPublishers; ++p) {
        threads.emplace_back([&, p] {
            for (int i = 0; i < kEach; ++i) {
                (void)fixture.publish("news", std::to_string(p) + ":" + std::to_string(i));
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(heard[0].size() == kPublishers * kEach);
    CHECK((heard[1] == heard[0]));
    CHECK((heard[2] == heard[0]));
    // And each publisher's own order within.
    std::map<char, int> next;
    bool is_ordered = true;
    for (const std::string& text : heard[0])
        is_ordered &= std::stoi(text.substr(2)) == next[text[0]]++;
    CHECK(is_ordered);
}

TEST_CASE("a slow receiver beside fast publishers always knows what it lost", "[core][receiver]") {
    HubFixture fixture({.options = {.receiver_capacity = 64}});
    auto receiver = fixture.hub.subscribe("news");
    constexpr std::uint64_t kCount = 30'000;
    std::thread publisher([&] {
        for (std::uint64_t i = 0; i < kCount; ++i) (void)fixture.publish("news", std::to_string(i));
    });
    std::uint64_t received = 0;
    std::uint64_t lost = 0;
    bool is_exact = true;
    while (received + lost < kCount) {
        const PublicationPtr* got = receiver->receive(std::chrono::minutes(1));
        if (got == nullptr) break;
        lost += receiver->take_lagged();
        is_exact &= std::stoull(text_of(got)) == received + lost;
        ++received;
    }
    publisher.join();
    CHECK(is_exact);
    CHECK(received + lost == kCount);
}
