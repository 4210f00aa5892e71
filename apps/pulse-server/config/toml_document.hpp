// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A TOML file as a plain tree with positions. Only toml_document.cpp knows the TOML library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace pulse::server {

struct TomlPosition {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
};

struct TomlNode {
    enum class Type : std::uint8_t { boolean, integer, number, text, array, table, date, too_deep };

    Type type = Type::table;
    std::string name;  ///< members of a table only
    TomlPosition name_at;
    TomlPosition at;

    bool boolean = false;
    std::int64_t integer = 0;
    std::string text;
    std::vector<TomlNode> children;  ///< of arrays and tables; tables in the order of the file
};

/// "an integer", "a string", … for messages.
[[nodiscard]] std::string_view describe_type(TomlNode::Type type);

struct TomlError {
    TomlPosition at;
    std::string message;
};

/// A larger text is refused unread. A configuration with every key commented is a tenth of this,
/// and the tree of a parsed text can take a hundred times its size.
inline constexpr std::size_t kMaxTomlBytes = std::size_t{256} * 1024;

/// Errors: the first offence against TOML's grammar; a text that is too large or nested too deeply;
/// a string of several lines ("""), which is the one part of TOML 1.0 that is not supported.
[[nodiscard]] tl::expected<TomlNode, TomlError> parse_toml(std::string_view text);

}  // namespace pulse::server
