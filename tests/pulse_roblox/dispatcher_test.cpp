// SPDX-License-Identifier: MIT OR Apache-2.0
#include "dispatcher.hpp"

#include "rate_governor.hpp"
#include "support/catch.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

using namespace pulse;
using namespace pulse::roblox;
using namespace std::chrono_literals;

namespace {

struct Fixture {
    core::Result<MessageId> publish(std::string topic, std::string message = "1",
                                    Forms forms = {.v0 = false, .v1 = true}) {
        return dispatcher.publish({.topic = std::move(topic), .message = std::move(message)}, forms,
                                  now);
    }
    void pump_at(std::chrono::nanoseconds later) {
        now += later;
        dispatcher.pump(now);
    }
    void answer(int http, QuotaReport quota = {}) {
        REQUIRE(sent.size() > answered);
        CloudError error{.http = http, .quota = quota};
        error.quota.is_throttled = http == 429;
        dispatcher.on_answer(sent[answered++].first, error, now);
    }
    /// Pumps until one more attempt was made; how long that took.
    std::chrono::nanoseconds wait_for_attempt() {
        const std::size_t before = sent.size();
        const core::MonotonicTime begin = now;
        while (sent.size() == before && now < begin + 10min) pump_at(10ms);
        return now - begin;
    }

    core::SeededRng rng{1};
    MemorySequence sequence{rng};
    RateGovernor governor{{}, rng};
    std::vector<std::pair<std::uint64_t, OutgoingFrame>> sent;
    std::size_t answered = 0;
    std::map<MessageId, Outcome> outcomes;
    std::set<MessageId> uncertain;  ///< of those that were given up
    Dispatcher dispatcher{
        {7},
        "owner",
        {},
        sequence,
        governor,
        rng,
        [this](std::uint64_t id, const OutgoingFrame& frame) { sent.emplace_back(id, frame); },
        [this](MessageId id, const Dispatcher::Ending& ending) {
            CHECK(outcomes.emplace(id, ending.outcome).second);  // once each
            if (ending.may_have_arrived) uncertain.insert(id);
        }};
    core::MonotonicTime now{1h};
};

}  // namespace

TEST_CASE("A message is accepted when Roblox has taken its frame", "[roblox][dispatcher]") {
    Fixture f;
    const MessageId id = f.publish("t").value();
    CHECK(f.dispatcher.next_due() == f.now + 30ms);
    f.pump_at(30ms);
    REQUIRE(f.sent.size() == 1);
    CHECK(f.outcomes.empty());
    f.answer(200);
    CHECK(f.outcomes == std::map<MessageId, Outcome>{{id, Outcome::accepted}});
    CHECK_FALSE(f.dispatcher.next_due());
    f.dispatcher.on_answer(f.sent[0].first, {.http = 500}, f.now);  // late, ignored
    CHECK(f.outcomes.size() == 1);
}

TEST_CASE("A retry sends the same frame with the same number", "[roblox][dispatcher]") {
    for (const int status : {0, 408, 429, 499, 502, 503, 504}) {
        CAPTURE(status);
        Fixture f;
        REQUIRE(f.publish("t"));
        f.pump_at(30ms);
        REQUIRE(f.publish("t", "2"));  // waits until the first is through
        for (int i = 1; i < 3; ++i) {
            f.answer(status);
            CHECK(f.wait_for_attempt() < 61s);
            CHECK(f.sent.back().second.text == f.sent.front().second.text);
        }
        f.answer(200);
        CHECK(f.outcomes.at(1) == Outcome::accepted);
        f.pump_at(0s);
        REQUIRE(f.sent.size() <= 4);
        CHECK(f.dispatcher.retry_count() == 2);
    }
}

