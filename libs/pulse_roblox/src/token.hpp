// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <pulse/core/rng.hpp>
#include <pulse/roblox/access.hpp>

namespace pulse::roblox {

/// 256 random bits in base64url: what tokens, tickets and sessions are known by.
[[nodiscard]] std::string make_secret(core::Rng& rng);
[[nodiscard]] SecretHash hash_of(std::string_view secret) noexcept;

struct TokenParts {
    std::string_view id;
    std::string_view secret;
};
/// Both empty when `text` has not the form of a token.
[[nodiscard]] TokenParts split_token(std::string_view text) noexcept;

}  // namespace pulse::roblox
