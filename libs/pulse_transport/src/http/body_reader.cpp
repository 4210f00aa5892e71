// SPDX-License-Identifier: MIT OR Apache-2.0
#include "http/body_reader.hpp"

#include "http/char_class.hpp"

#include <algorithm>
#include <new>

namespace pulse::transport::http {

namespace {

constexpr HttpError kNone{0, {}};
constexpr HttpError kTooLarge{413, "request body too large"};
constexpr HttpError kBadChunk{400, "malformed chunk"};
constexpr HttpError kLongExtension{400, "chunk extensions too long"};
constexpr HttpError kBadTrailer{400, "malformed trailer"};
constexpr HttpError kLongTrailer{431, "trailers too large"};
constexpr HttpError kNoMemory{500, "out of memory"};

// Enough for 64 bits. More, even of leading zeros, is a game.
constexpr std::uint8_t kMaxSizeDigits = 16;

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

BodyReader::BodyReader(const RequestHead& head, const BodyLimits& limits) noexcept
    : budget_(limits.max_body_bytes),
      extension_budget_(limits.max_extension_bytes),
      trailer_budget_(limits.max_trailer_bytes) {
    switch (head.body) {
        case BodyKind::none:
            state_ = State::complete;
            break;
        case BodyKind::chunked:
            state_ = State::chunk_size;
            break;
        case BodyKind::length:
            if (head.content_length > budget_) {
                state_ = State::failed;
                error_ = kTooLarge;
                break;
            }
            state_ = State::length;
            remaining_ = head.content_length;
            break;
    }
}

BodyResult BodyReader::consume(ByteView bytes, std::string& body) noexcept {
    const std::string_view text = protocol::as_text(bytes);
    const char* cursor = text.data();
    const char* const end = cursor + text.size();
    const auto result = [&](BodyStatus status) {
        return BodyResult{status, static_cast<std::size_t>(cursor - text.data()), error_};
    };
    while (state_ != State::complete && state_ != State::failed) {
        const bool in_content = state_ == State::length || state_ == State::chunk_data;
        if (in_content && remaining_ == 0) {
            state_ = state_ == State::length ? State::complete : State::chunk_data_cr;
            continue;
        }
        if (cursor == end) return result(BodyStatus::need_more);
        error_ = in_content ? take_content(cursor, end, body) : take_framing(*cursor++);
        if (error_.status != 0) state_ = State::failed;
    }
    return result(state_ == State::complete ? BodyStatus::complete : BodyStatus::error);
}

HttpError BodyReader::take_content(const char*& cursor, const char* end,
                                   std::string& body) noexcept {
    const auto have = static_cast<std::size_t>(end - cursor);
    const std::size_t n = remaining_ < have ? static_cast<std::size_t>(remaining_) : have;
    try {
        body.append(cursor, n);
    } catch (const std::bad_alloc&) {
        return kNoMemory;
    }
    cursor += n;
    remaining_ -= n;
    return kNone;
}

HttpError BodyReader::expect(char c, char wanted, State next) noexcept {
    if (c != wanted) return kBadChunk;
    state_ = next;
    return kNone;
}

HttpError BodyReader::take_framing(char c) noexcept {
    switch (state_) {
        case State::chunk_size:
            remaining_ = 0;
            size_digits_ = 0;
            if (hex_digit(c) < 0) return kBadChunk;
            state_ = State::chunk_size_more;
            return take_chunk_size(c);
        case State::chunk_size_more:
            return take_chunk_size(c);
        case State::chunk_extension:
            return take_extension(c);
        case State::chunk_size_lf:
            return expect(c, '\n', remaining_ == 0 ? State::trailer_start : State::chunk_data);
        case State::chunk_data_cr:
            return expect(c, '\r', State::chunk_data_lf);
        case State::chunk_data_lf:
            return expect(c, '\n', State::chunk_size);
        case State::last_lf:
            return expect(c, '\n', State::complete);
        default:
            return take_trailer(c);
    }
}

HttpError BodyReader::take_chunk_size(char c) noexcept {
    if (const int digit = hex_digit(c); digit >= 0) {
        if (++size_digits_ > kMaxSizeDigits) return kBadChunk;
        remaining_ = remaining_ * 16 + static_cast<unsigned>(digit);
        // Refused at the first digit that goes too far, which also keeps the next one from
        // overflowing.
        return remaining_ > budget_ ? kTooLarge : kNone;
    }
    if (c != ';' && c != '\r') return kBadChunk;
    budget_ -= remaining_;
    state_ = c == ';' ? State::chunk_extension : State::chunk_size_lf;
    return kNone;
}

HttpError BodyReader::take_extension(char c) noexcept {
    if (c == '\r') {
        state_ = State::chunk_size_lf;
        return kNone;
    }
    if (!detail::is_class(c, detail::value_class)) return kBadChunk;
    if (extension_budget_ == 0) return kLongExtension;
    --extension_budget_;
    return kNone;
}

HttpError BodyReader::take_trailer(char c) noexcept {
    if (state_ == State::trailer_start && c == '\r') {
        state_ = State::last_lf;
        return kNone;
    }
    if (trailer_budget_ == 0) return kLongTrailer;
    --trailer_budget_;
    switch (state_) {
        case State::trailer_start:
            state_ = State::trailer_name;
            return detail::is_class(c, detail::token_class) ? kNone : kBadTrailer;
        case State::trailer_name:
            if (c == ':') state_ = State::trailer_value;
            return c == ':' || detail::is_class(c, detail::token_class) ? kNone : kBadTrailer;
        case State::trailer_value:
            if (c == '\r') state_ = State::trailer_lf;
            return c == '\r' || detail::is_class(c, detail::value_class) ? kNone : kBadTrailer;
        case State::trailer_lf:
            state_ = State::trailer_start;
            return c == '\n' ? kNone : kBadTrailer;
        default:
            return kBadTrailer;
    }
}

}  // namespace pulse::transport::http
