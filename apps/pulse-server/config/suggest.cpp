// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/suggest.hpp"

#include "config/value.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace pulse::server {
namespace {

// Longer names are no slip of a key's name, and the cost below is their product.
constexpr std::size_t kMaxNameLength = 64;

std::string folded(std::string_view name) {
    std::string result = lower_case(name);
    std::replace(result.begin(), result.end(), '-', '_');
    return result;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1);  // row i - 2
    std::vector<std::size_t> above(b.size() + 1);   // row i - 1
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replace = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, replace});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = std::min(row[j], before[j - 2] + 1);
            }
        }
        std::swap(before, above);
        std::swap(above, row);
    }
    return above[b.size()];
}

Suggestion::Suggestion(std::string_view mistyped)
    : mistyped_(mistyped.size() <= kMaxNameLength ? folded(mistyped) : std::string{}),
      limit_(std::max<std::size_t>(1, mistyped_.size() / 3)),
      best_score_(std::numeric_limits<std::size_t>::max()) {}

void Suggestion::offer(std::string_view name, std::string_view shown, std::size_t penalty) {
    if (mistyped_.empty() || name.size() > kMaxNameLength) return;
    const std::size_t distance = edit_distance(mistyped_, folded(name));
    // Twice the distance leaves room for the penalty to decide between neighbours only.
    const std::size_t score = 2 * distance + penalty;
    if (distance <= limit_ && score < best_score_) {
        best_score_ = score;
        best_ = shown;
    }
}

std::string Suggestion::as_question() const {
    return best_.empty() ? std::string{} : " (did you mean " + best_ + "?)";
}

}  // namespace pulse::server
