// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From HTTP to WebSocket: who is let in, and how others are turned away.
#include "support/catch.hpp"
#include "support/http_client.hpp"
#include "support/pulse_client.hpp"
#include "support/server_process.hpp"

#include <set>
#include <string>
#include <vector>

using namespace pulse::test;

namespace {

const std::string kUpgradeLines =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

std::string with_origin(const std::string& origin, const std::string& host = "127.0.0.1") {
    return "GET /ws HTTP/1.1\r\nHost: " + host + "\r\n" + kUpgradeLines + "Origin: " + origin +
           "\r\n\r\n";
}

}  // namespace

TEST_CASE("an upgrade is answered with 101 and the connected frame", "[e2e][upgrade]") {
    const ServerProcess server;
    PulseClient client(server.port());
    const HttpAnswer& answer = client.handshake();
    CHECK(answer.status == 101);
    CHECK(answer.reason == "Switching Protocols");
    CHECK(answer.header("connection") == "upgrade");
    CHECK(answer.header("upgrade") == "websocket");
    // RFC 6455 §1.3 has this pair of key and answer.
    CHECK(answer.header("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    CHECK(answer.header("date").ends_with(" GMT"));
    CHECK(answer.headers.size() == 4);

    const Frame& connected = client.connected();
    CHECK(connected.version == 1);
    CHECK(connected.heartbeat == 30'000);
    CHECK(connected.connection_id.starts_with("conn_"));
}

TEST_CASE("connection ids are unique and carry enough randomness not to be guessed",
          "[e2e][upgrade]") {
    const ServerProcess server;
    std::set<std::string> ids;
    for (int i = 0; i < 50; ++i) ids.insert(PulseClient(server.port()).connected().connection_id);
    CHECK(ids.size() == 50);
    for (const std::string& id : ids) CHECK(id.size() >= 5 + 20);
}

TEST_CASE("an upgrade is recognised however it is written", "[e2e][upgrade]") {
    const ServerProcess server;
    const std::vector<std::string> requests{
        "GET /ws?token=x&y HTTP/1.1\r\nHost: h\r\n" + kUpgradeLines + "\r\n",
        "GET /ws HTTP/1.1\r\nHost: h\r\nconnection: keep-alive, UPGRADE\r\nUPGRADE: h2c, "
        "WebSocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: anything\r\n\r\n",
        "GET http://h/ws HTTP/1.1\r\nHost: h\r\n" + kUpgradeLines + "\r\n",
        // Offers are heard and not taken up.
        "GET /ws HTTP/1.1\r\nHost: h\r\n" + kUpgradeLines +
            "Sec-WebSocket-Protocol: pulse, chat\r\nSec-WebSocket-Extensions: "
            "permessage-deflate; client_max_window_bits\r\n\r\n",
    };
    for (const std::string& request : requests) {
        INFO(request);
        const HttpAnswer answer = http_exchange(server.port(), request);
        CHECK(answer.status == 101);
        CHECK_FALSE(answer.has_header("sec-websocket-protocol"));
        CHECK_FALSE(answer.has_header("sec-websocket-extensions"));
    }
}

TEST_CASE("a request that is no upgrade is refused with the words clients know", "[e2e][upgrade]") {
    const ServerProcess server;
    const std::string version = "Sec-WebSocket-Version: 13\r\n";
    const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const std::string upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    struct Refusal {
        std::string request;
        int status;
        std::string text;
    };
    // A 404 of its own for every other path is no answer for this one.
    const ServerProcess rooms_alone(
        Settings{{"roblox.enabled", "false"}, {"rooms.own_not_found", "true"}});
    const std::vector<Refusal> refusals{
        {get_request("/ws"), 400, "Connection header did not include 'upgrade'"},
        {get_request("/ws", "Connection: close\r\nUpgrade: websocket\r\n" + version + key), 400,
         "Connection header did not include 'upgrade'"},
        {get_request("/ws", "Connection: Upgrade\r\n" + version + key), 400,
         "`Upgrade` header did not include 'websocket'"},
        {get_request("/ws", "Connection: Upgrade\r\nUpgrade: h2c\r\n" + version + key), 400,
         "`Upgrade` header did not include 'websocket'"},
        {get_request("/ws", upgrade + key), 400,
         "`Sec-WebSocket-Version` header did not include '13'"},
        {get_request("/ws", upgrade + "Sec-WebSocket-Version: 8\r\n" + key), 400,
         "`Sec-WebSocket-Version` header did not include '13'"},
        {get_request("/ws", upgrade + version), 400, "`Sec-WebSocket-Key` header missing"},
        {"GET /ws HTTP/1.0\r\nHost: h\r\n" + upgrade + version + key + "\r\n", 426,
         "WebSocket needs HTTP/1.1"},
    };
    for (const Refusal& refusal : refusals) {
        INFO(refusal.request);
        TcpClient tcp(server.port());
        tcp.send(refusal.request);
        const HttpAnswer answer = read_answer(tcp);
        CHECK(answer.status == refusal.status);
        CHECK(answer.body == refusal.text);
        const HttpAnswer again = http_exchange(rooms_alone.port(), refusal.request);
        CHECK(again.status == refusal.status);
        CHECK(again.body == refusal.text);
        CHECK(answer.header("content-type") == "text/plain; charset=utf-8");
        CHECK(tcp.is_ended_by_peer());
    }
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
        INFO(method);
        const HttpAnswer answer =
            http_exchange(server.port(), std::string(method) + " /ws HTTP/1.1\r\nHost: h\r\n" +
                                             kUpgradeLines + "\r\n");
        CHECK(answer.status == 405);
        CHECK(answer.header("allow") == "GET,HEAD");
        CHECK(answer.body.empty());
    }
    const HttpAnswer head =
        http_exchange(server.port(), "HEAD /ws HTTP/1.1\r\nHost: h\r\n" + kUpgradeLines + "\r\n");
    CHECK(head.status == 405);
    CHECK(server.metric("pulse_connections_refused_total") == 14);
    CHECK(server.metric("pulse_connections_total") == 0);
}

TEST_CASE("only the configured path upgrades", "[e2e][upgrade]") {
    const ServerProcess server(Settings{{"transport.websocket_path", "\"/live/feed\""}});
    UpgradeOptions options;
    options.path = "/live/feed";
    PulseClient client(server.port(), options);
    CHECK(client.is_quiet());
    for (const char* path :
         {"/ws", "/live", "/live/feed/", "/live/feed%2f", "/index.html", "/health"}) {
        INFO(path);
        options.path = path;
        const HttpAnswer answer = http_exchange(server.port(), upgrade_request(options));
        CHECK(answer.status == (std::string_view(path) == "/health" ? 200 : 404));
    }
}

TEST_CASE("without WebSocket the listener answers plain HTTP alone", "[e2e][upgrade]") {
    const ServerProcess server(Settings{{"transport.websocket", "false"}});
    CHECK(http_exchange(server.port(), upgrade_request()).status == 404);
    CHECK(http_get(server.port(), "/health").status == 200);
}

TEST_CASE("browsers may connect from this machine's pages only, unless configured",
          "[e2e][upgrade]") {
    SECTION("by default") {
        const ServerProcess server;
        const std::uint16_t port = server.port();
        const std::string here = "127.0.0.1:" + std::to_string(port);
        for (const std::string& origin :
             {"http://" + here, std::string("http://localhost:5173"),
              std::string("http://[::1]:3000"), std::string("null"), std::string("file://")}) {
            INFO(origin);
            CHECK(http_exchange(port, with_origin(origin)).status == 101);
        }
        // A name that somebody has pointed at this machine.
        CHECK(http_exchange(port, with_origin("https://pulse.example", "pulse.example")).status ==
              403);
        for (const char* origin : {"https://evil.example", "http://localhost.evil.example",
                                   "http://127.0.0.1.evil", "https://evil.example/http://localhost",
                                   "http://localhost@evil.example", "localhost", ""}) {
            INFO(origin);
            const HttpAnswer answer = http_exchange(port, with_origin(origin));
            CHECK(answer.status == 403);
            CHECK(answer.body == "Origin not allowed");
        }
    }
    SECTION("with a list") {
        const ServerProcess server(Settings{
            {"transport.allowed_origins", R"(["https://app.example", "http://127.0.0.1:8000"])"}});
        CHECK(http_exchange(server.port(), with_origin("https://app.example")).status == 101);
        CHECK(http_exchange(server.port(), with_origin("HTTPS://APP.EXAMPLE")).status == 101);
        CHECK(http_exchange(server.port(), with_origin("http://app.example")).status == 403);
        CHECK(http_exchange(server.port(), with_origin("https://app.example:8443")).status == 403);
        CHECK(http_exchange(server.port(), with_origin("http://localhost:5173")).status == 403);
        // Who sends no origin is no browser.
        CHECK(http_exchange(server.port(), upgrade_request()).status == 101);
    }
    SECTION("with a star") {
        const ServerProcess server(Settings{{"transport.allowed_origins", R"(["*"])"}});
        CHECK(http_exchange(server.port(), with_origin("https://any.example")).status == 101);
    }
}

TEST_CASE("bytes that come with the upgrade request belong to the conversation", "[e2e][upgrade]") {
    const ServerProcess server;
    TcpClient tcp(server.port());
    tcp.send(upgrade_request() + ClientFrame{kBinary, encoded(FrameView::ping())}.bytes() +
             ClientFrame{kPing, "early"}.bytes());
    CHECK(read_answer(tcp).status == 101);
    const std::string connected = tcp.read_exactly(2);
    (void)tcp.read_exactly(static_cast<unsigned char>(connected[1]));
    const std::string pong = encoded(FrameView::pong());
    CHECK(tcp.read_exactly(2 + pong.size()).substr(2) == pong);
    CHECK(tcp.read_exactly(7).substr(2) == "early");
}

TEST_CASE("an upgrade may follow other requests on the same connection", "[e2e][upgrade]") {
    const ServerProcess server;
    TcpClient tcp(server.port());
    tcp.send(get_request("/health") + get_request("/nowhere") + upgrade_request());
    CHECK(read_answer(tcp).status == 200);
    CHECK(read_answer(tcp).status == 404);
    CHECK(read_answer(tcp).status == 101);
}

TEST_CASE("an upgrade with a body is refused", "[e2e][upgrade]") {
    const ServerProcess server;
    UpgradeOptions options;
    options.header_lines = "Content-Length: 3\r\n";
    TcpClient tcp(server.port());
    tcp.send(upgrade_request(options) + "abc");
    CHECK(read_answer(tcp).status == 400);
    CHECK(tcp.is_ended_by_peer());
    // No body, said aloud.
    options.header_lines = "Content-Length: 0\r\n";
    PulseClient client(server.port(), options);
    client.subscribe("c");
}

TEST_CASE("a further listener serves what it mounts, with one gate for all", "[e2e][upgrade]") {
    LaunchOptions options;
    options.extra_toml =
        "[[listener]]\nhost = \"127.0.0.1\"\nport = 0\nmount = { \"*\" = \"native\" }\n";
    const ServerProcess server(Settings{{"limits.max_connections", "2"}}, options);
    UpgradeOptions anywhere;
    anywhere.path = "/any/path?x";
    PulseClient one(server.second_port(), anywhere);
    PulseClient two(server.port());
    one.subscribe("shared");
    two.send(publication("shared", "hello"));
    CHECK(one.receive() == publication("shared", "hello"));
    CHECK(http_exchange(server.second_port(), upgrade_request()).status == 503);
    CHECK(http_get(server.second_port(), "/health").status == 200);
    CHECK(http_get(server.second_port(), "/any/path").status == 404);
}
