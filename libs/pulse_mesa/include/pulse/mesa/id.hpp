// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who a client is, as its application says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace pulse::mesa {

/// A JSON value, compared strictly: the number 5 and the text "5" are two ids. Prefer text. A value
/// type.
class Id {
  public:
    // Implicit: ids are written as what they are.
    Id(std::string text) : text_(std::move(text)) {}  // NOLINT(google-explicit-constructor)
    Id(const char* text) : text_(text) {}             // NOLINT(google-explicit-constructor)
    Id(std::int64_t n) : text_(std::to_string(n)), is_number_(true) {}  // NOLINT
    Id(int n) : Id(std::int64_t{n}) {}                                  // NOLINT

    /// From the JSON of a text or a number; nothing for other values.
    [[nodiscard]] static std::optional<Id> from_json(std::string_view json);
    [[nodiscard]] std::string to_json() const;

    /// The text, or the number in decimal: the name under which stores know the id. Two ids that
    /// differ only in their type share it.
    [[nodiscard]] const std::string& name() const noexcept { return text_; }
    [[nodiscard]] bool is_number() const noexcept { return is_number_; }

    friend bool operator==(const Id&, const Id&) = default;

  private:
    std::string text_;
    bool is_number_ = false;
};

}  // namespace pulse::mesa

template <>
struct std::hash<pulse::mesa::Id> {
    std::size_t operator()(const pulse::mesa::Id& id) const noexcept {
        return std::hash<std::string>{}(id.name()) ^ static_cast<std::size_t>(id.is_number());
    }
};
