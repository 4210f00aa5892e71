// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Peers that read more slowly than they are sent to, or not at all.
#include "support/catch.hpp"
#include "support/eventually.hpp"
#include "support/pulse_client.hpp"
#include "support/server_process.hpp"

#include <string>

using namespace pulse::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kPayload = 16 * 1024;
constexpr std::size_t kRound = 20;

/// Reads little at a time, because its kernel buffers little.
UpgradeOptions slow() {
    UpgradeOptions options;
    options.tcp.receive_buffer_bytes = 4096;
    return options;
}

/// Numbered, so that a reader sees what is missing.
std::string numbered(std::uint64_t n) {
    std::string text = std::to_string(n) + ":";
    text.resize(kPayload, '.');
    return text;
}
std::uint64_t number_of(const Frame& frame) { return std::stoull(text_of(frame.payload)); }

/// Publishes with ids and waits for each ack, so that the server's queues get what they get before
/// the next: nothing here depends on how fast anybody is.
class Publisher {
  public:
    explicit Publisher(const ServerProcess& server) : client_(server.port()) {}
    void publish(std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) {
            ++sent_;
            const Frame answer =
                client_.ask(Frame::publish_with_ack(sent_, "flood", payload_of(numbered(sent_))));
            REQUIRE(answer == Frame::ack(sent_));
        }
    }
    [[nodiscard]] std::uint64_t sent() const { return sent_; }

  private:
    PulseClient client_;
    std::uint64_t sent_ = 0;
};

/// Publishes in rounds until the server counts something, but at most `bound` messages.
template <typename Predicate>
void publish_until(Publisher& publisher, std::size_t bound, Predicate&& is_enough) {
    while (!is_enough()) {
        REQUIRE(publisher.sent() < bound);
        publisher.publish(kRound);
    }
}

}  // namespace

TEST_CASE("a subscriber whose outbox overflows is told so and closed", "[e2e][slow]") {
    const ServerProcess server(Settings{{"transport.outbox_max_bytes", "\"256KiB\""}});
    PulseClient stalled(server.port(), slow());
    PulseClient reader(server.port());
    stalled.subscribe("flood");
    reader.subscribe("flood");
    Publisher publisher(server);
    const std::string closes = R"(pulse_evictions_total{reason="slow_consumer"})";
    std::uint64_t read = 0;
    publish_until(publisher, 2000, [&] {
        // The other subscriber has everything meanwhile.
        while (read < publisher.sent()) REQUIRE(number_of(reader.receive()) == ++read);
        return server.metric(closes) >= 1;
    });
    CHECK(server.metric(closes) == 1);
    // Publishing goes on while it is being closed, and takes nothing away from its last words.
    publisher.publish(50);
    while (read < publisher.sent()) REQUIRE(number_of(reader.receive()) == ++read);

    // What it has got is the beginning without a gap, then why, then the close.
    std::uint64_t got = 0;
    Frame last = stalled.receive();
    while (last.type == FrameType::publish) {
        REQUIRE(number_of(last) == ++got);
        last = stalled.receive();
    }
    CHECK(got > 0);
    CHECK(got < publisher.sent());
    CHECK(last ==
          Frame::error(0, ErrorCode::connection_closed, "Connection does not read fast enough"));
    const CloseFrame close = stalled.read_close();
    CHECK(close.code == 1008);
    stalled.send_close(1008);
    CHECK(stalled.tcp().is_ended_by_peer());
    CHECK(eventually([&] { return server.metric("pulse_connections_active") == 2; }));
    CHECK(server.metric("pulse_queue_bytes") == 0);
    CHECK(server.metric("pulse_queue_connections") == 0);
}

TEST_CASE("a subscriber that never reads again is cut off after its close", "[e2e][slow]") {
    const ServerProcess server(Settings{{"transport.outbox_max_bytes", "\"64KiB\""}});
    PulseClient stalled(server.port(), slow());
    stalled.subscribe("flood");
    Publisher publisher(server);
    publish_until(publisher, 2000, [&] {
        return server.metric(R"(pulse_evictions_total{reason="slow_consumer"})") >= 1;
    });
    CHECK(eventually([&] { return server.metric("pulse_connections_active") == 1; }, 20s));
}

TEST_CASE("many small messages overflow by number", "[e2e][slow]") {
    const ServerProcess server(Settings{{"transport.outbox_max_messages", "100"}});
    PulseClient stalled(server.port(), slow());
    stalled.subscribe("flood");
    PulseClient publisher(server.port());
    const Deadline deadline;
    while (server.metric(R"(pulse_evictions_total{reason="slow_consumer"})") < 1) {
        REQUIRE_FALSE(deadline.has_passed());
        std::string burst;
        for (int i = 0; i < 1000; ++i) burst += encoded(publication("flood", "0123456789").view());
        publisher.send_binary(burst);
        publisher.ping();
    }
}

