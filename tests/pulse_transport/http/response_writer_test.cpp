// SPDX-License-Identifier: MIT OR Apache-2.0
#include "http/response_writer.hpp"

#include "http/body_reader.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <string>

namespace http = pulse::transport::http;
using http::ResponseWriter;
using namespace std::string_literals;

TEST_CASE("a response has status line, date, headers, length and body", "[http][response]") {
    std::string out = "before|";
    ResponseWriter writer(out, 200, "Sun, 06 Nov 1994 08:49:37 GMT");
    writer.add("content-type", "text/plain").finish("hello");
    CHECK(writer.ok());
    CHECK(out ==
          "before|HTTP/1.1 200 OK\r\n"
          "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
          "content-type: text/plain\r\n"
          "content-length: 5\r\n"
          "\r\n"
          "hello");
}

TEST_CASE("HEAD is told the length but gets no body", "[http][response]") {
    std::string out;
    ResponseWriter(out, 404, {}).finish("nothing here", true);
    CHECK(out == "HTTP/1.1 404 Not Found\r\ncontent-length: 12\r\n\r\n");
}

TEST_CASE("statuses that allow no body have neither length nor body", "[http][response]") {
    for (const int status : {101, 204, 304}) {
        std::string out;
        ResponseWriter(out, status, {}).finish("ignored");
        CHECK(out.find("content-length") == std::string::npos);
        CHECK(out.substr(out.size() - 4) == "\r\n\r\n");
        CHECK(out.find("ignored") == std::string::npos);
    }
    std::string out;
    ResponseWriter(out, 200, {}).finish();
    CHECK(out == "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
}

TEST_CASE("the connection header is written once", "[http][response]") {
    std::string out;
    ResponseWriter writer(out, 200, {});
    writer.connection("keep-alive");
    CHECK(writer.ok());
    writer.connection("close").finish();
    CHECK_FALSE(writer.ok());
    CHECK(out == "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n");
}

TEST_CASE("nothing passed in can split a response", "[http][response]") {
    const auto refused = [](std::string_view name, std::string_view value) {
        std::string out;
        ResponseWriter writer(out, 200, {});
        writer.add(name, value).finish();
        return !writer.ok() && out == "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    };
    CHECK(refused("x", "a\r\nset-cookie: b"));
    CHECK(refused("x", "a\nb"));
    CHECK(refused("x", "a\rb"));
    CHECK(refused("x", "a\0b"s));
    CHECK(refused("x", "a\x7F"));
    CHECK(refused("x\r\ny", "a"));
    CHECK(refused("x:", "a"));
    CHECK(refused("", "a"));
    CHECK(refused("x y", "a"));
    // These are the writer's own.
    CHECK(refused("Content-Length", "7"));
    CHECK(refused("transfer-ENCODING", "chunked"));
    CHECK(refused("Connection", "close"));

    std::string out;
    ResponseWriter writer(out, 200, "date\r\nx: y");
    writer.connection("close\r\nx: y").finish();
    CHECK_FALSE(writer.ok());
    CHECK(out == "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
}

TEST_CASE("a chunked body is what the body reader reads", "[http][response]") {
    std::string out;
    ResponseWriter(out, 200, {}).finish_chunked();
    CHECK(out == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    std::string wire;
    http::append_chunk(wire, "hello");
    http::append_chunk(wire, "");
    http::append_chunk(wire, std::string(300, 'x'));
    CHECK(wire.substr(0, 10) == "5\r\nhello\r\n");
    http::append_last_chunk(wire);

    http::RequestHead head;
    head.body = http::BodyKind::chunked;
    std::string body;
    const auto result = http::BodyReader(head, {}).consume(pulse::protocol::as_bytes(wire), body);
    CHECK(result.status == http::BodyStatus::complete);
    CHECK(result.consumed == wire.size());
    CHECK(body == "hello" + std::string(300, 'x'));
}

TEST_CASE("a body that ends with the connection says so", "[http][response]") {
    std::string out;
    ResponseWriter(out, 200, {}).finish_until_close();
    CHECK(out == "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
    out.clear();
    ResponseWriter(out, 200, {}).connection("close").finish_until_close();
    CHECK(out == "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
}

TEST_CASE("every status we send has a reason phrase", "[http][response]") {
    for (const int status :
         {101, 200, 204, 400, 404, 405, 413, 414, 426, 431, 500, 501, 503, 505}) {
        CHECK(http::reason_phrase(status) != "Unknown");
    }
    CHECK(http::reason_phrase(299) == "Unknown");
}

TEST_CASE("dates are written as RFC 9110 wants them", "[http][response]") {
    using namespace std::chrono;
    CHECK(http::http_date(sys_seconds{seconds{784111777}}) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(http::http_date(sys_seconds{seconds{0}}) == "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK(http::http_date(sys_seconds{seconds{951782399}}) == "Mon, 28 Feb 2000 23:59:59 GMT");
    CHECK(http::http_date(sys_seconds{seconds{951782400}}) == "Tue, 29 Feb 2000 00:00:00 GMT");
    CHECK(http::http_date(sys_seconds{seconds{4102444800}}) == "Fri, 01 Jan 2100 00:00:00 GMT");
}
