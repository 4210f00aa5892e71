// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Three servers on one Redis, as clients see them.
#include "servers.hpp"
#include "support/catch.hpp"
#include "support/pulse_client.hpp"
#include "support/redis_server.hpp"

#include <deque>
#include <map>
#include <set>

#include <pulse/protocol/value.hpp>

using namespace pulse::test;
using namespace std::chrono_literals;
using pulse::protocol::Value;

namespace {

struct Trio {
    explicit Trio(const Settings& others = {}) {
        for (int i = 0; i < 3; ++i) servers.emplace_back(cluster_settings(redis.url(), others));
        for (const ServerProcess& server : servers) REQUIRE(becomes_ready(server));
    }
    RedisServer redis;
    std::deque<ServerProcess> servers;
};

std::vector<std::string> read_texts(PulseClient& client, std::size_t n) {
    std::vector<std::string> texts;
    while (texts.size() < n) {
        const Frame frame = client.receive();
        if (frame.type == FrameType::publish) texts.push_back(text_of(frame.payload));
    }
    return texts;
}

Frame subscribe_since(const std::string& channel, const Value& since) {
    Frame frame = Frame::subscribe(1, channel);
    frame.data.emplace();
    REQUIRE(pulse::protocol::encode_value(since, *frame.data) == pulse::protocol::Error::none);
    return frame;
}
Value value_of(const Frame& frame) {
    REQUIRE(frame.data);
    return pulse::protocol::decode_value(*frame.data).value;
}
Frame publish(std::uint64_t id, const std::string& channel, const std::string& text) {
    return Frame::publish_with_ack(id, channel, payload_of(text));
}

std::string member_of(const Frame& frame) {
    return *value_of(frame).find("connection_id")->as_string();
}

}  // namespace

TEST_CASE("two clients on each of three servers see all that all publish, in one order",
          "[e2e][redis][cluster]") {
    const Trio trio;
    for (const std::string channel : {"plain", "kept"}) {
        std::deque<PulseClient> clients;
        for (const ServerProcess& server : trio.servers) {
            for (int i = 0; i < 2; ++i) clients.emplace_back(server.port()).subscribe(channel);
        }
        constexpr std::size_t kEach = 50;
        for (std::size_t i = 0; i < kEach; ++i) {
            for (std::size_t c = 0; c < clients.size(); ++c) {
                clients[c].send(publication(channel, std::to_string(c) + ":" + std::to_string(i)));
            }
        }
        const auto order = read_texts(clients[0], kEach * clients.size());
        CHECK(std::set<std::string>(order.begin(), order.end()).size() == order.size());
        for (std::size_t c = 1; c < clients.size(); ++c) {
            CHECK(read_texts(clients[c], order.size()) == order);
        }
        for (PulseClient& client : clients) CHECK(client.is_quiet());
    }
}

TEST_CASE("a subscribe that was acknowledged hears what is published next, wherever",
          "[e2e][redis][cluster]") {
    const Trio trio;
    PulseClient publisher(trio.servers[0].port());
    for (int i = 0; i < 20; ++i) {
        const std::string channel = "room" + std::to_string(i);
        PulseClient client(trio.servers[1].port());
        client.subscribe(channel);
        CHECK(publisher.ask(publish(7, channel, "x")) == Frame::ack(7));
        CHECK(client.receive() == publication(channel, "x"));
    }
}

TEST_CASE("the rules of order for one client hold in a cluster", "[e2e][redis][cluster]") {
    const Trio trio;
    PulseClient client(trio.servers[0].port());
    client.subscribe("echo");
    std::string message;
    for (std::uint64_t i = 0; i < 500; ++i) message += encoded(publish(i, "echo", "x").view());
    client.send_binary(message + encoded(FrameView::ping()));
    std::uint64_t acks = 0;
    std::uint64_t echoes = 0;
    bool is_ponged = false;
    while (acks < 500 || echoes < 500 || !is_ponged) {
        const Frame frame = client.receive();
        if (frame.type == FrameType::ack) {
            REQUIRE(frame.id == acks);
            ++acks;
        } else if (frame.type == FrameType::pong) {
            CHECK(acks == 500);
            is_ponged = true;
        } else {
            REQUIRE(frame.type == FrameType::publish);
            ++echoes;
            REQUIRE(echoes <= acks);
        }
    }
}

