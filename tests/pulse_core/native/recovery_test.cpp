// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Subscribing from a position on, on a node on its own and on one of a cluster.
#include "native/position.hpp"
#include "pulse_core/native/native_fixture.hpp"
#include "support/manual_broker.hpp"

#include <pulse/core/history.hpp>
#include <pulse/protocol/value.hpp>

using namespace pulse::test;
namespace core = pulse::core;
namespace protocol = pulse::protocol;
using core::StreamPosition;
using protocol::Value;

namespace {

constexpr std::uint64_t kEpoch = 0xab;
const std::string kEpochText = "00000000000000ab";

std::vector<std::byte> packed(const Value& value) {
    std::vector<std::byte> out;
    REQUIRE(protocol::encode_value(value, out) == protocol::Error::none);
    return out;
}
Value position_value(const StreamPosition& position) {
    std::vector<std::byte> raw;
    core::native::append_position(position, raw);
    return protocol::decode_value(raw).value;
}
Frame subscribe(std::uint64_t id, const Value& recover) {
    Frame frame = Frame::subscribe(id, "kept");
    frame.data = packed(recover);
    return frame;
}
Frame subscribe_since(std::uint64_t id, const StreamPosition& since) {
    return subscribe(id, position_value(since));
}
Frame placed(std::string_view text, const StreamPosition& position) {
    Frame frame = publication("kept", text);
    frame.data = packed(position_value(position));
    return frame;
}
Frame recovery(std::uint64_t id, bool is_recovered, const StreamPosition& position) {
    Frame frame = Frame::ack(id);
    frame.data.emplace();
    core::native::append_recovery(is_recovered, position, *frame.data);
    return frame;
}
Frame gap(const StreamPosition& position) {
    Frame frame = Frame::subscribe(0, "kept");
    if (position.epoch != 0) frame.data = packed(position_value(position));
    return frame;
}

core::HistoryPolicy policy(std::string_view channel) {
    return channel == "kept" ? core::HistoryPolicy{.size = 5} : core::HistoryPolicy{};
}
HubParts with_policy(HubParts parts) {
    parts.options.history_policy = policy;
    return parts;
}

/// A node on its own that keeps history.
struct Alone {
    ManualClock clock;
    core::SeededRng rng{5};
    std::unique_ptr<core::HistoryStore> store = core::make_memory_history_store(clock, rng);
    NativeEngine engine{{}, nullptr, with_policy({.history = store.get()})};

    StreamPosition at(std::uint64_t offset) {
        return {offset, store->read("kept", nullptr, 0)->top.epoch};
    }
};

/// One of a cluster.
struct Joined {
    ManualBroker broker;
    NativeEngine engine{{}, nullptr, with_policy({.broker = &broker})};
    NativeClient client{engine};

    core::HistoryPage page(std::uint64_t from, std::uint64_t to, bool is_recovered = true) {
        core::HistoryPage page;
        page.top = {to, kEpoch};
        page.recovered = is_recovered;
        for (std::uint64_t i = from; i <= to; ++i) {
            core::Publication publication("kept", payload_of(std::to_string(i)));
            publication.position = {i, kEpoch};
            page.publications.push_back(std::make_shared<const core::Publication>(publication));
        }
        return page;
    }
    void deliver(std::uint64_t offset) {
        broker.deliver("kept", std::to_string(offset), {offset, kEpoch});
    }
    Frame live(std::uint64_t offset) { return placed(std::to_string(offset), {offset, kEpoch}); }
    StreamPosition at(std::uint64_t offset) { return {offset, kEpoch}; }
};

}  // namespace

// ------------------------------------------------------------- on its own

TEST_CASE("who asks for a position gets it, and with every publication another",
          "[core][native][recovery]") {
    Alone alone;
    (void)alone.engine.publish("kept", "a");
    NativeClient client(alone.engine);
    CHECK(client.ask(subscribe(7, Value::Object{})) == Frames{recovery(7, false, alone.at(1))});
    (void)alone.engine.publish("kept", "b");
    CHECK(client.receive() == Frames{placed("b", alone.at(2))});
}

TEST_CASE("who does not ask sees nothing of positions", "[core][native][recovery]") {
    Alone alone;
    NativeClient old(alone.engine);
    NativeClient recent(alone.engine);
    CHECK(old.ask(Frame::subscribe(1, "kept")) == Frames{Frame::ack(1)});
    (void)recent.ask(subscribe(1, Value::Object{}));
    (void)alone.engine.publish("kept", "a");
    CHECK(old.receive() == Frames{publication("kept", "a")});
    CHECK(recent.receive() == Frames{placed("a", alone.at(1))});
    Frame nil = Frame::subscribe(2, "other");
    nil.data = packed(Value());
    // nil is as good as absent.
    CHECK(old.ask(nil) == Frames{Frame::ack(2)});
}

