// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "support/hub_fixture.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <pulse/core/lane.hpp>

using namespace pulse;
using namespace pulse::core;
using namespace std::chrono_literals;
using test::HubFixture;
using test::Peer;

namespace {

const test::TextEncoder kText;

}  // namespace

TEST_CASE("a burst of publications wakes a lane once", "[core][lane]") {
    HubFixture fixture({.lanes = 2});
    Peer ann(fixture.lane(0), 1, kText);
    Peer bob(fixture.lane(1), 2, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    REQUIRE_FALSE(bob.session.subscribe("other"));
    const std::uint64_t before = fixture.host(0).wakes();
    const std::uint64_t other_before = fixture.host(1).wakes();
    for (int i = 0; i < 100; ++i) (void)fixture.publish("news", "x");
    CHECK(fixture.host(0).wakes() == before + 1);
    CHECK(fixture.host(1).wakes() == other_before);
    CHECK(fixture.lane(0).has_work());
    CHECK_FALSE(fixture.lane(1).has_work());

    fixture.flush();
    CHECK_FALSE(fixture.lane(0).has_work());
    (void)fixture.publish("news", "y");
    CHECK(fixture.host(0).wakes() == before + 2);
    fixture.flush();
    CHECK(ann.outlet.written().size() == 101 * 7);
}

TEST_CASE("a host that waits for more learns what did not wake it", "[core][lane]") {
    HubFixture fixture({.lanes = 2});
    Peer ann(fixture.lane(0), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    (void)fixture.publish("news", "a");
    const std::uint64_t wakes = fixture.host(0).wakes();
    fixture.lane(0).expect_more();
    SECTION("nothing came") { CHECK_FALSE(fixture.lane(0).has_more_come()); }
    SECTION("something else did") {
        (void)fixture.publish("other", "b");
        CHECK_FALSE(fixture.lane(0).has_more_come());
    }
    SECTION("from outside") {
        (void)fixture.publish("news", "b");
        CHECK(fixture.lane(0).has_more_come());
        fixture.lane(0).expect_more();
        CHECK_FALSE(fixture.lane(0).has_more_come());
    }
    SECTION("from another lane") {
        (void)fixture.publish("news", "b", &fixture.lane(1));
        CHECK(fixture.lane(0).has_more_come());
    }
    CHECK(fixture.host(0).wakes() == wakes);
}

TEST_CASE("publishing from the lane's own turn wakes nobody", "[core][lane]") {
    HubFixture fixture({.lanes = 2});
    Peer ann(fixture.lane(0), 1, kText);
    Peer bob(fixture.lane(1), 2, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    REQUIRE_FALSE(bob.session.subscribe("news"));
    fixture.flush();
    fixture.lane(0).begin_turn();
    const std::uint64_t own = fixture.host(0).wakes();
    const std::uint64_t other = fixture.host(1).wakes();
    for (int i = 0; i < 10; ++i) (void)fixture.publish("news", "x", &fixture.lane(0));
    CHECK(fixture.host(0).wakes() == own);
    CHECK(fixture.host(1).wakes() == other + 1);
    fixture.lane(0).flush();
    CHECK(ann.outlet.written().size() == 10 * 7);
    CHECK(fixture.host(0).wakes() == own);
}

TEST_CASE("publishing for a lane outside its turn wakes it", "[core][lane]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    fixture.flush();
    const std::uint64_t before = fixture.host().wakes();
    (void)fixture.publish("news", "x", &fixture.lane());
    CHECK(fixture.host().wakes() == before + 1);
}

TEST_CASE("a reply outside a turn wakes the lane", "[core][lane]") {
    HubFixture fixture;
    test::RecordingOutlet outlet(fixture.lane());
    fixture.flush();
    const std::uint64_t before = fixture.host().wakes();
    outlet.send(protocol::as_bytes("x"));
    CHECK(fixture.host().wakes() == before + 1);
    CHECK(fixture.lane().has_work());
    outlet.send(protocol::as_bytes("y"));
    CHECK(fixture.host().wakes() == before + 1);
}

TEST_CASE("a lane asks for an early flush when much is pending", "[core][lane]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    fixture.lane().begin_turn();
    const std::string payload(1024, 'x');
    std::size_t published = 0;
    while (!fixture.lane().needs_flush()) {
        REQUIRE(published < 2 * Lane::kEarlyFlushBytes);
        (void)fixture.publish("news", payload, &fixture.lane());
        published += payload.size();
    }
    CHECK(published > Lane::kEarlyFlushBytes / 2);
    CHECK(published <= Lane::kEarlyFlushBytes + payload.size());
    fixture.lane().flush();
    CHECK_FALSE(fixture.lane().needs_flush());
    CHECK(ann.outlet.written().size() > published);
}

TEST_CASE("posted functions run in order, in the next flush, on the flushing thread",
          "[core][lane]") {
    HubFixture fixture;
    std::vector<int> order;
    std::thread::id ran_on;
    std::thread([&] {
        for (int i = 0; i < 3; ++i) {
            fixture.lane().post([&, i] {
                order.push_back(i);
                ran_on = std::this_thread::get_id();
            });
        }
    }).join();
    CHECK(order.empty());
    CHECK(fixture.host().wakes() >= 1);
    CHECK(fixture.lane().has_work());
    fixture.flush();
    CHECK(order == std::vector<int>{0, 1, 2});
    CHECK(ran_on == std::this_thread::get_id());
    CHECK_FALSE(fixture.lane().has_work());
    fixture.flush();
    CHECK(order.size() == 3);
}

TEST_CASE("what a posted function posts runs in a later flush, and the lane is woken for it",
          "[core][lane]") {
    HubFixture fixture;
    int depth = 0;
    std::function<void()> again = [&] {
        ++depth;
        fixture.lane().post(again);
    };
    fixture.lane().post(again);
    fixture.flush();
    CHECK(depth == 1);
    const std::uint64_t wakes = fixture.host().wakes();
    CHECK(wakes >= 2);
    fixture.flush();
    CHECK(depth == 2);
}

TEST_CASE("what a posted function sends and publishes goes out in the same flush", "[core][lane]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    fixture.lane().post([&] {
        ann.outlet.send(protocol::as_bytes("(reply)"));
        (void)fixture.publish("news", "a", &fixture.lane());
    });
    fixture.flush();
    CHECK(ann.outlet.written() == "(reply)news=a;");
}

TEST_CASE("functions still queued when the lane ends are destroyed unrun", "[core][lane]") {
    const auto held = std::make_shared<int>(0);
    {
        HubFixture fixture;
        fixture.lane().post([held] { ++*held; });
        CHECK(held.use_count() == 2);
    }
    CHECK(held.use_count() == 1);
    CHECK(*held == 0);
}

TEST_CASE("a hub may end with publications still pending", "[core][lane]") {
    HubFixture fixture({.lanes = 2});
    {
        Peer ann(fixture.lane(0), 1, kText);
        Peer bob(fixture.lane(1), 2, kText);
        REQUIRE_FALSE(ann.session.subscribe("news"));
        REQUIRE_FALSE(bob.session.subscribe("news"));
        (void)fixture.publish("news", "x");
    }
    CHECK(fixture.lane(0).has_work());
    CHECK_FALSE(fixture.hub.channel_exists("news"));
}

TEST_CASE("a turn has one time", "[core][lane]") {
    HubFixture fixture;
    fixture.lane().begin_turn();
    const MonotonicTime begin = fixture.lane().now();
    CHECK(begin == fixture.clock.now());
    fixture.clock.advance(1s);
    CHECK(fixture.lane().now() == begin);
    fixture.lane().flush();
    fixture.lane().begin_turn();
    CHECK(fixture.lane().now() == begin + 1s);
}

TEST_CASE("the time from publication to write is observed once per batch", "[core][lane]") {
    HubFixture fixture;
    Peer ann(fixture.lane(), 1, kText);
    REQUIRE_FALSE(ann.session.subscribe("news"));
    fixture.flush();
    (void)fixture.publish("news", "a");
    fixture.clock.advance(3us);
    (void)fixture.publish("news", "b");
    fixture.clock.advance(2us);
    fixture.flush();
    const LaneHistogram& latency = fixture.lane().stats().publish_to_write;
    CHECK(latency.count.get() == 1);
    CHECK(latency.sum.get() == 5000);
    CHECK(latency.buckets[3].get() == 1);  // 4,096 < 5,000 <= 8,192 ns
}

TEST_CASE("a histogram's buckets are powers of two, the last takes the rest", "[core][lane]") {
    LaneHistogram histogram;
    histogram.observe(0, 1);
    histogram.observe(1, 1);
    histogram.observe(2, 1);
    histogram.observe(3, 1);
    histogram.observe(~std::uint64_t{0} >> 1, 1);
    CHECK(histogram.buckets[0].get() == 2);
    CHECK(histogram.buckets[1].get() == 1);
    CHECK(histogram.buckets[2].get() == 1);
    CHECK(histogram.buckets[LaneHistogram::kBuckets - 1].get() == 1);
    CHECK(histogram.count.get() == 5);
}

TEST_CASE("latency buckets follow one another, each value below its bucket's bound",
          "[core][lane]") {
    using Latencies = LaneLatencies;
    for (std::size_t i = 1; i < Latencies::kBuckets; ++i) {
        CHECK(Latencies::upper_bound(i) > Latencies::upper_bound(i - 1));
        // The bound of a bucket is the first value of the next.
        CHECK(Latencies::bucket_of(Latencies::upper_bound(i - 1)) == i);
        CHECK(Latencies::bucket_of(Latencies::upper_bound(i - 1) - 1) == i - 1);
    }
    for (std::uint64_t ns = 1024; ns < 30'000'000'000; ns = ns * 21 / 20) {
        const auto bound = static_cast<double>(Latencies::upper_bound(Latencies::bucket_of(ns)));
        CHECK(bound > static_cast<double>(ns));
        CHECK(bound <= 1.126 * static_cast<double>(ns));
    }
    CHECK(Latencies::bucket_of(0) == 0);
    CHECK(Latencies::bucket_of(~std::uint64_t{0}) == Latencies::kBuckets - 1);
}

TEST_CASE("latencies are counted, summed and may come in numbers", "[core][lane]") {
    LaneLatencies latencies;
    latencies.observe(2000, 3);
    latencies.observe(5000, 1);
    CHECK(latencies.count.get() == 4);
    CHECK(latencies.sum.get() == 11'000);
    CHECK(latencies.buckets[LaneLatencies::bucket_of(2000)].get() == 3);
}

TEST_CASE("many threads may post at once", "[core][lane]") {
    HubFixture fixture;
    int ran = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 1000; ++i) fixture.lane().post([&ran] { ++ran; });
        });
    }
    for (int i = 0; i < 100; ++i) fixture.lane().flush();
    for (std::thread& thread : threads) thread.join();
    fixture.lane().flush();
    CHECK(ran == 4000);
}

