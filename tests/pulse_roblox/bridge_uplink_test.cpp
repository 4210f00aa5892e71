// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rate_meter.hpp"
#include "support/bridge_fixture.hpp"
#include "support/catch.hpp"
#include "traffic_book.hpp"

#include <pulse/roblox/bridge_json.hpp>

using namespace pulse;
using namespace pulse::roblox;
using namespace std::chrono_literals;
using test::BridgeFixture;
using test::kGame;

namespace {

/// Sends one message as the route does, and writes down the answer.
struct Sender {
    BridgeFixture& fixture;
    std::vector<SendAnswer> answers{};

    void send(std::string_view body, std::string key = {}, std::string caller = "token-1") {
        auto request = parse_send_body(body, Checking::extended);
        REQUIRE(request.has_value());
        const Destination destination = request->destination.value_or(Destination::roblox);
        fixture.bridge->send(kGame,
                             {.request = std::move(*request),
                              .destination = destination,
                              .idempotency_key = std::move(key),
                              .caller = std::move(caller)},
                             [this](const SendAnswer& answer) { answers.push_back(answer); });
    }
};

constexpr std::string_view kToRoblox = R"({"topic":"t","message":1,"destination":"roblox"})";

}  // namespace

TEST_CASE("A batch reaches web clients once, however often it comes", "[roblox][bridge][uplink]") {
    BridgeFixture fixture;
    fixture.hello("job-1");
    const auto batch = BridgeFixture::batch("job-1", 1, {{"chat", "1"}, {"score", R"({"a":2})"}});
    const auto first = fixture.bridge->uplink(kGame, batch);
    REQUIRE(first.has_value());
    CHECK(first->accepted == 2);
    CHECK_FALSE(first->is_duplicate);
    REQUIRE(fixture.web.got.size() == 2);
    CHECK(fixture.web.got[0].topic == "chat");
    CHECK(fixture.web.got[0].sender == "job-1");
    CHECK(fixture.web.got[1].message == R"({"a":2})");
    CHECK(fixture.web.got[1].seq == fixture.web.got[0].seq + 1);

    fixture.run_for(9min);
    const auto again = fixture.bridge->uplink(kGame, batch);
    CHECK(again->accepted == 2);
    CHECK(again->is_duplicate);
    CHECK(fixture.web.got.size() == 2);
    CHECK(fixture.stats().uplink_duplicates == 1);
    // The same number of another server, or for another universe, is another batch.
    fixture.add({5});
    (void)fixture.bridge->uplink(kGame, BridgeFixture::batch("job-2", 1, {{"chat", "1"}}));
    (void)fixture.bridge->uplink({5}, batch);
    CHECK(fixture.web.got.size() == 5);
    CHECK(fixture.bridge->uplink({6}, batch).error() == Error::unknown_universe);
    fixture.bridge->shut_down();
    CHECK(fixture.bridge->uplink(kGame, batch).error() == Error::shutting_down);
}

TEST_CASE("Messages of a batch go where they say; those refused are named, also to a repeat",
          "[roblox][bridge][uplink]") {
    BridgeOptions options;
    options.outbox.max_messages = 2;
    BridgeFixture fixture(options);
    auto batch = BridgeFixture::batch(
        "job-1", 1,
        {{"web", "1"}, {"all", "2"}, {"one", "3", {.servers = {"job-2"}}}, {"late", "4"}});
    batch.options.resize(4);
    for (std::size_t i = 1; i < 4; ++i) batch.options[i].destination = Destination::roblox;
    const auto first = fixture.bridge->uplink(kGame, batch);
    CHECK(first->accepted == 3);
    REQUIRE(first->refused.size() == 1);
    CHECK(first->refused[0].index == 3);
    CHECK(first->refused[0].error == Error::queue_full);
    CHECK(fixture.web.got.size() == 1);
    const auto again = fixture.bridge->uplink(kGame, batch);
    CHECK(again->accepted == 3);
    REQUIRE(again->refused.size() == 1);
    CHECK(again->refused[0].index == 3);
    CHECK(again->refused[0].error == Error::queue_full);
    fixture.run_for(1s);
    REQUIRE(fixture.published().size() == 2);
    CHECK(fixture.published()[0].options.sender == "job-1");
    CHECK(fixture.cloud.count("pulse.s.job-2") == 1);
}