TEST_CASE("who comes back gets what it missed, behind the ack, then what is new",
          "[core][native][recovery]") {
    Alone alone;
    for (const char* text : {"a", "b", "c"}) (void)alone.engine.publish("kept", text);
    NativeClient client(alone.engine);
    CHECK(client.ask(subscribe_since(3, alone.at(1))) == Frames{recovery(3, true, alone.at(3)),
                                                                placed("b", alone.at(2)),
                                                                placed("c", alone.at(3))});
    (void)alone.engine.publish("kept", "d");
    CHECK(client.receive() == Frames{placed("d", alone.at(4))});
    NativeClient current(alone.engine);
    CHECK(current.ask(subscribe_since(3, alone.at(4))) == Frames{recovery(3, true, alone.at(4))});
}

TEST_CASE("who comes back too late is told so, and where it stands now",
          "[core][native][recovery]") {
    Alone alone;
    for (int i = 0; i < 10; ++i) (void)alone.engine.publish("kept", "x");
    NativeClient client(alone.engine);
    SECTION("the history does not reach back") {
        CHECK(client.ask(subscribe_since(3, alone.at(4))) ==
              Frames{recovery(3, false, alone.at(10))});
    }
    SECTION("the epoch is another") {
        CHECK(client.ask(subscribe_since(3, {9, 1})) == Frames{recovery(3, false, alone.at(10))});
    }
    SECTION("the epoch is no epoch") {
        const Value::Object odd{{"epoch", "whatever"}, {"offset", 9}};
        CHECK(client.ask(subscribe(3, odd)) == Frames{recovery(3, false, alone.at(10))});
    }
    SECTION("the position lies in the future") {
        CHECK(client.ask(subscribe_since(3, alone.at(11))) ==
              Frames{recovery(3, false, alone.at(10))});
    }
}

TEST_CASE("a channel without history recovers nothing and has no position",
          "[core][native][recovery]") {
    Alone alone;
    NativeClient client(alone.engine);
    Frame ask = Frame::subscribe(3, "plain");
    ask.data = packed(position_value({4, kEpoch}));
    CHECK(client.ask(ask) == Frames{recovery(3, false, {})});
    (void)alone.engine.publish("plain", "x");
    CHECK(client.receive() == Frames{publication("plain", "x")});
}

TEST_CASE("what is no position is no frame", "[core][native][recovery]") {
    Alone alone;
    NativeClient client(alone.engine);
    const Value::Object half{{"epoch", kEpochText}};
    const Value::Object negative{{"epoch", kEpochText}, {"offset", -1}};
    const Value::Object number{{"epoch", 5}, {"offset", 1}};
    const Value::Object large{{"other", std::string(1000, 'x')}};
    for (const Value& wrong : {Value(true), Value(5), Value("x"), Value(Value::Array{}),
                               Value(half), Value(negative), Value(number), Value(large)}) {
        CHECK(client.ask(subscribe(3, wrong)) == Frames{invalid_frame(3)});
    }
    CHECK(client.ask(Frame::subscribe(4, "kept")) == Frames{Frame::ack(4)});
}

TEST_CASE("what was missed is bounded by what may wait for one peer", "[core][native][recovery]") {
    Alone alone;
    const std::string large(40'000, 'x');
    for (int i = 0; i < 5; ++i) (void)alone.engine.publish("kept", large);
    core::OutletLimits limits;
    limits.max_bytes = 100'000;
    alone.engine.lane().set_limits(limits);
    NativeClient client(alone.engine);
    CHECK(client.ask(subscribe_since(3, alone.at(1))) == Frames{recovery(3, false, alone.at(5))});
}

TEST_CASE("positions go as JSON, too", "[core][native][recovery]") {
    Alone alone;
    (void)alone.engine.publish("kept", "a");
    (void)alone.engine.publish("kept", "b");
    NativeClient client(alone.engine, "format=json");
    const std::string epoch = *position_value(alone.at(0)).find("epoch")->as_string();
    client.send_text(R"({"type":"subscribe","id":1,"channel":"kept","recover":{"epoch":")" + epoch +
                     R"(","offset":1}})");
    const auto messages = client.connection.take();
    REQUIRE(messages.size() == 2);
    CHECK(messages[0].bytes == R"({"type":"ack","id":1,"recovery":{"epoch":")" + epoch +
                                   R"(","offset":2,"recovered":true}})");
    CHECK(messages[1].bytes == R"({"type":"publish","channel":"kept","payload":"b",)"
                               R"("position":{"epoch":")" +
                                   epoch + R"(","offset":2}})");
}