TEST_CASE("who was on one server recovers on another", "[e2e][redis][cluster][recovery]") {
    const Trio trio;
    PulseClient publisher(trio.servers[0].port());
    Value position;
    {
        PulseClient client(trio.servers[1].port());
        const Frame answer = client.ask(subscribe_since("kept", Value::Object{}));
        CHECK(*value_of(answer).find("recovered")->as_bool() == false);
        CHECK(publisher.ask(publish(1, "kept", "1")) == Frame::ack(1));
        const Frame first = client.receive();
        CHECK(text_of(first.payload) == "1");
        position = value_of(first);
    }
    for (int i = 2; i <= 5; ++i) {
        REQUIRE(publisher.ask(publish(1, "kept", std::to_string(i))) == Frame::ack(1));
    }
    PulseClient client(trio.servers[2].port());
    const Frame answer = client.ask(subscribe_since("kept", position));
    CHECK(*value_of(answer).find("recovered")->as_bool());
    CHECK(read_texts(client, 4) == std::vector<std::string>{"2", "3", "4", "5"});
    CHECK(publisher.ask(publish(1, "kept", "6")) == Frame::ack(1));
    CHECK(read_texts(client, 1) == std::vector<std::string>{"6"});

    for (int i = 0; i < 20; ++i) {
        REQUIRE(publisher.ask(publish(1, "few", std::to_string(i))) == Frame::ack(1));
    }
    const Value::Object early{{"epoch", *position.find("epoch")->as_string()}, {"offset", 1}};
    const Frame late = client.ask(subscribe_since("few", early));
    CHECK(*value_of(late).find("recovered")->as_bool() == false);
}

TEST_CASE("what a server acknowledged reaches the others though it ends at once",
          "[e2e][redis][cluster]") {
    Trio trio;
    PulseClient client(trio.servers[0].port());
    client.subscribe("plain");
    {
        PulseClient publisher(trio.servers[2].port());
        std::string message;
        for (std::uint64_t i = 0; i < 200; ++i) {
            message += encoded(publish(i, "plain", std::to_string(i)).view());
        }
        publisher.send_binary(message);
        std::uint64_t acknowledged = 0;
        while (acknowledged < 200) {
            REQUIRE(publisher.receive() == Frame::ack(acknowledged));
            ++acknowledged;
        }
        trio.servers[2].signal(SIGKILL);
        CHECK(trio.servers[2].wait() == killed_by(SIGKILL));
    }
    const auto texts = read_texts(client, 200);
    CHECK(texts.back() == "199");
}

TEST_CASE("members of a server that is killed leave on the others within the time",
          "[e2e][redis][cluster][presence]") {
    constexpr auto kTimeout = 1200ms;
    // Well below the default of six seconds, which would be late.
    constexpr auto kSlack = 4s;
    Trio trio(Settings{{"cluster.node_timeout_ms", std::to_string(kTimeout.count())}});
    PulseClient watcher(trio.servers[1].port());
    watcher.subscribe("plain");
    PulseClient member(trio.servers[0].port());
    member.subscribe("plain");
    CHECK(member.ask(Frame::presence(2, "plain", PresenceAction::join)) == Frame::ack(2));
    const Frame joined = watcher.receive();
    REQUIRE(joined.type == FrameType::presence);
    CHECK(joined.action == PresenceAction::join);
    CHECK(member_of(joined) == member.connected().connection_id);
    CHECK(watcher.is_quiet());

    const auto before = std::chrono::steady_clock::now();
    trio.servers[0].signal(SIGKILL);
    const Frame left = watcher.receive();
    CHECK(std::chrono::steady_clock::now() - before < kTimeout + kTimeout / 12 + kSlack);
    CHECK(trio.servers[0].wait() == killed_by(SIGKILL));
    REQUIRE(left.type == FrameType::presence);
    CHECK(left.action == PresenceAction::leave);
    CHECK(member_of(left) == member.connected().connection_id);

    // Who comes now finds nobody, on the third one as well.
    for (const std::size_t i : {1U, 2U}) {
        PulseClient late(trio.servers[i].port());
        late.subscribe("plain");
        CHECK(late.ask(Frame::presence(3, "plain", PresenceAction::sync)) == Frame::ack(3));
        CHECK(value_of(late.receive()).find("members")->as_array()->empty());
    }
}

