// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/bridge_fixture.hpp"
#include "support/catch.hpp"

using namespace pulse;
using namespace pulse::roblox;
using namespace std::chrono_literals;
using test::BridgeFixture;
using test::kGame;

TEST_CASE("A poll is answered at once when there is something, else when there is",
          "[roblox][bridge][poll]") {
    BridgeFixture fixture;
    const HelloReply hello = fixture.hello("job-1", ServerTransport::poll);
    fixture.publish("chat", "1");
    fixture.publish("chat", "2");
    CHECK(fixture.count(Outcome::accepted) == 2);  // the server will come for them
    fixture.poll("job-1", hello.cursor);
    REQUIRE(fixture.polled.size() == 1);
    CHECK(fixture.polled[0].status == PollStatus::messages);
    REQUIRE(fixture.polled[0].messages.size() == 2);
    CHECK(fixture.polled[0].messages[0].topic == "chat");
    CHECK(fixture.polled[0].messages[1].message == "2");
    CHECK_FALSE(fixture.polled[0].has_missed);

    fixture.poll("job-1", fixture.polled[0].cursor);
    fixture.run_for(10s);
    CHECK(fixture.polled.size() == 1);
    fixture.publish("chat", "3");
    fixture.run_for(50ms);
    CHECK(fixture.polled.size() == 1);  // waits for more
    fixture.publish("chat", "4");
    fixture.run_for(60ms);
    REQUIRE(fixture.polled.size() == 2);
    CHECK(fixture.polled[1].messages.size() == 2);
    fixture.run_for(1min);
    CHECK(fixture.cloud.sent.empty());  // nobody there that only listens
}