TEST_CASE("A batch brings back what waits for its server", "[roblox][bridge][uplink]") {
    BridgeFixture fixture;
    const std::string cursor = fixture.hello("job-1", ServerTransport::poll).cursor;
    fixture.publish("chat", "1");
    auto batch = BridgeFixture::batch("job-1", 1, {});
    CHECK(fixture.bridge->uplink(kGame, batch)->down.empty());  // without a cursor
    batch.ack = cursor;
    const auto reply = fixture.bridge->uplink(kGame, batch);
    REQUIRE(reply->down.size() == 1);
    CHECK(reply->down[0].message == "1");
    CHECK_FALSE(reply->wants_hello);
    batch.ack = reply->cursor;
    CHECK(fixture.bridge->uplink(kGame, batch)->down.empty());
    // One that polls gets them there.
    fixture.poll("job-1", reply->cursor);
    fixture.publish("chat", "2");
    CHECK(fixture.bridge->uplink(kGame, batch)->down.empty());
    CHECK(fixture.bridge->uplink(kGame, BridgeFixture::batch("job-9", 1, {}))->wants_hello);
}

TEST_CASE("A send is answered when Roblox has taken it", "[roblox][bridge][send]") {
    BridgeFixture fixture;
    Sender sender{fixture};
    sender.send(kToRoblox);
    CHECK(sender.answers.empty());
    fixture.run_for(100ms);
    REQUIRE(sender.answers.size() == 1);
    CHECK(sender.answers[0].status == 200);
    CHECK(sender.answers[0].body == R"({"success":true})");

    sender.send(R"({"topic":"t","message":1,"destination":"server"})");
    REQUIRE(sender.answers.size() == 2);
    CHECK(sender.answers[1].status == 200);
    CHECK(fixture.web.got.size() == 1);

    sender.send(R"({"topic":"t","message":1,"destination":"roblox","async":true})");
    REQUIRE(sender.answers.size() == 3);
    CHECK(sender.answers[2].status == 202);
    CHECK(sender.answers[2].body.starts_with(R"({"success":true,"queued":true,"id":")"));
    fixture.run_for(1s);
    CHECK(sender.answers.size() == 3);
    CHECK(fixture.published().size() == 2);
}

TEST_CASE("A topic that is too long is refused; the original's empty one is not",
          "[roblox][bridge][send]") {
    BridgeFixture fixture;
    Sender sender{fixture};
    sender.send(R"({"topic":")" + std::string(129, 'x') + R"(","destination":"server"})");
    REQUIRE(sender.answers.size() == 1);
    CHECK(sender.answers[0].status == 400);
    sender.send(R"({"topic":"","destination":"server"})");
    CHECK(sender.answers.back().status == 200);
    const auto reply = fixture.bridge->uplink(
        kGame, BridgeFixture::batch("job-1", 1, {{std::string(129, 'x'), "1"}, {"ok", "2"}}));
    CHECK(reply->accepted == 1);
    REQUIRE(reply->refused.size() == 1);
    CHECK(reply->refused[0].error == Error::invalid_topic);
    CHECK(fixture.web.got.size() == 2);
    // What was kept for those that come back is not kept for ever.
    fixture.run_for(3min);
    CHECK_FALSE(fixture.bridge->next_due().has_value());
}

TEST_CASE("A send that Roblox does not answer ends after five seconds", "[roblox][bridge][send]") {
    BridgeFixture fixture;
    fixture.cloud.is_silent = true;
    Sender sender{fixture};
    sender.send(kToRoblox, "key-1");
    fixture.run_for(4'900ms);
    CHECK(sender.answers.empty());
    fixture.run_for(200ms);
    REQUIRE(sender.answers.size() == 1);
    CHECK(sender.answers[0].status == 504);
    // A repeat is not published again; once it is known how it ended, that is the answer.
    sender.send(kToRoblox, "key-1");
    CHECK(sender.answers.back().status == 504);
    fixture.cloud.answer_all(200);
    sender.send(kToRoblox, "key-1");
    REQUIRE(sender.answers.size() == 3);
    CHECK(sender.answers[2].status == 200);
    CHECK(sender.answers[2].is_repeat);
    CHECK(fixture.cloud.sent.size() == 1);
}

TEST_CASE("A repeated Idempotency-Key is answered as the first, and nothing happens again",
          "[roblox][bridge][send]") {
    BridgeFixture fixture;
    Sender sender{fixture};
    sender.send(kToRoblox, "key-1");
    sender.send(kToRoblox, "key-1");
    fixture.run_for(1s);
    REQUIRE(sender.answers.size() == 2);
    CHECK(sender.answers[0].status == 200);
    CHECK(sender.answers[1].status == 200);
    CHECK(sender.answers[1].is_repeat);
    CHECK(fixture.cloud.sent.size() == 1);
    // Somebody else's key is another.
    sender.send(kToRoblox, "key-1", "token-2");
    fixture.run_for(1s);
    CHECK(fixture.cloud.sent.size() == 2);
    // A failure leaves the key free to try again.
    fixture.cloud.script = {{.http = 400, .code = "INVALID_ARGUMENT"}};
    sender.send(kToRoblox, "key-2");
    fixture.run_for(1s);
    CHECK(sender.answers.back().status == 502);
    CHECK(
        sender.answers.back().body ==
        R"({"error":"Roblox refused the message","roblox":{"status":400,"code":"INVALID_ARGUMENT"}})");
    sender.send(kToRoblox, "key-2");
    fixture.run_for(1s);
    CHECK(sender.answers.back().status == 200);
    CHECK_FALSE(sender.answers.back().is_repeat);
}

TEST_CASE("A key whose message may have arrived sends nothing again", "[roblox][bridge][send]") {
    BridgeFixture fixture;
    Sender sender{fixture};
    const CloudError lost{.http = 0};
    const CloudError refused{.http = 400, .code = "INVALID_ARGUMENT"};
    constexpr std::string_view kUnconfirmed =
        R"({"error":"Roblox has not confirmed the message; it may have arrived")";

    SECTION("the answers to all attempts were lost") {
        fixture.cloud.script = {lost, lost, lost, lost, lost};
    }
    SECTION("one was, and the next attempt refused") { fixture.cloud.script = {lost, refused}; }
    SECTION("a gateway failed, and then the key was refused") {
        fixture.cloud.script = {{.http = 504}, {.http = 401}};
    }
    const std::size_t attempts = fixture.cloud.script.size();
    sender.send(R"({"topic":"t","message":1,"destination":"roblox","ttl":300})", "key-1");
    fixture.run_for(2min);
    CHECK(fixture.cloud.sent.size() == attempts);
    // The first was told after a while that it takes long; repeats get how it ended.
    for (int repeat = 0; repeat < 2; ++repeat) {
        sender.send(kToRoblox, "key-1");
        fixture.run_for(1s);
        CHECK(sender.answers.back().status == 504);
        CHECK(sender.answers.back().is_repeat);
        CHECK(sender.answers.back().body.starts_with(kUnconfirmed));
        CHECK_FALSE(sender.answers.back().retry_after.has_value());
    }
    CHECK(fixture.cloud.sent.size() == attempts);
}

TEST_CASE("A key whose message cannot have arrived may try again", "[roblox][bridge][send]") {
    BridgeFixture fixture;
    Sender sender{fixture};
    const CloudError unsent{.http = 0, .is_unsent = true};
    fixture.cloud.script = {unsent, unsent, {.http = 429}, unsent, unsent};
    sender.send(R"({"topic":"t","message":1,"destination":"roblox","ttl":300})", "key-1");
    fixture.run_for(5min);
    CHECK(fixture.cloud.sent.size() == 5);
    sender.send(kToRoblox, "key-1");
    fixture.run_for(1s);
    CHECK(sender.answers.back().status == 200);
    CHECK_FALSE(sender.answers.back().is_repeat);
    CHECK(fixture.cloud.sent.size() == 6);
}

TEST_CASE("An Idempotency-Key is forgotten after ten minutes, however its message ended",
          "[roblox][bridge][send]") {
    BridgeFixture fixture;
    Sender sender{fixture};
    fixture.cloud.script = {{.http = 0}, {.http = 400}};
    sender.send(kToRoblox, "key-1");
    fixture.run_for(10min);
    sender.send(kToRoblox, "key-1");
    fixture.run_for(1s);
    CHECK(sender.answers.back().status == 200);
    CHECK(fixture.cloud.sent.size() == 3);
}

TEST_CASE("Every outcome has its status and its text", "[roblox][bridge][send]") {
    const auto status = [](Outcome outcome) { return answer_for({.outcome = outcome}).status; };
    CHECK(status(Outcome::accepted) == 200);
    CHECK(status(Outcome::invalid) == 400);
    CHECK(status(Outcome::unknown_universe) == 404);
    CHECK(status(Outcome::too_large) == 413);
    CHECK(status(Outcome::queue_full) == 429);
    CHECK(answer_for({.outcome = Outcome::throttled}).retry_after.has_value());
    CHECK(status(Outcome::rejected) == 502);
    CHECK(status(Outcome::key_rejected) == 503);
    CHECK(status(Outcome::transport) == 504);
    CHECK(answer_for({.outcome = Outcome::unknown_universe}).body ==
          R"({"error":"Universe does not exist"})");
    for (std::size_t i = 0; i < kOutcomes; ++i) {
        const auto outcome = static_cast<Outcome>(i);
        CHECK_FALSE(to_string(outcome).empty());
        CHECK(error_text(outcome).empty() == (answer_for({.outcome = outcome}).status == 200));
    }
}

TEST_CASE("Web clients that come back read what they have missed", "[roblox][bridge]") {
    BridgeFixture fixture;
    const std::string cursor = fixture.bridge->web_cursor(kGame);
    (void)fixture.bridge->uplink(kGame, BridgeFixture::batch("job-1", 1, {{"a", "1"}, {"b", "2"}}));
    const WebPage page = fixture.bridge->read_web(kGame, cursor);
    REQUIRE(page.messages.size() == 2);
    CHECK(page.messages[1].topic == "b");
    CHECK(page.messages[1].sender == "job-1");
    CHECK(page.messages[1].seq == fixture.web.got[1].seq);
    CHECK_FALSE(page.has_missed);
    CHECK(fixture.bridge->read_web(kGame, page.cursor).messages.empty());
    CHECK(fixture.bridge->read_web(kGame, "zzzzzz:1").has_missed);
}

TEST_CASE("Rates are of whole seconds, and silence counts without anybody ticking",
          "[roblox][rates]") {
    using Time = core::MonotonicTime;
    const Time begin{100s};
    RateMeter meter(begin);
    for (int second = 0; second < 20; ++second) meter.add(begin + second * 1s, 6);
    const Time now = begin + 20s;
    CHECK(meter.rates(now).last_1s == 6);
    CHECK(meter.rates(now).last_10s == 6);
    CHECK(meter.rates(now).last_60s == 2);
    CHECK(meter.history(now) == std::vector<std::uint32_t>(20, 6));
    CHECK(meter.rates(now + 5s).last_10s == 3);
    CHECK(meter.rates(now + 1h).last_60s == 0);
    CHECK(meter.history(now + 1h) == std::vector<std::uint32_t>(300, 0));
    CHECK(meter.total() == 120);
    meter.add(now + 1h, 1);
    CHECK(meter.history(now + 1h + 1s).back() == 1);
    CHECK(meter.rates(now + 1h + 1s).last_60s == Approx(1.0 / 60));
}

TEST_CASE("Topics are tracked up to a bound, the busiest first", "[roblox][rates]") {
    core::MonotonicTime now{100s};
    TrafficBook book(10, now);
    for (int i = 0; i < 30; ++i) {
        for (int n = 0; n <= i; ++n) book.count_in("topic-" + std::to_string(i), now);
    }
    book.count_out("topic-3", now);
    CHECK(book.topic_count() == 10);
    CHECK(book.in().total() == 30 * 31 / 2);
    const auto busiest = book.busiest(3, now);
    REQUIRE(busiest.size() == 3);
    CHECK(busiest[0].topic == "topic-9");
    CHECK(busiest[0].messages == 10);
    // What has been silent for a minute makes room.
    now += 61s;
    book.count_in("new", now);
    CHECK(book.topic_count() == 1);
}

TEST_CASE("Answers are written as game servers and the page read them", "[roblox][bridge][json]") {
    BridgeFixture fixture;
    const HelloReply hello = fixture.hello("job-1", ServerTransport::poll);
    const std::string text = encode(hello);
    CHECK(text.starts_with(R"({"serverId":"job-1","epoch":")"));
    CHECK(text.find(R"("prefix":"pulse","shards":3,"compatible":false,"mode":"v1","heartbeat":30,)"
                    R"("poll":{"wait":20,"minInterval":0.25},"time":)") != std::string::npos);
    PollReply poll{.cursor = "abc:1"};
    poll.messages = {{1, "a\"b", R"({"x":1})", {}}, {2, "c", "null", R"({"f":"job-2"})"}};
    CHECK(
        encode(poll) ==
        R"({"cursor":"abc:1","msgs":[[1,"a\"b",{"x":1}],[2,"c",null,{"f":"job-2"}]],"missed":false})");
    UplinkReply uplink;
    uplink.accepted = 1;
    uplink.is_duplicate = true;
    uplink.refused = {{3, Error::queue_full}};
    uplink.cursor = "abc:2";
    uplink.repaired = {{"pulse.b0", "P1B abc123 1\n[]"}};
    uplink.gone = {{"e", "t", 1, 2}, {"e", "t", 5, 5}, {"e", "u", 1, 1}};
    CHECK(encode(uplink) ==
          R"({"success":true,"accepted":1,"dup":true,"refused":[[3,"queue_full"]],"down":[],)"
          R"("cursor":"abc:2","frames":[["pulse.b0","P1B abc123 1\n[]"]],)"
          R"("gone":[["e","t",[[1,2],[5,5]]],["e","u",[[1,1]]]]})");
    (void)fixture.bridge->uplink(kGame, BridgeFixture::batch("job-1", 1, {{"<b>", "1"}}));
    fixture.run_for(2s);
    CHECK(
        encode_summary(fixture.stats()).starts_with(R"("gameServers":1,"players":0,"in":{"1s":)"));
    const std::string details = encode_details(fixture.stats(), true);
    CHECK(details.starts_with(R"("topics":[{"topic":"<b>","in":0.017,"out":0,"messages":1}])"));
    CHECK(details.find(R"("history":{"stepMs":1000,"in":[1,0],"out":[0,0]})") != std::string::npos);
    CHECK(encode(fixture.bridge->servers(kGame)) ==
          R"({"servers":[{"server":"job-1","place":"0","version":0,"players":0,)"
          R"("caps":["v1","http"],"lastSeenMs":2000,"transport":"poll"}]})");
    // No key in any of it.
    CHECK((text + details + encode_summary(fixture.stats())).find("secret") == std::string::npos);
}