TEST_CASE("Attempts end after five, three, two or one, by what was answered",
          "[roblox][dispatcher]") {
    const auto attempts_for = [](int status) {
        Fixture f;
        REQUIRE(f.dispatcher.publish({.topic = "t", .message = "1", .ttl = 5min},
                                     {.v0 = false, .v1 = true}, f.now));
        f.pump_at(30ms);
        while (f.answered < f.sent.size()) {
            f.answer(status);
            if (f.outcomes.empty()) f.wait_for_attempt();
        }
        return std::pair{f.sent.size(), f.outcomes.at(1)};
    };
    using Result = std::pair<std::size_t, Outcome>;
    CHECK(attempts_for(503) == Result{5, Outcome::transport});
    CHECK(attempts_for(0) == Result{5, Outcome::transport});
    CHECK(attempts_for(429) == Result{5, Outcome::throttled});
    CHECK(attempts_for(500) == Result{3, Outcome::transport});
    CHECK(attempts_for(409) == Result{2, Outcome::transport});
    CHECK(attempts_for(400) == Result{1, Outcome::rejected});
    CHECK(attempts_for(404) == Result{1, Outcome::rejected});
    CHECK(attempts_for(413) == Result{1, Outcome::rejected});
    CHECK(attempts_for(501) == Result{1, Outcome::rejected});
    CHECK(attempts_for(302) == Result{1, Outcome::rejected});
}

TEST_CASE("Retries wait as long as asked, and never past the time to live",
          "[roblox][dispatcher]") {
    Fixture f;
    REQUIRE(f.publish("t"));
    f.pump_at(30ms);
    f.answer(429, {.retry_after = 9s});
    CHECK(f.wait_for_attempt() >= 9s);
    f.answer(429, {.retry_after = 9s});  // 15 s would be over by then
    CHECK(f.outcomes.at(1) == Outcome::throttled);
}

TEST_CASE("A frame that was given up leaves nothing to be repaired", "[roblox][dispatcher]") {
    Fixture f;
    REQUIRE(f.publish("t"));
    f.pump_at(30ms);
    const OutgoingFrame frame = f.sent[0].second;
    auto found = f.dispatcher.ring().find(frame.real_topic, 1, 1, f.now);
    CHECK(found.frames == std::vector<std::string>{frame.text});
    f.answer(400);
    found = f.dispatcher.ring().find(frame.real_topic, 1, 1, f.now);
    CHECK(found.frames.empty());
    CHECK(found.void_seqs == std::vector<std::uint64_t>{1});
}

TEST_CASE("A refused key stops its universe at once, and a good one starts it again",
          "[roblox][dispatcher]") {
    const int status = GENERATE(401, 403);
    Fixture f;
    REQUIRE(f.publish("a"));
    f.pump_at(30ms);
    REQUIRE(f.publish("a", "2"));
    REQUIRE(f.publish("b", "3"));
    f.pump_at(30ms);
    f.answer(status);
    CHECK(f.outcomes.size() == 3);
    for (const auto& [id, outcome] : f.outcomes) CHECK(outcome == Outcome::key_rejected);
    CHECK(f.dispatcher.is_circuit_open());
    CHECK(f.publish("a").error() == Error::forbidden);
    CHECK_FALSE(f.dispatcher.next_due());
    // Probes every five minutes, none of them a publish.
    CHECK_FALSE(f.dispatcher.take_probe(f.now + 4min));
    CHECK(f.dispatcher.take_probe(f.now + 5min));
    CHECK_FALSE(f.dispatcher.take_probe(f.now + 9min));
    CHECK(f.dispatcher.take_probe(f.now + 10min));
    f.dispatcher.on_key_good("owner");
    CHECK_FALSE(f.dispatcher.is_circuit_open());
    const std::size_t before = f.sent.size();
    REQUIRE(f.publish("a", "4"));
    f.pump_at(30ms);
    CHECK(f.sent.size() == before + 1);
    CHECK(
        f.governor.level({.universe = {7}, .owner = "owner", .real_topic = "t"}, f.now).in_flight ==
        1);
}

