// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What changes when a running server reads its configuration again.
#pragma once

#include "config/loader.hpp"

#include <string>
#include <vector>

namespace pulse::server {

struct KeyChange {
    std::string key;  ///< "limits.max_channels"; "listener" for any change of the [[listener]]s
    std::string before;
    std::string after;  ///< TOML values; "(secret)" for secrets

    bool operator==(const KeyChange&) const = default;
};

struct ReloadPlan {
    std::vector<KeyChange> live;           ///< in `next`
    std::vector<KeyChange> needs_restart;  ///< not in `next`: still what the server runs with
    Config next;                           ///< the running configuration with the live changes
    /// What is wrong with `next`: the changes may be fine together and dangerous by halves (a
    /// public address that stays while its tokens go). With an error in here, apply nothing.
    Diagnostics diagnostics;

    [[nodiscard]] bool ok() const { return !has_errors(diagnostics); }
};

/// `loaded.ok()` must hold. `sources` says what `next` is validated against.
[[nodiscard]] ReloadPlan plan_reload(const Config& running, const LoadResult& loaded,
                                     const ConfigSources& sources);

}  // namespace pulse::server
