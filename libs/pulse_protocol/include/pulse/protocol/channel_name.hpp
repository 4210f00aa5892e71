// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which channel names may be subscribed to. Publishing checks nothing: a name no one can subscribe
// to has no subscribers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pulse::protocol {

/// Longest channel name, in bytes.
inline constexpr std::size_t kMaxChannelNameBytes = 256;

enum class ChannelNameError : std::uint8_t {
    none,                ///< the name is fine
    empty,               ///< ""
    too_long,            ///< above kMaxChannelNameBytes
    reserved,            ///< starts with '$'
    invalid_characters,  ///< something outside ASCII 0x20..0x7e
};

/// The first rule `name` breaks, in the order of the enumerators, or `none`. Eight bytes at a time.
[[nodiscard]] ChannelNameError check_channel_name(std::string_view name) noexcept;

[[nodiscard]] inline bool is_valid_channel_name(std::string_view name) noexcept {
    return check_channel_name(name) == ChannelNameError::none;
}

/// The reason alone, such as "Channel name cannot be empty"; "" for `none`.
[[nodiscard]] std::string_view to_string(ChannelNameError error) noexcept;

}  // namespace pulse::protocol
