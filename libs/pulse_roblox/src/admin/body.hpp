// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Bodies of administration: one flat JSON object, checked strictly, with the texts of the
// original's validator where it has one. The first problem in the order of the questions is the one
// reported, members that nobody asked for come last.
#pragma once

#include "json/reader.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/roblox/names.hpp>

namespace pulse::roblox {

class AdminBody {
  public:
    explicit AdminBody(std::string_view text);

    /// Empty while all is well.
    [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
    [[nodiscard]] bool ok() const noexcept { return problem_.empty(); }
    /// For checks of the caller's own; only the first counts.
    void fail(std::string_view problem);

    struct Value {
        json::Kind kind = json::Kind::invalid;
        std::string text{};                ///< of a string
        double number = 0;                 ///< of a number
        bool flag = false;                 ///< of a boolean
        std::vector<std::string> items{};  ///< of an array of strings
        bool is_list = false;              ///< an array of strings, all of it
    };
    /// The member, as it is; null when it is not there.
    [[nodiscard]] const Value* find(std::string_view name);

    /// A number or a string; what is no canonical id is a problem.
    [[nodiscard]] UniverseId universe(std::string_view name);
    [[nodiscard]] std::string required_text(std::string_view name);
    [[nodiscard]] std::optional<std::string> text(std::string_view name);
    /// `problem` when it is there and no whole number in that range.
    [[nodiscard]] std::optional<std::uint64_t> number(std::string_view name, std::uint64_t least,
                                                      std::uint64_t most, std::string_view problem);
    [[nodiscard]] std::optional<bool> flag(std::string_view name, std::string_view problem);
    [[nodiscard]] std::optional<std::vector<std::string>> list(std::string_view name,
                                                               std::string_view problem);
    /// After the last question: reports members that were not asked for.
    void finish();

  private:
    struct Member {
        std::string name;
        Value value;
        bool is_known = false;
    };
    [[nodiscard]] bool read(json::Reader& reader);

    std::vector<Member> members_;
    std::string problem_;
};

/// As the original's validator calls it.
[[nodiscard]] std::string_view type_name(json::Kind kind) noexcept;

}  // namespace pulse::roblox
