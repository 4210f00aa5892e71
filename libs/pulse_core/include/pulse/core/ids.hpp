// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include <pulse/core/rng.hpp>

namespace pulse::core {

/// 128 random bits: unique, and unguessable when made from SystemRng. A value type.
struct SessionId {
    std::array<std::uint64_t, 2> words{};

    [[nodiscard]] static SessionId generate(Rng& rng) noexcept {
        return {{rng.next_u64(), rng.next_u64()}};
    }

    /// `conn_` and 32 hexadecimal digits. The prefix is what clients of the native protocol know
    /// (docs/protocol/native.md, "connected"); the rest is opaque to them.
    [[nodiscard]] std::string to_string() const;
    static constexpr std::size_t kTextBytes = 37;

    friend auto operator<=>(const SessionId&, const SessionId&) = default;
};

}  // namespace pulse::core

template <>
struct std::hash<pulse::core::SessionId> {
    std::size_t operator()(const pulse::core::SessionId& id) const noexcept {
        return static_cast<std::size_t>(id.words[0] ^ (id.words[1] * 0x9e3779b97f4a7c15ULL));
    }
};
