// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/toml_document.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

// Compiled in rather than linked: errors come back as values, and the depth of nesting is ours to
// set (the library's 256 levels of arrays overflow a sanitized stack).
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 32
#include "config/value.hpp"

#include <toml++/toml.h>

namespace pulse::server {
namespace {

// toml++ 3.3 makes one nested table per part of a dotted key without a limit, and its destructor
// recurses through them: "a.a.a.…" overflows the stack. With the 32 levels above, the tree stays
// below some thousand levels.
constexpr std::size_t kMaxDotsPerLine = 32;

// listener -> [i] -> mount -> path -> dialect is the deepest value there is.
constexpr int kMaxDepth = 6;

TomlPosition position(const toml::source_position& at) {
    return {static_cast<std::uint32_t>(at.line), static_cast<std::uint32_t>(at.column)};
}

TomlNode::Type type_of(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::boolean:
            return TomlNode::Type::boolean;
        case toml::node_type::integer:
            return TomlNode::Type::integer;
        case toml::node_type::floating_point:
            return TomlNode::Type::number;
        case toml::node_type::string:
            return TomlNode::Type::text;
        case toml::node_type::array:
            return TomlNode::Type::array;
        case toml::node_type::table:
            return TomlNode::Type::table;
        default:
            return TomlNode::Type::date;
    }
}

TomlNode convert(const toml::node& from, int depth) {
    TomlNode to;
    to.type = depth > kMaxDepth ? TomlNode::Type::too_deep : type_of(from);
    to.at = position(from.source().begin);
    switch (to.type) {
        case TomlNode::Type::boolean:
            to.boolean = **from.as_boolean();
            break;
        case TomlNode::Type::integer:
            to.integer = **from.as_integer();
            break;
        case TomlNode::Type::text:
            to.text = **from.as_string();
            break;
        case TomlNode::Type::array:
            for (const toml::node& item : *from.as_array()) {
                to.children.push_back(convert(item, depth + 1));
            }
            break;
        case TomlNode::Type::table:
            for (const auto& [key, value] : *from.as_table()) {
                TomlNode child = convert(value, depth + 1);
                child.name = key.str();
                child.name_at = position(key.source().begin);
                to.children.push_back(std::move(child));
            }
            // The library sorts by name; operators read from top to bottom.
            std::stable_sort(to.children.begin(), to.children.end(),
                             [](const TomlNode& a, const TomlNode& b) {
                                 return std::pair{a.name_at.line, a.name_at.column} <
                                        std::pair{b.name_at.line, b.name_at.column};
                             });
            break;
        default:
            break;
    }
    return to;
}

/// Looks at a text before the library does, and refuses what the library cannot be trusted with:
///
/// - a key of very many parts, see kMaxDotsPerLine;
/// - characters beyond ASCII outside comments and quotes. TOML allows none there, but toml++ 3.3
///   runs into __builtin_unreachable() when it asks whether such a character is a blank;
/// - control characters, which TOML allows nowhere but as white space: a NUL where a key is due
///   fails an assertion of toml++;
/// - strings of several lines, where that happens too, and which no configuration key has a use
///   for. Without them every line starts outside quotes, and so a few states are enough here;
/// - a table's header whose name begins with what no key begins with, the line's end among it,
///   which it assumes away;
/// - times of the day, which no key has a use for, and whose digits it assumes to be there.
class Screening {
  public:
    explicit Screening(std::string_view text) : rest_(text) {}

    std::optional<TomlError> run() {
        while (!rest_.empty()) {
            const std::size_t end = std::min(rest_.find('\n'), rest_.size());
            find_control_character(rest_.substr(0, end));
            if (problem_.empty() && open_brackets_ == 0) screen_header(rest_.substr(0, end));
            if (problem_.empty()) screen_line(rest_.substr(0, end));
            if (!problem_.empty()) return TomlError{{line_, column_}, problem_};
            rest_.remove_prefix(std::min(end + 1, rest_.size()));
            ++line_;
        }
        return std::nullopt;
    }

