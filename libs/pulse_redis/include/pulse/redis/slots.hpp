// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Slots of a Redis Cluster: which one a key has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pulse::redis {

inline constexpr std::size_t kSlots = 16384;

/// CRC-16/XMODEM of the key, or of what stands in its first braces (Redis Cluster specification,
/// "Hash tags").
[[nodiscard]] std::uint16_t slot_of(std::string_view key) noexcept;

}  // namespace pulse::redis