TEST_CASE("a server without its Redis says so, serves on, and is whole when it is back",
          "[e2e][redis][cluster]") {
    Trio trio(Settings{{"cluster.while_down", "\"refuse\""}});
    PulseClient client(trio.servers[0].port());
    PulseClient other(trio.servers[1].port());
    client.subscribe("plain");
    trio.redis.kill();
    CHECK(eventually([&] {
        const HttpAnswer answer = readiness(trio.servers[0]);
        return answer.status == 503 && answer.body.starts_with("degraded: broker: ");
    }));
    CHECK(http_get(trio.servers[0].port(), "/healthz").status == 200);
    CHECK(trio.servers[0].metric("pulse_cluster_up") == 0);
    CHECK(client.ask(publish(5, "plain", "x")) ==
          Frame::error(5, ErrorCode::server_error, "Broker unavailable"));
    client.subscribe("kept", 6);
    CHECK(client.ask(FrameView::ping()) == Frame::pong());
    trio.redis.start();
    for (const ServerProcess& server : trio.servers) REQUIRE(becomes_ready(server));
    CHECK(trio.servers[0].metric("pulse_cluster_up") == 1);
    // Before anything that is published now it is told that something may be missing: in words
    // that clients know who have not asked to recover.
    std::map<std::string, std::vector<Frame>> told;
    for (const std::string channel : {"plain", "kept"}) {
        CHECK(other.ask(publish(7, channel, "back")) == Frame::ack(7));
    }
    for (int i = 0; i < 4; ++i) {
        Frame frame = client.receive();
        const bool is_error = frame.type == FrameType::error;
        const std::string channel =
            is_error ? frame.message.substr(frame.message.rfind(' ') + 1) : frame.channel;
        told[channel].push_back(std::move(frame));
    }
    for (const std::string channel : {"plain", "kept"}) {
        CHECK(told[channel] ==
              std::vector<Frame>{Frame::error(0, ErrorCode::server_error,
                                              "Publications may be missing: " + channel),
                                 publication(channel, "back")});
    }
    CHECK(client.is_quiet());
}

TEST_CASE("local delivery goes on without Redis where that is wanted", "[e2e][redis][cluster]") {
    Trio trio(Settings{{"cluster.while_down", "\"local\""}});
    PulseClient one(trio.servers[0].port());
    PulseClient two(trio.servers[0].port());
    one.subscribe("plain");
    trio.redis.kill();
    REQUIRE(eventually([&] { return readiness(trio.servers[0]).status == 503; }));
    // Of its connections the one for publications may be the last to break: what is on it is in
    // doubt.
    CHECK(eventually([&] { return two.ask(publish(5, "plain", "x")) == Frame::ack(5); }));
    CHECK(one.receive() == publication("plain", "x"));
    CHECK(two.ask(publish(6, "kept", "x")) ==
          Frame::error(6, ErrorCode::server_error, "Broker unavailable"));
}

TEST_CASE("a server that keeps history on its own serves recovery, too", "[e2e][recovery]") {
    const ServerProcess server(Settings{{"history.keep", "[\"kept 10 1m\"]"}});
    PulseClient publisher(server.port());
    Value position;
    {
        PulseClient client(server.port());
        position = value_of(client.ask(subscribe_since("kept", Value::Object{})));
    }
    for (const char* text : {"a", "b"}) {
        CHECK(publisher.ask(publish(1, "kept", text)) == Frame::ack(1));
    }
    const Value::Object since{{"epoch", *position.find("epoch")->as_string()},
                              {"offset", *position.find("offset")->as_uint()}};
    PulseClient client(server.port());
    CHECK(*value_of(client.ask(subscribe_since("kept", since))).find("recovered")->as_bool());
    CHECK(read_texts(client, 2) == std::vector<std::string>{"a", "b"});
}

TEST_CASE("a server whose Redis is not there says so, and ends when it is told to",
          "[e2e][redis][cluster]") {
    ServerProcess server(cluster_settings(
        "unix:///nowhere/redis.sock",
        {{"cluster.max_wait_ms", "3600000"}, {"server.drain_timeout_ms", "1000"}}));
    CHECK(eventually(
        [&] { return readiness(server).body == "degraded: broker: No such file or directory\n"; }));
    // It waits for Redis, and the server's end does not wait for it.
    PulseClient client(server.port());
    client.send(publish(1, "plain", "x"));
    REQUIRE(eventually([&] { return server.metric("pulse_cluster_waiting") == 1; }));
    server.signal(SIGTERM);
    CHECK(server.wait() == exited(0));
}
