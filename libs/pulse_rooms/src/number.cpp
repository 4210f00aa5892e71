// SPDX-License-Identifier: MIT OR Apache-2.0
#include "number.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

namespace pulse::rooms {

namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

std::size_t count_digits(std::string_view text) noexcept {
    std::size_t n = 0;
    while (n < text.size() && is_digit(text[n])) ++n;
    return n;
}

/// A number too far from 1 for a double: whether it is 0 or infinite.
double beyond(std::string_view text) noexcept {
    const bool is_negative = text.starts_with('-');
    const std::size_t e = std::min(text.find_first_of("eE"), text.size());
    const std::string_view mantissa = text.substr(0, e);
    const std::size_t first = mantissa.find_first_of("123456789");
    if (first == std::string_view::npos) return is_negative ? -0.0 : 0.0;
    // Where the first digit that counts stands, from the point on: 1 is right before it.
    const auto point = static_cast<std::int64_t>(std::min(mantissa.find('.'), mantissa.size()));
    std::int64_t place = point - static_cast<std::int64_t>(first);
    if (e < text.size()) {
        std::string_view digits = text.substr(e + 1);
        const bool is_down = digits.starts_with('-');
        if (is_down || digits.starts_with('+')) digits.remove_prefix(1);
        std::int64_t exponent = 0;
        const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
        // More digits than a message has.
        if (read.ec == std::errc::result_out_of_range) exponent = std::int64_t{1} << 60;
        exponent = std::min(exponent, std::int64_t{1} << 60);
        place += is_down ? -exponent : exponent;
    }
    const double size = place <= 0 ? 0.0 : std::numeric_limits<double>::infinity();
    return is_negative ? -size : size;
}

}  // namespace

std::string ecmascript_text(double number) {
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
    if (number == 0) return "0";
    std::array<char, 40> buffer;
    const auto made = std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::fabs(number),
                                    std::chars_format::scientific);
    const std::string_view text{buffer.data(), static_cast<std::size_t>(made.ptr - buffer.data())};
    const std::size_t e = text.find('e');
    std::string digits{text.substr(0, 1)};
    if (e > 2) digits += text.substr(2, e - 2);
    int exponent = 0;
    const bool is_minus = text[e + 1] == '-';
    std::from_chars(text.data() + e + 2, text.data() + text.size(), exponent);
    if (is_minus) exponent = -exponent;

    // ECMA-262: k digits, the point behind the n-th.
    const int k = static_cast<int>(digits.size());
    const int n = exponent + 1;
    std::string out = number < 0 ? "-" : "";
    if (n >= k && n <= 21) {
        out += digits;
        out.append(static_cast<std::size_t>(n - k), '0');
    } else if (n > 0 && n <= 21) {
        out.append(digits, 0, static_cast<std::size_t>(n)).append(".");
        out.append(digits, static_cast<std::size_t>(n));
    } else if (n > -6 && n <= 0) {
        out.append("0.").append(static_cast<std::size_t>(-n), '0').append(digits);
    } else {
        out += digits[0];
        if (k > 1) out.append(".").append(digits, 1);
        out.append(n - 1 < 0 ? "e-" : "e+").append(std::to_string(std::abs(n - 1)));
    }
    return out;
}

double to_double(std::string_view decimal) {
    if (decimal.starts_with('+')) decimal.remove_prefix(1);
    double value = 0;
    const auto read = std::from_chars(decimal.data(), decimal.data() + decimal.size(), value);
    if (read.ec == std::errc::result_out_of_range) return beyond(decimal);
    return value;
}

std::string_view trim_ecmascript(std::string_view text) noexcept {
    // Of two or three bytes: no-break space, byte order mark, and what Unicode calls a space or a
    // line end.
    constexpr std::array<std::string_view, 20> kLong{
        "\xC2\xA0",     "\xEF\xBB\xBF", "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81",
        "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86",
        "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8",
        "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80", "\x20"};
    const auto is_short = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
    const auto strip_one = [&] {
        if (text.empty()) return false;
        if (is_short(text.front())) return text.remove_prefix(1), true;
        if (is_short(text.back())) return text.remove_suffix(1), true;
        for (const std::string_view space : kLong) {
            if (text.starts_with(space)) return text.remove_prefix(space.size()), true;
            if (text.ends_with(space)) return text.remove_suffix(space.size()), true;
        }
        return false;
    };
    while (strip_one()) {
    }
    return text;
}

std::optional<std::string_view> decimal_of_text(std::string_view text) noexcept {
    const std::string_view number = trim_ecmascript(text);
    if (number.empty()) return number;
    std::string_view rest = number;
    if (rest.front() == '+' || rest.front() == '-') rest.remove_prefix(1);
    const std::size_t whole = count_digits(rest);
    rest.remove_prefix(whole);
    std::size_t fraction = 0;
    if (rest.starts_with('.')) {
        rest.remove_prefix(1);
        fraction = count_digits(rest);
        rest.remove_prefix(fraction);
    }
    if (whole + fraction == 0) return std::nullopt;
    if (!rest.empty() && (rest.front() == 'e' || rest.front() == 'E')) {
        rest.remove_prefix(1);
        if (!rest.empty() && (rest.front() == '+' || rest.front() == '-')) rest.remove_prefix(1);
        const std::size_t exponent = count_digits(rest);
        if (exponent == 0) return std::nullopt;
        rest.remove_prefix(exponent);
    }
    if (!rest.empty()) return std::nullopt;
    return number;
}

std::optional<std::uint32_t> array_index(std::string_view key) noexcept {
    if (key.empty() || key.size() > 10 || (key.front() == '0' && key.size() > 1)) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    for (const char c : key) {
        if (!is_digit(c)) return std::nullopt;
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    // 2^32 - 1 is a length, not an index.
    if (value >= 0xFFFF'FFFF) return std::nullopt;
    return static_cast<std::uint32_t>(value);
}

}  // namespace pulse::rooms