TEST_CASE("A poll with nothing to say ends after its wait, with a cursor to go on from",
          "[roblox][bridge][poll]") {
    BridgeFixture fixture;
    fixture.hello("job-1", ServerTransport::poll);
    fixture.hello("job-2", ServerTransport::poll);
    fixture.poll("job-1", {}, 5s);
    // What passes is for another one, and more than the ring holds.
    BridgeOptions defaults;
    for (std::size_t i = 0; i < defaults.poll_ring.max_messages + 100; ++i) {
        fixture.publish("t", "1", {Target::Kind::server, "job-2"});
    }
    fixture.run_for(4'900ms);
    CHECK(fixture.polled.empty());
    fixture.run_for(200ms);
    REQUIRE(fixture.polled.size() == 1);
    CHECK(fixture.polled[0].status == PollStatus::nothing);
    fixture.poll("job-1", fixture.polled[0].cursor, 0s);
    REQUIRE(fixture.polled.size() == 2);
    CHECK(fixture.polled[1].status == PollStatus::nothing);
    CHECK_FALSE(fixture.polled[1].has_missed);
    // A wait beyond the longest is cut to it.
    fixture.poll("job-1", fixture.polled[1].cursor, 1h);
    fixture.run_for(20s);
    CHECK(fixture.polled.size() == 3);
}

TEST_CASE("A cursor that is too old, of another epoch or no cursor at all says so",
          "[roblox][bridge][poll]") {
    BridgeFixture fixture;
    const HelloReply hello = fixture.hello("job-1", ServerTransport::poll);
    fixture.publish("t", "1");
    fixture.run_for(61s);
    fixture.hello("job-1", ServerTransport::poll);
    fixture.publish("t", "2");
    const std::string cursor = GENERATE(std::string("hello"), "abc123:0", "xyz", "abc123:99");
    fixture.poll("job-1", cursor == "hello" ? hello.cursor : cursor, 20s);
    REQUIRE(fixture.polled.size() == 1);
    CHECK(fixture.polled[0].has_missed);
    REQUIRE(fixture.polled[0].messages.size() == 1);
    CHECK(fixture.polled[0].messages[0].message == "2");
    fixture.poll("job-1", fixture.polled[0].cursor, 0s);
    CHECK_FALSE(fixture.polled[1].has_missed);
}

TEST_CASE("Of two polls of one server the older ends; shutting down ends all",
          "[roblox][bridge][poll]") {
    BridgeFixture fixture;
    fixture.hello("job-1", ServerTransport::poll);
    fixture.hello("job-2", ServerTransport::poll);
    fixture.poll("job-1");
    fixture.poll("job-2");
    fixture.poll("job-1");
    REQUIRE(fixture.polled.size() == 1);
    CHECK(fixture.polled[0].status == PollStatus::superseded);
    CHECK(fixture.bridge->metrics().polls_open == 2);
    fixture.bridge->shut_down();
    REQUIRE(fixture.polled.size() == 3);
    CHECK(fixture.polled[1].status == PollStatus::shutting_down);
    CHECK(fixture.polled[2].status == PollStatus::shutting_down);
    CHECK(fixture.bridge->metrics().polls_open == 0);
    fixture.poll("job-1");
    CHECK(fixture.polled.back().status == PollStatus::shutting_down);
}

TEST_CASE("A poll whose caller has gone is not answered", "[roblox][bridge][poll]") {
    BridgeFixture fixture;
    const PollId poll = fixture.poll("job-1");
    fixture.bridge->cancel_poll(kGame, poll);
    fixture.bridge->cancel_poll(kGame, poll);
    fixture.publish("t", "1");
    fixture.run_for(30s);
    CHECK(fixture.polled.empty());
    CHECK(fixture.bridge->metrics().polls_open == 0);
}

TEST_CASE("A poll gets what is for its server, its place and its topics",
          "[roblox][bridge][poll]") {
    BridgeFixture fixture;
    ServerHello hello{.server = "job-1", .place = 77};
    hello.transport = ServerTransport::poll;
    const std::string cursor = fixture.bridge->hello(kGame, hello)->cursor;
    fixture.publish("chat", "1");
    fixture.publish("match.1", "2");
    fixture.publish("match.2", "3", {Target::Kind::place, "77"});
    fixture.publish("match.3", "4", {Target::Kind::place, "78"});
    fixture.publish("match.4", "5", {Target::Kind::server, "job-1"});
    fixture.publish("match.5", "6", {Target::Kind::server, "job-2"});
    fixture.publish("score", "7");
    std::vector<std::string> got;
    fixture.bridge->poll(kGame,
                         {.server = "job-1", .cursor = cursor, .topics = {"chat", "match.*"}},
                         [&](const PollReply& reply) {
                             for (const auto& one : reply.messages) got.push_back(one.message);
                         });
    CHECK(got == std::vector<std::string>{"1", "2", "3", "5"});
}

TEST_CASE("A poll's answer is bounded; the rest comes with the next", "[roblox][bridge][poll]") {
    BridgeOptions options;
    options.poll_max_messages = 10;
    BridgeFixture fixture(options);
    const std::string cursor = fixture.hello("job-1", ServerTransport::poll).cursor;
    for (int i = 0; i < 25; ++i) fixture.publish("t", std::to_string(i));
    std::string at = cursor;
    std::vector<std::string> got;
    while (got.size() < 25) {
        fixture.poll("job-1", at, 0s);
        REQUIRE(fixture.polled.back().messages.size() <= 10);
        REQUIRE_FALSE(fixture.polled.back().messages.empty());
        for (const auto& message : fixture.polled.back().messages) got.push_back(message.message);
        at = fixture.polled.back().cursor;
    }
    CHECK(got.size() == 25);
    CHECK(got.back() == "24");
    // A full answer does not wait for more.
    fixture.poll("job-1", at);
    const std::size_t before = fixture.polled.size();
    for (int i = 0; i < 10; ++i) fixture.publish("t", std::to_string(i));
    fixture.bridge->tick();
    CHECK(fixture.polled.size() == before + 1);
}

TEST_CASE("No more polls are held than may be", "[roblox][bridge][poll]") {
    BridgeOptions options;
    options.max_polls = 3;
    options.max_servers = 5;
    BridgeFixture fixture(options);
    for (int i = 0; i < 6; ++i) fixture.poll("job-" + std::to_string(i));
    CHECK(fixture.bridge->metrics().polls_open == 3);
    REQUIRE(fixture.polled.size() == 3);
    for (const PollReply& reply : fixture.polled) {
        CHECK(reply.status == PollStatus::refused);
        CHECK(reply.error == Error::too_many_entries);
    }
    ServerHello hello{.server = "job-9"};
    CHECK(fixture.bridge->hello(kGame, hello).error() == Error::too_many_entries);
    fixture.poll("a/b");
    CHECK(fixture.polled.back().error == Error::invalid_server_id);
}

TEST_CASE("A server that sleeps is woken, then polls, and is not woken while it does",
          "[roblox][bridge][wake]") {
    BridgeFixture fixture;
    const HelloReply hello = fixture.hello("job-1", ServerTransport::hybrid);
    fixture.publish("chat", "1");
    fixture.run_for(100ms);
    REQUIRE(fixture.cloud.sent.size() == 1);
    CHECK(fixture.cloud.sent[0].real_topic == "pulse.s.job-1");
    const auto frame = decode_frame(fixture.cloud.sent[0].text);
    REQUIRE(frame.has_value());
    CHECK(frame->type == FrameType::wake);
    CHECK_FALSE(frame->cursor.empty());

    fixture.poll("job-1", hello.cursor);
    REQUIRE(fixture.polled.size() == 1);
    REQUIRE(fixture.polled[0].messages.size() == 1);
    CHECK(fixture.polled[0].cursor == frame->cursor);
    fixture.poll("job-1", fixture.polled[0].cursor);
    fixture.publish("chat", "2");
    fixture.run_for(200ms);
    REQUIRE(fixture.polled.size() == 2);
    // It is about to poll again: no wake yet.
    fixture.publish("chat", "3");
    fixture.run_for(1s);
    CHECK(fixture.cloud.sent.size() == 1);
    fixture.poll("job-1", fixture.polled[1].cursor);
    REQUIRE(fixture.polled.size() == 3);
    CHECK(fixture.polled[2].messages.size() == 1);
    fixture.run_for(5min);
    CHECK(fixture.cloud.sent.size() == 1);
    CHECK(fixture.bridge->metrics().frames[5] == 1);
}

TEST_CASE("A wake that is lost is repeated, more and more slowly, and given up",
          "[roblox][bridge][wake]") {
    BridgeFixture fixture;
    fixture.hello("job-1", ServerTransport::hybrid);
    fixture.publish("chat", "1");
    std::vector<double> at;
    for (int i = 0; i < 30; ++i) {
        fixture.run_for(10s);
        fixture.hello("job-1", ServerTransport::hybrid);
    }
    REQUIRE(fixture.cloud.sent.size() == 5);
    for (const auto& sent : fixture.cloud.sent) {
        at.push_back(std::chrono::duration<double>(sent.at - fixture.cloud.sent[0].at).count());
    }
    CHECK(at[1] == Approx(3).margin(0.2));
    CHECK(at[2] == Approx(9).margin(0.2));
    CHECK(at[4] == Approx(45).margin(0.2));
    // Something new is a reason to try again.
    fixture.publish("chat", "2");
    fixture.run_for(1s);
    CHECK(fixture.cloud.sent.size() == 6);
}

TEST_CASE("Many that sleep are woken by one broadcast", "[roblox][bridge][wake]") {
    BridgeFixture fixture;
    for (int i = 0; i < 30; ++i) {
        fixture.hello("job-" + std::to_string(i), ServerTransport::hybrid);
    }
    fixture.publish("chat", "1");
    fixture.publish("chat", "2");
    fixture.run_for(1s);
    REQUIRE(fixture.cloud.sent.size() == 1);
    CHECK(fixture.cloud.sent[0].real_topic == "pulse.b0");
    CHECK(decode_frame(fixture.cloud.sent[0].text)->type == FrameType::wake);
}

TEST_CASE("Where some only listen, all that listen take it from there and not twice",
          "[roblox][bridge][wake]") {
    BridgeFixture fixture;
    fixture.hello("listens");
    const std::string hybrid = fixture.hello("both", ServerTransport::hybrid).cursor;
    const std::string deaf = fixture.hello("polls", ServerTransport::poll).cursor;
    fixture.publish("chat", "1");
    fixture.run_for(1s);
    REQUIRE(fixture.cloud.sent.size() == 1);
    CHECK(fixture.published().size() == 1);
    fixture.poll("polls", deaf, 0s);
    CHECK(fixture.polled.back().messages.size() == 1);
    fixture.poll("both", hybrid, 0s);
    CHECK(fixture.polled.back().messages.empty());

    // A message for one of them goes its way.
    fixture.publish("chat", "2", {Target::Kind::server, "polls"});
    fixture.publish("chat", "3", {Target::Kind::server, "listens"});
    fixture.run_for(1s);
    CHECK(fixture.cloud.count("pulse.s.listens") == 1);
    CHECK(fixture.cloud.count("pulse.s.polls") == 0);
    fixture.poll("polls", fixture.polled[0].cursor, 0s);
    CHECK(fixture.polled.back().messages.size() == 1);
}

TEST_CASE("A hello that says more counts for the poll that waits", "[roblox][bridge][poll]") {
    BridgeFixture fixture;
    ServerHello hello{.server = "job-1"};
    hello.transport = ServerTransport::poll;
    const std::string cursor = fixture.bridge->hello(kGame, hello)->cursor;
    fixture.poll("job-1", cursor);
    hello.place = 77;
    (void)fixture.bridge->hello(kGame, hello);
    CHECK(fixture.polled.empty());
    fixture.publish("match", "1", {Target::Kind::place, "77"});
    fixture.run_for(200ms);
    REQUIRE(fixture.polled.size() == 1);
    CHECK(fixture.polled[0].messages.size() == 1);
}

TEST_CASE("What known servers come for is published, too, where some are silent",
          "[roblox][bridge][poll]") {
    BridgeFixture fixture;
    const std::string cursor = fixture.hello("polls", ServerTransport::poll).cursor;
    fixture.publish("chat", "1");
    fixture.run_for(1s);
    CHECK(fixture.cloud.sent.empty());
    (void)fixture.bridge->set_universe(
        kGame, {.mode = Mode::v1, .key_version = 1, .key_owner = 7, .has_silent_servers = true});
    fixture.publish("chat", "2");
    fixture.run_for(1s);
    CHECK(fixture.published().size() == 1);
    fixture.poll("polls", cursor, 0s);
    CHECK(fixture.polled.back().messages.size() == 2);
}