// --------------------------------------------------------------- in a cluster

TEST_CASE("in a cluster a subscribe is answered once the node listens",
          "[core][native][recovery]") {
    Joined node;
    node.broker.listens_at_once = false;
    CHECK(node.client.ask(Frame::subscribe(1, "kept")).empty());
    CHECK(node.client.connection.is_paused);
    // What comes meanwhile waits, and nothing is delivered before the ack.
    CHECK(node.client.ask(Frame::ping_with_timestamp(9)).empty());
    node.deliver(1);
    CHECK(node.client.receive().empty());
    node.broker.confirm_listening();
    CHECK(node.client.receive() == Frames{Frame::ack(1), Frame::pong(9)});
    CHECK_FALSE(node.client.connection.is_paused);
    node.deliver(2);
    CHECK(node.client.receive() == Frames{publication("kept", "2")});
}

TEST_CASE("between the page and what is live nothing is lost and nothing comes twice",
          "[core][native][recovery]") {
    Joined node;
    CHECK(node.client.ask(subscribe_since(1, node.at(2))).empty());
    REQUIRE(node.broker.reads.size() == 1);
    CHECK(node.broker.reads[0].since == node.at(2));
    CHECK(node.broker.reads[0].limit == 5);
    SECTION("the page is all there is") {
        node.broker.answer(node.page(3, 5));
        CHECK(node.client.receive() ==
              Frames{recovery(1, true, node.at(5)), node.live(3), node.live(4), node.live(5)});
    }
    SECTION("publications came before the page, and are in it") {
        for (std::uint64_t i = 3; i <= 5; ++i) node.deliver(i);
        node.broker.answer(node.page(3, 5));
        CHECK(node.client.receive() ==
              Frames{recovery(1, true, node.at(5)), node.live(3), node.live(4), node.live(5)});
    }
    SECTION("publications came before the page, and are newer") {
        for (std::uint64_t i = 4; i <= 7; ++i) node.deliver(i);
        node.broker.answer(node.page(3, 5));
        CHECK(node.client.receive() == Frames{recovery(1, true, node.at(7)), node.live(3),
                                              node.live(4), node.live(5), node.live(6),
                                              node.live(7)});
    }
    SECTION("more than a receiver holds came before the page") {
        for (std::uint64_t i = 3; i <= 3000; ++i) node.deliver(i);
        node.broker.answer(node.page(3, 5));
        CHECK(node.client.receive() == Frames{recovery(1, false, node.at(3000))});
    }
    SECTION("the numbering began anew meanwhile") {
        node.broker.deliver("kept", "new", {1, kEpoch + 1});
        node.broker.answer(node.page(3, 5));
        CHECK(node.client.receive() == Frames{recovery(1, false, {1, kEpoch + 1})});
    }
    SECTION("not recovered, and live ones came") {
        node.deliver(9);
        node.broker.answer(node.page(5, 8, false));
        CHECK(node.client.receive() == Frames{recovery(1, false, node.at(9))});
    }
    (void)node.client.receive();
    const StreamPosition next{10'000, kEpoch};
    node.broker.deliver("kept", "live", next);
    CHECK(node.client.receive() == Frames{placed("live", next)});
}

TEST_CASE("a history that cannot be read is said to be not recovered", "[core][native][recovery]") {
    Joined node;
    (void)node.client.ask(subscribe_since(1, node.at(2)));
    REQUIRE(node.broker.reads.size() == 1);
    node.broker.reads[0].done(tl::unexpected(make_error_code(core::Error::broker_unavailable)));
    CHECK(node.client.receive() == Frames{recovery(1, false, {})});
}

TEST_CASE("a client that goes while its subscribe is on its way leaves nothing behind",
          "[core][native][recovery]") {
    Joined node;
    node.broker.listens_at_once = false;
    {
        NativeClient gone(node.engine);
        (void)gone.ask(subscribe_since(1, node.at(2)));
        CHECK(node.engine.hub.subscriber_count("kept") == 1);
    }
    CHECK(node.engine.hub.subscriber_count("kept") == 0);
    CHECK_FALSE(node.engine.hub.channel_exists("kept"));
    node.broker.confirm_listening();
    node.engine.turn();
}

TEST_CASE("refusals of a subscribe are the same in a cluster, and come at once",
          "[core][native][recovery]") {
    Joined node;
    node.broker.listens_at_once = false;
    CHECK(node.client.ask(Frame::subscribe(1, "$x")).size() == 1);
    (void)node.client.ask(Frame::subscribe(2, "kept"));
    node.broker.confirm_listening();
    CHECK(node.client.receive() == Frames{Frame::ack(2)});
    CHECK(
        node.client.ask(Frame::subscribe(3, "kept")) ==
        Frames{Frame::error(3, ErrorCode::invalid_channel, "Already subscribed to channel: kept")});
}

TEST_CASE("a gap is told to those who recover by a position, to others by an error of no request",
          "[core][native][recovery]") {
    Joined node;
    NativeClient old(node.engine);
    NativeClient text(node.engine, "format=json");
    CHECK(old.ask(Frame::subscribe(1, "kept")) == Frames{Frame::ack(1)});
    (void)node.client.ask(subscribe(1, Value::Object{}));
    node.broker.answer(node.page(1, 0));
    (void)node.client.receive();
    text.send_text(R"({"type":"subscribe","id":1,"channel":"kept","recover":{}})");
    node.broker.answer(node.page(1, 0));
    node.engine.turn();
    (void)text.connection.take();
    node.broker.listener->on_gap("kept", node.at(70));
    CHECK(node.client.receive() == Frames{gap(node.at(70))});
    CHECK(old.receive() ==
          Frames{Frame::error(0, ErrorCode::server_error, "Publications may be missing: kept")});
    const auto messages = text.connection.take();
    REQUIRE(messages.size() == 1);
    CHECK(messages[0].bytes ==
          R"({"type":"subscribe","id":0,"channel":"kept","recover":{"epoch":")" + kEpochText +
              R"(","offset":70}})");
    node.broker.listener->on_gap("kept", {});
    CHECK(node.client.receive() == Frames{gap({})});
    CHECK(old.receive().size() == 1);
    NativeClient old_text(node.engine, "format=json");
    old_text.send_text(R"({"type":"subscribe","id":1,"channel":"plain"})");
    node.engine.turn();
    (void)old_text.connection.take();
    node.broker.listener->on_gap("plain", {});
    node.engine.turn();
    const auto told = old_text.connection.take();
    REQUIRE(told.size() == 1);
    CHECK(told[0].bytes ==
          R"({"type":"error","id":0,"code":1011,"message":"Publications may be missing: plain"})");
    node.broker.listener->on_gap("nobody", {});
}

