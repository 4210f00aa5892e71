// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The command line of pulse-server, up to the decision whether to run and with what.
#pragma once

#include "config/loader.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace pulse::server {

/// Exit status of the program; documented for operators and service managers.
enum class ExitCode : std::uint8_t {
    done = 0,
    failed = 1,
    usage = 2,
    configuration = 78,  ///< EX_CONFIG of sysexits.h: restarting does not help
};

struct BuildInfo {
    std::string version;
    std::string commit;
    std::string compiler;
    StringList features;
};

/// Facts of this compilation. `features` are the caller's: what it was composed of.
[[nodiscard]] BuildInfo make_build_info(StringList features);

struct CommandLine {
    std::vector<std::string> arguments;  ///< without the program's name
    Environment environment;
    FileReader read_file;
    BuildInfo build;
    StringList dialects;                                         ///< see ConfigSources
    StringList reserved_paths = ConfigSources{}.reserved_paths;  ///< see ConfigSources
};

/// What to do next, as a value. First print `out` and `err`; then, if `should_run`, start with
/// `loaded` (its warnings are for the log), otherwise exit with `exit_code`.
struct Startup {
    bool should_run = false;
    ExitCode exit_code = ExitCode::done;
    std::string out;
    std::string err;
    LoadResult loaded;
    /// For loading again on SIGHUP. Names the file found at start, so that a file that turns up
    /// later in a place searched earlier does not replace it.
    ConfigSources sources;
};

[[nodiscard]] Startup prepare(CommandLine command_line);

}  // namespace pulse::server
