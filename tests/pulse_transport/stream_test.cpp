// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Responses without end.
#include "support/catch.hpp"
#include "support/embedded_engine.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/mailbox.hpp"

#include <memory>
#include <string>
#include <utility>

using namespace pulse::test;
using namespace std::chrono_literals;
using namespace pulse;
using core::HttpRequest;
using core::HttpResponder;
using core::HttpResponse;

namespace {

/// What a test sees of a conversation; shared, so that it outlives both.
struct Seen {
    Mailbox<core::ConnectionHandle> opened;
    Mailbox<int> ticks;
    Mailbox<core::CloseReason> closing;
    Mailbox<std::uint16_t> closed;
};

class Stream final : public core::Conversation {
  public:
    Stream(core::Connection& connection, Seen& seen) : connection_(connection), seen_(seen) {}

    void on_open() override {
        connection_.send(protocol::as_bytes("first\n"), core::MessageKind::text);
        connection_.request_tick(1ms);
        seen_.opened.put(connection_.handle());
    }
    void on_message(core::ByteView, core::MessageKind) override { FAIL("nobody speaks to it"); }
    void on_tick(core::MonotonicTime) override { seen_.ticks.put(1); }
    void on_closing(core::CloseReason reason) override {
        connection_.send(protocol::as_bytes("bye\n"), core::MessageKind::text);
        seen_.closing.put(reason);
    }
    void on_close(const core::CloseEvent& event) override { seen_.closed.put(event.code); }

  private:
    core::Connection& connection_;
    Seen& seen_;
};

transport::HttpRouter routes(Seen& seen) {
    transport::HttpRouter router;
    router.add({"GET", "/events", [&seen](const HttpRequest&, HttpResponder responder) {
                    HttpResponse head;
                    head.content_type = "text/event-stream";
                    head.headers.emplace_back("cache-control", "no-store");
                    head.body = "head\n";
                    responder.stream(std::move(head), [&seen](core::Connection& connection) {
                        return std::make_unique<Stream>(connection, seen);
                    });
                }});
    return router;
}

}  // namespace

TEST_CASE("a stream sends its head, its body and then every message as a chunk",
          "[transport][stream]") {
    Seen seen;
    EmbeddedEngine engine({}, routes(seen));
    TcpClient tcp(engine.port());
    tcp.send(get_request("/events"));
    const std::string begin = tcp.read_through("6\r\nfirst\n\r\n");
    CHECK(begin.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(begin.find("transfer-encoding: chunked\r\n") != std::string::npos);
    CHECK(begin.find("content-type: text/event-stream\r\n") != std::string::npos);
    CHECK(begin.find("cache-control: no-store\r\n") != std::string::npos);
    CHECK(begin.find("\r\n\r\n5\r\nhead\n\r\n6\r\nfirst\n\r\n") != std::string::npos);
    const core::ConnectionHandle handle = seen.opened.take();
    engine.clock.advance(1s);
    (void)seen.ticks.take();
    handle.post([](core::Connection& connection) {
        connection.send(protocol::as_bytes(std::string(300, 'x')), core::MessageKind::text);
    });
    CHECK(tcp.read_through("\r\n" + std::string(300, 'x') + "\r\n").starts_with("12c\r\n"));
    // What the client says now is nobody's business.
    tcp.send("GET /events HTTP/1.1\r\nhost: x\r\n\r\n");
    handle.post([](core::Connection& connection) { connection.close(1000, "done"); });
    CHECK(tcp.read_through("0\r\n\r\n") == "0\r\n\r\n");
    CHECK(tcp.read_to_end().empty());
    tcp.shutdown_write();
    (void)seen.closed.take();
}

TEST_CASE("an HTTP/1.0 client gets the stream without chunks, ended by the connection",
          "[transport][stream]") {
    Seen seen;
    EmbeddedEngine engine({}, routes(seen));
    TcpClient tcp(engine.port());
    tcp.send("GET /events HTTP/1.0\r\n\r\n");
    CHECK(tcp.read_through("first\n").ends_with("\r\n\r\nhead\nfirst\n"));
    seen.opened.take().post([](core::Connection& connection) { connection.close(1000, ""); });
    CHECK(tcp.read_to_end().empty());
}

TEST_CASE("HEAD of a stream has no stream", "[transport][stream]") {
    Seen seen;
    EmbeddedEngine engine({}, routes(seen));
    TcpClient tcp(engine.port());
    tcp.send("HEAD /events HTTP/1.1\r\nhost: x\r\n\r\n");
    CHECK(tcp.read_through("\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(tcp.read_to_end().empty());
    CHECK(seen.opened.size() == 0);
}

TEST_CASE("a stream ends when its client goes", "[transport][stream]") {
    Seen seen;
    EmbeddedEngine engine({}, routes(seen));
    {
        TcpClient tcp(engine.port());
        tcp.send(get_request("/events"));
        (void)tcp.read_through("first\n");
    }
    CHECK(seen.closed.take() == 1006);
    CHECK(eventually([&] { return engine.count(&transport::LoopStats::streams) == 0; }));
}

TEST_CASE("streams count among the connections of their client", "[transport][stream]") {
    Seen seen;
    EngineParts parts;
    parts.clients.max_connections = 1;
    EmbeddedEngine engine(parts, routes(seen));
    TcpClient first(engine.port());
    first.send(get_request("/events"));
    (void)first.read_through("first\n");
    TcpClient second(engine.port());
    second.send(get_request("/events"));
    CHECK(read_answer(second).status == 503);
}

TEST_CASE("a drain ends streams with a last word", "[transport][stream]") {
    Seen seen;
    EmbeddedEngine engine({}, routes(seen));
    TcpClient tcp(engine.port());
    tcp.send(get_request("/events"));
    (void)tcp.read_through("first\n");
    Mailbox<int> drained;
    engine.server->drain(0ms, 5s, [&] { drained.put(1); });
    CHECK(tcp.read_through("0\r\n\r\n").ends_with("4\r\nbye\n\r\n0\r\n\r\n"));
    CHECK(seen.closing.take() == core::CloseReason::shutdown);
    CHECK(tcp.read_to_end().empty());
    (void)drained.take();
}
