// SPDX-License-Identifier: MIT OR Apache-2.0
#include "redis/names.hpp"

namespace pulse::cluster {

namespace {

/// What stands in braces decides about the slot, so it is the channel's name. Braces that close at
/// once mean nothing to Redis: names that would begin so have a fixed tag in front, and another
/// kind.
[[nodiscard]] bool needs_fixed_tag(std::string_view channel) noexcept {
    return channel.empty() || channel.front() == '}';
}
constexpr std::string_view kFixedTag = "-:{-}";

}  // namespace

std::string Names::make(char kind, std::string_view channel) const {
    std::string name = prefix_;
    name.reserve(prefix_.size() + channel.size() + 8);
    name += kind;
    if (!has_tags_) return name.append(":").append(channel);
    if (needs_fixed_tag(channel)) return name.append(kFixedTag).append(channel);
    return name.append(":{").append(channel).append("}");
}

std::optional<std::string_view> Names::channel_of(std::string_view name) const noexcept {
    if (!name.starts_with(prefix_)) return std::nullopt;
    name.remove_prefix(prefix_.size());
    if (!name.starts_with('c')) return std::nullopt;
    name.remove_prefix(1);
    if (!has_tags_) {
        if (!name.starts_with(':')) return std::nullopt;
        return name.substr(1);
    }
    if (name.starts_with(kFixedTag)) return name.substr(kFixedTag.size());
    if (!name.starts_with(":{") || !name.ends_with('}')) return std::nullopt;
    return name.substr(2, name.size() - 3);
}

std::string Names::word(const std::string& name, std::string_view place) const {
    std::string whole = prefix_ + name;
    if (!place.empty()) whole.append("@").append(place);
    return whole;
}

}  // namespace pulse::cluster
