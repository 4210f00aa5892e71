// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Writes HTTP/1.1 responses into a string.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace pulse::transport::http {

/// "OK", "Not Found", …; "Unknown" for statuses that have none here.
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;

/// "Sun, 06 Nov 1994 08:49:37 GMT" (IMF-fixdate, RFC 9110 section 5.6.7). Make it once per second.
[[nodiscard]] std::string http_date(std::chrono::sys_seconds time);

/// Appends one response to a string: status line, then `add` for headers, then exactly one of the
/// `finish` functions.
///
/// A header with an invalid name or with CR, LF or another control character in its value is left
/// out and makes `ok` false: nothing a caller passes on can split a response. Content-Length,
/// Transfer-Encoding and Connection are written by this class alone.
class ResponseWriter {
  public:
    /// `date` is left out when empty.
    ResponseWriter(std::string& out, int status, std::string_view date);

    ResponseWriter& add(std::string_view name, std::string_view value);

    /// The `connection` header: "close" when the connection ends after this response, "keep-alive"
    /// when an HTTP/1.0 client asked for that, "upgrade" beside an `upgrade` header. At most once;
    /// without it an HTTP/1.1 client keeps the connection.
    ResponseWriter& connection(std::string_view options);

    /// Head and body. For HEAD requests the body is counted but not sent. 1xx, 204 and 304 have
    /// neither length nor body.
    void finish(std::string_view body = {}, bool head_only = false);

    /// Head of a response whose body follows with append_chunk / append_last_chunk.
    void finish_chunked();

    /// Head of a response whose body ends with the connection (for HTTP/1.0 clients); says
    /// `connection: close` unless that was said already.
    void finish_until_close();

    /// Whether every header was accepted.
    [[nodiscard]] bool ok() const noexcept { return ok_; }

  private:
    void append_header(std::string_view name, std::string_view value);

    std::string& out_;
    int status_;
    bool ok_ = true;
    bool connection_written_ = false;
};

/// One chunk; nothing for empty data, which would end the body.
void append_chunk(std::string& out, std::string_view data);
void append_last_chunk(std::string& out);

}  // namespace pulse::transport::http
