// SPDX-License-Identifier: MIT OR Apache-2.0
#include "http/body_reader.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace http = pulse::transport::http;
using http::BodyKind;
using http::BodyStatus;
using namespace std::string_literals;

namespace {

http::RequestHead head_with(BodyKind kind, std::uint64_t length = 0) {
    http::RequestHead head;
    head.body = kind;
    head.content_length = length;
    return head;
}

struct Read {
    BodyStatus status = BodyStatus::need_more;
    int error = 0;
    std::size_t consumed = 0;
    std::string body;
    bool operator==(const Read&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Read& read) {
    return out << "status " << static_cast<int>(read.status) << ", error " << read.error << ", "
               << read.consumed << " bytes, body '" << read.body << "'";
}

Read read_in_pieces(const http::RequestHead& head, std::string_view wire, std::size_t piece,
                    const http::BodyLimits& limits = {}) {
    http::BodyReader reader(head, limits);
    Read read;
    for (std::size_t at = 0;; at += piece) {
        const std::string_view part = wire.substr(std::min(at, wire.size()), piece);
        // A heap block of exactly its size, so that sanitizers see every overstep.
        const std::vector<char> block(part.begin(), part.end());
        const auto result =
            reader.consume(pulse::protocol::as_bytes({block.data(), block.size()}), read.body);
        read.status = result.status;
        read.error = result.status == BodyStatus::error ? result.error.status : 0;
        read.consumed += result.consumed;
        if (result.status != BodyStatus::need_more || at + piece >= wire.size()) break;
        CHECK(result.consumed == part.size());
    }
    return read;
}

Read read_whole(const http::RequestHead& head, std::string_view wire,
                const http::BodyLimits& limits = {}) {
    return read_in_pieces(head, wire, wire.size() + 1, limits);
}

Read read_chunked(std::string_view wire, const http::BodyLimits& limits = {}) {
    return read_whole(head_with(BodyKind::chunked), wire, limits);
}

}  // namespace

TEST_CASE("a request without body is complete at once", "[http][body]") {
    const Read read = read_whole(head_with(BodyKind::none), "next request");
    CHECK(read == Read{BodyStatus::complete, 0, 0, ""});
    CHECK(read_whole(head_with(BodyKind::length, 0), "next").consumed == 0);
    CHECK(read_whole(head_with(BodyKind::length, 0), "").status == BodyStatus::complete);
}

TEST_CASE("a body of known length ends where it says", "[http][body]") {
    const auto head = head_with(BodyKind::length, 5);
    const Read expected{BodyStatus::complete, 0, 5, "hello"};
    for (std::size_t piece = 1; piece < 10; ++piece) {
        CHECK(read_in_pieces(head, "helloGET /", piece) == expected);
    }
    CHECK(read_whole(head, "hell").status == BodyStatus::need_more);
    CHECK(read_whole(head, "").status == BodyStatus::need_more);
}

TEST_CASE("chunked bodies are put together, however they are cut", "[http][body]") {
    struct Case {
        std::string wire;
        std::string body;
    };
    const Case cases[] = {
        {"0\r\n\r\n", ""},
        {"5\r\nhello\r\n0\r\n\r\n", "hello"},
        {"5\r\nhello\r\n1\r\n \r\n05\r\nworld\r\n000\r\n\r\n", "hello world"},
        {"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"},
        {"1;name\r\nx\r\n2;a=b;c=\"d e\"\r\nyz\r\n0;last\r\n\r\n", "xyz"},
        {"1;\r\nx\r\n0\r\n\r\n", "x"},
        {"1\r\nx\r\n0\r\nTrailer: value\r\nOther:\r\n\r\n", "x"},
        {"4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"},
        {"000000000000000f\r\n" + std::string(15, 'f') + "\r\n0\r\n\r\n", std::string(15, 'f')},
    };
    const auto head = head_with(BodyKind::chunked);
    for (const Case& test : cases) {
        INFO(test.wire);
        const Read expected{BodyStatus::complete, 0, test.wire.size(), test.body};
        const std::string with_more = test.wire + "POST / HTTP/1.1\r\n";
        for (std::size_t piece = 1; piece <= with_more.size(); ++piece) {
            CHECK(read_in_pieces(head, with_more, piece) == expected);
        }
        for (std::size_t cut = 0; cut < test.wire.size(); ++cut) {
            CHECK(read_whole(head, std::string_view(test.wire).substr(0, cut)).status ==
                  BodyStatus::need_more);
        }
    }
}

TEST_CASE("chunk syntax is strict", "[http][body]") {
    const std::string cases[] = {"\r\n",
                                 "g\r\n",
                                 "-1\r\n",
                                 "+1\r\nx\r\n",
                                 "0x1\r\nx\r\n",
                                 " 1\r\nx\r\n",
                                 "1 \r\nx\r\n",
                                 "1\nx\r\n",
                                 "1\rx\r\n",
                                 "1\r\r\nx\r\n",
                                 ";a\r\n",
                                 "1;a\nx\r\n",
                                 "1;a\x01\r\nx\r\n",
                                 "1;a\0b\r\nx\r\n"s,
                                 "1\r\nxy\r\n",
                                 "1\r\nx\n",
                                 "1\r\nx\r1",
                                 "1\r\nx0\r\n\r\n",
                                 "2\r\nx\r\n0\r\n\r\n",
                                 "00000000000000001\r\nx\r\n",
                                 "0\r\n\n",
                                 "0\r\n\rx",
                                 "0\r\n bad: fold\r\n\r\n",
                                 "0\r\n: x\r\n\r\n",
                                 "0\r\nname\r\n\r\n",
                                 "0\r\na b: x\r\n\r\n",
                                 "0\r\na: x\n\r\n",
                                 "0\r\na: \x01\r\n\r\n",
                                 "0\r\na: x\r\r\n\r\n"};
    const auto head = head_with(BodyKind::chunked);
    for (const std::string& wire : cases) {
        INFO(wire);
        const Read whole = read_whole(head, wire);
        CHECK(whole.status == BodyStatus::error);
        CHECK(whole.error == 400);
        for (std::size_t piece = 1; piece <= wire.size(); ++piece) {
            CHECK(read_in_pieces(head, wire, piece) == whole);
        }
    }
}

TEST_CASE("a body may be as long as the limit and no longer", "[http][body]") {
    const http::BodyLimits limits{
        .max_body_bytes = 10, .max_extension_bytes = 8, .max_trailer_bytes = 12};
    CHECK(read_whole(head_with(BodyKind::length, 10), "0123456789", limits).status ==
          BodyStatus::complete);
    // Refused before any of it was read, and before any memory was taken.
    const Read refused = read_whole(head_with(BodyKind::length, 11), "", limits);
    CHECK(refused == Read{BodyStatus::error, 413, 0, ""});
    CHECK(read_whole(head_with(BodyKind::length, UINT64_MAX), "x", limits).error == 413);

    CHECK(read_chunked("5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", limits).body == "0123456789");
    CHECK(read_chunked("b\r\n", limits).error == 413);
    CHECK(read_chunked("5\r\n01234\r\n6\r\n", limits).error == 413);
    CHECK(read_chunked("5\r\n01234\r\n6", limits) == Read{BodyStatus::error, 413, 11, "01234"});
    CHECK(read_chunked("ffffffffffffffff\r\n", limits).error == 413);
    // The sum of two chunks must not wrap.
    const http::BodyLimits wide{.max_body_bytes = SIZE_MAX};
    CHECK(read_chunked("1\r\nx\r\nffffffffffffffff\r\n", wide).error == 413);
}

TEST_CASE("extensions and trailers are bounded in all", "[http][body]") {
    const http::BodyLimits limits{
        .max_body_bytes = 100, .max_extension_bytes = 8, .max_trailer_bytes = 12};
    CHECK(read_chunked("1;abcd\r\nx\r\n1;efgh\r\ny\r\n0\r\n\r\n", limits).body == "xy");
    CHECK(read_chunked("1;abcd\r\nx\r\n1;efghi", limits).error == 400);
    CHECK(read_chunked("0\r\nabc: 5678\r\n\r\n", limits).status == BodyStatus::complete);
    CHECK(read_chunked("0\r\nabc: 56789\r\nd:\r\n\r\n", limits).error == 431);
}

TEST_CASE("a reader that is done takes nothing more", "[http][body]") {
    std::string body;
    http::BodyReader complete(head_with(BodyKind::length, 1), {});
    CHECK(complete.consume(pulse::protocol::as_bytes("xy"), body).consumed == 1);
    const auto again = complete.consume(pulse::protocol::as_bytes("y"), body);
    CHECK(again.status == BodyStatus::complete);
    CHECK(again.consumed == 0);

    http::BodyReader failed(head_with(BodyKind::chunked), {});
    CHECK(failed.consume(pulse::protocol::as_bytes("zz"), body).status == BodyStatus::error);
    const auto still = failed.consume(pulse::protocol::as_bytes("0\r\n\r\n"), body);
    CHECK(still.status == BodyStatus::error);
    CHECK(still.error.status == 400);
    CHECK(still.consumed == 0);
    CHECK(body == "x");
}

TEST_CASE("no single changed byte makes the body reader misbehave", "[http][body]") {
    const std::string seed = "5;ext=\"1\"\r\nhello\r\n0a\r\n0123456789\r\n0\r\nName: value\r\n\r\n";
    const auto head = head_with(BodyKind::chunked);
    for (std::size_t at = 0; at < seed.size(); ++at) {
        std::string wire = seed;
        for (int value = 0; value < 256; ++value) {
            wire[at] = static_cast<char>(value);
            REQUIRE(read_in_pieces(head, wire, 1) == read_whole(head, wire));
        }
    }
}
