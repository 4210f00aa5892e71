// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where a configuration value came from, and what is wrong with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pulse::server {

/// Where a value was written down.
struct Origin {
    enum class Kind : std::uint8_t { built_in, file, environment, flag };

    Kind kind = Kind::built_in;
    std::string name;          ///< path of the file, name of the variable, or the flag
    std::uint32_t line = 0;    ///< files only, from 1; 0 when unknown
    std::uint32_t column = 0;  ///< as line

    /// "default", "pulse.toml:12", "environment PULSE_PORT", "--port".
    [[nodiscard]] std::string describe() const;

    bool operator==(const Origin&) const = default;
};

enum class Severity : std::uint8_t { warning, error };

struct Diagnostic {
    Severity severity = Severity::error;
    Origin origin;
    std::string key;      ///< "limits.max_channels"; empty when it is about a whole file
    std::string message;  ///< what is wrong and, where it helps, how to put it right

    /// One line: "pulse.toml:12:5: limits.max_channels: …". Warnings start the message with
    /// "warning: ".
    [[nodiscard]] std::string describe() const;
};

using Diagnostics = std::vector<Diagnostic>;

/// More of one severity are not kept: the hundredth says as much as the thousandth, and looking for
/// a suggestion takes its time.
inline constexpr std::size_t kMaxDiagnostics = 100;

[[nodiscard]] bool is_full(std::span<const Diagnostic> diagnostics, Severity severity);

/// Adds `diagnostic` unless there are too many of its severity.
void add(Diagnostics& diagnostics, Diagnostic diagnostic);

[[nodiscard]] bool has_errors(std::span<const Diagnostic> diagnostics);

/// One line each, with a line feed behind every line.
[[nodiscard]] std::string describe(std::span<const Diagnostic> diagnostics);

}  // namespace pulse::server
