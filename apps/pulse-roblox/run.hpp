// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From the command line to a finished task: reads the server's configuration, opens its store.
#pragma once

#include "config/loader.hpp"
#include "pulse-roblox/arguments.hpp"
#include "pulse-roblox/exit_code.hpp"

namespace pulse::roblox_command {

/// The variable with the original's ENCRYPTION_KEY.
inline constexpr std::string_view kLegacyPasswordVariable = "PULSE_ROBLOX_LEGACY_PASSWORD";

/// Relative paths start at the current directory: `arguments.directory` is the caller's to enter.
/// Waits for the disk.
[[nodiscard]] Outcome run(const Arguments& arguments, server::Environment environment);

}  // namespace pulse::roblox_command
