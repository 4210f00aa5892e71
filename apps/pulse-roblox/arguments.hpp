// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The command line of pulse-roblox as a value. No secret is ever taken from it: a process's
// arguments can be read by every user of the machine.
#pragma once

#include "pulse-roblox/exit_code.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pulse::roblox_command {

enum class Task : std::uint8_t { check, rekey, import_legacy, new_master_key };

struct Arguments {
    Task task = Task::check;
    std::optional<std::string> config_file{};
    /// The server's working directory: what relative paths start at. Empty: this process's.
    std::string directory{};
    // import-legacy
    std::string records{};  ///< a directory, or a JSON file
    std::optional<std::string> password_file{};
    // new-master-key
    std::string key_name{};  ///< empty: the next that is free
};

/// Either what to do, or all there is to say: help, version, or what is wrong.
struct ParsedArguments {
    std::optional<Arguments> arguments{};
    Outcome answer{};
};

/// `words` without the program's name. `version` is what --version prints.
[[nodiscard]] ParsedArguments parse_arguments(std::vector<std::string> words,
                                              const std::string& version);

}  // namespace pulse::roblox_command
