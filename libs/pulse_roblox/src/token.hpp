// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <pulse/roblox/access.hpp>
#include <pulse/roblox/secret.hpp>

namespace pulse::roblox {

[[nodiscard]] SecretHash hash_of(std::string_view secret) noexcept;

struct TokenParts {
    std::string_view id;
    std::string_view secret;
};
/// Both empty when `text` has not the form of a token.
[[nodiscard]] TokenParts split_token(std::string_view text) noexcept;

}  // namespace pulse::roblox
