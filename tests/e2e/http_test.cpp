// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Plain HTTP: the operators' routes, persistent connections, and requests that two parsers could
// read differently.
#include "support/catch.hpp"
#include "support/http_client.hpp"
#include "support/pulse_client.hpp"
#include "support/server_process.hpp"

#include <string>
#include <vector>

using namespace pulse::test;
using namespace std::chrono_literals;

TEST_CASE("the health routes say what probes expect", "[e2e][http]") {
    const ServerProcess server;
    const HttpAnswer health = http_get(server.port(), "/health");
    CHECK(health.status == 200);
    CHECK(health.header("content-type") == "application/json");
    CHECK(health.body == R"({"status":"ok","version":"0.1.1"})");
    CHECK(health.header("content-length") == std::to_string(health.body.size()));
    CHECK_FALSE(health.has_header("access-control-allow-origin"));
    CHECK(http_get(server.port(), "/health?verbose").body == health.body);

    CHECK(http_get(server.port(), "/healthz").body == "ok\n");
    const HttpAnswer ready = http_get(server.port(), "/readyz");
    CHECK(ready.status == 200);
    CHECK(ready.body == "ready\n");

    TcpClient tcp(server.port());
    tcp.send("HEAD /health HTTP/1.1\r\nHost: h\r\n\r\n" + get_request("/healthz"));
    const HttpAnswer head = read_answer(tcp, true);
    CHECK(head.status == 200);
    CHECK(head.header("content-length") == health.header("content-length"));
    // No body was in between.
    CHECK(read_answer(tcp).body == "ok\n");
}

TEST_CASE("other methods and paths are refused without a body", "[e2e][http]") {
    const ServerProcess server;
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"}) {
        INFO(method);
        const HttpAnswer answer = http_exchange(
            server.port(), std::string(method) + " /health HTTP/1.1\r\nHost: h\r\n\r\n");
        CHECK(answer.status == 405);
        CHECK(answer.header("allow") == "GET,HEAD");
        CHECK(answer.body.empty());
    }
    for (const char* path : {"/index.html", "/health/", "/healthx", "/metrics", "//health",
                             "/../health", "/health%2f", "/%68ealth", "/favicon.ico"}) {
        INFO(path);
        const HttpAnswer answer = http_get(server.port(), path);
        CHECK(answer.status == 404);
        CHECK(answer.body.empty());
        CHECK(answer.header("content-length") == "0");
        CHECK_FALSE(answer.has_header("content-type"));
    }
}

TEST_CASE("a connection is kept for the next request as the request says", "[e2e][http]") {
    const ServerProcess server;
    {
        TcpClient tcp(server.port());
        for (int i = 0; i < 3; ++i) {
            tcp.send(get_request("/health"));
            const HttpAnswer answer = read_answer(tcp);
            CHECK(answer.status == 200);
            CHECK_FALSE(answer.has_header("connection"));
        }
        tcp.send(get_request("/health", "Connection: close\r\n"));
        CHECK(read_answer(tcp).header("connection") == "close");
        CHECK(tcp.is_ended_by_peer());
    }
    {
        TcpClient tcp(server.port());
        tcp.send("GET /health HTTP/1.0\r\nHost: h\r\n\r\n");
        CHECK(read_answer(tcp).header("connection") == "close");
        CHECK(tcp.is_ended_by_peer());
    }
}

TEST_CASE("requests sent ahead are answered in order", "[e2e][http]") {
    const ServerProcess server;
    std::string requests;
    for (int i = 0; i < 200; ++i) {
        requests += get_request(i % 3 == 0 ? "/health" : i % 3 == 1 ? "/healthz" : "/missing");
    }
    SECTION("in one piece") {
        TcpClient tcp(server.port());
        tcp.send(requests);
        for (int i = 0; i < 200; ++i) {
            const HttpAnswer answer = read_answer(tcp);
            INFO(i);
            CHECK(answer.status == (i % 3 == 2 ? 404 : 200));
            if (i % 3 == 1) CHECK(answer.body == "ok\n");
        }
    }
    SECTION("byte by byte") {
        TcpClient tcp(server.port());
        tcp.send_bytewise(get_request("/healthz") + get_request("/missing"));
        CHECK(read_answer(tcp).body == "ok\n");
        CHECK(read_answer(tcp).status == 404);
    }
    SECTION("by a client that has nothing more to say") {
        TcpClient tcp(server.port());
        tcp.send(requests);
        tcp.shutdown_write();
        for (int i = 0; i < 200; ++i) {
            INFO(i);
            CHECK(read_answer(tcp).status == (i % 3 == 2 ? 404 : 200));
        }
        CHECK(tcp.is_ended_by_peer());
    }
}

