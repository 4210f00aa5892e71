// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Exact decimal sums, so that 17.75 - 15.14 is 2.61.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace pulse::rooms {

enum class DecimalError : unsigned char {
    not_a_number,
    too_long,  ///< more than kMaxDigits digits before or behind the point
};

/// A decimal number of bounded length. A value type.
class Decimal {
  public:
    /// Before the point, and as many behind it.
    static constexpr std::size_t kMaxDigits = 500;

    Decimal() = default;

    /// Decimal text with or without sign, point and exponent: "-15.14", ".5", "1e3". Empty is 0.
    [[nodiscard]] static tl::expected<Decimal, DecimalError> parse(std::string_view text);

    /// The sum, or too_long.
    [[nodiscard]] tl::expected<Decimal, DecimalError> plus(const Decimal& other) const;

    /// The shortest plain form: no exponent, no needless zeros, never "-0".
    [[nodiscard]] std::string to_text() const;

    friend bool operator==(const Decimal&, const Decimal&) = default;

  private:
    Decimal(bool is_negative, std::string digits, std::size_t scale);
    void tidy();

    bool is_negative_ = false;
    std::string digits_;  ///< without zeros in front; empty is 0
    std::size_t scale_ =
        0;  ///< how many of them stand behind the point; may be more than there are
};

}  // namespace pulse::rooms
