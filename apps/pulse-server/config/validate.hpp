// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What no single row can say: forms of paths and origins, and keys that contradict one another.
#pragma once

#include "config/config.hpp"
#include "config/diagnostic.hpp"

#include <span>
#include <string>

namespace pulse::server {

struct ValidationContext {
    /// Beside schema().keys(), to say where a value was set; may be empty.
    std::span<const Origin> origins;
    /// Beside config.listeners; may be empty.
    std::span<const Origin> listener_origins;
    /// See ConfigSources.
    std::span<const std::string> dialects;
    std::span<const std::string> reserved_paths;
};

/// Adds what it finds to `diagnostics`. Keys that are in there with an error already are not judged
/// again, nor is anything else by their (default) value.
void validate(const Config& config, const ValidationContext& context, Diagnostics& diagnostics);

}  // namespace pulse::server
