// SPDX-License-Identifier: MIT OR Apache-2.0
//
// All rows of all sections in one list, with the section's type taken off.
#pragma once

#include "config/config.hpp"
#include "config/value.hpp"

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pulse::server {

/// One key of `Owner` (Config, or one ListenerOptions).
template <typename Owner>
struct BoundKey {
    KeyInfo info;
    Kind kind = Kind::text;
    std::span<const Choice> choices;
    std::string_view section;
    std::string path;             ///< "limits.max_connections"
    std::string environment;      ///< "PULSE_LIMITS_MAX_CONNECTIONS"; empty for listeners
    std::string_view other_name;  ///< durations only: the name without "_ms"
    std::function<Value(const Owner&)> get;
    std::function<void(Owner&, const Value&)> set;

    [[nodiscard]] bool is_named(std::string_view name) const {
        return name == info.name || (!other_name.empty() && name == other_name);
    }
};

using Key = BoundKey<Config>;
using ListenerKey = BoundKey<ListenerOptions>;

struct SectionInfo {
    std::string_view name;
    std::string_view doc;
};

/// **Immutable.**
class Schema {
  public:
    Schema();

    [[nodiscard]] std::span<const SectionInfo> sections() const { return sections_; }
    /// In the order of the sections, and of the rows within them.
    [[nodiscard]] std::span<const Key> keys() const { return keys_; }
    [[nodiscard]] std::span<const ListenerKey> listener_keys() const { return listener_keys_; }

    /// Null when there is no such key. `name` may be any accepted spelling.
    [[nodiscard]] const Key* find(std::string_view section, std::string_view name) const;
    [[nodiscard]] const Key* find_path(std::string_view path) const;
    [[nodiscard]] bool has_section(std::string_view name) const;

    /// Position in keys(), for tables that run beside it.
    [[nodiscard]] std::size_t index_of(const Key& key) const {
        return static_cast<std::size_t>(&key - keys_.data());
    }

  private:
    std::vector<SectionInfo> sections_;
    std::vector<Key> keys_;
    std::vector<ListenerKey> listener_keys_;
};

/// The one schema of this program.
[[nodiscard]] const Schema& schema();

/// Reads a value as the environment, the command line or a quoted TOML value spells it, and checks
/// its range and form.
[[nodiscard]] Parsed<Value> parse_value(Kind kind, const KeyInfo& info,
                                        std::span<const Choice> choices, std::string_view text);

/// Range of numbers; plain text in strings and lists.
[[nodiscard]] Parsed<Value> check_value(Kind kind, const KeyInfo& info, Value value);

/// "integer", "size", "duration", … as documents call it.
[[nodiscard]] std::string describe_type(Kind kind, std::span<const Choice> choices);

/// "limits of 1 to 65535", or empty.
[[nodiscard]] std::string describe_range(Kind kind, const KeyInfo& info);

}  // namespace pulse::server
