// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Five error shapes are documented, and proxies add their own: HTML, nothing, half of something.
// Fields are picked up where they are found and ignored where they are not what they should be.
#include "json/reader.hpp"
#include "timestamp.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <pulse/roblox/error.hpp>
#include <pulse/roblox/open_cloud.hpp>

namespace pulse::roblox {

namespace {

using json::Kind;

constexpr std::size_t kMaxErrorBody = std::size_t{64} * 1024;
constexpr std::size_t kMaxText = 256;

[[nodiscard]] char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

[[nodiscard]] std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// Cut at a character's border, so that it stays UTF-8.
void shorten(std::string& text) {
    if (text.size() <= kMaxText) return;
    std::size_t size = kMaxText;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80) --size;
    text.resize(size);
}

/// A number of seconds, perhaps with a fraction, in milliseconds.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_seconds(
    std::string_view text) noexcept {
    double seconds = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
    constexpr double kLongest = 86'400;
    if (text.empty() || error != std::errc{} || end != text.data() + text.size() ||
        !(seconds >= 0)) {
        return {};
    }
    return std::chrono::milliseconds(
        static_cast<std::int64_t>(std::ceil(std::min(seconds, kLongest) * 1000)));
}

[[nodiscard]] std::optional<std::uint64_t> parse_count(std::string_view text) noexcept {
    std::uint64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return {};
    return count;
}

/// Headers may hold several values, one per limit, each with parameters: "100, 900;w=60".
template <typename Parse>
[[nodiscard]] auto parse_list(std::string_view text, bool wants_largest, Parse parse)
    -> decltype(parse(text)) {
    decltype(parse(text)) best;
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        std::string_view one = text.substr(0, comma);
        text.remove_prefix(std::min(comma + 1, text.size()));
        const auto value = parse(trim(one.substr(0, one.find(';'))));
        if (!value) continue;
        if (!best || (wants_largest ? *value > *best : *value < *best)) best = value;
    }
    return best;
}

[[nodiscard]] std::optional<std::chrono::milliseconds> parse_retry_after(
    std::string_view text, std::uint64_t unix_ms) noexcept {
    if (const auto seconds = parse_seconds(text)) return seconds;
    const auto date = parse_http_date(text);
    if (!date) return {};
    return std::chrono::milliseconds(*date > unix_ms ? *date - unix_ms : 0);
}

void read_headers(const CloudResponse& response, std::uint64_t unix_ms, QuotaReport& quota) {
    for (const auto& [name, value] : response.headers) {
        const std::string_view text = trim(value);
        if (equals_ignoring_case(name, "retry-after")) {
            quota.retry_after = parse_retry_after(text, unix_ms);
        } else if (equals_ignoring_case(name, "x-ratelimit-remaining")) {
            quota.remaining = parse_list(text, false, parse_count);
        } else if (equals_ignoring_case(name, "x-ratelimit-reset")) {
            quota.reset = parse_list(text, true, parse_seconds);
        }
    }
}

/// A text or a number, as code and message may be either.
[[nodiscard]] bool read_scalar(json::Reader& reader, std::string& out) {
    const Kind kind = reader.peek();
    if (kind != Kind::string && kind != Kind::number) return reader.skip();
    out.clear();
    return kind == Kind::string ? reader.read_string(out) : reader.copy(out);
}

/// {"errors":[{"code":..,"message":..}]} or {"errors":{"field":["..."]}}: the first of them.
[[nodiscard]] bool read_errors(json::Reader& reader, CloudError& error) {
    std::string key;
    if (reader.peek() == Kind::array) {
        if (!reader.enter_array()) return false;
        bool is_first = true;
        while (reader.next_item()) {
            if (!is_first || reader.peek() != Kind::object) {
                if (!reader.skip()) return false;
                continue;
            }
            is_first = false;
            if (!reader.enter_object()) return false;
            while (reader.next_member(key)) {
                const bool is_read = key == "code"      ? read_scalar(reader, error.code)
                                     : key == "message" ? read_scalar(reader, error.message)
                                                        : reader.skip();
                if (!is_read) return false;
            }
        }
        return reader.ok();
    }
    if (reader.peek() != Kind::object) return reader.skip();
    if (!reader.enter_object()) return false;
    while (reader.next_member(key)) {
        if (reader.peek() != Kind::array) {
            if (!reader.skip()) return false;
            continue;
        }
        if (!reader.enter_array()) return false;
        while (reader.next_item()) {
            std::string text;
            if (!read_scalar(reader, text)) return false;
            if (error.message.empty()) error.message.append(key).append(": ").append(text);
        }
    }
    return reader.ok();
}

void read_body(std::string_view body, CloudError& error) {
    if (body.size() > kMaxErrorBody) return;
    json::Reader reader(body);
    if (reader.peek() != Kind::object || !reader.enter_object()) return;
    std::string key;
    while (reader.next_member(key)) {
        bool is_read = false;
        if (key == "code" || key == "error") {
            is_read = read_scalar(reader, error.code);
        } else if (key == "message" || (key == "title" && error.message.empty())) {
            is_read = read_scalar(reader, error.message);
        } else if (key == "errors") {
            is_read = read_errors(reader, error);
        } else {
            is_read = reader.skip();
        }
        if (!is_read) return;
    }
}

}  // namespace

CloudError read_answer(const CloudResponse& response, std::uint64_t unix_ms) {
    CloudError error{.http = response.status};
    read_headers(response, unix_ms, error.quota);
    error.quota.is_throttled = response.status == 429;
    if (response.status < 200 || response.status > 299) read_body(response.body, error);
    shorten(error.code);
    shorten(error.message);
    return error;
}

bool may_have_succeeded(const CloudError& error) noexcept {
    if (error.http == 0) return !error.is_unsent;
    return error.http == 499 || (error.http >= 500 && error.http != 501);
}

Verdict judge(int http_status) noexcept {
    if (http_status >= 200 && http_status <= 299) return Verdict::accepted;
    switch (http_status) {
        case 0:
        case 408:
        case 429:
        case 499:
        case 502:
        case 503:
        case 504:
            return Verdict::retry;
        case 500:
            return Verdict::retry_few;
        case 409:
            return Verdict::retry_once;
        case 401:
        case 403:
            return Verdict::key_rejected;
        default:
            return Verdict::rejected;
    }
}

unsigned max_attempts(Verdict verdict) noexcept {
    switch (verdict) {
        case Verdict::retry:
            return 5;
        case Verdict::retry_few:
            return 3;
        case Verdict::retry_once:
            return 2;
        default:
            return 1;
    }
}

}  // namespace pulse::roblox