TEST_CASE("a posted function that throws harms no other", "[core][lane]") {
    HubFixture fixture;
    int ran = 0;
    fixture.lane().post([&] { ++ran; });
    fixture.lane().post([] { throw std::runtime_error("posted"); });
    fixture.lane().post([] { throw 1; });
    fixture.lane().post([&] { ++ran; });
    CHECK_NOTHROW(fixture.flush());
    CHECK(ran == 2);
    fixture.flush();
    CHECK(ran == 2);
}

TEST_CASE("what is posted to a lane without a host is destroyed unrun", "[core][lane]") {
    auto fixture = std::make_unique<HubFixture>();
    const std::shared_ptr<Lane::Port> port = fixture->lane().port();
    // Whose end posts once more, as a dropped answer does.
    struct Last {
        std::shared_ptr<Lane::Port> port;
        ~Last() {
            port->post([] { FAIL_CHECK("run"); });
        }
    };
    const auto make = [&] {
        return [last = std::make_shared<Last>(Last{port})] { FAIL_CHECK("run"); };
    };
    fixture->lane().post(make());
    fixture->lane().detach_host();
    fixture->lane().post(make());
    port->post(make());
    fixture->flush();
    fixture.reset();
    port->post(make());
}

TEST_CASE("a hub has as many lanes as it can tell apart", "[core][lane]") {
    test::HubParts parts;
    parts.lanes = Hub::kMaxLanes;
    HubFixture fixture(std::move(parts));
    struct Host final : LaneHost {
        void wake() noexcept override {}
    } host;
    CHECK_THROWS_AS(fixture.hub.add_lane(host), std::length_error);
}

