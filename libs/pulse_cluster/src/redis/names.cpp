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

std::uint16_t slot_of(std::string_view name) noexcept {
    const std::size_t open = name.find('{');
    if (open != std::string_view::npos) {
        const std::size_t close = name.find('}', open + 1);
        if (close != std::string_view::npos && close > open + 1) {
            name = name.substr(open + 1, close - open - 1);
        }
    }
    // CRC-16/XMODEM.
    unsigned crc = 0;
    for (const char c : name) {
        crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8U;
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc & 0x8000U) != 0 ? (crc << 1U) ^ 0x1021U : crc << 1U;
        }
        crc &= 0xffffU;
    }
    return static_cast<std::uint16_t>(crc % kSlots);
}

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
