// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From publish to game server: delay, loss, duplicates, order, on a clock that is moved by hand.
#include "calls.hpp"

#include <map>
#include <set>

namespace pulse::mock::test {

using namespace std::chrono_literals;

namespace {

/// Publishes "1" … "n", one each 700 ms: never above a limit of few servers.
std::vector<Delivery> stream(const NetworkOptions& options, int n, std::uint32_t servers = 1) {
    CloudFixture mock;
    mock.simulate(servers);
    mock.cloud.network().configure(options);
    std::vector<Delivery> arrived;
    mock.cloud.on_delivery = [&arrived](const Delivery& delivery) { arrived.push_back(delivery); };
    for (int i = 1; i <= n; ++i) {
        REQUIRE(mock.publish("pulse", std::to_string(i)).status == 200);
        mock.advance(750ms);
    }
    mock.advance(10s);
    CHECK(mock.cloud.network().under_way() == 0);
    return arrived;
}

}  // namespace

TEST_CASE("a message arrives one to two seconds after it was sent, in order", "[mock]") {
    const auto arrived = stream({}, 500);
    REQUIRE(arrived.size() == 500);
    Span least = 1h;
    Span most{};
    for (std::size_t i = 0; i < arrived.size(); ++i) {
        CHECK(arrived[i].data == std::to_string(i + 1));
        least = std::min(least, Span(arrived[i].at - arrived[i].sent));
        most = std::max(most, Span(arrived[i].at - arrived[i].sent));
    }
    CHECK(least >= 1s);
    CHECK(least < 1100ms);
    CHECK(most <= 2s);
    CHECK(most > 1900ms);
}

TEST_CASE("without delay a message arrives at once, at everybody who is subscribed", "[mock]") {
    CloudFixture mock;
    mock.cloud.network().configure({.min_delay = 0ms, .max_delay = 0ms});
    mock.simulate(3);
    REQUIRE(mock.publish("pulse.b1", "hello").status == 200);
    REQUIRE(mock.publish("pulse.s." + Universe::simulated_job(1), "you").status == 200);
    REQUIRE(mock.publish("elsewhere", "nobody").status == 200);
    mock.cloud.run_due();
    std::multiset<std::string> got;
    for (const Delivery& delivery : mock.cloud.records().deliveries) {
        got.insert(delivery.job.substr(delivery.job.size() - 1) + delivery.data);
    }
    CHECK(got == std::multiset<std::string>{"1hello", "2hello", "3hello", "2you"});
    CHECK(mock.cloud.find_universe(kUniverse)->find(Universe::simulated_job(1))->received == 2);
}

TEST_CASE("loss, duplicates and reordering happen as often as asked", "[mock]") {
    constexpr int kCount = 2'000;
    const auto lossy = stream({.loss = 0.3}, kCount);
    CHECK(lossy.size() > 1'300);
    CHECK(lossy.size() < 1'500);

    const auto doubled = stream({.duplicate = 0.3}, kCount);
    std::map<std::string, int> times;
    for (const Delivery& delivery : doubled) ++times[delivery.data];
    CHECK(times.size() == kCount);
    CHECK(doubled.size() > 2'500);
    CHECK(doubled.size() < 2'700);
    for (const auto& [data, count] : times) CHECK((count == 1 || count == 2));

    const auto mixed = stream({.reorder = 0.3}, kCount);
    REQUIRE(mixed.size() == kCount);
    int overtaken = 0;
    for (std::size_t i = 1; i < mixed.size(); ++i) {
        if (mixed[i].message < mixed[i - 1].message) ++overtaken;
        CHECK(mixed[i].at >= mixed[i - 1].at);
    }
    CHECK(overtaken > 50);
}

TEST_CASE("the same seed makes the same luck", "[mock]") {
    const NetworkOptions options{.loss = 0.2, .duplicate = 0.2, .reorder = 0.2, .seed = 7};
    const auto summary = [](const std::vector<Delivery>& arrived) {
        std::string text;
        for (const Delivery& each : arrived) {
            text += each.data + "@" + std::to_string(each.at.time_since_epoch().count()) + " ";
        }
        return text;
    };
    const std::string first = summary(stream(options, 300, 2));
    CHECK(first == summary(stream(options, 300, 2)));
    NetworkOptions other = options;
    other.seed = 8;
    CHECK(first != summary(stream(other, 300, 2)));
}

TEST_CASE("what is under way to a server that ended or unsubscribed is gone", "[mock]") {
    CloudFixture mock;
    REQUIRE(mock.cloud.attach(kUniverse, "a", 0) != nullptr);
    REQUIRE(mock.cloud.attach(kUniverse, "b", 0) != nullptr);
    for (const char* job : {"a", "b"}) {
        REQUIRE(mock.cloud.engine_subscribe(kUniverse, job, "t").status == 200);
    }
    REQUIRE(mock.publish("t", "x").status == 200);
    REQUIRE(mock.cloud.find_universe(kUniverse)->remove(mock.cloud.now(), "a"));
    REQUIRE(mock.cloud.engine_unsubscribe(kUniverse, "b", "t").status == 200);
    mock.advance(3s);
    CHECK(mock.cloud.network().stats().gone == 2);
    CHECK(mock.cloud.records().deliveries.empty());
}

TEST_CASE("an attached server that does not fetch loses the oldest", "[mock]") {
    CloudFixture mock;
    GameServer* server = mock.cloud.attach(kUniverse, "slow", 0);
    REQUIRE(server != nullptr);
    mock.cloud.limits.is_enforced = false;
    mock.cloud.network().configure({.min_delay = 0ms, .max_delay = 0ms});
    REQUIRE(mock.cloud.engine_subscribe(kUniverse, "slow", "t").status == 200);
    for (std::size_t i = 0; i < GameServer::kMaxQueued + 5; ++i) {
        REQUIRE(mock.publish("t", std::to_string(i)).status == 200);
    }
    mock.cloud.run_due();
    CHECK(server->queue.size() == GameServer::kMaxQueued);
    CHECK(server->overflowed == 5);
    CHECK(server->queue.front().message->data == "5");
    CHECK(mock.cloud.records().log.size() == Records::kMaxLog);
    CHECK(mock.cloud.records().deliveries.size() == Records::kMaxDeliveries);
    CHECK(mock.cloud.records().violations.size() == Records::kMaxViolations);
}

TEST_CASE("a thousand servers take three minutes of broadcasts", "[mock]") {
    CloudFixture mock;
    mock.simulate(1'000);
    mock.cloud.network().configure({.loss = 0.1});
    for (int minute = 0; minute < 3; ++minute) {
        for (int i = 0; i < 80; ++i) {
            REQUIRE(mock.publish("pulse", "x").status == 200);
            mock.advance(750ms);
        }
    }
    mock.advance(3s);
    const NetworkStats& stats = mock.cloud.network().stats();
    CHECK(stats.sent == 240'000);
    CHECK(stats.delivered + stats.lost == stats.sent);
    CHECK(mock.cloud.records().violations_of(Source::cloud) == 0);
    CHECK(mock.cloud.records().peak(Source::cloud, Limit::topic_received).used == 80'000);
}

}  // namespace pulse::mock::test
