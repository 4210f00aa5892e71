// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What clients may rely on about the order of what they get.
#include "support/catch.hpp"
#include "support/pulse_client.hpp"
#include "support/server_process.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <string>
#include <vector>

using namespace pulse::test;

namespace {

/// Also when a check gives up half-way, so that a background task is not waited for in vain.
class AtEnd {
  public:
    explicit AtEnd(std::function<void()> act) : act_(std::move(act)) {}
    AtEnd(const AtEnd&) = delete;
    AtEnd& operator=(const AtEnd&) = delete;
    ~AtEnd() { act_(); }

  private:
    std::function<void()> act_;
};

std::vector<std::string> read_texts(PulseClient& client, std::size_t n) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < n; ++i) {
        const Frame frame = client.receive();
        REQUIRE(frame.type == FrameType::publish);
        texts.push_back(text_of(frame.payload));
    }
    return texts;
}

}  // namespace

TEST_CASE("the ack of a subscribe precedes the first delivery of its channel", "[e2e][order]") {
    const ServerProcess server;
    PulseClient publisher(server.port());
    std::atomic<bool> is_done{false};
    // Another connection floods the channel while clients come and go.
    auto flood = std::async(std::launch::async, [&] {
        const std::string burst = [] {
            std::string bytes;
            for (int i = 0; i < 20; ++i) bytes += encoded(publication("busy", "x").view());
            return bytes;
        }();
        while (!is_done) {
            publisher.send_binary(burst);
            publisher.ping();  // paces the flood by the server's own speed
        }
    });
    const AtEnd stop([&] { is_done = true; });
    for (int i = 0; i < 30; ++i) {
        PulseClient client(server.port());
        client.send(FrameView::subscribe(5, "busy"));
        // The first thing is the ack, then deliveries.
        CHECK(client.receive() == Frame::ack(5));
        CHECK(client.receive() == publication("busy", "x"));
    }
    is_done = true;
    flood.get();
}

TEST_CASE("all acks of one message precede all its echoes", "[e2e][order]") {
    const ServerProcess server;
    PulseClient client(server.port());
    client.subscribe("echo");
    for (const std::uint64_t n : {2U, 50U, 1000U}) {
        std::string message;
        for (std::uint64_t i = 0; i < n; ++i) {
            message += encoded(FrameView::publish_with_ack(
                i, "echo", pulse::protocol::as_bytes(std::to_string(i))));
        }
        client.send_binary(message);
        for (std::uint64_t i = 0; i < n; ++i) REQUIRE(client.receive() == Frame::ack(i));
        for (std::uint64_t i = 0; i < n; ++i) {
            REQUIRE(client.receive() == publication("echo", std::to_string(i)));
        }
    }
}

TEST_CASE("an ack of a publish precedes its echo in whatever message it comes", "[e2e][order]") {
    const ServerProcess server;
    PulseClient client(server.port());
    client.subscribe("echo");
    std::string wire;
    for (std::uint64_t i = 0; i < 300; ++i) {
        wire += ClientFrame{kBinary, encoded(FrameView::publish_with_ack(
                                         i, "echo", pulse::protocol::as_bytes(std::to_string(i))))}
                    .bytes();
    }
    client.tcp().send(wire);
    std::uint64_t acks = 0;
    std::uint64_t echoes = 0;
    while (echoes < 300) {
        const Frame frame = client.receive();
        if (frame.type == FrameType::ack) {
            REQUIRE(frame.id == acks);
            ++acks;
        } else {
            REQUIRE(text_of(frame.payload) == std::to_string(echoes));
            REQUIRE(echoes < acks);
            ++echoes;
        }
    }
    CHECK(acks == 300);
}

TEST_CASE("what was published before an unsubscribe is delivered, and nothing after its ack",
          "[e2e][order]") {
    const ServerProcess server;
    SECTION("by the same client, in the same message") {
        PulseClient client(server.port());
        client.subscribe("c");
        client.send_together({publication("c", "1"), publication("c", "2"),
                              Frame::unsubscribe(9, "c"), publication("c", "3")});
        CHECK(client.receive() == publication("c", "1"));
        CHECK(client.receive() == publication("c", "2"));
        CHECK(client.receive() == Frame::ack(9));
        CHECK(client.is_quiet());
    }
    SECTION("and subscribed again at once") {
        PulseClient client(server.port());
        client.subscribe("c");
        client.send_together({publication("c", "1"), Frame::unsubscribe(8, "c"),
                              publication("c", "lost"), Frame::subscribe(9, "c"),
                              publication("c", "2")});
        CHECK(client.receive() == publication("c", "1"));
        CHECK(client.receive() == Frame::ack(8));
        CHECK(client.receive() == Frame::ack(9));
        CHECK(client.receive() == publication("c", "2"));
        CHECK(client.is_quiet());
    }
    SECTION("by another client, on whatever loop") {
        for (int round = 0; round < 20; ++round) {
            PulseClient subscriber(server.port());
            PulseClient publisher(server.port());
            subscriber.subscribe("c");
            std::string message;
            for (int i = 0; i < 10; ++i) message += encoded(publication("c", "x").view());
            publisher.send_binary(message + encoded(FrameView::ping()));
            REQUIRE(publisher.receive() == Frame::pong());  // all ten are in the channel
            subscriber.send(FrameView::unsubscribe(4, "c"));
            for (int i = 0; i < 10; ++i) REQUIRE(subscriber.receive() == publication("c", "x"));
            REQUIRE(subscriber.receive() == Frame::ack(4));
            publisher.send(publication("c", "late"));
            REQUIRE(publisher.is_quiet());
            REQUIRE(subscriber.is_quiet());
        }
    }
}

