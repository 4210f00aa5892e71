// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How one log event looks: as text for people,
//
//   2026-11-21T12:00:00.123456Z INFO listener_started host=127.0.0.1 port=8080
//
// or as one JSON object for machines,
//
//   {"time":"2026-11-21T12:00:00.123456Z","level":"info","event":"listener_started","node":"a",
//    "host":"127.0.0.1","port":8080}
//
// Values may hold what a peer sent. Whatever they hold, an event stays on one line, is valid UTF-8,
// cannot move a terminal's cursor, and is of bounded length.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <pulse/core/log.hpp>

namespace pulse::server {

using LogTime = std::chrono::sys_time<std::chrono::microseconds>;

struct LogRecord {
    LogTime time;
    core::LogLevel level = core::LogLevel::info;
    std::string_view event;
    std::string_view node;  ///< JSON only
    std::span<const core::LogField> fields;
    std::uint64_t suppressed = 0;  ///< earlier events of this name that the rate limit ate
};

/// More fields are dropped, longer values are cut.
inline constexpr std::size_t kMaxLogFields = 32;
inline constexpr std::size_t kMaxLogValueBytes = 1024;

/// Both append one line without a line feed.
void append_text(std::string& out, const LogRecord& record, bool colour);
void append_json(std::string& out, const LogRecord& record);

/// RFC 3339, UTC, microseconds.
void append_time(std::string& out, LogTime time);

/// True for field names whose values are never written ("token", "password", …): a second fence
/// behind the rule that such values are not passed to a log at all.
[[nodiscard]] bool is_sensitive_field(std::string_view key);

}  // namespace pulse::server
