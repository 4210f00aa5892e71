// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Request heads, good and bad. Each is fed whole, growing from every split, byte by byte, and cut
// short.
#include "http/head_parser.hpp"

#include "http/text.hpp"
#include "support/catch.hpp"

#include <cstring>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace http = pulse::transport::http;
using http::BodyKind;
using http::HeadStatus;
using http::HostState;
using namespace std::string_literals;

namespace {

// Feeds a buffer that grows in the given steps, each time in a new heap block of exactly its size.
class Feeder {
  public:
    explicit Feeder(const http::HeadLimits& limits = {}) : limits_(limits) {}

    http::HeadResult give(std::string_view piece) {
        std::vector<char> grown(size_ + piece.size());
        if (size_ != 0) std::memcpy(grown.data(), buffer_.data(), size_);
        if (!piece.empty()) std::memcpy(grown.data() + size_, piece.data(), piece.size());
        buffer_ = std::move(grown);
        size_ = buffer_.size();
        return parser_.parse({buffer_.data(), size_}, limits_, head);
    }

    http::RequestHead head;

  private:
    http::HeadLimits limits_;
    http::HeadParser parser_;
    std::vector<char> buffer_;
    std::size_t size_ = 0;
};

// What was parsed, as one comparable text.
std::string describe(const http::RequestHead& head) {
    std::ostringstream text;
    text << head.method << '|' << head.target << '|' << head.path << '|' << head.query << '|'
         << head.authority << '|' << (head.version == http::Version::http_1_1 ? "1.1" : "1.0")
         << "|body " << static_cast<int>(head.body) << ':' << head.content_length << "|host "
         << static_cast<int>(head.host) << (head.keep_alive ? "|keep" : "|close")
         << (head.expect_continue ? "|expect" : "");
    for (const http::Header& header : head.headers) {
        text << '|' << header.name << '=' << header.value;
    }
    return text.str();
}

struct Verdict {
    int status = 0;  // 0 complete, -1 need more, else that of the error
    std::size_t consumed = 0;
    std::string head;
    bool operator==(const Verdict&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Verdict& verdict) {
    return out << verdict.status << ", " << verdict.consumed << " bytes, " << verdict.head;
}

Verdict verdict(const http::HeadResult& result, const http::RequestHead& head) {
    if (result.status == HeadStatus::need_more) {
        return {-1, 0, {}};
    }
    if (result.status == HeadStatus::error) {
        CHECK_FALSE(result.error.text.empty());
        return {result.error.status, 0, {}};
    }
    return {0, result.consumed, describe(head)};
}

Verdict parse_whole(std::string_view text, const http::HeadLimits& limits = {}) {
    Feeder feeder(limits);
    const auto result = feeder.give(text);
    return verdict(result, feeder.head);
}

Verdict parse_in_pieces(std::string_view text, std::size_t piece,
                        const http::HeadLimits& limits = {}) {
    Feeder feeder(limits);
    http::HeadResult result;
    for (std::size_t at = 0; at < text.size(); at += piece) {
        result = feeder.give(text.substr(at, piece));
        if (result.status != HeadStatus::need_more) break;
    }
    return verdict(result, feeder.head);
}

Verdict parse_split(std::string_view text, std::size_t at) {
    Feeder feeder;
    http::HeadResult result = feeder.give(text.substr(0, at));
    if (result.status == HeadStatus::need_more) result = feeder.give(text.substr(at));
    return verdict(result, feeder.head);
}

// Heads that only need a request line and an end.
std::string with_headers(std::string_view headers) {
    return "GET / HTTP/1.1\r\n" + std::string(headers) + "\r\n";
}

std::string with_target(std::string_view target, std::string_view method = "GET") {
    return std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n\r\n";
}

const std::string kPlain =
    "GET /a/b?x=1&y=2 HTTP/1.1\r\n"
    "Host: example.com:8080\r\n"
    "User-Agent:curl/7.88.1\r\n"
    "Accept: \t */* \t\r\n"
    "X-Empty:\r\n"
    "\r\n";

}  // namespace

TEST_CASE("a plain request is taken apart", "[http][head]") {
    Feeder feeder;
    const auto result = feeder.give(kPlain + "the body");
    REQUIRE(result.status == HeadStatus::complete);
    CHECK(result.consumed == kPlain.size());
    const http::RequestHead& head = feeder.head;
    CHECK(head.method == "GET");
    CHECK(head.target == "/a/b?x=1&y=2");
    CHECK(head.path == "/a/b");
    CHECK(head.query == "x=1&y=2");
    CHECK(head.authority == "example.com:8080");
    CHECK(head.version == http::Version::http_1_1);
    CHECK(head.body == BodyKind::none);
    CHECK(head.host == HostState::valid);
    CHECK(head.keep_alive);
    CHECK_FALSE(head.expect_continue);
    REQUIRE(head.headers.size() == 4);
    CHECK(head.headers[1].name == "User-Agent");
    CHECK(head.find("user-agent") == "curl/7.88.1");
    CHECK(head.find("ACCEPT") == "*/*");
    CHECK(head.find("x-empty") == "");
    CHECK_FALSE(head.find("x-missing"));
}

TEST_CASE("how a head is cut does not matter", "[http][head]") {
    const std::string good[] = {
        kPlain,
        "\r\nGET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
        "A#Z / HTTP/1.1\r\n\r\n",  // '#' may stand in a method, not in a target
        "GET http://h:1/p?q HTTP/1.1\r\nHost: other\r\n\r\n",
    };
    for (const std::string& text : good) {
        const Verdict expected = parse_whole(text);
        REQUIRE(expected.status == 0);
        CHECK(parse_in_pieces(text, 1) == expected);
        CHECK(parse_in_pieces(text, 3) == expected);
        for (std::size_t at = 0; at <= text.size(); ++at) {
            CHECK(parse_split(text, at) == expected);
            const int cut_short = at < expected.consumed ? -1 : 0;
            CHECK(parse_whole(std::string_view(text).substr(0, at)).status == cut_short);
        }
    }
}

TEST_CASE("what two parsers could read differently is refused", "[http][head]") {
    struct Case {
        int status;
        std::string text;
    };
    const Case cases[] = {
        // Line ends.
        {400, "GET / HTTP/1.1\nHost: h\n\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\n\n"},
        {400, with_headers("X: a\rb\r\n")},
        {400, with_headers("X: a\r\r\n")},
        {400, "GET / HTTP/1.1\r\r\n\r\n"},
        {400, "\n\r\nGET / HTTP/1.1\r\n\r\n"},
        {400, "\r\n\r\nGET / HTTP/1.1\r\n\r\n"},
        {400, with_headers("X: a\0b\r\n"s)},
        // Folding.
        {400, with_headers("X: a\r\n b\r\n")},
        {400, with_headers("X: a\r\n\tb\r\n")},
        {400, with_headers(" X: a\r\n")},
        {400, with_headers("X: a\r\n \r\n")},
        // Names.
        {400, with_headers("X : a\r\n")},
        {400, with_headers("X\t: a\r\n")},
        {400, with_headers(": a\r\n")},
        {400, with_headers("X\r\n")},
        {400, with_headers("X Y: a\r\n")},
        {400, with_headers("X\xC3\xA9: a\r\n")},
        {400, with_headers("X(: a\r\n")},
        {400, with_headers("X\0: a\r\n"s)},
        // Values.
        {400, with_headers("X: a\x01\r\n")},
        {400, with_headers("X: a\x7F\r\n")},
        {400, with_headers("X: a\vb\r\n")},
        // Request lines.
        {400, "GET  / HTTP/1.1\r\n\r\n"},
        {400, "GET /  HTTP/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.1 \r\n\r\n"},
        {400, " GET / HTTP/1.1\r\n\r\n"},
        {400, "GET\t/\tHTTP/1.1\r\n\r\n"},
        {400, "GET /\r\n\r\n"},
        {400, "GET\r\n\r\n"},
        {400, "/ HTTP/1.1\r\n\r\n"},
        {400, "G(T / HTTP/1.1\r\n\r\n"},
        {400, "GET / http/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.1.1\r\n\r\n"},
        {400, "GET / HTTP/1\r\n\r\n"},
        {400, "GET / HTTP/11\r\n\r\n"},
        {400, "GET / HTTP/a.b\r\n\r\n"},
        {400, std::string(40, 'M') + " / HTTP/1.1\r\n\r\n"},
        {505, "GET / HTTP/2.0\r\n\r\n"},
        {505, "GET / HTTP/0.9\r\n\r\n"},
        {505, "GET / HTTP/1.2\r\n\r\n"},
        {505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
        // Targets.
        {400, with_target("a")},
        {400, with_target("*")},
        {400, with_target("host:80")},
        {400, with_target("host:80", "CONNECT")},
        {400, with_target("/a#b")},
        {400, with_target("/a\"b")},
        {400, with_target("/<a>")},
        {400, with_target("/\xC3\xA9")},
        {400, with_target("/a\x7F")},
        {400, with_target("http://")},
        {400, with_target("http:///path")},
        {400, with_target("http://user@host/")},
        {400, with_target("ftp://host/")},
        {400, with_target("://host/")},
        // Body framing.
        {400, with_headers("Content-Length: 1\r\nContent-Length: 1\r\n")},
        {400, with_headers("Content-Length: 1\r\ncontent-length: 2\r\n")},
        {400, with_headers("Content-Length: 1, 1\r\n")},
        {400, with_headers("Content-Length: +1\r\n")},
        {400, with_headers("Content-Length: -1\r\n")},
        {400, with_headers("Content-Length: 0x1\r\n")},
        {400, with_headers("Content-Length: 1 1\r\n")},
        {400, with_headers("Content-Length: 1.0\r\n")},
        {400, with_headers("Content-Length:\r\n")},
        {400, with_headers("Content-Length: 18446744073709551616\r\n")},
        {400, with_headers("Content-Length: 99999999999999999999\r\n")},
        {400, with_headers("Content-Length: 00000000000000000001\r\n")},
        {400, with_headers("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n")},
        {400, with_headers("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n")},
        {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {501, with_headers("Transfer-Encoding: gzip\r\n")},
        {501, with_headers("Transfer-Encoding: gzip, chunked\r\n")},
        {501, with_headers("Transfer-Encoding: chunked, chunked\r\n")},
        {501, with_headers("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
        {501, with_headers("Transfer-Encoding: xchunked\r\n")},
        {501, with_headers("Transfer-Encoding: chunked;q=1\r\n")},
        {501, with_headers("Transfer-Encoding: \"chunked\"\r\n")},
        {501, with_headers("Transfer-Encoding:\r\n")},
        {501, with_headers("Transfer-Encoding: identity\r\n")},
    };
    for (const Case& test : cases) {
        INFO(test.text);
        CHECK(parse_whole(test.text).status == test.status);
        CHECK(parse_in_pieces(test.text, 1).status == test.status);
        for (std::size_t at = 0; at <= test.text.size(); ++at) {
            CHECK(parse_split(test.text, at).status == test.status);
            const int part = parse_whole(std::string_view(test.text).substr(0, at)).status;
            CHECK((part == -1 || part == test.status));
        }
    }
}

TEST_CASE("hopeless input is refused before its line ends", "[http][head]") {
    CHECK(parse_whole("\x16\x03\x01\x02").status == 400);  // TLS hello
    CHECK(parse_whole("GET / HTTP/1.1\n").status == 400);
    CHECK(parse_whole("GET /\x80").status == 400);
    CHECK(parse_whole("GET / HTTP/2.0\r\n").status == 505);
    CHECK(parse_whole("\rG").status == 400);
    CHECK(parse_in_pieces("\rG", 1).status == 400);
    CHECK(parse_whole("GET / HTTP/1.1\r\nX: a\rb\r\n").status == 400);
    CHECK(parse_in_pieces("GET / HTTP/1.1\r\nX: a\rb\r\n", 1).status == 400);
    CHECK(parse_whole("GET").status == -1);
    CHECK(parse_whole("").status == -1);
}

TEST_CASE("targets come in three forms", "[http][head]") {
    const auto parse = [](const std::string& text) {
        Feeder feeder;
        const auto result = feeder.give(text);
        REQUIRE(result.status == HeadStatus::complete);
        const http::RequestHead& head = feeder.head;
        return std::string(head.path) + " ? " + std::string(head.query) + " @ " +
               std::string(head.authority);
    };
    CHECK(parse(with_target("/")) == "/ ?  @ h");
    CHECK(parse(with_target("/a?")) == "/a ?  @ h");
    CHECK(parse(with_target("/a?b?c")) == "/a ? b?c @ h");
    CHECK(parse(with_target("//a/../b")) == "//a/../b ?  @ h");
    CHECK(parse(with_target("/a%2Fb;v=1:@!$&'()*+,=-._~|^[]{}`")) ==
          "/a%2Fb;v=1:@!$&'()*+,=-._~|^[]{}` ?  @ h");
    CHECK(parse(with_target("*", "OPTIONS")) == "* ?  @ h");
    CHECK(parse(with_target("http://x.y:80/a?b")) == "/a ? b @ x.y:80");
    CHECK(parse(with_target("HTTPS://[::1]:80")) == "/ ?  @ [::1]:80");
    CHECK(parse(with_target("ws://x?q=/")) == "/ ? q=/ @ x");
}

TEST_CASE("what follows from version, Connection, Expect and framing is worked out",
          "[http][head]") {
    const auto parse = [](std::string_view version, std::string_view headers) {
        Feeder feeder;
        REQUIRE(feeder
                    .give("POST / HTTP/" + std::string(version) + "\r\n" + std::string(headers) +
                          "\r\n")
                    .status == HeadStatus::complete);
        return feeder.head;
    };
    CHECK(parse("1.1", "").keep_alive);
    CHECK_FALSE(parse("1.0", "").keep_alive);
    CHECK(parse("1.0", "Connection: Keep-Alive\r\n").keep_alive);
    CHECK_FALSE(parse("1.1", "Connection: foo, CLOSE\r\n").keep_alive);
    CHECK_FALSE(parse("1.1", "Connection: keep-alive\r\nConnection: close\r\n").keep_alive);
    CHECK(parse("1.1", "Connection: closed\r\n").keep_alive);

    CHECK(parse("1.1", "Expect: 100-Continue\r\n").expect_continue);
    CHECK_FALSE(parse("1.0", "Expect: 100-continue\r\n").expect_continue);
    CHECK_FALSE(parse("1.1", "Expect: 200-ok\r\n").expect_continue);

    CHECK(parse("1.1", "Content-Length: 0\r\n").body == BodyKind::length);
    CHECK(parse("1.1", "Content-Length: 0000000000000000012\r\n").content_length == 12);
    CHECK(parse("1.1", "Content-Length: 9999999999999999999\r\n").content_length ==
          9999999999999999999ULL);
    CHECK(parse("1.1", "Transfer-Encoding: Chunked\r\n").body == BodyKind::chunked);
    CHECK(parse("1.1", "").body == BodyKind::none);
}

TEST_CASE("Host is reported, and judged only on demand", "[http][head]") {
    struct Case {
        std::string version;
        std::string headers;
        HostState host;
        bool is_fine;
    };
    const Case cases[] = {
        {"1.1", "", HostState::absent, false},
        {"1.0", "", HostState::absent, true},
        {"1.1", "Host: h\r\n", HostState::valid, true},
        {"1.1", "Host: [::1]:8080\r\n", HostState::valid, true},
        {"1.1", "Host:\r\n", HostState::valid, true},
        {"1.1", "Host: h\r\nhost: h\r\n", HostState::repeated, false},
        {"1.0", "Host: h\r\nHost: g\r\n", HostState::repeated, false},
        {"1.1", "Host: h\r\nHost: g\r\nHost: f\r\n", HostState::repeated, false},
        {"1.1", "Host: a b\r\n", HostState::malformed, false},
        {"1.1", "Host: user@h\r\n", HostState::malformed, false},
        {"1.1", "Host: h/path\r\n", HostState::malformed, false},
        {"1.1", "Host: \xC3\xA9\r\n", HostState::malformed, false},
    };
    for (const Case& test : cases) {
        INFO(test.headers);
        Feeder feeder;
        REQUIRE(feeder.give("GET / HTTP/" + test.version + "\r\n" + test.headers + "\r\n").status ==
                HeadStatus::complete);
        CHECK(feeder.head.host == test.host);
        const auto error = http::check_host(feeder.head);
        CHECK(error.has_value() == !test.is_fine);
        if (error) CHECK(error->status == 400);
    }
}

TEST_CASE("sizes are bounded", "[http][head]") {
    const http::HeadLimits limits{.max_head_bytes = 400, .max_target_bytes = 100, .max_headers = 5};
    const auto both = [&](const std::string& text) {
        const int whole = parse_whole(text, limits).status;
        CHECK(parse_in_pieces(text, 1, limits).status == whole);
        return whole;
    };
    CHECK(both(with_target(std::string("/").append(99, 'a'))) == 0);
    CHECK(both(with_target(std::string("/").append(100, 'a'))) == 414);
    CHECK(both("GET /" + std::string(200, 'a')) == 414);  // without an end of line in sight

    std::string headers;
    for (int i = 0; i < 5; ++i) headers += "X: 1\r\n";
    CHECK(both(with_headers(headers)) == 0);
    CHECK(both(with_headers(headers + "X: 1\r\n")) == 431);

    const std::size_t around = with_headers("X: \r\n").size();
    CHECK(both(with_headers("X: " + std::string(400 - around, 'v') + "\r\n")) == 0);
    CHECK(both(with_headers("X: " + std::string(401 - around, 'v') + "\r\n")) == 431);
    CHECK(both(with_headers("X: " + std::string(2000, 'v') + "\r\n")) == 431);
    // A large body behind a small head is none of the head parser's business.
    CHECK(parse_whole(with_headers("Host: h\r\n") + std::string(5000, 'b'), limits).status == 0);
}

TEST_CASE("the default limits are those documented", "[http][head]") {
    std::string headers;
    for (int i = 0; i < 100; ++i) headers += "X: 1\r\n";
    CHECK(parse_whole(with_headers(headers)).status == 0);
    CHECK(parse_whole(with_headers(headers + "X: 1\r\n")).status == 431);
    CHECK(parse_whole(with_target(std::string("/").append(8191, 'a'))).status == 0);
    CHECK(parse_whole(with_target(std::string("/").append(8192, 'a'))).status == 414);
    CHECK(parse_whole(with_headers("X: " + std::string(16'000, 'v') + "\r\n")).status == 0);
    CHECK(parse_whole(with_headers("X: " + std::string(16'384, 'v') + "\r\n")).status == 431);
}

TEST_CASE("tokens are found in repeated headers and lists", "[http][head]") {
    Feeder feeder;
    REQUIRE(feeder
                .give(with_headers("Connection: keep-alive, x\r\nX: Upgrade\r\n"
                                   "connection: Upgrade\r\n"))
                .status == HeadStatus::complete);
    CHECK(feeder.head.has_token("connection", "upgrade"));
    CHECK(feeder.head.has_token("connection", "KEEP-ALIVE"));
    CHECK_FALSE(feeder.head.has_token("connection", "keep"));
    CHECK(feeder.head.count("Connection") == 2);
    CHECK(feeder.head.count("y") == 0);
}

TEST_CASE("one RequestHead serves one request after another", "[http][head]") {
    http::RequestHead head;
    http::HeadParser parser;
    const std::string first =
        "POST http://a/b?c HTTP/1.0\r\nHost: h\r\nContent-Length: 7\r\nConnection: "
        "keep-alive\r\nExpect: 100-continue\r\n\r\n";
    REQUIRE(parser.parse(first, {}, head).status == HeadStatus::complete);
    parser.reset();
    const std::string second = "GET / HTTP/1.1\r\n\r\n";
    REQUIRE(parser.parse(second, {}, head).status == HeadStatus::complete);
    http::RequestHead fresh;
    REQUIRE(http::HeadParser{}.parse(second, {}, fresh).status == HeadStatus::complete);
    CHECK(describe(head) == describe(fresh));
}

TEST_CASE("no single changed byte makes the head parser misbehave", "[http][head]") {
    const std::string seeds[] = {
        kPlain,
        "\r\nPOST http://h/p?q HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\nConnection: "
        "close\r\n\r\n",
    };
    for (const std::string& seed : seeds) {
        for (std::size_t at = 0; at < seed.size(); ++at) {
            std::string text = seed;
            for (int value = 0; value < 256; ++value) {
                text[at] = static_cast<char>(value);
                const Verdict whole = parse_whole(text);
                const Verdict split = parse_split(text, at);
                // Which of two errors comes first may depend on the cut; whether there is one may
                // not.
                if (whole.status > 0) {
                    REQUIRE(split.status > 0);
                } else {
                    REQUIRE(split == whole);
                }
            }
        }
    }
}
