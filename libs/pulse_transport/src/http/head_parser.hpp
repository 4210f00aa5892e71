// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A strict parser of HTTP/1.1 request heads (RFC 9112), over a buffer that the caller grows.
//
// Everything that two parsers could read differently is refused rather than repaired: bare LF or
// CR, folded lines, space before the colon, repeated Content-Length, Content-Length beside
// Transfer-Encoding. That is what request smuggling is made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace pulse::transport::http {

struct Header {
    std::string_view name;   // as sent; compare without case
    std::string_view value;  // without surrounding space
};

enum class Version : std::uint8_t { http_1_0, http_1_1 };

enum class BodyKind : std::uint8_t { none, length, chunked };

enum class HostState : std::uint8_t { absent, valid, malformed, repeated };

/// A refusal: the status to answer and a short plain text (a literal).
struct HttpError {
    int status = 400;
    std::string_view text;
};

/// One parsed head. Views point into the buffer given to HeadParser::parse. Reuse one object per
/// loop: the header list keeps its memory.
struct RequestHead {
    std::string_view method;
    std::string_view target;  // as sent
    std::string_view path;    // of the target; "*" for OPTIONS *, "/" when an absolute one has none
    std::string_view query;   // without the '?'
    std::string_view authority;  // of an absolute target, else the value of Host; may be empty
    Version version = Version::http_1_1;
    BodyKind body = BodyKind::none;
    HostState host = HostState::absent;
    bool keep_alive = true;            // what version and Connection ask for
    bool expect_continue = false;      // the client waits for 100 before it sends the body
    std::uint64_t content_length = 0;  // when body is BodyKind::length
    std::vector<Header> headers;

    /// The first header called `name`, or nothing. Case is ignored.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;

    /// How often a header occurs.
    [[nodiscard]] std::size_t count(std::string_view name) const noexcept;

    /// Whether any header `name`, read as comma separated list, holds `token`. Case is ignored.
    [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const noexcept;
};

struct HeadLimits {
    std::size_t max_head_bytes = std::size_t{16} << 10;   // whole head with its empty line: 431
    std::size_t max_target_bytes = std::size_t{8} << 10;  // 414
    std::size_t max_headers = 100;                        // 431
};

enum class HeadStatus : std::uint8_t { need_more, complete, error };

struct HeadResult {
    HeadStatus status = HeadStatus::need_more;
    std::size_t consumed =
        0;            // when complete: length of the head; what follows is body or the next
    HttpError error;  // when status is error
};

/// Remembers how far a growing buffer was looked at, so that a head that arrives byte by byte costs
/// linear time. A value of 16 bytes, one per connection that is being read.
class HeadParser {
  public:
    /// Looks at `buffer`, which starts with the head and holds all bytes that came so far (it may
    /// have moved in memory since the last call). `head` is filled in when the result is
    /// `complete`, and unspecified otherwise. After `complete` or `error`, `reset` before the next
    /// head.
    [[nodiscard]] HeadResult parse(std::string_view buffer, const HeadLimits& limits,
                                   RequestHead& head) noexcept;

    void reset() noexcept { *this = HeadParser{}; }

  private:
    HeadResult finish(std::string_view text, const HeadLimits& limits,
                      RequestHead& head) const noexcept;
    [[nodiscard]] HttpError check_unfinished(std::string_view window,
                                             const HeadLimits& limits) const noexcept;

    std::uint32_t scanned_ = 0;        // no line end lies before this
    std::uint32_t line_start_ = 0;     // of the line being scanned
    std::uint32_t request_start_ = 0;  // behind the one empty line allowed before a request
    bool in_headers_ = false;          // the request line is complete and was accepted
};

/// What HTTP/1.1 demands of the Host header (RFC 9112 section 3.2): exactly one, well-formed. Not
/// part of parsing, so that callers can be lenient where older clients need it.
[[nodiscard]] std::optional<HttpError> check_host(const RequestHead& head) noexcept;

}  // namespace pulse::transport::http