TEST_CASE("what is posted for a time runs then, in the order of times", "[core][lane]") {
    HubFixture fixture;
    std::string order;
    fixture.lane().post_at(fixture.clock.now() + 20ms, [&] { order += 'c'; });
    fixture.lane().post_at(fixture.clock.now() + 10ms, [&] { order += 'a'; });
    fixture.lane().post_at(fixture.clock.now() + 10ms, [&] { order += 'b'; });
    CHECK(fixture.lane().next_due() == fixture.clock.now() + 10ms);
    fixture.lane().flush();
    CHECK(order.empty());
    fixture.clock.advance(10ms);
    fixture.lane().flush();
    CHECK(order == "ab");
    fixture.clock.advance(1h);
    fixture.lane().flush();
    CHECK(order == "abc");
    CHECK_FALSE(fixture.lane().next_due().has_value());
}

TEST_CASE("a function that posts itself for now runs once per flush", "[core][lane]") {
    HubFixture fixture;
    int runs = 0;
    std::function<void()> again = [&] {
        ++runs;
        fixture.lane().post_at(fixture.clock.now(), again);
    };
    fixture.lane().post_at(fixture.clock.now(), again);
    fixture.lane().flush();
    CHECK(runs == 1);
    fixture.lane().flush();
    CHECK(runs == 2);
}
