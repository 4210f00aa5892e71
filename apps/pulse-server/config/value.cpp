// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/value.hpp"

#include "config/utf8.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <limits>
#include <optional>
#include <span>

#include <fmt/format.h>

namespace pulse::server {
namespace {

constexpr std::size_t kShownBytes = 60;  // of a text in a message
constexpr std::int64_t kMaxInteger = std::numeric_limits<std::int64_t>::max();

struct NamedUnit {
    std::string_view name;
    std::int64_t factor;
};

// Largest first, so that describe_*() picks the shortest form. Decimal sizes are read, not written.
constexpr std::array kSizeUnits{
    NamedUnit{"gib", std::int64_t{1} << 30},
    NamedUnit{"mib", std::int64_t{1} << 20},
    NamedUnit{"kib", std::int64_t{1} << 10},
    NamedUnit{"gb", 1'000'000'000},
    NamedUnit{"mb", 1'000'000},
    NamedUnit{"kb", 1'000},
    NamedUnit{"b", 1},
};
constexpr std::array kTimeUnits{
    NamedUnit{"d", 86'400'000}, NamedUnit{"h", 3'600'000}, NamedUnit{"m", 60'000},
    NamedUnit{"s", 1'000},      NamedUnit{"ms", 1},
};

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes a run of digits off the front of `rest`; nothing when it does not fit or there is none.
std::optional<std::int64_t> take_number(std::string_view& rest) {
    std::int64_t number = 0;
    if (rest.empty() || !is_digit(rest.front())) return std::nullopt;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error != std::errc{}) return std::nullopt;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    return number;
}

/// Takes everything up to the next digit as the name of a unit; 0 when it names none.
std::int64_t take_unit(std::string_view& rest, std::span<const NamedUnit> units) {
    const auto end = std::find_if(rest.begin(), rest.end(), is_digit);
    const auto length = static_cast<std::size_t>(std::distance(rest.begin(), end));
    const std::string name = lower_case(trim(rest.substr(0, length)));
    rest.remove_prefix(length);
    const auto unit = std::find_if(units.begin(), units.end(),
                                   [&name](const NamedUnit& u) { return u.name == name; });
    return unit == units.end() ? 0 : unit->factor;
}

std::string describe(std::int64_t number, std::span<const NamedUnit> units,
                     std::span<const std::string_view> names) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (number > 0 && number % units[i].factor == 0) {
            return fmt::format("{} {}", number / units[i].factor, names[i]);
        }
    }
    return {};
}

}  // namespace

Parsed<std::int64_t> parse_integer(std::string_view text) {
    const std::string_view digits = trim(text);
    std::int64_t number = 0;
    // from_chars knows '-' but not '+'.
    const bool has_plus = digits.size() > 1 && digits.front() == '+' && is_digit(digits[1]);
    const char* const begin = digits.data() + (has_plus ? 1 : 0);
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(begin, end, number);
    if (error == std::errc::result_out_of_range && stop == end) {
        return tl::unexpected{std::string{"the number is too large"}};
    }
    if (error != std::errc{} || stop != end) {
        return tl::unexpected{fmt::format("expected a whole number, got {}", quote_excerpt(text))};
    }
    return number;
}

Parsed<std::int64_t> parse_bytes(std::string_view text) {
    std::string_view rest = trim(text);
    const auto wrong = [text] {
        return tl::unexpected{fmt::format(
            "expected a size such as 65536, \"64KiB\" or \"1MiB\", got {}", quote_excerpt(text))};
    };
    const auto number = take_number(rest);
    if (!number) return wrong();
    if (rest.empty()) return *number;
    const std::int64_t factor = take_unit(rest, kSizeUnits);
    if (factor == 0 || !rest.empty()) return wrong();
    if (*number > kMaxInteger / factor) {
        return tl::unexpected{std::string{"the size is too large"}};
    }
    return *number * factor;
}

Parsed<std::int64_t> parse_duration(std::string_view text) {
    std::string_view rest = trim(text);
    const auto wrong = [text] {
        return tl::unexpected{fmt::format(
            "expected a duration such as 30000 (milliseconds), \"250ms\", \"30s\" or \"1m30s\", "
            "got {}",
            quote_excerpt(text))};
    };
    std::int64_t total = 0;
    std::int64_t previous_factor = kMaxInteger;
    do {
        const auto number = take_number(rest);
        if (!number) return wrong();
        if (rest.empty() && previous_factor == kMaxInteger) return *number;
        const std::int64_t factor = take_unit(rest, kTimeUnits);
        // Each unit once and from large to small: "30s1m" is more likely a slip than a wish.
        if (factor == 0 || factor >= previous_factor) return wrong();
        if (*number > (kMaxInteger - total) / factor) {
            return tl::unexpected{std::string{"the duration is too long"}};
        }
        total += *number * factor;
        previous_factor = factor;
    } while (!rest.empty());
    return total;
}

Parsed<bool> parse_boolean(std::string_view text) {
    const std::string word = lower_case(trim(text));
    if (word == "true" || word == "1" || word == "yes" || word == "on") return true;
    if (word == "false" || word == "0" || word == "no" || word == "off") return false;
    return tl::unexpected{fmt::format("expected true or false, got {}", quote_excerpt(text))};
}

StringList parse_list(std::string_view text) {
    StringList items;
    while (true) {
        const std::size_t comma = text.find(',');
        const std::string_view item = trim(text.substr(0, comma));
        if (!item.empty()) items.emplace_back(item);
        if (comma == std::string_view::npos) return items;
        text.remove_prefix(comma + 1);
    }
}

std::string describe_bytes(std::int64_t bytes) {
    static constexpr std::array<std::string_view, 3> kNames{"GiB", "MiB", "KiB"};
    return describe(bytes, kSizeUnits, kNames);
}

std::string describe_duration(std::int64_t milliseconds) {
    static constexpr std::array<std::string_view, 4> kNames{"d", "h", "min", "s"};
    return describe(milliseconds, kTimeUnits, kNames);
}

std::string toml_quote(std::string_view text) {
    std::string quoted = "\"";
    while (!text.empty()) {
        const std::string_view whole = text;
        const Utf8Char next = take_utf8(text);
        const bool is_control = next.code < 0x20 || (next.code >= 0x7F && next.code < 0xA0);
        if (!next.is_valid) {
            quoted += "\uFFFD";
        } else if (next.code == '"' || next.code == '\\') {
            quoted += '\\';
            quoted += static_cast<char>(next.code);
        } else if (is_control) {
            fmt::format_to(std::back_inserter(quoted), "\\u{:04X}",
                           static_cast<unsigned>(next.code));
        } else {
            quoted += whole.substr(0, next.length);
        }
    }
    quoted += '"';
    return quoted;
}

std::string quote_excerpt(std::string_view text) {
    if (text.size() <= kShownBytes) return toml_quote(text);
    // A character cut in two at the end shows as U+FFFD, which is fine in a message.
    return fmt::format("{} and {} bytes more", toml_quote(text.substr(0, kShownBytes)),
                       text.size() - kShownBytes);
}

std::string toml_key(std::string_view name) {
    const bool is_bare = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
               c == '-';
    });
    return is_bare && name.size() <= kShownBytes ? std::string{name} : quote_excerpt(name);
}

std::string one_line(std::string_view text) {
    return is_plain_text(text) ? std::string{text} : toml_quote(text);
}

std::string toml_value(const Value& value) {
    struct Writer {
        std::string operator()(std::monostate) const { return {}; }
        std::string operator()(bool b) const { return b ? "true" : "false"; }
        std::string operator()(std::int64_t i) const { return fmt::format("{}", i); }
        std::string operator()(const std::string& s) const { return toml_quote(s); }
        std::string operator()(const StringList& list) const {
            std::string text = "[";
            for (const std::string& item : list) {
                if (text.size() > 1) text += ", ";
                text += toml_quote(item);
            }
            return text + "]";
        }
    };
    return std::visit(Writer{}, value);
}

bool is_plain_text(std::string_view text) {
    while (!text.empty()) {
        const Utf8Char next = take_utf8(text);
        if (!next.is_valid || next.code < 0x20 || (next.code >= 0x7F && next.code < 0xA0)) {
            return false;
        }
    }
    return true;
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view kBlank = " \t";
    const std::size_t first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string lower_case(std::string_view text) {
    std::string lower{text};
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

}  // namespace pulse::server
