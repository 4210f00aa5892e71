// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <charconv>

#include <pulse/protocol/utf8.hpp>
#include <pulse/roblox/error.hpp>
#include <pulse/roblox/names.hpp>

namespace pulse::roblox {

core::Result<UniverseId> UniverseId::parse(std::string_view text) noexcept {
    constexpr std::uint64_t kMax = (std::uint64_t{1} << 63) - 1;
    UniverseId id;
    // from_chars takes no sign for an unsigned number, and says when it overflows.
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id.value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size() ||
        text.front() == '0' || id.value > kMax) {
        return tl::unexpected{make_error_code(Error::invalid_universe)};
    }
    return id;
}

bool is_valid_topic(std::string_view topic) noexcept {
    if (topic.empty() || topic.size() > kMaxTopicBytes) return false;
    const bool has_controls = std::any_of(topic.begin(), topic.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
    return !has_controls && protocol::is_valid_utf8(topic);
}

bool is_valid_server_id(std::string_view id) noexcept {
    if (id.empty() || id.size() > kMaxServerIdBytes) return false;
    if (id.find("..") != std::string_view::npos) return false;
    return std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               c == '.' || c == '_' || c == '-';
    });
}

}  // namespace pulse::roblox