TEST_CASE("An item in chunks is accepted with the last and fails with the first refused",
          "[roblox][dispatcher]") {
    Fixture f;
    const std::string large = "\"" + std::string(2'500, 'x') + "\"";
    REQUIRE(f.publish("t", large));
    f.pump_at(30ms);
    f.answer(200);
    f.pump_at(0s);
    f.answer(200);
    CHECK(f.outcomes.empty());
    f.pump_at(0s);
    f.answer(200);
    CHECK(f.outcomes.at(1) == Outcome::accepted);

    REQUIRE(f.publish("t", large));
    f.pump_at(10s);
    f.answer(400);
    CHECK(f.outcomes.at(2) == Outcome::rejected);
    const std::size_t before = f.sent.size();
    f.pump_at(10s);
    CHECK(f.sent.size() == before);  // the other chunks are not sent
}

TEST_CASE("In both forms a message is accepted when both were", "[roblox][dispatcher]") {
    Fixture f;
    REQUIRE(f.publish("t", "1", {.v0 = true, .v1 = true}));
    f.pump_at(30ms);
    REQUIRE(f.sent.size() == 2);
    f.answer(200);
    CHECK(f.outcomes.empty());
    f.answer(200);
    CHECK(f.outcomes.at(1) == Outcome::accepted);
}

TEST_CASE("Expired and replaced messages are told apart", "[roblox][dispatcher]") {
    Fixture f;
    f.governor.set_servers({7}, 0);
    const auto publish = [&f] {
        return f.dispatcher.publish({.topic = "t", .message = "1", .key = "k", .ttl = 1s},
                                    {.v0 = false, .v1 = true}, f.now);
    };
    REQUIRE(publish());
    REQUIRE(publish());
    CHECK(f.outcomes.at(1) == Outcome::replaced);
    f.pump_at(2s);
    CHECK(f.outcomes.at(2) == Outcome::expired);
    CHECK(f.sent.empty());
    CHECK(f.dispatcher.drain_time() >= 1s);
}

TEST_CASE("What may be at Roblox is not said to have failed", "[roblox][dispatcher]") {
    Fixture f;
    const MessageId id = f.publish("t").value();
    f.pump_at(30ms);
    SECTION("an answer was lost") {
        f.answer(0);
        (void)f.wait_for_attempt();
        f.answer(400);
        CHECK(f.outcomes.at(id) == Outcome::rejected);
        CHECK(f.uncertain.contains(id));
    }
    SECTION("the universe goes while an attempt is under way") {
        f.dispatcher.end(Outcome::shutting_down, f.now);
        CHECK(f.uncertain.contains(id));
    }
    SECTION("a refusal is one") {
        f.answer(429);
        (void)f.wait_for_attempt();
        f.answer(400);
        CHECK(f.outcomes.at(id) == Outcome::rejected);
        CHECK(f.uncertain.empty());
    }
    SECTION("what never left the queue has not arrived") {
        const MessageId waiting = f.publish("t").value();
        f.answer(401);
        CHECK(f.outcomes.at(waiting) == Outcome::key_rejected);
        CHECK(f.uncertain.empty());
    }
}

TEST_CASE("What becomes due does not wait for the quota of another topic", "[roblox][dispatcher]") {
    Fixture f;
    f.governor.set_servers({7}, 10);
    const PublishRequest used_up{
        .universe = {7}, .owner = "owner", .real_topic = "pulse.s.full", .is_targeted = true};
    while (f.governor.try_take(used_up, f.now).is_granted) f.governor.on_answer(used_up, {}, f.now);
    const auto publish_to = [&f](std::string server) {
        return f.dispatcher.publish(
            {.topic = "t", .message = "1", .target = {Target::Kind::server, std::move(server)}},
            {.v0 = false, .v1 = true}, f.now);
    };
    REQUIRE(publish_to("full"));
    f.now += 30ms;
    while (f.governor.try_take(used_up, f.now).is_granted) f.governor.on_answer(used_up, {}, f.now);
    f.pump_at(0ms);
    REQUIRE(f.sent.empty());
    const auto refused_until = f.dispatcher.next_due();
    REQUIRE(refused_until > f.now + 35ms);
    f.now += 1ms;
    REQUIRE(publish_to("free"));
    CHECK(f.dispatcher.next_due() == f.now + 30ms);
    f.pump_at(30ms);
    CHECK(f.sent.size() == 1);
    CHECK(f.dispatcher.next_due() >= refused_until);
}
