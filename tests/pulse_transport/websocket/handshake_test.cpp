// SPDX-License-Identifier: MIT OR Apache-2.0
#include "websocket/handshake.hpp"

#include "http/head_parser.hpp"
#include "support/catch.hpp"

#include <array>
#include <string>
#include <string_view>

namespace http = pulse::transport::http;
namespace ws = pulse::transport::websocket;

namespace {

constexpr std::string_view kDate = "Sun, 06 Nov 1994 08:49:37 GMT";

// A request whose parts a test can change one at a time. Empty parts are left out.
struct Request {
    std::string line = "GET /ws?token=1 HTTP/1.1";
    std::string host = "Host: server.example.com";
    std::string upgrade = "Upgrade: websocket";
    std::string connection = "Connection: Upgrade";
    std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    std::string version = "Sec-WebSocket-Version: 13";
    std::string more = {};

    [[nodiscard]] std::string text() const {
        std::string result = line + "\r\n";
        for (const std::string& part : {host, upgrade, connection, key, version, more}) {
            if (!part.empty()) result += part + "\r\n";
        }
        return result + "\r\n";
    }
};

struct Answer {
    int status = 0;
    std::string text;
    std::string header;  // of a refusal, "name: value"
    std::string response;
    std::string subprotocol;
};

Answer answer(const Request& request, const ws::UpgradeOptions& options = {}) {
    const std::string buffer = request.text();
    http::RequestHead head;
    REQUIRE(http::HeadParser{}.parse(buffer, {}, head).status == http::HeadStatus::complete);
    Answer got;
    const ws::UpgradeResult result = ws::upgrade(head, options, got.response);
    got.status = result.status;
    got.text = result.text;
    got.subprotocol = result.subprotocol;
    if (!result.headers.empty()) {
        got.header =
            std::string(result.headers[0].name) + ": " + std::string(result.headers[0].value);
    }
    CHECK(result.accepted() == !got.response.empty());
    return got;
}

}  // namespace

TEST_CASE("the example of RFC 6455 is answered with its accept value", "[websocket][handshake]") {
    const Answer got = answer({}, {.subprotocols = {}, .date = kDate});
    CHECK(got.status == 101);
    CHECK(got.response ==
          "HTTP/1.1 101 Switching Protocols\r\n"
          "connection: upgrade\r\n"
          "upgrade: websocket\r\n"
          "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
          "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
          "\r\n");
}

TEST_CASE("the response is appended behind what is there", "[websocket][handshake]") {
    const std::string buffer = Request{}.text();
    http::RequestHead head;
    REQUIRE(http::HeadParser{}.parse(buffer, {}, head).status == http::HeadStatus::complete);
    std::string out = "before";
    CHECK(ws::upgrade(head, {}, out).accepted());
    CHECK(out.substr(0, 14) == "beforeHTTP/1.1");
    CHECK(out.find("date:") == std::string::npos);
}

TEST_CASE("names and tokens of a handshake are compared without case and within lists",
          "[websocket][handshake]") {
    Request request;
    request.upgrade = "uPgRaDe: h2c, WebSocket";
    request.connection = "CONNECTION: keep-alive, UPGRADE";
    request.version = "sec-websocket-VERSION:13";
    request.key = "SEC-WEBSOCKET-KEY:   dGhlIHNhbXBsZSBub25jZQ==  ";
    const Answer got = answer(request);
    CHECK(got.status == 101);
    CHECK(got.response.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != std::string::npos);
    request.connection = "Connection: keep-alive\r\nConnection: upgrade";
    CHECK(answer(request).status == 101);
}

