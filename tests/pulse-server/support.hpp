// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A machine made of values: files, environment and clock for the tests of configuration and log.
#pragma once

#include "config/loader.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <pulse/core/clock.hpp>

namespace pulse::server::test {

using Files = std::map<std::string, std::string>;

/// Reads from `files`; what is not in there does not exist. The content "!denied" stands for a file
/// without permission.
inline FileReader reader_of(Files files) {
    return [files = std::move(files)](
               const std::string& path,
               std::size_t max_bytes) -> tl::expected<std::string, std::error_code> {
        const auto found = files.find(path);
        if (found == files.end()) {
            return tl::unexpected{std::make_error_code(std::errc::no_such_file_or_directory)};
        }
        if (found->second == "!denied") {
            return tl::unexpected{std::make_error_code(std::errc::permission_denied)};
        }
        if (found->second.size() > max_bytes) {
            return tl::unexpected{std::make_error_code(std::errc::file_too_large)};
        }
        return found->second;
    };
}

inline ConfigSources sources_of(Files files, Environment environment = {},
                                std::vector<FlagValue> flags = {}) {
    ConfigSources sources;
    sources.flags = std::move(flags);
    sources.environment = std::move(environment);
    sources.read_file = reader_of(std::move(files));
    return sources;
}

inline LoadResult load(Files files, Environment environment = {},
                       std::vector<FlagValue> flags = {}) {
    return load_config(sources_of(std::move(files), std::move(environment), std::move(flags)));
}

/// The diagnostics as an operator sees them.
inline std::vector<std::string> lines(const Diagnostics& diagnostics) {
    std::vector<std::string> result;
    for (const Diagnostic& diagnostic : diagnostics) result.push_back(diagnostic.describe());
    return result;
}

/// What reading `toml` as t.toml complains about.
inline std::vector<std::string> complaints(std::string_view toml) {
    return lines(load_config_text(toml, "t.toml").diagnostics);
}

using Lines = std::vector<std::string>;

class ManualClock final : public core::Clock {
  public:
    [[nodiscard]] core::MonotonicTime now() const noexcept override { return now_; }
    [[nodiscard]] std::uint64_t unix_ms() const noexcept override { return 0; }
    void advance(std::chrono::nanoseconds by) { now_ += by; }

  private:
    core::MonotonicTime now_{std::chrono::hours{1}};
};

}  // namespace pulse::server::test
