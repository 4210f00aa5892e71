// SPDX-License-Identifier: MIT OR Apache-2.0
//
// [logging]: what is written to standard output, and how.
#pragma once

#include "config/row.hpp"

#include <cstdint>

#include <pulse/core/log.hpp>

namespace pulse::server {

/// `automatic` is text on a terminal and JSON lines everywhere else.
enum class LogFormat : std::uint8_t { automatic, text, json };

template <>
struct EnumChoices<LogFormat> {
    static constexpr Choice kChoices[] = {
        {"auto", static_cast<int>(LogFormat::automatic)},
        {"text", static_cast<int>(LogFormat::text)},
        {"json", static_cast<int>(LogFormat::json)},
    };
};

template <>
struct EnumChoices<core::LogLevel> {
    static constexpr Choice kChoices[] = {
        {"trace", static_cast<int>(core::LogLevel::trace)},
        {"debug", static_cast<int>(core::LogLevel::debug)},
        {"info", static_cast<int>(core::LogLevel::info)},
        {"warn", static_cast<int>(core::LogLevel::warn)},
        {"warning", static_cast<int>(core::LogLevel::warn)},
        {"error", static_cast<int>(core::LogLevel::error)},
        {"off", static_cast<int>(core::LogLevel::off)},
    };
};

struct LoggingOptions {
    core::LogLevel level = core::LogLevel::info;
    LogFormat format = LogFormat::automatic;
    std::uint32_t lines_per_event_per_second = 20;

    bool operator==(const LoggingOptions&) const = default;
};

inline constexpr Row<LoggingOptions> kLoggingRows[] = {
    row<&LoggingOptions::level>({
        .name = "level",
        .doc = "Least severity that is written.",
        .live = true,
        .environment_alias = "RUST_LOG",
        .flag = "--log-level",
        .flag_argument = "LEVEL",
        .flag_help = "trace, debug, info, warn, error or off",
    }),
    row<&LoggingOptions::format>({
        .name = "format",
        .doc = "One text line or one JSON object per event. auto means text on a terminal and JSON "
               "everywhere else.",
    }),
    row<&LoggingOptions::lines_per_event_per_second>({
        .name = "lines_per_event_per_second",
        .doc =
            "Lines per second and kind of event from level info up, so that no client can fill "
            "the disk; the next line that gets through says how many were suppressed. 0 means no "
            "limit.",
        .max = 1'000'000,
        .live = true,
    }),
};

inline constexpr SectionTable<LoggingOptions> kLoggingSection{
    .name = "logging",
    .doc = "What is written to standard output, and how.",
    .rows = kLoggingRows,
};

}  // namespace pulse::server
