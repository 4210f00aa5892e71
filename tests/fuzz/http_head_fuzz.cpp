// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Any bytes as an HTTP request: head, body and upgrade. How the bytes arrive must not matter; what
// is accepted must lie within the input, hold only what the grammar allows, and mean the same when
// written out and parsed again.
//
// Input: byte 0 says how the rest is cut and how much room it gets; the rest is the request.
#include "http/body_reader.hpp"
#include "http/head_parser.hpp"
#include "http/text.hpp"
#include "websocket/handshake.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace http = pulse::transport::http;
namespace ws = pulse::transport::websocket;
using http::HeadStatus;

constexpr http::HeadLimits kLimits[] = {
    {},
    {.max_head_bytes = 200, .max_target_bytes = 50, .max_headers = 5},
};
constexpr http::BodyLimits kBodyLimits{
    .max_body_bytes = 1000, .max_extension_bytes = 50, .max_trailer_bytes = 50};

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

void require_inside(std::string_view view, std::string_view buffer) {
    static constexpr std::string_view kNoPath = "/";  // of a target like http://host
    const bool is_inside = view.empty() || view == kNoPath ||
                           (view.data() >= buffer.data() &&
                            view.data() + view.size() <= buffer.data() + buffer.size());
    require(is_inside, "a view outside the buffer");
}

// In a heap block of exactly its size, so that sanitizers see every overstep.
std::vector<char> copy(std::string_view text) { return {text.begin(), text.end()}; }

struct Parsed {
    http::HeadResult result;
    http::RequestHead head;
    std::vector<char> buffer;  // what the head's views point into
};

Parsed parse(std::string_view text, std::size_t step, const http::HeadLimits& limits) {
    Parsed parsed;
    http::HeadParser parser;
    for (std::size_t size = std::min(step, text.size());;
         size = std::min(size + step, text.size())) {
        std::vector<char> grown = copy(text.substr(0, size));
        parsed.result = parser.parse({grown.data(), grown.size()}, limits, parsed.head);
        parsed.buffer = std::move(grown);
        if (parsed.result.status != HeadStatus::need_more || size == text.size()) return parsed;
    }
}

bool same_headers(const http::RequestHead& a, const http::RequestHead& b) {
    return std::equal(a.headers.begin(), a.headers.end(), b.headers.begin(), b.headers.end(),
                      [](const http::Header& x, const http::Header& y) {
                          return x.name == y.name && x.value == y.value;
                      });
}

bool same(const http::RequestHead& a, const http::RequestHead& b) {
    return a.method == b.method && a.target == b.target && a.path == b.path && a.query == b.query &&
           a.authority == b.authority && a.version == b.version && a.body == b.body &&
           a.host == b.host && a.keep_alive == b.keep_alive &&
           a.expect_continue == b.expect_continue && a.content_length == b.content_length &&
           same_headers(a, b);
}

std::string write(const http::RequestHead& head) {
    std::string text =
        std::string(head.method) + ' ' + std::string(head.target) +
        (head.version == http::Version::http_1_1 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
    for (const http::Header& header : head.headers) {
        text.append(header.name).append(": ").append(header.value).append("\r\n");
    }
    return text + "\r\n";
}

void check_head(const Parsed& parsed, const http::HeadLimits& limits) {
    const http::RequestHead& head = parsed.head;
    const std::string_view buffer(parsed.buffer.data(), parsed.result.consumed);
    require(parsed.result.consumed <= limits.max_head_bytes, "head above its limit");
    require(head.headers.size() <= limits.max_headers, "too many headers");
    require(head.target.size() <= limits.max_target_bytes, "target above its limit");
    for (const std::string_view view :
         {head.method, head.target, head.path, head.query, head.authority}) {
        require_inside(view, buffer);
    }
    require(http::is_token(head.method), "method is no token");
    require(!head.path.empty() && (head.path[0] == '/' || head.path == "*"), "strange path");
    for (const http::Header& header : head.headers) {
        require_inside(header.name, buffer);
        require_inside(header.value, buffer);
        require(http::is_token(header.name), "name is no token");
        require(http::is_field_value(header.value), "control character in value");
        require(http::trim(header.value) == header.value, "value not trimmed");
    }
    require(head.body == http::BodyKind::length || head.content_length == 0, "length without body");

    const std::string text = write(head);
    const Parsed again = parse(text, text.size(), {.max_head_bytes = SIZE_MAX});
    require(again.result.status == HeadStatus::complete && same(head, again.head),
            "not the same when parsed again");
}

std::string read_body(const http::RequestHead& head, std::string_view bytes, std::size_t step,
                      http::BodyResult& last) {
    http::BodyReader reader(head, kBodyLimits);
    std::string body;
    std::size_t consumed = 0;
    do {
        const std::vector<char> piece = copy(bytes.substr(consumed, step));
        last = reader.consume(pulse::protocol::as_bytes({piece.data(), piece.size()}), body);
        require(last.consumed <= piece.size(), "body reader took more than there is");
        require(last.status != http::BodyStatus::need_more || last.consumed == piece.size(),
                "body reader left bytes that it needs");
        consumed += last.consumed;
    } while (last.status == http::BodyStatus::need_more && consumed < bytes.size());
    require(body.size() <= kBodyLimits.max_body_bytes && body.size() <= bytes.size(),
            "body too long");
    last.consumed = consumed;
    return body;
}

void check_body(const http::RequestHead& head, std::string_view bytes, std::size_t step) {
    http::BodyResult whole;
    http::BodyResult pieces;
    const std::string body = read_body(head, bytes, bytes.size() + 1, whole);
    const std::string again = read_body(head, bytes, step, pieces);
    require(body == again && whole.status == pieces.status && whole.consumed == pieces.consumed &&
                whole.error.status == pieces.error.status,
            "body depends on how it arrives");
}

void check_upgrade(const http::RequestHead& head) {
    static constexpr std::array<std::string_view, 2> kOurs{"pulse.v1", "chat"};
    std::string out;
    const ws::UpgradeResult result = ws::upgrade(head, {.subprotocols = kOurs, .date = {}}, out);
    require(result.accepted() == !out.empty(), "response does not fit the verdict");
    if (!result.accepted()) return;
    // Status line, three or four headers, and the end: nothing of the request gets in between.
    const auto lines = std::count(out.begin(), out.end(), '\n');
    require(lines == (result.subprotocol.empty() ? 5 : 6), "strange 101");
    require(out.substr(out.size() - 4) == "\r\n\r\n", "101 without end");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const http::HeadLimits& limits = kLimits[data[0] & 1U];
    const std::size_t step = 1 + (data[0] >> 1U) % 16U;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);

    const Parsed whole = parse(text, text.size(), limits);
    const Parsed pieces = parse(text, step, limits);
    require(whole.result.status == pieces.result.status, "verdict depends on how bytes arrive");
    if (whole.result.status != HeadStatus::complete) {
        require(whole.result.status == HeadStatus::need_more || whole.result.error.status >= 400,
                "error without status");
        return 0;
    }
    require(whole.result.consumed == pieces.result.consumed && same(whole.head, pieces.head),
            "head depends on how bytes arrive");
    check_head(whole, limits);
    check_body(whole.head, text.substr(whole.result.consumed), step);
    check_upgrade(whole.head);
    static_cast<void>(http::percent_decode(whole.head.path));
    static_cast<void>(http::query_value(whole.head.query, "token"));
    return 0;
}