TEST_CASE("with drop_oldest a slow subscriber gets the newest, and the gaps are counted",
          "[e2e][slow]") {
    const ServerProcess server(Settings{{"transport.outbox_max_bytes", "\"256KiB\""},
                                        {"transport.slow_consumer", "\"drop_oldest\""}});
    PulseClient stalled(server.port(), slow());
    stalled.subscribe("flood");
    Publisher publisher(server);
    const std::string dropped = R"(pulse_dropped_total{reason="drop_oldest"})";
    publish_until(publisher, 2000, [&] { return server.metric(dropped) >= 50; });
    CHECK(server.metric("pulse_queue_bytes") <= 256 * 1024);
    // Its own requests are answered all the same, in order, however full it is.
    stalled.send_together({Frame::ping_with_timestamp(1), Frame::subscribe(2, "other")});
    const auto lost = static_cast<std::uint64_t>(server.metric(dropped));
    std::uint64_t got = 0;
    std::uint64_t previous = 0;
    for (;;) {
        const Frame frame = stalled.receive();
        if (frame.type != FrameType::publish) {
            CHECK(frame == Frame::pong(1));
            break;
        }
        REQUIRE(number_of(frame) > previous);
        previous = number_of(frame);
        ++got;
    }
    CHECK(stalled.receive() == Frame::ack(2));
    CHECK(previous == publisher.sent());  // the newest is among them
    CHECK(got + lost == publisher.sent());
    CHECK(stalled.is_quiet());
    CHECK(server.metric(R"(pulse_evictions_total{reason="slow_consumer"})") == 0);
}

TEST_CASE("with drop_newest a slow subscriber keeps the oldest, and the gaps are counted",
          "[e2e][slow]") {
    const ServerProcess server(Settings{{"transport.outbox_max_bytes", "\"256KiB\""},
                                        {"transport.slow_consumer", "\"drop_newest\""}});
    PulseClient stalled(server.port(), slow());
    stalled.subscribe("flood");
    Publisher publisher(server);
    const std::string dropped = R"(pulse_dropped_total{reason="drop_newest"})";
    // Until all of a round is dropped. The kernel takes some more now and then, even from who does
    // not read, so drops may begin before that and stop again.
    std::uint64_t lost = 0;
    publish_until(publisher, 2000, [&] {
        const std::uint64_t before = lost;
        lost = static_cast<std::uint64_t>(server.metric(dropped));
        return lost - before == kRound;
    });
    CHECK(server.metric("pulse_queue_bytes") <= 256 * 1024);
    const std::uint64_t sent = publisher.sent();
    stalled.send(Frame::ping_with_timestamp(1));
    std::uint64_t got = 0;
    std::uint64_t in_a_row = 0;
    std::uint64_t previous = 0;
    for (;;) {
        const Frame frame = stalled.receive();
        if (frame.type != FrameType::publish) {
            CHECK(frame == Frame::pong(1));
            break;
        }
        const std::uint64_t number = number_of(frame);
        REQUIRE(number > previous);
        if (number == in_a_row + 1) in_a_row = number;
        previous = number;
        ++got;
    }
    CHECK(got + lost == sent);
    CHECK(in_a_row * kPayload >= 256 * 1024 - kPayload);  // what waited first was not touched
    CHECK(previous <= sent - kRound);                     // by what came when it was full
    CHECK(stalled.is_quiet());
    // With room again, what comes now arrives.
    publisher.publish(1);
    CHECK(number_of(stalled.receive()) == sent + 1);
}

TEST_CASE("a peer that does not read its own answers is not read from either", "[e2e][slow]") {
    const ServerProcess server;
    PulseClient client(server.port(), slow());
    const std::string request = [] {
        std::string frames;
        for (int i = 0; i < 1000; ++i) frames += encoded(FrameView::ping_with_timestamp(~0ULL));
        return ClientFrame{kBinary, frames}.bytes();
    }();
    // Until our own kernel's buffer is full, too: nobody takes anything any more.
    std::size_t sent = 0;
    const Deadline deadline;
    for (Deadline quiet(300ms); !quiet.has_passed();) {
        REQUIRE_FALSE(deadline.has_passed());
        const std::size_t n =
            client.tcp().send_some(std::string_view(request).substr(sent % request.size()));
        if (n != 0) quiet = Deadline(300ms);
        sent += n;
        REQUIRE(sent < 64U * 1024 * 1024);
    }
    // Nothing is held beyond the bound and one read's worth of answers.
    CHECK(server.metric("pulse_queue_bytes") < 1024 * 1024);
    CHECK(server.metric("pulse_evictions_total{reason=\"slow_consumer\"}") == 0);

    // It reads again, and has lost nothing.
    const std::string rest = request.substr(sent % request.size());
    std::size_t expected = (sent + rest.size()) / request.size() * 1000;
    std::size_t rest_sent = 0;
    for (std::size_t i = 0; i < expected; ++i) {
        if (rest_sent < rest.size()) {
            rest_sent += client.tcp().send_some(std::string_view(rest).substr(rest_sent));
        }
        REQUIRE(client.receive() == Frame::pong(~0ULL));
    }
    CHECK(client.is_quiet());
}
