// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Numbers as ECMAScript's Number::toString gives them (ECMA-262, 6.1.6.1.20): the shortest digits
// that read back as the same double, plain from 1e-7 up to 1e21, else with an exponent.
#include "number.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace pulse::roblox::json {

namespace {

[[nodiscard]] bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

[[nodiscard]] std::size_t scan_digits(std::string_view text, std::size_t at) noexcept {
    while (at < text.size() && is_digit(text[at])) ++at;
    return at;
}

/// Whether a number that is out of a double's range is too large and not too small: which side of
/// the point its first digit that counts stands, exponent included.
[[nodiscard]] bool is_overflow(std::string_view literal) noexcept {
    long long magnitude = 0;  // decimal digits before the point, or minus the zeros after it
    bool seen_point = false;
    bool seen_digit = false;
    std::size_t i = literal.front() == '-' ? 1 : 0;
    for (; i < literal.size() && literal[i] != 'e' && literal[i] != 'E'; ++i) {
        if (literal[i] == '.') {
            seen_point = true;
        } else if (seen_digit || literal[i] != '0') {
            seen_digit = true;
            if (!seen_point) ++magnitude;
        } else if (seen_point) {
            --magnitude;
        }
    }
    if (i == literal.size()) return magnitude > 0;
    ++i;
    const bool is_negative = literal[i] == '-';
    if (literal[i] == '-' || literal[i] == '+') ++i;
    long long exponent = 0;
    for (; i < literal.size() && exponent < 1'000'000'000; ++i) {
        exponent = exponent * 10 + (literal[i] - '0');
    }
    return magnitude + (is_negative ? -exponent : exponent) > 0;
}

/// `digits` times ten to the power of `point - digits.size()`.
void append_decimal(std::string& out, std::string_view digits, int point) {
    const int count = static_cast<int>(digits.size());
    if (count <= point && point <= 21) {
        out += digits;
        out.append(static_cast<std::size_t>(point - count), '0');
    } else if (0 < point && point <= 21) {
        out += digits.substr(0, static_cast<std::size_t>(point));
        out += '.';
        out += digits.substr(static_cast<std::size_t>(point));
    } else if (-6 < point && point <= 0) {
        out += "0.";
        out.append(static_cast<std::size_t>(-point), '0');
        out += digits;
    } else {
        out += digits.front();
        if (count > 1) {
            out += '.';
            out += digits.substr(1);
        }
        out += point > 0 ? "e+" : "e-";
        out += std::to_string(std::abs(point - 1));
    }
}

}  // namespace

std::size_t scan_number(std::string_view text) noexcept {
    std::size_t at = !text.empty() && text.front() == '-' ? 1 : 0;
    if (at == text.size() || !is_digit(text[at])) return 0;
    at = text[at] == '0' ? at + 1 : scan_digits(text, at);
    if (at < text.size() && text[at] == '.') {
        const std::size_t end = scan_digits(text, at + 1);
        if (end == at + 1) return 0;
        at = end;
    }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        std::size_t begin = at + 1;
        if (begin < text.size() && (text[begin] == '+' || text[begin] == '-')) ++begin;
        const std::size_t end = scan_digits(text, begin);
        if (end == begin) return 0;
        at = end;
    }
    return at;
}

double to_double(std::string_view literal) noexcept {
    double value = 0;
    const auto [end, error] =
        std::from_chars(literal.data(), literal.data() + literal.size(), value);
    if (error != std::errc::result_out_of_range) return value;
    const double magnitude = is_overflow(literal) ? std::numeric_limits<double>::infinity() : 0.0;
    return literal.front() == '-' ? -magnitude : magnitude;
}

void append_number(std::string& out, std::string_view literal) {
    // Most numbers: integers that a double holds exactly are written as they came. Minus zero has
    // no sign in JavaScript's text.
    constexpr std::size_t kExactDigits = 15;
    if (literal.size() <= kExactDigits && literal != "-0" &&
        literal.find_first_of(".eE") == std::string_view::npos) {
        out += literal;
        return;
    }
    const double value = to_double(literal);
    if (!std::isfinite(value)) {
        out += "null";  // as JSON.stringify(Infinity)
        return;
    }
    if (value == 0) {
        out += '0';
        return;
    }
    if (value < 0) out += '-';
    // d.dddde±xx, shortest: 17 digits, point, exponent.
    std::array<char, 32> buffer;
    const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::abs(value),
                                      std::chars_format::scientific);
    const std::string_view text(buffer.data(),
                                static_cast<std::size_t>(result.ptr - buffer.data()));
    const std::size_t e = text.find('e');
    std::string digits(text.substr(0, 1));
    if (e > 2) digits += text.substr(2, e - 2);
    int exponent = 0;
    const char* begin = text.data() + e + 1;
    if (*begin == '+') ++begin;
    std::from_chars(begin, text.data() + text.size(), exponent);
    append_decimal(out, digits, exponent + 1);
}

}  // namespace pulse::roblox::json
