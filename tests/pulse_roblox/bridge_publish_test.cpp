// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/bridge_fixture.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <map>
#include <set>

using namespace pulse;
using namespace pulse::roblox;
using namespace std::chrono_literals;
using test::BridgeFixture;
using test::kGame;

TEST_CASE("A message reaches Open Cloud with the universe's key and is accepted",
          "[roblox][bridge]") {
    BridgeFixture fixture;
    fixture.publish("chat", R"({"text":"hi"})");
    CHECK(fixture.cloud.sent.empty());  // waits for company
    fixture.run_for(100ms);
    REQUIRE(fixture.cloud.sent.size() == 1);
    CHECK(fixture.cloud.sent[0].api_key == "secret-key-1");
    CHECK(fixture.cloud.sent[0].real_topic.starts_with("pulse.b"));
    REQUIRE(fixture.published().size() == 1);
    CHECK(fixture.published()[0].topic == "chat");
    CHECK(fixture.published()[0].message == R"({"text":"hi"})");
    CHECK(fixture.count(Outcome::accepted) == 1);
    CHECK(fixture.observer.uses == 1);
}

TEST_CASE("Messages of a virtual topic go out in the order in which they came",
          "[roblox][bridge]") {
    BridgeFixture fixture;
    fixture.hello("job-1");
    for (int i = 0; i < 900; ++i) {
        fixture.publish("topic-" + std::to_string(i % 7), std::to_string(i));
        if (i % 50 == 0) fixture.run_for(200ms);
    }
    // Some are tried again, which must not let others overtake.
    fixture.cloud.script = {{.http = 503}, {.http = 200}, {.http = 503}, {.http = 0}};
    fixture.run_for(60s);
    CHECK(fixture.count(Outcome::accepted) == 900);
    std::map<std::string, int> last;
    std::set<std::pair<std::string, std::string>> seen;
    std::size_t count = 0;
    for (const Item& item : fixture.published()) {
        if (!seen.insert({item.topic, item.message}).second) continue;  // the second attempt
        const int number = std::stoi(item.message);
        const auto found = last.find(item.topic);
        if (found != last.end()) CHECK(found->second < number);
        last[item.topic] = number;
        ++count;
    }
    CHECK(count == 900);
}

TEST_CASE("A message for one server goes to its own real topic and costs one delivery",
          "[roblox][bridge]") {
    BridgeFixture fixture;
    for (int i = 0; i < 50; ++i) fixture.hello("job-" + std::to_string(i));
    const double before = fixture.stats().quota_used;
    fixture.publish("chat", "1", {Target::Kind::server, "job-7"});
    fixture.run_for(100ms);
    REQUIRE(fixture.cloud.sent.size() == 1);
    CHECK(fixture.cloud.sent[0].real_topic == "pulse.s.job-7");
    const double one = 1.0 / (400 + 200 * 50);
    CHECK(fixture.stats().quota_used - before == Approx(one));
    fixture.publish("chat", "2");
    fixture.run_for(100ms);
    CHECK(fixture.stats().quota_used - before == Approx(51 * one));
}

