// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The entries of history.keep.
#pragma once

#include "config/value.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/history.hpp>

namespace pulse::server {

/// "chat:* 100 5m": what is kept of which channels. **Immutable.**
struct HistoryRule {
    std::string pattern;
    core::HistoryPolicy policy;
};

/// The error is half a sentence.
[[nodiscard]] Parsed<HistoryRule> parse_history_rule(std::string_view text);

/// `*` stands for any text, also none; everything else for itself. Linear in the channel's length
/// for each `*`.
[[nodiscard]] bool matches_pattern(std::string_view pattern, std::string_view channel) noexcept;

/// Of the first rule that fits; nothing is kept when there is none.
[[nodiscard]] core::HistoryPolicy find_history_policy(const std::vector<HistoryRule>& rules,
                                                      std::string_view channel) noexcept;

}  // namespace pulse::server
