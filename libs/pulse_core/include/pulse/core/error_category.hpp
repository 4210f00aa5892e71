// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a library needs to make a std::error_category of its `enum class Error`: a table.
//
//     constexpr ErrorRow<Error> kErrors[] = {{Error::queue_full, Condition::limit_exceeded, "…"}};
//     static_assert(has_every_error(kErrors, Error::queue_full));
//     static const ErrorCategory<Error> category{"pulse.thing", kErrors};
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <system_error>

#include <pulse/core/error.hpp>

namespace pulse::core {

/// Text and condition stand beside the enumerator, so that they cannot drift apart.
template <typename Enum>
struct ErrorRow {
    Enum error;
    Condition condition;
    const char* text;
};

/// Whether there is one row for each enumerator from 1 to `last`, in their order.
template <typename Enum, std::size_t kRows>
[[nodiscard]] consteval bool has_every_error(const ErrorRow<Enum> (&rows)[kRows], Enum last) {
    int expected = 1;
    for (const ErrorRow<Enum>& row : rows) {
        if (static_cast<int>(row.error) != expected++) return false;
    }
    return expected == static_cast<int>(last) + 1;
}

/// **Immutable.** A category is its address: make one of each.
template <typename Enum>
class ErrorCategory final : public std::error_category {
  public:
    /// Both outlive it; has_every_error() of the rows.
    ErrorCategory(const char* name, std::span<const ErrorRow<Enum>> rows) noexcept
        : name_(name), rows_(rows) {}

    [[nodiscard]] const char* name() const noexcept override { return name_; }
    [[nodiscard]] std::string message(int value) const override {
        const ErrorRow<Enum>* row = find(value);
        return row != nullptr ? row->text : "unknown error";
    }
    [[nodiscard]] std::error_condition default_error_condition(int value) const noexcept override {
        const ErrorRow<Enum>* row = find(value);
        return row != nullptr ? make_error_condition(row->condition)
                              : std::error_condition(value, *this);
    }

  private:
    [[nodiscard]] const ErrorRow<Enum>* find(int value) const noexcept {
        const auto index = static_cast<std::size_t>(value) - 1;
        return index < rows_.size() ? &rows_[index] : nullptr;
    }

    const char* name_;
    std::span<const ErrorRow<Enum>> rows_;
};

}  // namespace pulse::core
