// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/history_rules.hpp"

#include <fmt/format.h>

namespace pulse::server {

namespace {

constexpr std::int64_t kMaxKept = 100'000;
constexpr std::int64_t kMaxTtlMs = std::int64_t{366} * 24 * 3'600'000;
constexpr std::size_t kMaxPatternBytes = 256;

/// The last word of `text`, which is cut off.
std::string_view take_last_word(std::string_view& text) {
    const std::size_t space = text.rfind(' ');
    if (space == std::string_view::npos) return {};
    const std::string_view word = text.substr(space + 1);
    text = text.substr(0, space);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return word;
}

}  // namespace

Parsed<HistoryRule> parse_history_rule(std::string_view text) {
    // From the end: a channel's name may have spaces in it.
    std::string_view rest = trim(text);
    const std::string_view ttl_text = take_last_word(rest);
    const std::string_view size_text = take_last_word(rest);
    if (rest.empty() || size_text.empty() || ttl_text.empty()) {
        return tl::unexpected{
            std::string{"must be a pattern, a number and a time, such as \"chat:* 100 5m\""}};
    }
    if (rest.size() > kMaxPatternBytes) {
        return tl::unexpected{
            fmt::format("a pattern must not be longer than {} bytes", kMaxPatternBytes)};
    }
    const auto size = parse_integer(size_text);
    if (!size || *size < 1 || *size > kMaxKept) {
        return tl::unexpected{fmt::format("the number of publications must be 1 to {}", kMaxKept)};
    }
    const auto ttl = parse_duration(ttl_text);
    if (!ttl || *ttl < 0 || *ttl > kMaxTtlMs) {
        return tl::unexpected{std::string{"the time must be 0 to a year, such as 30s, 5m or 24h"}};
    }
    HistoryRule rule;
    rule.pattern = rest;
    rule.policy.size = static_cast<std::size_t>(*size);
    rule.policy.ttl = std::chrono::milliseconds{*ttl};
    return rule;
}

bool matches_pattern(std::string_view pattern, std::string_view channel) noexcept {
    // Where to go on when the text behind the last `*` does not fit.
    std::size_t star = std::string_view::npos;
    std::size_t resumed = 0;
    std::size_t p = 0;
    std::size_t c = 0;
    while (c < channel.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resumed = c;
        } else if (p < pattern.size() && pattern[p] == channel[c]) {
            ++p;
            ++c;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            c = ++resumed;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

core::HistoryPolicy find_history_policy(const std::vector<HistoryRule>& rules,
                                        std::string_view channel) noexcept {
    for (const HistoryRule& rule : rules) {
        if (matches_pattern(rule.pattern, channel)) return rule.policy;
    }
    return {};
}

}  // namespace pulse::server
