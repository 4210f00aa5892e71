// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The bridge's own keys: given by configuration, or kept in files that the first start on loopback
// makes.
#pragma once

#include "config/sections/roblox.hpp"

#include <optional>
#include <string>

#include <tl/expected.hpp>

#include <pulse/core/rng.hpp>

namespace pulse::server {

struct BridgeKeys {
    std::string api_key;
    std::string master_keys;
    /// Of the file with api_key, when this call has made it.
    std::string new_api_key_path;
};

/// Whether there is a key for the administrator without making one.
[[nodiscard]] bool has_bridge_keys(const RobloxOptions& options);

/// Errors are whole sentences for an operator and hold no key. `may_make`: keys that are nowhere
/// are made in options.key_directory, readable by this user alone. A file that others may read is
/// an error.
[[nodiscard]] tl::expected<BridgeKeys, std::string> obtain_bridge_keys(const RobloxOptions& options,
                                                                       bool may_make,
                                                                       core::Rng& rng);

/// The master keys, given or in their file; nothing when they are nowhere. For commands that work
/// beside the server: none are made. Errors as above.
[[nodiscard]] tl::expected<std::optional<std::string>, std::string> find_master_keys(
    const RobloxOptions& options);

}  // namespace pulse::server