TEST_CASE("a gap that is told while a subscribe is on its way is in its answer",
          "[core][native][recovery]") {
    Joined node;
    (void)node.client.ask(subscribe_since(1, node.at(3)));
    const StreamPosition anew{0, kEpoch + 1};
    node.broker.listener->on_gap("kept", anew);
    node.broker.answer(node.page(4, 5));
    CHECK(node.client.receive() == Frames{recovery(1, false, anew)});
    node.broker.deliver("kept", "x", {1, kEpoch + 1});
    CHECK(node.client.receive() == Frames{placed("x", {1, kEpoch + 1})});
}

TEST_CASE("without an answer from the history a subscription stands where deliveries do",
          "[core][native][recovery]") {
    Joined node;
    (void)node.client.ask(subscribe_since(1, node.at(3)));
    node.deliver(7);
    const auto read = std::move(node.broker.reads.front());
    node.broker.reads.pop_front();
    read.done(tl::unexpected(make_error_code(core::Error::broker_unavailable)));
    CHECK(node.client.receive() == Frames{recovery(1, false, node.at(7))});
    node.deliver(8);
    CHECK(node.client.receive() == Frames{node.live(8)});
}

TEST_CASE("where a kept channel stood is forgotten when nobody listens any more",
          "[core][native][recovery]") {
    Joined node;
    REQUIRE_FALSE(node.engine.hub.create_channel("kept"));
    (void)node.client.ask(subscribe(1, Value::Object{}));
    node.broker.answer(node.page(1, 3));
    (void)node.client.receive();
    node.deliver(4);
    (void)node.client.receive();
    (void)node.client.ask(Frame::unsubscribe(2, "kept"));
    (void)node.client.ask(subscribe_since(3, {9, kEpoch + 1}));
    core::HistoryPage page;
    page.top = {9, kEpoch + 1};
    page.recovered = true;
    node.broker.answer(page);
    CHECK(node.client.receive() == Frames{recovery(3, true, {9, kEpoch + 1})});
}

