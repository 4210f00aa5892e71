// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What one Redis of a Redis Cluster says when it does not do what it is asked. It has done nothing
// then, so it may be asked again, or elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pulse::redis {

[[nodiscard]] bool is_redirection(std::string_view error) noexcept;

struct Redirection {
    bool is_for_once = false;  ///< ASK: the slot is on its way there
    std::uint16_t slot = 0;
    std::string host{};  ///< empty: that of the Redis that said so
    std::uint16_t port = 0;
};

/// Of MOVED and ASK; nothing of others, which pass.
[[nodiscard]] std::optional<Redirection> read_redirection(std::string_view error);

}  // namespace pulse::redis
