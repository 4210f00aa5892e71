// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Numbers as ECMAScript reads and writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pulse::rooms {

/// The shortest text that reads back as `number` (ECMA-262, Number::toString): "0.1", "1e+21",
/// "Infinity", "NaN".
[[nodiscard]] std::string ecmascript_text(double number);

/// The double next to a decimal number as JSON has it, infinite where it is too large.
[[nodiscard]] double to_double(std::string_view decimal);

/// Without the white space that ECMAScript's conversion from text to number leaves out.
[[nodiscard]] std::string_view trim_ecmascript(std::string_view text) noexcept;

/// What the text is as a decimal number, with its sign in front if it has one; empty when it is
/// blank, which counts as 0. Nothing when it is no decimal number. Hexadecimal is none here.
[[nodiscard]] std::optional<std::string_view> decimal_of_text(std::string_view text) noexcept;

/// The index that a property key stands for, if it is one ("7", not "07"): such keys come first in
/// an object, by number.
[[nodiscard]] std::optional<std::uint32_t> array_index(std::string_view key) noexcept;

}  // namespace pulse::rooms
