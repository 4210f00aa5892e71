// SPDX-License-Identifier: MIT OR Apache-2.0
#include "decimal.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>
#include <utility>

namespace pulse::rooms {

namespace {

/// What an exponent is cut to: far beyond kMaxDigits, far from overflow.
constexpr std::int64_t kHugeExponent = 1'000'000'000'000;

/// a and b: digits, right-aligned to the same place.
std::string add(std::string_view a, std::string_view b) {
    std::string out(std::max(a.size(), b.size()) + 1, '0');
    int carry = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int x = i < a.size() ? a[a.size() - 1 - i] - '0' : 0;
        const int y = i < b.size() ? b[b.size() - 1 - i] - '0' : 0;
        const int sum = x + y + carry;
        out[out.size() - 1 - i] = static_cast<char>('0' + sum % 10);
        carry = sum / 10;
    }
    return out;
}

/// a - b, where a is not less.
std::string subtract(std::string_view a, std::string_view b) {
    std::string out(a);
    int borrow = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        int digit = a[a.size() - 1 - i] - '0' - borrow;
        if (i < b.size()) digit -= b[b.size() - 1 - i] - '0';
        borrow = digit < 0 ? 1 : 0;
        out[a.size() - 1 - i] = static_cast<char>('0' + digit + 10 * borrow);
    }
    return out;
}

bool is_less(std::string_view a, std::string_view b) noexcept {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
}

}  // namespace

Decimal::Decimal(bool is_negative, std::string digits, std::size_t scale)
    : is_negative_(is_negative), digits_(std::move(digits)), scale_(scale) {
    tidy();
}

void Decimal::tidy() {
    digits_.erase(0, std::min(digits_.find_first_not_of('0'), digits_.size()));
    while (scale_ > 0 && !digits_.empty() && digits_.back() == '0') {
        digits_.pop_back();
        --scale_;
    }
    if (digits_.empty()) {
        scale_ = 0;
        is_negative_ = false;
    }
}

tl::expected<Decimal, DecimalError> Decimal::parse(std::string_view text) {
    bool is_negative = false;
    if (text.starts_with('-') || text.starts_with('+')) {
        is_negative = text.front() == '-';
        text.remove_prefix(1);
    }
    const std::size_t e = std::min(text.find_first_of("eE"), text.size());
    std::int64_t exponent = 0;
    if (e < text.size()) {
        std::string_view power = text.substr(e + 1);
        if (power.starts_with('+')) power.remove_prefix(1);
        const auto read = std::from_chars(power.data(), power.data() + power.size(), exponent);
        if (read.ptr != power.data() + power.size()) {
            return tl::unexpected(DecimalError::not_a_number);
        }
        if (read.ec == std::errc::result_out_of_range) {
            exponent = power.starts_with('-') ? -kHugeExponent : kHugeExponent;
        } else if (read.ec != std::errc{}) {
            return tl::unexpected(DecimalError::not_a_number);
        }
        exponent = std::clamp(exponent, -kHugeExponent, kHugeExponent);
    }
    const std::string_view mantissa = text.substr(0, e);
    const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
    std::string digits{mantissa.substr(0, point)};
    if (point < mantissa.size()) digits += mantissa.substr(point + 1);
    if (digits.find_first_not_of("0123456789") != std::string::npos) {
        return tl::unexpected(DecimalError::not_a_number);
    }
    // Zeros at either end say nothing, and must not count as length.
    std::int64_t scale =
        static_cast<std::int64_t>(digits.size()) - static_cast<std::int64_t>(point) - exponent;
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
    while (!digits.empty() && digits.back() == '0') {
        digits.pop_back();
        --scale;
    }
    if (digits.empty()) return Decimal();
    const std::int64_t whole = static_cast<std::int64_t>(digits.size()) - scale;
    constexpr auto kMost = static_cast<std::int64_t>(kMaxDigits);
    if (scale > kMost || whole > kMost) return tl::unexpected(DecimalError::too_long);
    if (scale < 0) {
        digits.append(static_cast<std::size_t>(-scale), '0');
        scale = 0;
    }
    return Decimal(is_negative, std::move(digits), static_cast<std::size_t>(scale));
}

tl::expected<Decimal, DecimalError> Decimal::plus(const Decimal& other) const {
    const std::size_t scale = std::max(scale_, other.scale_);
    const auto aligned = [scale](const Decimal& number) {
        return number.digits_.empty() ? std::string()
                                      : number.digits_ + std::string(scale - number.scale_, '0');
    };
    const std::string a = aligned(*this);
    const std::string b = aligned(other);
    std::string digits;
    bool is_negative = is_negative_;
    if (is_negative_ == other.is_negative_) {
        digits = add(a, b);
    } else if (is_less(a, b)) {
        digits = subtract(b, a);
        is_negative = other.is_negative_;
    } else {
        digits = subtract(a, b);
    }
    Decimal sum(is_negative, std::move(digits), scale);
    if (sum.digits_.size() > sum.scale_ + kMaxDigits) {
        return tl::unexpected(DecimalError::too_long);
    }
    return sum;
}

std::string Decimal::to_text() const {
    if (digits_.empty()) return "0";
    std::string out = is_negative_ ? "-" : "";
    const std::size_t whole = digits_.size() > scale_ ? digits_.size() - scale_ : 0;
    if (whole == 0) {
        out.append("0.").append(scale_ - digits_.size(), '0').append(digits_);
        return out;
    }
    out.append(digits_, 0, whole);
    if (scale_ > 0) out.append(".").append(digits_, whole);
    return out;
}

}  // namespace pulse::rooms
