// SPDX-License-Identifier: MIT OR Apache-2.0

#include "ascii.hpp"
#include "wire.hpp"

#include <cstdint>
#include <cstring>

#include <pulse/protocol/channel_name.hpp>

namespace pulse::protocol {
namespace {

/// The high bit of each byte of `x` outside 0x20..0x7e. No sum or difference carries into a
/// neighbour unless that byte, or the one it carries from, is flagged by its own high bit.
[[nodiscard]] constexpr std::uint64_t outside_printable(std::uint64_t x) noexcept {
    const std::uint64_t is_delete = x + kOnes;                           // 0x7f becomes 0x80
    const std::uint64_t is_control = ~((x | kHighBits) - 0x20 * kOnes);  // below 0x20 loses the bit
    return (x | is_delete | is_control) & kHighBits;
}

[[nodiscard]] bool is_printable_ascii(std::string_view name) noexcept {
    const std::size_t size = name.size();
    if (size < 8) {
        // Fill up with a harmless character, so that short names need no loop over bytes.
        std::uint64_t word = 0x20 * kOnes;
        std::memcpy(&word, name.data(), size);
        return outside_printable(word) == 0;
    }
    std::uint64_t bad = outside_printable(wire::load_raw<std::uint64_t>(name.data() + size - 8));
    for (std::size_t i = 0; i + 8 < size; i += 8) {
        bad |= outside_printable(wire::load_raw<std::uint64_t>(name.data() + i));
    }
    return bad == 0;
}

}  // namespace

ChannelNameError check_channel_name(std::string_view name) noexcept {
    if (name.empty()) return ChannelNameError::empty;
    if (name.size() > kMaxChannelNameBytes) return ChannelNameError::too_long;
    if (name.front() == '$') return ChannelNameError::reserved;
    return is_printable_ascii(name) ? ChannelNameError::none : ChannelNameError::invalid_characters;
}

std::string_view to_string(ChannelNameError error) noexcept {
    switch (error) {
        case ChannelNameError::none:
            return "";
        case ChannelNameError::empty:
            return "Channel name cannot be empty";
        case ChannelNameError::too_long:
            return "Channel name too long";
        case ChannelNameError::reserved:
            return "Channel names starting with '$' are reserved";
        case ChannelNameError::invalid_characters:
            return "Channel name contains invalid characters";
    }
    return "";
}

}  // namespace pulse::protocol