TEST_CASE("A refusal for quota is waited out and halves the pace, which recovers by steps",
          "[roblox][bridge]") {
    BridgeFixture fixture;
    fixture.hello("job-1");
    const bool says_when = GENERATE(true, false);
    CloudError refusal{.http = 429};
    if (says_when) refusal.quota.retry_after = 7s;
    fixture.cloud.script = {refusal};
    fixture.publish({.topic = "t", .message = "1", .ttl = 2min});
    fixture.run_for(100ms);
    REQUIRE(fixture.cloud.sent.size() == 1);
    CHECK(fixture.stats().rate_factor == 0.5);
    CHECK(fixture.bridge->metrics().rate_factor == 0.5);  // that of the slowest
    CHECK(fixture.stats().throttled == 1);
    if (says_when) {
        fixture.run_for(6'800ms);
        CHECK(fixture.cloud.sent.size() == 1);
    }
    fixture.run_for(40s);
    REQUIRE(fixture.cloud.sent.size() == 2);
    CHECK(fixture.cloud.sent[1].text == fixture.cloud.sent[0].text);
    CHECK(fixture.count(Outcome::accepted) == 1);
    CHECK(fixture.stats().rate_factor == Approx(0.55));
    fixture.run_for(5min);
    CHECK(fixture.stats().rate_factor == Approx(1.0));
    CHECK(fixture.stats().statuses.at(429) == 1);
    CHECK(fixture.bridge->metrics().retries.at(429) == 1);
    CHECK(fixture.bridge->metrics().rate_factor == Approx(1.0));
    // The game server is gone by now: 200 publishes a minute, a fifth of them at once.
    const std::optional<double> before = fixture.bridge->metrics().universe_tokens;
    REQUIRE(before);
    CHECK(*before == Approx(40));
    fixture.publish("t", "2");
    fixture.run_for(100ms);
    CHECK(*fixture.bridge->metrics().universe_tokens < *before);
    CHECK(fixture.bridge->metrics().owner_tokens);
}

TEST_CASE("A retry keeps its number, so that receivers see it once", "[roblox][bridge]") {
    BridgeFixture fixture;
    const int status = GENERATE(503, 502, 504, 500, 0, 409);
    fixture.cloud.script = {{.http = status}};
    fixture.publish("t", "1");
    fixture.run_for(10s);
    REQUIRE(fixture.cloud.sent.size() == 2);
    CHECK(fixture.cloud.sent[0].text == fixture.cloud.sent[1].text);
    CHECK(fixture.count(Outcome::accepted) == 1);
    CHECK(fixture.stats().retries == 1);
}

TEST_CASE("What Roblox refuses for good is not tried again", "[roblox][bridge]") {
    BridgeFixture fixture;
    const int status = GENERATE(400, 404, 413, 501);
    fixture.cloud.script = {{.http = status, .code = "INVALID_ARGUMENT"}};
    fixture.publish("t", "1");
    fixture.run_for(1min);
    CHECK(fixture.cloud.sent.size() == 1);
    REQUIRE(fixture.count(Outcome::rejected) == 1);
    CHECK(fixture.results[0]->error.code == "INVALID_ARGUMENT");
    CHECK(fixture.stats().drops[static_cast<std::size_t>(DropReason::rejected)] == 1);
}

TEST_CASE("A rejected key opens the circuit of its universe, and a new key closes it",
          "[roblox][bridge]") {
    BridgeFixture fixture;
    fixture.add({9});
    const int status = GENERATE(401, 403);
    for (int i = 0; i < 5; ++i) {
        fixture.publish("t" + std::to_string(i), std::string(900, '1'));
    }
    fixture.cloud.script = {{.http = status, .code = "PERMISSION_DENIED"}};
    fixture.run_for(100ms);
    // All that waited fail with it, clearly and at once.
    CHECK(fixture.count(Outcome::key_rejected) == 5);
    CHECK(fixture.stats().is_circuit_open);
    REQUIRE(fixture.observer.reports.size() == 1);
    CHECK(fixture.observer.reports[0].state == KeyState::rejected);
    const std::size_t sent = fixture.cloud.sent.size();
    fixture.publish("t", "1");
    fixture.run_for(1min);
    CHECK(fixture.count(Outcome::key_rejected) == 6);
    CHECK(fixture.cloud.sent.size() == sent);
    CHECK(fixture.bridge->metrics().circuits_open == 1);

    // Another universe goes on.
    fixture.publish_to({9}, {.topic = "t"});
    fixture.run_for(100ms);
    CHECK(fixture.cloud.sent.size() == sent + 1);

    fixture.add(kGame, Mode::v1, "secret-key-2", 2);
    CHECK_FALSE(fixture.stats().is_circuit_open);
    fixture.publish("t", "2");
    fixture.run_for(100ms);
    CHECK(fixture.cloud.sent.back().api_key == "secret-key-2");
    CHECK(fixture.count(Outcome::accepted) == 2);
}

TEST_CASE("A rejected key is asked about each five minutes, without publishing",
          "[roblox][bridge]") {
    BridgeFixture fixture;
    fixture.cloud.script = {{.http = 403}};
    fixture.cloud.introspection = {.error = {.http = 401}};
    fixture.publish("t", "1");
    fixture.run_for(100ms);
    const std::size_t sent = fixture.cloud.sent.size();
    fixture.run_for(4min + 59s);
    CHECK(fixture.cloud.introspected.empty());
    fixture.run_for(5min + 5s);
    CHECK(fixture.cloud.introspected.size() == 2);
    CHECK(fixture.stats().is_circuit_open);
    CHECK(fixture.observer.reports.back().state == KeyState::rejected);

    KeyInfo info;
    info.owner = 99;
    info.scopes.push_back({"universe-messaging-service", {"publish"}, {"*"}});
    fixture.cloud.introspection = {.error = {.http = 200}, .key = info};
    fixture.run_for(5min);
    CHECK_FALSE(fixture.stats().is_circuit_open);
    CHECK(fixture.observer.reports.back().state == KeyState::valid);
    CHECK(fixture.observer.reports.back().owner == 99);
    CHECK(fixture.cloud.sent.size() == sent);
    fixture.publish("t", "2");
    fixture.run_for(100ms);
    CHECK(fixture.count(Outcome::accepted) == 1);
    // Nothing more to ask about.
    fixture.run_for(20min);
    CHECK(fixture.cloud.introspected.size() == 3);
}

TEST_CASE("A message that waits too long expires, and one in its place replaces it",
          "[roblox][bridge]") {
    BridgeFixture fixture;
    fixture.cloud.is_silent = true;
    fixture.publish("busy", "0");
    fixture.run_for(100ms);  // under way: others of this topic wait
    fixture.publish({.topic = "busy", .message = "1", .ttl = 2s});
    fixture.publish({.topic = "busy", .message = "2", .key = "state", .ttl = 1min});
    fixture.publish({.topic = "busy", .message = "3", .key = "state", .ttl = 1min});
    CHECK(fixture.count(Outcome::replaced) == 1);
    fixture.run_for(3'500ms);
    CHECK(fixture.count(Outcome::expired) == 1);
    fixture.cloud.is_silent = false;
    fixture.cloud.answer_all(200);
    fixture.run_for(1s);
    CHECK(fixture.count(Outcome::accepted) == 2);
    REQUIRE(fixture.published().size() == 2);
    CHECK(fixture.published()[1].message == "3");
    CHECK(fixture.stats().coalesced == 1);
    CHECK(fixture.stats().drops[static_cast<std::size_t>(DropReason::expired)] == 1);
}

TEST_CASE("A full queue refuses with the time it takes to drain", "[roblox][bridge]") {
    BridgeOptions options;
    options.outbox.max_messages = 100;
    BridgeFixture fixture(options);
    fixture.cloud.is_silent = true;
    for (int i = 0; i < 130; ++i) fixture.publish("t", "1");
    CHECK(fixture.count(Outcome::queue_full) == 30);
    REQUIRE(fixture.results.back()->retry_after.has_value());
    CHECK(*fixture.results.back()->retry_after >= 1s);
    CHECK(*fixture.results.back()->retry_after <= 300s);
    CHECK(fixture.stats().queued_messages == 100);
    CHECK(fixture.stats().drops[static_cast<std::size_t>(DropReason::queue_full)] == 30);
}

TEST_CASE("A universe in compatibility mode publishes the original's envelopes, one by one",
          "[roblox][bridge]") {
    BridgeFixture fixture({}, Mode::v0);
    fixture.publish("test", R"("hello world")");
    fixture.run_for(100ms);
    REQUIRE(fixture.cloud.sent.size() == 1);
    CHECK(fixture.cloud.sent[0].real_topic == "pulse");
    CHECK(fixture.cloud.sent[0].text == R"({"topic":"test","message":"hello world"})");
}

TEST_CASE("In automatic mode the first hello ends compatibility; both modes send both forms",
          "[roblox][bridge]") {
    BridgeFixture fixture({}, Mode::automatic);
    fixture.publish("a", "1");
    fixture.run_for(100ms);
    CHECK(fixture.cloud.sent.back().real_topic == "pulse");
    CHECK(fixture.stats().is_compatible);
    CHECK_FALSE(fixture.hello("job-1").is_compatible);
    fixture.publish("a", "2");
    fixture.run_for(100ms);
    CHECK(fixture.cloud.sent.back().real_topic.starts_with("pulse.b"));
    CHECK_FALSE(fixture.stats().is_compatible);

    fixture.add(kGame, Mode::both);
    CHECK(fixture.hello("job-1").is_compatible);
    fixture.cloud.sent.clear();
    fixture.publish("a", "3");
    fixture.run_for(1s);
    REQUIRE(fixture.cloud.sent.size() == 2);
    CHECK(fixture.cloud.count("pulse") == 1);
    CHECK(fixture.count(Outcome::accepted) == 3);
}

TEST_CASE("A universe that is removed ends what was open; answers that come later do nothing",
          "[roblox][bridge]") {
    BridgeFixture fixture;
    fixture.cloud.is_silent = true;
    fixture.publish("t", "1");
    fixture.run_for(100ms);
    fixture.publish("t", "2");
    fixture.hello("job-1", ServerTransport::poll);
    fixture.poll("job-1");
    CHECK(fixture.bridge->metrics().polls_open == 1);
    CHECK(fixture.bridge->remove_universe(kGame));
    CHECK_FALSE(fixture.bridge->remove_universe(kGame));
    CHECK(fixture.count(Outcome::unknown_universe) == 2);
    REQUIRE(fixture.polled.size() == 1);
    CHECK(fixture.polled[0].status == PollStatus::refused);
    CHECK(fixture.bridge->metrics().polls_open == 0);

    // The same universe again: the old answer is not taken for one of the new publishes.
    fixture.add(kGame);
    fixture.publish("t", "3");
    fixture.run_for(100ms);
    REQUIRE(fixture.cloud.open.size() == 2);
    auto old = std::move(fixture.cloud.open[0]);
    old({.http = 403});
    CHECK_FALSE(fixture.stats().is_circuit_open);
    CHECK(fixture.count(Outcome::accepted) == 0);
    fixture.cloud.open[1]({.http = 200});
    CHECK(fixture.count(Outcome::accepted) == 1);

    fixture.publish_to({12'345}, {.topic = "t"});
    CHECK(fixture.count(Outcome::unknown_universe) == 3);
}

TEST_CASE("A bridge that is destroyed answers everything first", "[roblox][bridge]") {
    BridgeFixture fixture;
    fixture.cloud.is_silent = true;
    fixture.publish("t", "1");
    fixture.run_for(100ms);
    fixture.publish("t", "2");
    fixture.bridge.reset();
    CHECK(fixture.count(Outcome::shutting_down) == 2);
    fixture.cloud.answer_all(200);  // nobody is there
}

TEST_CASE("A bridge that shuts down sends what it has and takes nothing new", "[roblox][bridge]") {
    BridgeFixture fixture;
    fixture.publish("t", "1");
    fixture.bridge->shut_down();
    CHECK_FALSE(fixture.bridge->is_drained());
    fixture.publish("t", "2");
    CHECK(fixture.count(Outcome::shutting_down) == 1);
    fixture.run_for(1s);
    CHECK(fixture.bridge->is_drained());
    CHECK(fixture.count(Outcome::accepted) == 1);
}

TEST_CASE("A completion may publish, remove its universe and shut the bridge down",
          "[roblox][bridge]") {
    BridgeFixture fixture;
    int calls = 0;
    fixture.bridge->publish(kGame, {.topic = "t"}, [&](const PublishResult&) {
        ++calls;
        fixture.bridge->publish(kGame, {.topic = "u"}, [&](const PublishResult& result) {
            ++calls;
            CHECK(result.outcome == Outcome::unknown_universe);
            fixture.bridge->shut_down();
        });
        CHECK(fixture.bridge->remove_universe(kGame));
        CHECK(calls == 1);  // not from within this one
    });
    fixture.run_for(1s);
    CHECK(calls == 2);
}

TEST_CASE("A thousand idle universes are due never", "[roblox][bridge]") {
    BridgeFixture fixture;
    for (std::uint64_t i = 1; i <= 1'000; ++i) fixture.add({i});
    CHECK_FALSE(fixture.bridge->next_due().has_value());
    std::optional<core::MonotonicTime> rearmed;
    fixture.bridge->on_earlier([&](core::MonotonicTime at) { rearmed = at; });
    fixture.publish_to({500}, {.topic = "t"});
    REQUIRE(fixture.bridge->next_due().has_value());
    CHECK(rearmed == fixture.bridge->next_due());
    fixture.run_for(1h);
    CHECK(fixture.ticks < 20);
    CHECK(fixture.count(Outcome::accepted) == 1);
    CHECK_FALSE(fixture.bridge->next_due().has_value());
}

TEST_CASE("A bridge holds no more universes than it may, and none that cannot be",
          "[roblox][bridge]") {
    BridgeOptions options;
    options.max_universes = 2;
    BridgeFixture fixture(options);
    CHECK(fixture.bridge->set_universe({1}, {}).has_value());
    CHECK(fixture.bridge->set_universe({2}, {}).error() == Error::too_many_entries);
    CHECK(fixture.bridge->set_universe({1}, {.prefix = "a..b"}).error() == Error::invalid_message);
    CHECK(fixture.bridge->set_universe({1}, {.shards = 9}).error() == Error::invalid_message);
    // Without a key nothing can be published, which is said.
    fixture.publish_to({1}, {.topic = "t"});
    CHECK(fixture.count(Outcome::key_rejected) == 1);
}
