// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace pulse::roblox_command {

/// Exit status of the program; documented for operators and scripts.
enum class ExitCode : std::uint8_t {
    done = 0,
    failed = 1,  ///< something is left to be put right, and was named
    usage = 2,
    unavailable = 75,    ///< EX_TEMPFAIL of sysexits.h: nothing was done, later it may work
    configuration = 78,  ///< EX_CONFIG of sysexits.h: repeating does not help
};

/// What to print, and how to end. Neither text ever holds a key that was stored.
struct Outcome {
    ExitCode code = ExitCode::done;
    std::string out{};  ///< what was asked for
    std::string err{};  ///< what is wrong; whole lines
};

}  // namespace pulse::roblox_command