TEST_CASE("all subscribers on all loops see one order of messages from many publishers",
          "[e2e][order]") {
    const ServerProcess server(Settings{{"server.threads", "2"}});
    constexpr std::size_t kSubscribers = 8;
    constexpr std::size_t kPublishers = 4;
    constexpr std::size_t kEach = 250;
    std::deque<PulseClient> subscribers;
    for (std::size_t i = 0; i < kSubscribers; ++i) {
        subscribers.emplace_back(server.port()).subscribe("all");
    }
    std::vector<std::future<void>> publishers;
    for (std::size_t p = 0; p < kPublishers; ++p) {
        publishers.push_back(std::async(std::launch::async, [&server, p] {
            PulseClient client(server.port());
            for (std::size_t i = 0; i < kEach; ++i) {
                client.send(publication("all", std::to_string(p) + ":" + std::to_string(i)));
                if (i % 50 == 0) client.ping();
            }
            client.ping();
        }));
    }
    for (std::future<void>& publisher : publishers) publisher.get();

    const std::vector<std::string> order = read_texts(subscribers[0], kPublishers * kEach);
    for (std::size_t i = 1; i < kSubscribers; ++i) {
        INFO("subscriber " << i);
        CHECK(read_texts(subscribers[i], kPublishers * kEach) == order);
    }
    // And every publisher's own messages are in the order it sent them.
    std::map<std::string, std::size_t> next;
    for (const std::string& text : order) {
        const std::size_t colon = text.find(':');
        REQUIRE(std::stoul(text.substr(colon + 1)) == next[text.substr(0, colon)]++);
    }
    for (PulseClient& subscriber : subscribers) CHECK(subscriber.is_quiet());
}

TEST_CASE("a publisher that is subscribed gets its own messages, others and it in one order",
          "[e2e][order]") {
    const ServerProcess server;
    PulseClient one(server.port());
    PulseClient two(server.port());
    one.subscribe("both");
    two.subscribe("both");
    for (int i = 0; i < 100; ++i) {
        one.send(publication("both", "one"));
        two.send(publication("both", "two"));
    }
    CHECK(read_texts(one, 200) == read_texts(two, 200));
}

TEST_CASE("a delivery carries channel, event and payload, and nothing of the publisher",
          "[e2e][order]") {
    const ServerProcess server;
    PulseClient publisher(server.port());
    PulseClient subscriber(server.port());
    const std::string payload("\0\x01\xff{}", 5);
    subscriber.subscribe("c");
    CHECK(publisher.ask(Frame::publish_event("c", "ev\u00e9nt", payload_of(payload), 17)) ==
          Frame::ack(17));
    CHECK(subscriber.receive() == Frame::publish_event("c", "ev\u00e9nt", payload_of(payload)));
    // An empty event is an event; an empty payload a payload.
    publisher.send(Frame::publish_event("c", "", {}));
    CHECK(subscriber.receive() == Frame::publish_event("c", "", {}));
}

TEST_CASE("messages of one channel never reach subscribers of another", "[e2e][order]") {
    const ServerProcess server;
    PulseClient client(server.port());
    client.subscribe("a", 1);
    client.subscribe("a ", 2);
    client.subscribe("A", 3);
    client.subscribe("a:b", 4);
    client.send_together({publication("a", "1"), publication("A", "2"), publication("a ", "3"),
                          publication("a:", "4"), publication("a:b", "5"), publication("", "6"),
                          publication("$sys", "7")});
    std::vector<std::string> texts = read_texts(client, 4);
    // Across channels there is no order.
    std::sort(texts.begin(), texts.end());
    CHECK(texts == std::vector<std::string>{"1", "2", "3", "5"});
    CHECK(client.is_quiet());
}