  private:
    void find_control_character(std::string_view line) {
        if (line.ends_with('\r')) line.remove_suffix(1);
        for (std::size_t i = 0; i < line.size(); ++i) {
            const auto c = static_cast<unsigned char>(line[i]);
            if ((c >= 0x20 && c != 0x7F) || c == '\t') continue;
            column_ = static_cast<std::uint32_t>(i) + 1;
            problem_ = fmt::format("a control character (U+{:04X})", c);
            return;
        }
    }

    void screen_header(std::string_view line) {
        constexpr std::string_view kBlank = " \t";
        std::size_t at = line.find_first_not_of(kBlank);
        if (at == std::string_view::npos || line[at] != '[') return;
        at = line.find_first_not_of(kBlank, at + 1);
        if (at != std::string_view::npos && line[at] == '[') {
            at = line.find_first_not_of(kBlank, at + 1);
        }
        if (at == std::string_view::npos || line[at] == '\r') {
            column_ = static_cast<std::uint32_t>(std::min(at, line.size())) + 1;
            problem_ = "a table's name is missing";
            return;
        }
        if (line[at] == ']') return;  // refused with a better word than ours
        const char c = line[at];
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool is_digit = c >= '0' && c <= '9';
        if (is_letter || is_digit || c == '_' || c == '-' || c == '"' || c == '\'') return;
        if (static_cast<unsigned char>(c) >= 0x80) return;  // screen_line() says so
        column_ = static_cast<std::uint32_t>(at) + 1;
        problem_ = "no table's name begins with this character";
    }

    void screen_line(std::string_view line) {
        char quote = '\0';
        std::size_t dots = 0;
        for (std::size_t i = 0; i < line.size() && problem_.empty(); ++i) {
            const char c = line[i];
            column_ = static_cast<std::uint32_t>(i) + 1;
            if (quote != '\0') {
                if (c == '\\' && quote == '"') {
                    ++i;
                } else if (c == quote) {
                    quote = '\0';
                }
            } else if (c == '#') {
                return;
            } else if (c == '"' || c == '\'') {
                quote = c;
                const bool is_triple = line.size() - i > 2 && line[i + 1] == c && line[i + 2] == c;
                if (is_triple) problem_ = "strings of several lines are not supported here";
            } else if (c == '[') {
                ++open_brackets_;
            } else if (c == ']') {
                if (open_brackets_ > 0) --open_brackets_;
            } else if (c == '.' && ++dots > kMaxDotsPerLine) {
                problem_ = fmt::format("more than {} dots outside quotes", kMaxDotsPerLine);
            } else if (c == ':') {
                problem_ = "a colon has to stand in quotes or a comment";
            } else if (static_cast<unsigned char>(c) >= 0x80) {
                problem_ = "a character outside ASCII has to stand in quotes or a comment";
            }
        }
    }

    std::string_view rest_;
    std::uint32_t line_ = 1;
    std::uint32_t column_ = 1;
    std::size_t open_brackets_ = 0;  ///< before the line: inside a list that goes over several
    std::string problem_;
};

}  // namespace

std::string_view describe_type(TomlNode::Type type) {
    switch (type) {
        case TomlNode::Type::boolean:
            return "a boolean";
        case TomlNode::Type::integer:
            return "an integer";
        case TomlNode::Type::number:
            return "a floating-point number";
        case TomlNode::Type::text:
            return "a string";
        case TomlNode::Type::array:
            return "an array";
        case TomlNode::Type::table:
            return "a table";
        case TomlNode::Type::date:
            return "a date or time";
        case TomlNode::Type::too_deep:
            return "a deeply nested value";
    }
    return {};
}

tl::expected<TomlNode, TomlError> parse_toml(std::string_view text) {
    if (text.size() > kMaxTomlBytes) {
        return tl::unexpected{
            TomlError{{1, 1}, fmt::format("the file is larger than {} KiB", kMaxTomlBytes / 1024)}};
    }
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    if (auto problem = Screening{text}.run()) return tl::unexpected{std::move(*problem)};
    const toml::parse_result result = toml::parse(text);
    if (!result) {
        const toml::parse_error& error = result.error();
        return tl::unexpected{
            TomlError{position(error.source().begin), one_line(error.description())}};
    }
    return convert(result.table(), 0);
}

}  // namespace pulse::server
