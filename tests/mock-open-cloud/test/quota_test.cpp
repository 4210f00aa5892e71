// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The documented rates, to the last publish that fits and the first that does not.
#include "calls.hpp"

namespace pulse::mock::test {

using namespace std::chrono_literals;

namespace {

/// How many publishes to `topic` are taken before the first 429.
std::uint64_t until_refused(CloudFixture& mock, const std::string& topic) {
    std::uint64_t taken = 0;
    while (taken < 250'000 && mock.publish(topic, "x").status == 200) ++taken;
    return taken;
}

/// Raises everything but what a test is about.
void lift_requests(CloudFixture& mock) { mock.cloud.limits.requests_per_owner = 1'000'000; }

}  // namespace

TEST_CASE("one owner's keys share 5,000 requests a minute over all universes", "[mock]") {
    CloudFixture mock;
    REQUIRE(mock.cloud.put_key("second", {}));
    REQUIRE(mock.cloud.put_key("stranger", {.owner = 2}));
    REQUIRE(mock.cloud.universe(43) != nullptr);
    for (int i = 0; i < 2'500; ++i) {
        REQUIRE(mock.publish("t", "x").status == 200);
        REQUIRE(
            mock.send(post("/cloud/v2/universes/43:publishMessage", v2_body("t", "x"), "second"))
                .status == 200);
    }
    CHECK(mock.violations(Limit::owner_requests) == 0);
    mock.advance(10s);
    const HttpResponse refused = mock.publish("t", "x");
    CHECK(refused.status == 429);
    CHECK(json::parse(refused.body)["code"] == "RESOURCE_EXHAUSTED");
    CHECK(header(refused, "retry-after") == "50");
    CHECK(header(refused, "x-ratelimit-remaining") == "0");
    CHECK(header(refused, "x-ratelimit-reset") == "50");
    CHECK(mock.violations(Limit::owner_requests) == 1);
    CHECK(mock.send(post(kV2, v2_body("t", "x"), "stranger")).status == 200);
    // v1's refusal is in v1's shape.
    CHECK(json::parse(mock.publish_v1("t", "x").body)["error"] == "RESOURCE_EXHAUSTED");
    mock.cloud.limits.has_retry_after = false;
    CHECK(header(mock.publish("t", "x"), "retry-after").empty());
    mock.advance(50s);
    CHECK(mock.publish("t", "x").status == 200);
    CHECK(mock.cloud.records().peak(Source::cloud, Limit::owner_requests).used == 5'000);
}

TEST_CASE("v1 counts requests by address, too", "[mock]") {
    CloudFixture mock;
    lift_requests(mock);
    mock.cloud.limits.requests_per_address = 3;
    for (int i = 0; i < 3; ++i) CHECK(mock.publish_v1("t", "x").status == 200);
    CHECK(mock.publish_v1("t", "x").status == 429);
    CHECK(mock.publish("t", "x").status == 200);
    CHECK(
        mock.cloud.handle(post(v1_path("t"), R"({"message":"x"})"), "127.0.0.2").response.status ==
        200);
    CHECK(mock.violations(Limit::address_requests) == 1);
}

TEST_CASE("a topic receives 40 + 80 S a minute, a game 400 + 200 S", "[mock]") {
    // Broadcasts that are taken: floor(limit / S).
    struct Row {
        std::uint32_t servers;
        std::uint64_t on_one_topic;
        std::uint64_t on_all;
    };
    for (const Row row :
         {Row{1, 120, 600}, Row{10, 84, 240}, Row{100, 80, 204}, Row{1'000, 80, 200}}) {
        CloudFixture mock;
        lift_requests(mock);
        mock.cloud.network().configure({.loss = 1});
        mock.simulate(row.servers);
        INFO(row.servers);
        CHECK(until_refused(mock, "pulse") == row.on_one_topic);
        CHECK(mock.violations(Limit::topic_received) == 1);
        CHECK(mock.violations(Limit::universe_received) == 0);
        std::uint64_t taken = row.on_one_topic;
        for (const char* topic : {"pulse.b0", "pulse.b1", "pulse.b2"}) {
            taken += until_refused(mock, topic);
        }
        CHECK(taken == std::min(row.on_all, 4 * row.on_one_topic));
        mock.advance(1min);
        CHECK(mock.publish("pulse", "x").status == 200);
    }
}

TEST_CASE("what goes to one server costs one", "[mock]") {
    CloudFixture mock;
    lift_requests(mock);
    mock.simulate(10);
    const std::string topic = "pulse.s." + Universe::simulated_job(3);
    CHECK(until_refused(mock, topic) == 40 + 80 * 10);
    // Nobody subscribed: nothing is received, so nothing is used up.
    for (int i = 0; i < 5'000; ++i) REQUIRE(mock.publish("nobody's", "x").status == 200);
    CHECK(mock.violations(Limit::universe_received) == 0);
}

TEST_CASE("received may be read as publishes", "[mock]") {
    CloudFixture mock;
    lift_requests(mock);
    mock.cloud.limits.received = Received::publishes;
    mock.simulate(10);
    CHECK(until_refused(mock, "pulse") == 840);
    CHECK(until_refused(mock, "nobody's") == 840);
    CHECK(until_refused(mock, "pulse.b0") == 400 + 200 * 10 - 2 * 840);
}

TEST_CASE("a number of servers that changes is judged by the moment, the minute, or both",
          "[mock]") {
    struct Row {
        ServerCount rule;
        std::uint64_t after_growing;
        std::uint64_t after_shrinking;
    };
    // 30 s with 1 server, then 101; and the other way round. Counted on one server's topic.
    for (const Row row : {Row{ServerCount::current, 40 + 80 * 101, 40 + 80},
                          Row{ServerCount::average, 40 + 80 * 51, 40 + 80 * 51},
                          Row{ServerCount::lenient, 40 + 80 * 101, 40 + 80 * 51}}) {
        const std::string topic = "pulse.s." + Universe::simulated_job(0);
        INFO(static_cast<int>(row.rule));
        {
            CloudFixture mock;
            lift_requests(mock);
            mock.cloud.limits.server_count = row.rule;
            mock.simulate(1);
            mock.advance(1min);
            mock.simulate(101);
            mock.advance(30s);
            CHECK(until_refused(mock, topic) == row.after_growing);
        }
        {
            CloudFixture mock;
            lift_requests(mock);
            mock.cloud.limits.server_count = row.rule;
            mock.simulate(101);
            mock.advance(1min);
            mock.simulate(1);
            mock.advance(30s);
            CHECK(until_refused(mock, topic) == row.after_shrinking);
        }
    }
}

TEST_CASE("limits that are not enforced are still counted", "[mock]") {
    CloudFixture mock;
    mock.simulate(1);
    mock.cloud.limits.is_enforced = false;
    for (int i = 0; i < 130; ++i) REQUIRE(mock.publish("pulse", "x").status == 200);
    CHECK(mock.violations(Limit::topic_received) == 10);
    CHECK(mock.publish("pulse", std::string(2'000, 'x')).status == 200);
    CHECK(mock.violations(Limit::message_size) == 1);
    const Violation& last = mock.cloud.records().violations.back();
    CHECK(last.subject == "pulse");
    CHECK(last.limit == Limit::topic_received);
    CHECK(last.used == 131);
    CHECK(last.allowed == 120);
}

TEST_CASE("a game server sends 600 + 240 a player, and shares what is received", "[mock]") {
    CloudFixture mock;
    lift_requests(mock);
    mock.simulate(1, 1);
    const std::string job = Universe::simulated_job(0);
    const auto send = [&](std::string_view topic) {
        return mock.cloud.engine_publish(kUniverse, job, topic, "x").status;
    };
    for (int i = 0; i < 60; ++i) REQUIRE(send("pulse") == 200);
    CHECK(until_refused(mock, "pulse") == 60);
    CHECK(send("pulse") == 429);
    CHECK(mock.violations(Limit::topic_received, Source::engine) == 1);
    for (int i = 60; i < 600 + 240; ++i) REQUIRE(send("nobody's") == 200);
    CHECK(send("nobody's") == 429);
    CHECK(mock.violations(Limit::server_sent, Source::engine) == 1);
    CHECK(mock.cloud.engine_publish(kUniverse, job, "", "x").status == 400);
    CHECK(mock.cloud.engine_publish(kUniverse, job, "t", std::string(1'025, 'x')).status == 400);
    CHECK(mock.cloud.engine_publish(kUniverse, "nobody", "t", "x").status == 404);
    mock.advance(1min);
    CHECK(send("pulse") == 200);
}

TEST_CASE("a game server holds 20 + 8 subscriptions a player and asks 240 times a minute",
          "[mock]") {
    CloudFixture mock;
    REQUIRE(mock.cloud.attach(kUniverse, "job", 2) != nullptr);
    const auto subscribe = [&](int i) {
        return mock.cloud.engine_subscribe(kUniverse, "job", "t" + std::to_string(i)).status;
    };
    for (int i = 0; i < 36; ++i) CHECK(subscribe(i) == 200);
    CHECK(subscribe(36) == 429);
    CHECK(mock.violations(Limit::subscriptions, Source::engine) == 1);
    CHECK(subscribe(35) == 200);
    CHECK(mock.cloud.engine_unsubscribe(kUniverse, "job", "t0").status == 200);
    CHECK(subscribe(36) == 200);
    for (int i = 39; i < 240; ++i) CHECK(subscribe(36) == 200);
    CHECK(subscribe(36) == 429);
    CHECK(mock.violations(Limit::subscribe_requests, Source::engine) == 1);
    Simulated greedy;
    greedy.servers = 1;
    greedy.topics.assign(20, "");
    for (std::size_t i = 0; i < 20; ++i) greedy.topics[i] = std::to_string(i);
    CHECK_FALSE(mock.cloud.simulate(kUniverse, greedy));
    greedy.players = 1;
    CHECK(mock.cloud.simulate(kUniverse, greedy));
}

}  // namespace pulse::mock::test
