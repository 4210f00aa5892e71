// SPDX-License-Identifier: MIT OR Apache-2.0
//
// "Did you mean …?": the known name that is nearest to a mistyped one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pulse::server {

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal
/// string alignment). Cost: O(|a| * |b|).
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// Collects candidates for one mistyped name and keeps the nearest. Upper and lower case count as
/// equal, and so do '-' and '_'.
class Suggestion {
  public:
    explicit Suggestion(std::string_view mistyped);

    /// `name` is compared, `shown` is what the operator should have written. `penalty` ranks
    /// equally near candidates. The first of equals stays.
    void offer(std::string_view name, std::string_view shown, std::size_t penalty = 0);

    /// The nearest candidate if it is near enough to be meant, else empty.
    [[nodiscard]] const std::string& best() const { return best_; }

    /// " (did you mean …?)", or nothing.
    [[nodiscard]] std::string as_question() const;

  private:
    std::string mistyped_;
    std::string best_;
    std::size_t limit_ = 0;
    std::size_t best_score_;
};

}  // namespace pulse::server
