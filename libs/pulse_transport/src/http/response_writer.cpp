// SPDX-License-Identifier: MIT OR Apache-2.0
#include "http/response_writer.hpp"

#include "http/text.hpp"

#include <array>
#include <charconv>

namespace pulse::transport::http {

namespace {

void append_number(std::string& out, std::size_t value, int base = 10) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, base).ptr;
    out.append(digits.data(), end);
}

void append_two(std::string& out, unsigned value) {
    out.push_back(static_cast<char>('0' + value / 10 % 10));
    out.push_back(static_cast<char>('0' + value % 10));
}

bool may_have_body(int status) { return status >= 200 && status != 204 && status != 304; }

}  // namespace

std::string_view reason_phrase(int status) noexcept {
    switch (status) {
        case 100:
            return "Continue";
        case 101:
            return "Switching Protocols";
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 206:
            return "Partial Content";
        case 301:
            return "Moved Permanently";
        case 302:
            return "Found";
        case 303:
            return "See Other";
        case 304:
            return "Not Modified";
        case 307:
            return "Temporary Redirect";
        case 308:
            return "Permanent Redirect";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 406:
            return "Not Acceptable";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 410:
            return "Gone";
        case 411:
            return "Length Required";
        case 412:
            return "Precondition Failed";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 416:
            return "Range Not Satisfiable";
        case 417:
            return "Expectation Failed";
        case 421:
            return "Misdirected Request";
        case 422:
            return "Unprocessable Content";
        case 426:
            return "Upgrade Required";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Unknown";
    }
}

std::string http_date(std::chrono::sys_seconds time) {
    static constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
    static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    const auto year = static_cast<unsigned>(static_cast<int>(date.year()));

    std::string text;
    text.reserve(29);
    text += kDays.substr(std::size_t{std::chrono::weekday{day}.c_encoding()} * 3, 3);
    text += ", ";
    append_two(text, static_cast<unsigned>(date.day()));
    text += ' ';
    text += kMonths.substr((std::size_t{static_cast<unsigned>(date.month())} - 1) * 3, 3);
    text += ' ';
    append_two(text, year / 100);
    append_two(text, year % 100);
    text += ' ';
    append_two(text, static_cast<unsigned>(clock.hours().count()));
    text += ':';
    append_two(text, static_cast<unsigned>(clock.minutes().count()));
    text += ':';
    append_two(text, static_cast<unsigned>(clock.seconds().count()));
    text += " GMT";
    return text;
}

ResponseWriter::ResponseWriter(std::string& out, int status, std::string_view date)
    : out_(out), status_(status) {
    out_ += "HTTP/1.1 ";
    append_number(out_, static_cast<std::size_t>(status));
    out_ += ' ';
    out_ += reason_phrase(status);
    out_ += "\r\n";
    if (!date.empty()) add("date", date);
}

ResponseWriter& ResponseWriter::add(std::string_view name, std::string_view value) {
    const bool is_ours = iequals(name, "content-length") || iequals(name, "transfer-encoding") ||
                         iequals(name, "connection");
    if (is_ours || !is_token(name) || !is_field_value(value)) {
        ok_ = false;
        return *this;
    }
    append_header(name, value);
    return *this;
}

void ResponseWriter::append_header(std::string_view name, std::string_view value) {
    out_ += name;
    out_ += ": ";
    out_ += value;
    out_ += "\r\n";
}

ResponseWriter& ResponseWriter::connection(std::string_view options) {
    if (connection_written_ || !is_field_value(options)) {
        ok_ = false;
        return *this;
    }
    connection_written_ = true;
    append_header("connection", options);
    return *this;
}

void ResponseWriter::finish(std::string_view body, bool head_only) {
    const bool has_body = may_have_body(status_);
    if (has_body) {
        out_ += "content-length: ";
        append_number(out_, body.size());
        out_ += "\r\n";
    }
    out_ += "\r\n";
    if (has_body && !head_only) out_ += body;
}

void ResponseWriter::finish_chunked() { out_ += "transfer-encoding: chunked\r\n\r\n"; }

void ResponseWriter::finish_until_close() {
    if (!connection_written_) connection("close");
    out_ += "\r\n";
}

void append_chunk(std::string& out, std::string_view data) {
    if (data.empty()) return;
    append_number(out, data.size(), 16);
    out += "\r\n";
    out += data;
    out += "\r\n";
}

void append_last_chunk(std::string& out) { out += "0\r\n\r\n"; }

}  // namespace pulse::transport::http