TEST_CASE("a subscribe is counted once, however it is answered", "[core][native][recovery]") {
    Joined node;
    (void)node.client.ask(Frame::subscribe(1, "plain"));
    (void)node.client.ask(subscribe(2, Value::Object{}));
    CHECK(node.engine.hub.stats().subscriptions == 1);  // the other one is on its way
    node.broker.answer(node.page(1, 3));
    CHECK(node.client.receive().size() == 1);
    CHECK(node.engine.hub.stats().subscriptions == 2);
    CHECK(node.engine.hub.stats().subscribes_total == 2);
    (void)node.client.ask(Frame::unsubscribe(3, "kept"));
    (void)node.client.ask(Frame::unsubscribe(4, "plain"));
    CHECK(node.engine.hub.stats().subscriptions == 0);
    CHECK(node.engine.hub.stats().subscribes_total == 2);
}

// -------------------------------------------------------------------- publish

TEST_CASE("in a cluster a publish is answered once it is confirmed", "[core][native][broker]") {
    Joined node;
    node.client.send({Frame::publish_with_ack(1, "c", payload_of("a")), publication("c", "b"),
                      Frame::publish_with_ack(2, "c", payload_of("c"))});
    CHECK(node.client.receive().empty());
    REQUIRE(node.broker.published.size() == 3);
    CHECK(node.broker.published[0].publication.source.has_value());
    node.broker.confirm();
    CHECK(node.client.receive() == Frames{Frame::ack(1)});
    node.broker.confirm();
    CHECK(node.client.receive().empty());
    node.broker.confirm();
    CHECK(node.client.receive() == Frames{Frame::ack(2)});
    CHECK(node.client.ask(Frame::ping()) == Frames{Frame::pong()});
}

TEST_CASE("answers keep the order of the requests, whichever is there first",
          "[core][native][broker]") {
    Joined node;
    node.client.send({Frame::publish_with_ack(1, "c", {}), Frame::publish_with_ack(2, "c", {}),
                      Frame::ping_with_timestamp(3), Frame::publish_with_ack(4, "c", {})});
    REQUIRE(node.broker.published.size() == 2);
    CHECK(node.client.connection.is_paused);
    const auto second = std::move(node.broker.published[1]);
    node.broker.published.pop_back();
    second.done(core::Error::broker_unavailable);
    CHECK(node.client.receive().empty());
    node.broker.confirm();
    CHECK(node.client.receive() ==
          Frames{Frame::ack(1), Frame::error(2, ErrorCode::server_error, "Broker unavailable"),
                 Frame::pong(3)});
    CHECK_FALSE(node.client.connection.is_paused);
    REQUIRE(node.broker.published.size() == 1);
    node.broker.confirm();
    CHECK(node.client.receive() == Frames{Frame::ack(4)});
}

TEST_CASE("a client has a bounded number of publications under way", "[core][native][broker]") {
    Joined node;
    std::string message;
    for (std::uint64_t i = 0; i < 3000; ++i) {
        message += encoded(FrameView::publish_with_ack(i, "c", {}));
    }
    node.client.send(message);
    node.engine.turn();
    CHECK(node.broker.published.size() == 1024);
    CHECK(node.client.connection.is_paused);
    std::size_t answered = 0;
    while (!node.broker.published.empty()) {
        node.broker.confirm();
        for (const Frame& frame : node.client.receive()) CHECK(frame == Frame::ack(answered++));
    }
    CHECK(answered == 3000);
    CHECK_FALSE(node.client.connection.is_paused);
}

TEST_CASE("a broker that has too much to do is an error that passes", "[core][native][broker]") {
    Joined node;
    node.broker.refuses = core::Error::broker_overloaded;
    CHECK(node.client.ask(Frame::publish_with_ack(1, "c", {})) ==
          Frames{Frame::error(1, ErrorCode::rate_limited, "Rate limited")});
    node.broker.refuses = {};
    node.client.send(Frame::publish_with_ack(2, "c", {}));
    node.broker.confirm();
    CHECK(node.client.receive() == Frames{Frame::ack(2)});
}

TEST_CASE("the answer to a publish precedes its echo", "[core][native][broker]") {
    Joined node;
    CHECK(node.client.ask(Frame::subscribe(1, "c")) == Frames{Frame::ack(1)});
    node.client.send(Frame::publish_with_ack(2, "c", payload_of("x")));
    // What a broker does when its own publication comes back.
    node.broker.confirm();
    node.broker.deliver("c", "x", {});
    CHECK(node.client.receive() == Frames{Frame::ack(2), publication("c", "x")});
}
