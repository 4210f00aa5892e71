// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace pulse::protocol {

/// A protocol version. The wire carries the major number alone.
struct Version {
    std::uint8_t major = 0;
    std::uint8_t minor = 0;

    /// Peers understand each other when their majors are equal.
    [[nodiscard]] constexpr bool is_compatible_with(Version other) const noexcept {
        return major == other.major;
    }

    friend constexpr auto operator<=>(const Version&, const Version&) = default;
};

/// "1.0"
[[nodiscard]] std::string to_string(Version version);

/// What this library speaks.
inline constexpr Version kProtocolVersion{1, 0};

}  // namespace pulse::protocol
