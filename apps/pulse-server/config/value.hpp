// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What one configuration key can hold, and its textual forms: as an operator writes it (TOML,
// environment, command line) and as the server prints it back.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

namespace pulse::server {

using StringList = std::vector<std::string>;

/// One effective value. monostate: an optional key that nobody set. Integers, sizes (bytes) and
/// durations (milliseconds) share int64; a choice is held by its canonical name.
using Value = std::variant<std::monostate, bool, std::int64_t, std::string, StringList>;

enum class Kind : std::uint8_t { boolean, integer, bytes, duration, text, choice, list };

/// One name of one enumerator. The first name listed for a number is the canonical one.
struct Choice {
    std::string_view name;
    int number;
};

/// Holds a T, or what is wrong in words for the operator ("expected …, got …").
template <typename T>
using Parsed = tl::expected<T, std::string>;

/// A whole number without unit. Digits and an optional sign, nothing else.
[[nodiscard]] Parsed<std::int64_t> parse_integer(std::string_view text);

/// "65536", "64KiB", "16 MiB", "1GB": a plain number counts bytes; KB, MB, GB are powers of 1000,
/// KiB, MiB, GiB of 1024. Case does not matter.
[[nodiscard]] Parsed<std::int64_t> parse_bytes(std::string_view text);

/// "30000", "250ms", "30s", "1m30s", "2h", "1d": a plain number counts milliseconds.
[[nodiscard]] Parsed<std::int64_t> parse_duration(std::string_view text);

/// true/false, yes/no, on/off, 1/0: the forms environments use. TOML files know only the first.
[[nodiscard]] Parsed<bool> parse_boolean(std::string_view text);

/// Comma-separated, spaces around items dropped, empty items dropped.
[[nodiscard]] StringList parse_list(std::string_view text);

/// "64 KiB", "16 MiB"; empty when the number is no whole multiple of a unit.
[[nodiscard]] std::string describe_bytes(std::int64_t bytes);

/// "30 s", "1 min"; empty when the number is no whole multiple of a unit.
[[nodiscard]] std::string describe_duration(std::int64_t milliseconds);

/// A TOML basic string, quotes included. Control characters are escaped, malformed UTF-8 is
/// replaced.
[[nodiscard]] std::string toml_quote(std::string_view text);

/// The same for messages: the beginning only when the text is long.
[[nodiscard]] std::string quote_excerpt(std::string_view text);

/// `name` as it stands in front of an equals sign: bare where TOML allows it, else quoted. Safe to
/// show, whatever the name holds.
[[nodiscard]] std::string toml_key(std::string_view name);

/// `text` as it may stand in a message or comment of one line: quoted if it is not plain.
[[nodiscard]] std::string one_line(std::string_view text);

/// The value as TOML; empty for monostate.
[[nodiscard]] std::string toml_value(const Value& value);

/// Well-formed UTF-8 without control characters: what every textual value must be, because it ends
/// up in logs, file names and headers.
[[nodiscard]] bool is_plain_text(std::string_view text);

/// Without spaces and tabs at both ends.
[[nodiscard]] std::string_view trim(std::string_view text);

/// ASCII lower case; other bytes stay.
[[nodiscard]] std::string lower_case(std::string_view text);

}  // namespace pulse::server