TEST_CASE("a key of any content is accepted", "[websocket][handshake]") {
    Request request;
    request.key = "Sec-WebSocket-Key: x";
    CHECK(answer(request).response.find("accept: JVxkmtKFjDcI/Pm/AGPEKSN6wT8=") !=
          std::string::npos);
    request.key = "Sec-WebSocket-Key: " + std::string(10'000, 'k');
    CHECK(answer(request).status == 101);
}

TEST_CASE("each missing piece has its own refusal", "[websocket][handshake]") {
    Request request;
    SECTION("connection") {
        request.connection = GENERATE(as<std::string>{}, "", "Connection: keep-alive",
                                      "Connection: not-upgrade", "Connection:");
        const Answer got = answer(request);
        CHECK(got.status == 400);
        CHECK(got.text == "Connection header did not include 'upgrade'");
        CHECK(got.header.empty());
    }
    SECTION("upgrade") {
        request.upgrade =
            GENERATE(as<std::string>{}, "", "Upgrade: h2c", "Upgrade: websockets", "Upgrade:");
        const Answer got = answer(request);
        CHECK(got.status == 400);
        CHECK(got.text == "`Upgrade` header did not include 'websocket'");
    }
    SECTION("version") {
        request.version = GENERATE(
            as<std::string>{}, "", "Sec-WebSocket-Version: 8", "Sec-WebSocket-Version: 130",
            "Sec-WebSocket-Version: 13, 8",
            "Sec-WebSocket-Version:", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13");
        const Answer got = answer(request);
        CHECK(got.status == 400);
        CHECK(got.text == "`Sec-WebSocket-Version` header did not include '13'");
        CHECK(got.header == "sec-websocket-version: 13");
    }
    SECTION("key") {
        request.key = GENERATE(as<std::string>{}, "", "Sec-WebSocket-Key:");
        const Answer got = answer(request);
        CHECK(got.status == 400);
        CHECK(got.text == "`Sec-WebSocket-Key` header missing");
    }
    SECTION("two keys") {
        request.key = "Sec-WebSocket-Key: a\r\nSec-WebSocket-Key: b";
        CHECK(answer(request).status == 400);
    }
    SECTION("method") {
        request.line = GENERATE(as<std::string>{}, "POST /ws HTTP/1.1", "HEAD /ws HTTP/1.1",
                                "get /ws HTTP/1.1", "OPTIONS * HTTP/1.1");
        const Answer got = answer(request);
        CHECK(got.status == 405);
        CHECK(got.header == "allow: GET,HEAD");
    }
    SECTION("HTTP version") {
        request.line = "GET /ws HTTP/1.0";
        const Answer got = answer(request);
        CHECK(got.status == 426);
        CHECK(got.header == "upgrade: websocket");
    }
}

TEST_CASE("of several faults the first in the documented order is named",
          "[websocket][handshake]") {
    Request request{.line = "GET /ws HTTP/1.0",
                    .host = "",
                    .upgrade = "",
                    .connection = "",
                    .key = "",
                    .version = ""};
    CHECK(answer(request).text == "Connection header did not include 'upgrade'");
    request.connection = "Connection: upgrade";
    CHECK(answer(request).text == "`Upgrade` header did not include 'websocket'");
    request.upgrade = "Upgrade: websocket";
    CHECK(answer(request).text == "`Sec-WebSocket-Version` header did not include '13'");
}

TEST_CASE("a handshake has no body that could be taken for frames", "[websocket][handshake]") {
    Request request;
    request.more = GENERATE(as<std::string>{}, "Content-Length: 1", "Transfer-Encoding: chunked");
    CHECK(answer(request).status == 400);
    request.more = "Content-Length: 0";
    CHECK(answer(request).status == 101);
}

TEST_CASE("Host is not looked at", "[websocket][handshake]") {
    Request request;
    request.host = "";
    CHECK(answer(request).status == 101);
}

TEST_CASE("extensions are never negotiated", "[websocket][handshake]") {
    Request request;
    request.more = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits";
    const Answer got = answer(request);
    CHECK(got.status == 101);
    CHECK(got.response.find("xtensions") == std::string::npos);
}

TEST_CASE("the client's most wanted subprotocol among ours is chosen", "[websocket][handshake]") {
    const std::array<std::string_view, 2> ours{"pulse.v1", "pulse.v2"};
    const ws::UpgradeOptions options{.subprotocols = ours, .date = {}};
    Request request;
    CHECK(answer(request, options).subprotocol.empty());
    request.more = "Sec-WebSocket-Protocol: chat, pulse.v2, pulse.v1";
    const Answer got = answer(request, options);
    CHECK(got.subprotocol == "pulse.v2");
    CHECK(got.response.find("\r\nsec-websocket-protocol: pulse.v2\r\n") != std::string::npos);
    request.more = "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: pulse.v1";
    CHECK(answer(request, options).subprotocol == "pulse.v1");
    request.more = "Sec-WebSocket-Protocol: chat";
    CHECK(answer(request, options).response.find("protocol:") == std::string::npos);
}

TEST_CASE("a malformed subprotocol list is refused where we have subprotocols",
          "[websocket][handshake]") {
    const std::array<std::string_view, 1> ours{"pulse"};
    Request request;
    request.more = GENERATE(as<std::string>{}, "Sec-WebSocket-Protocol: ,pulse",
                            "Sec-WebSocket-Protocol: pulse,", "Sec-WebSocket-Protocol: \"pulse\"");
    CHECK(answer(request, {.subprotocols = ours, .date = {}}).status == 400);
    const Answer ignored = answer(request);
    CHECK(ignored.status == 101);
    CHECK(ignored.response.find("protocol:") == std::string::npos);
}

TEST_CASE("a request that asks for a WebSocket is told from one that does not",
          "[websocket][handshake]") {
    http::RequestHead head;
    const std::string asks = Request{}.text();
    REQUIRE(http::HeadParser{}.parse(asks, {}, head).status == http::HeadStatus::complete);
    CHECK(ws::wants_websocket(head));
    const std::string other = "GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n";
    REQUIRE(http::HeadParser{}.parse(other, {}, head).status == http::HeadStatus::complete);
    CHECK_FALSE(ws::wants_websocket(head));
}