TEST_CASE("a client that stops reading is not read from either, and loses no answer",
          "[e2e][http]") {
    const ServerProcess server;
    TcpOptions small;
    small.receive_buffer_bytes = 4096;
    TcpClient tcp(server.metrics_port(), small);
    // Long, or many thousands of answers would be due.
    const std::string request =
        get_request("/metrics", "X-Padding: " + std::string(4000, 'x') + "\r\n");
    // Until the server reads no more: both kernels' buffers are full.
    std::size_t sent = 0;
    const Deadline deadline;
    for (Deadline quiet(100ms); !quiet.has_passed();) {
        REQUIRE_FALSE(deadline.has_passed());
        const std::size_t offset = sent % request.size();
        const std::size_t n = tcp.send_some(std::string_view(request).substr(offset));
        if (n != 0) quiet = Deadline(100ms);
        sent += n;
    }
    tcp.shutdown_write();
    for (std::size_t i = 0; i < sent / request.size(); ++i) {
        const HttpAnswer answer = read_answer(tcp);
        if (answer.status != 200 || !answer.body.ends_with("\n")) {
            FAIL("answer " << i << " of " << sent / request.size() << ": " << answer.status);
        }
    }
}

TEST_CASE("requests that could be read in two ways are refused, and the connection ends",
          "[e2e][http]") {
    struct Bad {
        const char* why;
        std::string request;
        int status;
    };
    const std::string host = "Host: h\r\n";
    const std::string post = "POST /health HTTP/1.1\r\nHost: h\r\n";
    const std::vector<Bad> all{
        {"length and encoding",
         post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"two lengths", post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
        {"a list of lengths", post + "Content-Length: 3, 3\r\n\r\nabc", 400},
        {"a negative length", post + "Content-Length: -1\r\n\r\n", 400},
        {"a length with a sign", post + "Content-Length: +3\r\n\r\nabc", 400},
        {"an endless length", post + "Content-Length: 99999999999999999999999\r\n\r\n", 400},
        {"an unknown encoding", post + "Transfer-Encoding: gzip\r\n\r\n", 501},
        {"chunked twice", post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501},
        {"an encoding in HTTP/1.0",
         "POST /health HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"bare line feeds", "GET /health HTTP/1.1\nHost: h\n\n", 400},
        {"a bare line feed in the headers", "GET /health HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", 400},
        {"a bare carriage return", "GET /health HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", 400},
        {"a folded header", "GET /health HTTP/1.1\r\nHost: h\r\nX: y\r\n z\r\n\r\n", 400},
        {"space before the colon", "GET /health HTTP/1.1\r\nHost : h\r\n\r\n", 400},
        {"no header name", "GET /health HTTP/1.1\r\n: h\r\n\r\n", 400},
        {"a zero byte in a header", std::string("GET /health HTTP/1.1\r\nHost: h\0x\r\n\r\n", 35),
         400},
        {"two spaces in the request line", "GET  /health HTTP/1.1\r\n" + host + "\r\n", 400},
        {"a tab in the request line", "GET\t/health HTTP/1.1\r\n" + host + "\r\n", 400},
        {"no version", "GET /health\r\n" + host + "\r\n", 400},
        {"HTTP/2 in words", "GET /health HTTP/2.0\r\n" + host + "\r\n", 505},
        {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"no host", "GET /health HTTP/1.1\r\n\r\n", 400},
        {"two hosts", "GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"a host with a path", "GET /health HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        {"a TLS hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 400},
        {"a frame of the native protocol", encoded(FrameView::ping()), 400},
        {"a target too long", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n" + host + "\r\n",
         414},
        {"a head too large",
         "GET /health HTTP/1.1\r\n" + host + "X: " + std::string(17'000, 'a') + "\r\n\r\n", 431},
        {"too many headers",
         [&] {
             std::string request = "GET /health HTTP/1.1\r\n" + host;
             for (int i = 0; i < 101; ++i) request += "X: y\r\n";
             return request + "\r\n";
         }(),
         431},
    };
    const ServerProcess server;
    for (const Bad& bad : all) {
        INFO(bad.why);
        TcpClient tcp(server.port());
        // What is smuggled behind it must not be answered.
        tcp.send(bad.request + get_request("/healthz"));
        const HttpAnswer answer = read_answer(tcp);
        CHECK(answer.status == bad.status);
        CHECK(answer.header("connection") == "close");
        CHECK(tcp.read_to_end().empty());
    }
}

TEST_CASE("a body that nobody reads does not become the next request", "[e2e][http]") {
    const ServerProcess server;
    TcpClient tcp(server.port());
    const std::string body = get_request("/healthz");
    tcp.send("POST /health HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
             "\r\n\r\n" + body);
    CHECK(read_answer(tcp).status == 405);
    CHECK(tcp.read_to_end().empty());
}

TEST_CASE("a body is read before the answer, plain or in chunks", "[e2e][http]") {
    const ServerProcess server;
    TcpClient tcp(server.metrics_port());
    const std::string after = get_request("/health");
    tcp.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello" + after);
    CHECK(read_answer(tcp).status == 200);
    CHECK(read_answer(tcp).body == "OK");
    tcp.send(
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n2\r\n"
        "de\r\n0\r\nTrailer: x\r\n\r\n" +
        after);
    CHECK(read_answer(tcp).status == 200);
    CHECK(read_answer(tcp).body == "OK");

    // "100 Continue" before the body is sent.
    tcp.send("POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    CHECK(tcp.read_through("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
    tcp.send("ok");
    CHECK(read_answer(tcp).status == 200);

    tcp.send("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
    CHECK(read_answer(tcp).status == 400);
    CHECK(tcp.is_ended_by_peer());
}

TEST_CASE("a body over the limit is refused with 413", "[e2e][http]") {
    const ServerProcess server(Settings{{"transport.max_body_bytes", "1000"}});
    const auto answer_to = [&](const std::string& lines, const std::string& body) {
        TcpClient tcp(server.metrics_port());
        tcp.send("POST /x HTTP/1.1\r\nHost: h\r\n" + lines + "\r\n" + body);
        return read_answer(tcp).status;
    };
    CHECK(answer_to("Content-Length: 1000\r\n", std::string(1000, 'x')) == 200);
    CHECK(answer_to("Content-Length: 1001\r\n", "") == 413);
    CHECK(answer_to("Content-Length: 18446744073709551615\r\n", "") >= 400);
    CHECK(answer_to("Transfer-Encoding: chunked\r\n", "3e9\r\n") == 413);
}

TEST_CASE("the metrics port answers on every path and to every method", "[e2e][http]") {
    const ServerProcess server;
    for (const char* start :
         {"GET /metrics", "GET /", "GET /any/path", "POST /metrics", "DELETE /x", "OPTIONS *"}) {
        INFO(start);
        const HttpAnswer answer = http_exchange(
            server.metrics_port(), std::string(start) + " HTTP/1.1\r\nHost: h\r\n\r\n");
        CHECK(answer.status == 200);
        CHECK(answer.header("content-type").starts_with("text/plain"));
        CHECK(answer.body.find("# TYPE pulse_connections_total counter\n") != std::string::npos);
    }
    for (const char* method : {"GET", "POST"}) {
        const HttpAnswer answer = http_exchange(
            server.metrics_port(), std::string(method) + " /health HTTP/1.1\r\nHost: h\r\n\r\n");
        CHECK(answer.status == 200);
        CHECK(answer.body == "OK");
    }
    // It is no way in for clients.
    CHECK(http_exchange(server.metrics_port(), upgrade_request()).status == 200);
}

TEST_CASE("metrics are on the main port when asked for", "[e2e][http]") {
    const ServerProcess server(
        Settings{{"metrics.on_main_port", "true"}, {"metrics.enabled", "false"}});
    const HttpAnswer answer = http_get(server.port(), "/metrics");
    CHECK(answer.status == 200);
    CHECK(answer.body.find("pulse_build_info{version=\"0.1.1\"} 1") != std::string::npos);
    CHECK(http_exchange(server.port(), "POST /metrics HTTP/1.1\r\nHost: h\r\n\r\n").status == 405);
}

TEST_CASE("a client that trickles its request is answered 408", "[e2e][http]") {
    const ServerProcess server(Settings{{"transport.handshake_timeout_ms", "500"}});
    // The clock of each starts with its connection; a few side by side cost the time of one.
    TcpClient half_head(server.port());
    half_head.send("GET /health HTTP/1.1\r\nHo");
    TcpClient half_body(server.metrics_port());
    half_body.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel");
    TcpClient second_request(server.port());
    second_request.send(get_request("/health"));
    CHECK(read_answer(second_request).status == 200);
    second_request.send("GET /health HT");
    TcpClient silent(server.port());

    for (TcpClient* tcp : {&half_head, &half_body, &second_request}) {
        const HttpAnswer answer = read_answer(*tcp);
        CHECK(answer.status == 408);
        CHECK(answer.header("connection") == "close");
        CHECK(tcp->is_ended_by_peer());
    }
    CHECK(silent.is_ended_by_peer());
}

TEST_CASE("bytes that keep trickling do not extend the time for a request", "[e2e][http]") {
    const ServerProcess server(Settings{{"transport.handshake_timeout_ms", "500"}});
    TcpClient tcp(server.port());
    std::string answer;
    tcp.send("GET /health HTTP/1.1\r\nHost: h\r\n");
    const Deadline deadline;
    while (!tcp.has_input(20ms)) {
        REQUIRE_FALSE(deadline.has_passed());
        if (!tcp.try_send("X: y\r\n")) break;
    }
    CHECK(read_answer(tcp).status == 408);
}

TEST_CASE("an idle connection is closed after the keep-alive time", "[e2e][http]") {
    SECTION("of some length") {
        const ServerProcess server(Settings{{"transport.http_keep_alive_ms", "300"}});
        TcpClient tcp(server.port());
        tcp.send(get_request("/health"));
        CHECK_FALSE(read_answer(tcp).has_header("connection"));
        // Well before the request timeout of ten seconds.
        CHECK(tcp.is_ended_by_peer(5s));
    }
    SECTION("of zero: after every answer") {
        const ServerProcess server(Settings{{"transport.http_keep_alive_ms", "0"}});
        TcpClient tcp(server.port());
        tcp.send(get_request("/health"));
        CHECK(read_answer(tcp).header("connection") == "close");
        CHECK(tcp.is_ended_by_peer());
    }
}
