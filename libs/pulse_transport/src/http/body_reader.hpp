// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reads one request body, sent with Content-Length or chunked (RFC 9112 section 7.1), into a
// string.
#pragma once

#include "http/head_parser.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

#include <pulse/protocol/bytes.hpp>

namespace pulse::transport::http {

using protocol::ByteView;

struct BodyLimits {
    std::size_t max_body_bytes = std::size_t{1} << 20;  // 413
    /// Chunk size lines' extensions, all together, which are ignored.
    std::size_t max_extension_bytes = std::size_t{4} << 10;
    /// Trailer fields, all together, which are dropped.
    std::size_t max_trailer_bytes = std::size_t{4} << 10;
};

enum class BodyStatus : std::uint8_t { need_more, complete, error };

struct BodyResult {
    BodyStatus status = BodyStatus::need_more;
    std::size_t consumed = 0;  // bytes of this call's input; the next request starts behind them
    HttpError error;           // when status is error
};

/// A value. Once it reported `complete` or `error` it takes nothing more.
class BodyReader {
  public:
    /// For the body that `head` announces. A body whose announced length is above the limit is
    /// refused by the first `consume`, whatever its input.
    BodyReader(const RequestHead& head, const BodyLimits& limits) noexcept;

    /// Takes what it needs of `bytes` and appends content to `body`. Call it once with no bytes to
    /// learn whether there is a body at all.
    [[nodiscard]] BodyResult consume(ByteView bytes, std::string& body) noexcept;

  private:
    // One state per place in `chunk-size [ext] CRLF data CRLF … 0 CRLF *( trailer CRLF ) CRLF`.
    enum class State : std::uint8_t {
        length,           // Content-Length content
        chunk_size,       // its first digit
        chunk_size_more,  // further digits, or what ends them
        chunk_extension,
        chunk_size_lf,
        chunk_data,
        chunk_data_cr,
        chunk_data_lf,
        trailer_start,  // of a line: a field or the end
        trailer_name,
        trailer_value,
        trailer_lf,
        last_lf,
        complete,
        failed,
    };

    HttpError take_content(const char*& cursor, const char* end, std::string& body) noexcept;
    HttpError take_framing(char c) noexcept;
    HttpError take_chunk_size(char c) noexcept;
    HttpError take_extension(char c) noexcept;
    HttpError take_trailer(char c) noexcept;
    HttpError expect(char c, char wanted, State next) noexcept;

    std::uint64_t remaining_ = 0;  // of the content, or of the current chunk
    std::uint64_t budget_ = 0;     // how much more content may come behind that
    std::size_t extension_budget_;
    std::size_t trailer_budget_;
    HttpError error_{0, {}};
    std::uint8_t size_digits_ = 0;
    State state_ = State::complete;
};

}  // namespace pulse::transport::http
