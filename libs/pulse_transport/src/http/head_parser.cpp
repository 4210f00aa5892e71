// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two passes. The first looks for line ends as bytes come in, remembers where it stopped, and
// refuses early what can be seen early (a TLS hello, bare LF, a head without end). The second runs
// once, over the complete head, and does the rest without copying.
#include "http/head_parser.hpp"

#include "http/char_class.hpp"
#include "http/text.hpp"

#include <algorithm>
#include <limits>
#include <new>

namespace pulse::transport::http {

namespace {

using detail::all_class;
using detail::host_class;
using detail::is_class;
using detail::target_class;
using detail::token_class;
using detail::value_class;

// Longest registered method is 17 ("UPDATEREDIRECTREF"); with " HTTP/1.1" and CRLF around the
// target.
constexpr std::size_t kMaxMethodBytes = 32;
constexpr std::size_t kMaxLineOverhead = kMaxMethodBytes + 12;

constexpr HttpError kNone{0, {}};
constexpr HttpError kBadRequestLine{400, "malformed request line"};
constexpr HttpError kBadTarget{400, "invalid request target"};
constexpr HttpError kBadHeader{400, "malformed header"};
constexpr HttpError kBadValue{400, "invalid character in header value"};
constexpr HttpError kBadLineEnd{400, "line not ended by CRLF"};
constexpr HttpError kFolded{400, "folded header line"};
constexpr HttpError kBadLength{400, "invalid Content-Length"};
constexpr HttpError kLengthAndEncoding{400, "Content-Length with Transfer-Encoding"};
constexpr HttpError kEncodingIn10{400, "Transfer-Encoding in HTTP/1.0"};
constexpr HttpError kUnknownEncoding{501, "unsupported Transfer-Encoding"};
constexpr HttpError kUnknownVersion{505, "HTTP version not supported"};
constexpr HttpError kTargetTooLong{414, "request target too long"};
constexpr HttpError kHeadTooLarge{431, "request head too large"};
constexpr HttpError kTooManyHeaders{431, "too many headers"};
constexpr HttpError kNoMemory{500, "out of memory"};

bool is_set(const HttpError& error) { return error.status != 0; }

HeadResult failed(const HttpError& error) { return {HeadStatus::error, 0, error}; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

HttpError parse_version(std::string_view text, Version& version) {
    if (text == "HTTP/1.1") {
        version = Version::http_1_1;
        return kNone;
    }
    if (text == "HTTP/1.0") {
        version = Version::http_1_0;
        return kNone;
    }
    const bool is_well_formed = text.size() == 8 && text.substr(0, 5) == "HTTP/" &&
                                is_digit(text[5]) && text[6] == '.' && is_digit(text[7]);
    return is_well_formed ? kUnknownVersion : kBadRequestLine;
}

// Splits path and query; the path of an origin-form or absolute-form target never lacks its '/'.
void split_path(std::string_view text, RequestHead& head) {
    const std::size_t mark = text.find('?');
    head.path = text.substr(0, mark);
    head.query = mark == std::string_view::npos ? std::string_view{} : text.substr(mark + 1);
    if (head.path.empty()) head.path = "/";
}

// RFC 9112 section 3.2: origin-form, absolute-form, and '*' for OPTIONS. This is no proxy:
// CONNECT's authority-form is refused.
HttpError parse_target(std::string_view target, RequestHead& head) {
    head.target = target;
    head.authority = {};
    head.query = {};
    if (target.empty() || !all_class(target, target_class)) return kBadTarget;
    if (target.front() == '/') {
        split_path(target, head);
        return kNone;
    }
    if (target == "*") {
        head.path = target;
        return head.method == "OPTIONS" ? kNone : kBadTarget;
    }
    const std::size_t colon = target.find("://");
    const std::string_view scheme = target.substr(0, colon);
    const bool is_known =
        colon != std::string_view::npos && (iequals(scheme, "http") || iequals(scheme, "https") ||
                                            iequals(scheme, "ws") || iequals(scheme, "wss"));
    if (!is_known) return kBadTarget;
    const std::string_view rest = target.substr(colon + 3);
    const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
    head.authority = rest.substr(0, end);
    // No user name, no password: host_class leaves out '@'.
    if (head.authority.empty() || !all_class(head.authority, host_class)) return kBadTarget;
    split_path(rest.substr(end), head);
    return kNone;
}

HttpError parse_request_line(std::string_view line, const HeadLimits& limits, RequestHead& head) {
    const std::size_t first = line.find(' ');
    if (first == std::string_view::npos) return kBadRequestLine;
    head.method = line.substr(0, first);
    if (!is_token(head.method) || head.method.size() > kMaxMethodBytes) return kBadRequestLine;
    const std::string_view rest = line.substr(first + 1);
    const std::size_t second = rest.find(' ');
    if (second == std::string_view::npos) return kBadRequestLine;
    // A further space would end up in the version and be refused there.
    if (const auto error = parse_version(rest.substr(second + 1), head.version); is_set(error)) {
        return error;
    }
    if (second > limits.max_target_bytes) return kTargetTooLong;
    return parse_target(rest.substr(0, second), head);
}

HttpError parse_header_line(std::string_view line, Header& header) {
    if (line.front() == ' ' || line.front() == '\t') return kFolded;
    std::size_t colon = 0;
    while (colon < line.size() && is_class(line[colon], token_class)) ++colon;
    if (colon == 0 || colon == line.size() || line[colon] != ':') return kBadHeader;
    header.name = line.substr(0, colon);
    header.value = trim(line.substr(colon + 1));
    return all_class(header.value, value_class) ? kNone : kBadValue;
}

HttpError parse_content_length(std::string_view value, std::uint64_t& length) {
    // 19 digits cannot overflow; no sane length has more.
    if (value.empty() || value.size() > 19) return kBadLength;
    std::uint64_t total = 0;
    for (const char c : value) {
        if (!is_digit(c)) return kBadLength;
        total = total * 10 + static_cast<unsigned>(c - '0');
    }
    length = total;
    return kNone;
}

// The headers that decide how the message goes on, looked at in one walk.
class Framing {
  public:
    HttpError add(const Header& header, RequestHead& head) {
        switch (header.name.size()) {
            case 4:
                if (iequals(header.name, "host")) add_host(header.value, head);
                break;
            case 6:
                if (iequals(header.name, "expect")) {
                    head.expect_continue = iequals(header.value, "100-continue");
                }
                break;
            case 10:
                if (iequals(header.name, "connection")) add_connection(header.value);
                break;
            case 14:
                if (iequals(header.name, "content-length")) return add_length(header.value, head);
                break;
            case 17:
                if (iequals(header.name, "transfer-encoding")) return add_encoding(header.value);
                break;
            default:
                break;
        }
        return kNone;
    }

    HttpError finish(RequestHead& head) const {
        if (has_encoding_) {
            if (head.version == Version::http_1_0) return kEncodingIn10;
            if (has_length_) return kLengthAndEncoding;
            head.body = BodyKind::chunked;
        } else if (has_length_) {
            head.body = BodyKind::length;
        }
        head.keep_alive = !close_ && (head.version == Version::http_1_1 || keep_alive_);
        if (head.version == Version::http_1_0) head.expect_continue = false;
        return kNone;
    }

  private:
    static void add_host(std::string_view value, RequestHead& head) {
        if (head.host != HostState::absent) {
            head.host = HostState::repeated;
            return;
        }
        head.host = all_class(value, host_class) ? HostState::valid : HostState::malformed;
        // RFC 9112 section 3.2.2: the authority of an absolute target goes before Host.
        if (head.host == HostState::valid && head.authority.empty()) head.authority = value;
    }

    void add_connection(std::string_view value) {
        close_ = close_ || list_contains(value, "close");
        keep_alive_ = keep_alive_ || list_contains(value, "keep-alive");
    }

    HttpError add_length(std::string_view value, RequestHead& head) {
        if (has_length_) return kBadLength;
        has_length_ = true;
        return parse_content_length(value, head.content_length);
    }

    HttpError add_encoding(std::string_view value) {
        if (has_encoding_ || !iequals(value, "chunked")) return kUnknownEncoding;
        has_encoding_ = true;
        return kNone;
    }

    bool has_length_ = false;
    bool has_encoding_ = false;
    bool close_ = false;
    bool keep_alive_ = false;
};

// `text` is a complete head: lines ended by CRLF, the last one empty.
HttpError parse_complete(std::string_view text, const HeadLimits& limits, RequestHead& head) {
    const auto next_line = [&text] {
        const std::string_view line = text.substr(0, text.find('\n') - 1);
        text.remove_prefix(line.size() + 2);
        return line;
    };
    head.headers.clear();
    head.body = BodyKind::none;
    head.host = HostState::absent;
    head.content_length = 0;
    head.expect_continue = false;
    if (const auto error = parse_request_line(next_line(), limits, head); is_set(error)) {
        return error;
    }
    Framing framing;
    for (std::string_view line = next_line(); !line.empty(); line = next_line()) {
        if (head.headers.size() == limits.max_headers) return kTooManyHeaders;
        Header header;
        if (const auto error = parse_header_line(line, header); is_set(error)) return error;
        if (const auto error = framing.add(header, head); is_set(error)) return error;
        head.headers.push_back(header);
    }
    return framing.finish(head);
}

}  // namespace

HeadResult HeadParser::parse(std::string_view buffer, const HeadLimits& limits,
                             RequestHead& head) noexcept {
    const std::size_t max_bytes =
        std::min<std::size_t>(limits.max_head_bytes, std::numeric_limits<std::uint32_t>::max());
    const std::string_view window = buffer.substr(0, max_bytes);
    while (scanned_ < window.size()) {
        const std::size_t newline = window.find('\n', scanned_);
        if (newline == std::string_view::npos) {
            if (const auto error = check_unfinished(window, limits); is_set(error)) {
                return failed(error);
            }
            scanned_ = static_cast<std::uint32_t>(window.size());
            break;
        }
        if (newline == line_start_ || window[newline - 1] != '\r') return failed(kBadLineEnd);
        const std::string_view line = window.substr(line_start_, newline - 1 - line_start_);
        if (line.find('\r') != std::string_view::npos) return failed(kBadLineEnd);
        const std::size_t next = newline + 1;
        if (!line.empty()) {
            if (!in_headers_) {
                if (const auto error = parse_request_line(line, limits, head); is_set(error)) {
                    return failed(error);
                }
                in_headers_ = true;
            }
        } else if (in_headers_) {
            return finish(buffer.substr(0, next), limits, head);
        } else if (line_start_ != 0) {
            return failed(kBadRequestLine);
        } else {
            // RFC 9112 section 2.2: one empty line before a request is ignored.
            request_start_ = static_cast<std::uint32_t>(next);
        }
        line_start_ = scanned_ = static_cast<std::uint32_t>(next);
    }
    if (buffer.size() >= max_bytes) return failed(kHeadTooLarge);
    return {};
}

HeadResult HeadParser::finish(std::string_view text, const HeadLimits& limits,
                              RequestHead& head) const noexcept {
    try {
        // The only allocation, usually once per RequestHead. No header is shorter than "a:" and
        // CRLF.
        head.headers.reserve(std::min(limits.max_headers, text.size() / 4));
    } catch (const std::bad_alloc&) {
        return failed(kNoMemory);
    }
    const auto error = parse_complete(text.substr(request_start_), limits, head);
    if (is_set(error)) return failed(error);
    return {HeadStatus::complete, text.size(), {}};
}

// What a line without its end already gives away; looks at new bytes only.
HttpError HeadParser::check_unfinished(std::string_view window,
                                       const HeadLimits& limits) const noexcept {
    const std::string_view fresh = window.substr(scanned_);
    // A CR may only be followed by LF, so the last byte alone can be one.
    if (fresh.substr(0, fresh.size() - 1).find('\r') != std::string_view::npos) return kBadLineEnd;
    if (scanned_ != line_start_ && window[scanned_ - 1] == '\r') return kBadLineEnd;
    if (in_headers_) return kNone;
    const auto is_line_char = [](char c) {
        return c == ' ' || is_class(c, target_class) || is_class(c, token_class);
    };
    const std::size_t n = fresh.back() == '\r' ? fresh.size() - 1 : fresh.size();
    if (!std::all_of(fresh.begin(), fresh.begin() + static_cast<std::ptrdiff_t>(n), is_line_char)) {
        return kBadRequestLine;
    }
    const std::size_t line_bytes = window.size() - line_start_;
    return line_bytes > limits.max_target_bytes + kMaxLineOverhead ? kTargetTooLong : kNone;
}

std::optional<std::string_view> RequestHead::find(std::string_view name) const noexcept {
    for (const Header& header : headers) {
        if (iequals(header.name, name)) return header.value;
    }
    return std::nullopt;
}

std::size_t RequestHead::count(std::string_view name) const noexcept {
    return static_cast<std::size_t>(
        std::count_if(headers.begin(), headers.end(),
                      [name](const Header& header) { return iequals(header.name, name); }));
}

bool RequestHead::has_token(std::string_view name, std::string_view token) const noexcept {
    return std::any_of(headers.begin(), headers.end(), [&](const Header& header) {
        return iequals(header.name, name) && list_contains(header.value, token);
    });
}

std::optional<HttpError> check_host(const RequestHead& head) noexcept {
    switch (head.host) {
        case HostState::valid:
            return std::nullopt;
        case HostState::absent:
            if (head.version == Version::http_1_0) return std::nullopt;
            return HttpError{400, "Host header missing"};
        case HostState::malformed:
            return HttpError{400, "invalid Host header"};
        case HostState::repeated:
            return HttpError{400, "more than one Host header"};
    }
    return std::nullopt;
}

}  // namespace pulse::transport::http
