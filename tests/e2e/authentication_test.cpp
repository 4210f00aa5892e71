// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "support/pulse_client.hpp"
#include "support/server_process.hpp"

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

using namespace pulse::test;

namespace {

Settings with_tokens() { return {{"auth.tokens", R"(["sesame", "other-token"])"}}; }

Frame unauthorized(std::uint64_t id) {
    return Frame::error(id, ErrorCode::unauthorized, "Unauthorized");
}

}  // namespace

TEST_CASE("before a valid connect every request is refused with 1003", "[e2e][auth]") {
    const ServerProcess server(with_tokens());
    PulseClient client(server.port());
    CHECK(client.ask(FrameView::subscribe(1, "c")) == unauthorized(1));
    CHECK(client.ask(Frame::publish_with_ack(2, "c", {})) == unauthorized(2));
    CHECK(client.ask(Frame::publish("c", {})) == unauthorized(0));
    CHECK(client.ask(Frame::presence(3, "c", PresenceAction::join)) == unauthorized(3));
    // These give nothing away.
    CHECK(client.ask(FrameView::ping_with_timestamp(4)) == Frame::pong(4));
    CHECK(client.ask(FrameView::unsubscribe(5, "c")).code == 1008);

    client.send(FrameView::connect(1, "sesame"));
    client.subscribe("c");
    client.send(publication("c", "in"));
    CHECK(client.receive() == publication("c", "in"));
    CHECK(client.is_quiet());
    CHECK(server.metric("pulse_authentication_failures_total") == 0);
}

TEST_CASE("a connect and what follows it may come in one message", "[e2e][auth]") {
    const ServerProcess server(with_tokens());
    PulseClient client(server.port());
    client.send_together(
        {Frame::connect(1, "other-token"), Frame::subscribe(1, "c"), publication("c", "x")});
    CHECK(client.receive() == Frame::ack(1));
    CHECK(client.receive() == publication("c", "x"));
}

TEST_CASE("a refused token is answered with 1003 and ends the connection", "[e2e][auth]") {
    const ServerProcess server(with_tokens());
    const std::vector<Frame> attempts{
        Frame::connect(1, "wrong"),
        Frame::connect(1, ""),
        Frame::connect(1),
        Frame::connect(1, "sesam"),
        Frame::connect(1, "sesame "),
        Frame::connect(1, "SESAME"),
        Frame::connect(1, std::string(60'000, 's')),
    };
    for (const Frame& attempt : attempts) {
        INFO(attempt);
        PulseClient client(server.port());
        // What comes behind it is not handled any more.
        client.send_together({attempt, Frame::subscribe(1, "c"), Frame::connect(1, "sesame")});
        CHECK(client.receive() ==
              Frame::error(0, ErrorCode::unauthorized, "Authentication failed"));
        const CloseFrame close = client.read_close();
        CHECK(close.code == 1008);
        CHECK(close.reason == "Authentication failed");
    }
    CHECK(server.metric("pulse_authentication_failures_total") ==
          static_cast<double>(attempts.size()));
}

TEST_CASE("who does not authenticate in time is closed", "[e2e][auth]") {
    Settings settings = with_tokens();
    settings["auth.timeout_ms"] = "300";
    const ServerProcess server(settings);
    PulseClient in_time(server.port());
    in_time.send(FrameView::connect(1, "sesame"));
    in_time.subscribe("c");
    PulseClient late(server.port());
    PulseClient busy(server.port());
    CHECK(busy.ask(FrameView::subscribe(1, "c")) == unauthorized(1));
    for (PulseClient* client : {&late, &busy}) {
        CHECK(client->receive() ==
              Frame::error(0, ErrorCode::unauthorized, "Authentication failed"));
        CHECK(client->read_close().code == 1008);
    }
    CHECK(in_time.is_quiet());
    CHECK(server.metric("pulse_authentication_failures_total") == 2);
}

TEST_CASE("where authentication is optional, a wrong token is still wrong", "[e2e][auth]") {
    Settings settings = with_tokens();
    settings["auth.required"] = "false";
    const ServerProcess server(settings);
    PulseClient anonymous(server.port());
    anonymous.subscribe("c");
    anonymous.send(FrameView::connect(1));
    CHECK(anonymous.is_quiet());
    PulseClient known(server.port());
    known.send(FrameView::connect(1, "sesame"));
    known.subscribe("c");
    PulseClient wrong(server.port());
    wrong.send(FrameView::connect(1, "wrong"));
    CHECK(wrong.receive().code == 1003);
    CHECK(wrong.read_close().code == 1008);
}

TEST_CASE("without authentication a token is ignored", "[e2e][auth]") {
    const ServerProcess server;
    PulseClient client(server.port());
    client.send(FrameView::connect(1, "whatever"));
    CHECK(client.is_quiet());
}

TEST_CASE("a client may authenticate again, for good or ill", "[e2e][auth]") {
    const ServerProcess server(with_tokens());
    PulseClient client(server.port());
    client.send_together(
        {Frame::connect(1, "sesame"), Frame::connect(1, "other-token"), Frame::subscribe(1, "c")});
    CHECK(client.receive() == Frame::ack(1));
    client.send(FrameView::connect(1, "wrong"));
    CHECK(client.receive().code == 1003);
    CHECK(client.read_close().code == 1008);
}

TEST_CASE("tokens never appear in the log", "[e2e][auth]") {
    Settings settings = with_tokens();
    settings["logging.level"] = "\"trace\"";
    ServerProcess server(settings);
    {
        PulseClient good(server.port());
        good.send(FrameView::connect(1, "sesame"));
        CHECK(good.is_quiet());
        PulseClient bad(server.port());
        bad.send(FrameView::connect(1, "guess-of-a-token"));
        CHECK(bad.receive().code == 1003);
    }
    server.signal(SIGTERM);
    CHECK(server.wait() == exited(0));
    const std::string everything = server.output() + server.errors();
    CHECK(everything.find("sesame") == std::string::npos);
    CHECK(everything.find("guess-of-a-token") == std::string::npos);
}
