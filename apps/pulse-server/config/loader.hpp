// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From command line, environment and file to one configuration. Nothing here looks at the process:
// what it needs is passed in, so a test can be any machine.
#pragma once

#include "config/config.hpp"
#include "config/diagnostic.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <tl/expected.hpp>

namespace pulse::server {

using Environment = std::map<std::string, std::string, std::less<>>;

/// Reads a whole file of at most `max_bytes`; errc::file_too_large above.
using FileReader = std::function<tl::expected<std::string, std::error_code>(const std::string& path,
                                                                            std::size_t max_bytes)>;

/// A value given on the command line.
struct FlagValue {
    std::string flag;  ///< "--port"
    std::string path;  ///< "server.port"
    std::string text;
};

/// Where to look. Keep it to load again on SIGHUP.
struct ConfigSources {
    /// --config. Without it the first of pulse.toml, /etc/pulse/pulse.toml and
    /// ~/.config/pulse/pulse.toml that exists is read, and none is fine too.
    std::optional<std::string> config_file;
    std::vector<FlagValue> flags;
    Environment environment;
    FileReader read_file;

    /// Names that a [[listener]] may mount. Empty: any name passes.
    StringList dialects;
    /// Paths of the main listener that are taken; the native WebSocket may not be put there.
    StringList reserved_paths{"/health", "/healthz", "/readyz", "/metrics"};
};

struct LoadResult {
    /// Usable only if ok(): what was wrong was left at its default.
    Config config;
    /// One per schema().keys(), in that order.
    std::vector<Origin> origins;
    /// One per config.listeners: the [[listener]] line.
    std::vector<Origin> listener_origins;
    /// The file that was read; empty when there was none.
    std::string file;
    /// Everything that was wrong or odd, not only the first of it, in the order of the file.
    Diagnostics diagnostics;

    [[nodiscard]] bool ok() const { return !has_errors(diagnostics); }
};

/// Precedence: command line > environment > file > defaults. An unknown key in the file is an
/// error, because a typo must not silently leave a limit at its default; an unknown PULSE_…
/// variable is a warning, because an environment is shared.
[[nodiscard]] LoadResult load_config(const ConfigSources& sources);

/// The same for a text instead of files, environment and flags. For tests and tools.
[[nodiscard]] LoadResult load_config_text(std::string_view toml, std::string_view file_name);

/// The real file reader. Directories are errors; pipes such as /dev/stdin are read to their end.
[[nodiscard]] tl::expected<std::string, std::error_code> read_file(const std::string& path,
                                                                   std::size_t max_bytes);

/// server.name, or the host's name when that is empty.
[[nodiscard]] std::string node_name(const Config& config);

/// From the third argument of main(), or `environ`.
[[nodiscard]] Environment make_environment(const char* const* variables);

}  // namespace pulse::server
