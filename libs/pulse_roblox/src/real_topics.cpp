// SPDX-License-Identifier: MIT OR Apache-2.0
#include "real_topics.hpp"

#include <algorithm>

#include <pulse/roblox/names.hpp>

namespace pulse::roblox {

static_assert(kMaxPrefixBytes + 3 + kMaxServerIdBytes <= kMaxRealTopicBytes);

bool is_valid_prefix(std::string_view prefix) noexcept {
    return prefix.size() <= kMaxPrefixBytes && is_valid_server_id(prefix) && prefix.back() != '.';
}

unsigned shard_of(std::string_view virtual_topic, unsigned shards) noexcept {
    std::uint32_t hash = 2'166'136'261U;
    for (const char c : virtual_topic) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619U;
    }
    return hash % std::clamp(shards, 1U, kMaxShards);
}

std::string compatibility_topic(std::string_view prefix) { return std::string(prefix); }

std::string shard_topic(std::string_view prefix, unsigned shard) {
    return std::string(prefix) + ".b" + std::to_string(shard);
}

std::string target_topic(std::string_view prefix, const Target& target) {
    return std::string(prefix) + (target.kind == Target::Kind::server ? ".s." : ".p.") + target.id;
}

unsigned effective_shards(unsigned wanted, std::span<const unsigned> announced) noexcept {
    unsigned shards = wanted;
    for (const unsigned count : announced) shards = std::min(shards, count);
    return std::clamp(shards, 1U, kMaxShards);
}

Forms forms_of(Mode mode, bool has_said_hello) noexcept {
    switch (mode) {
        case Mode::v0:
            return {.v0 = true, .v1 = false};
        case Mode::v1:
            return {.v0 = false, .v1 = true};
        case Mode::both:
            return {.v0 = true, .v1 = true};
        case Mode::automatic:
            break;
    }
    return {.v0 = !has_said_hello, .v1 = has_said_hello};
}

}  // namespace pulse::roblox
