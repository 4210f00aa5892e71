// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The log of the server: what libraries write through core::Log becomes lines on standard output.
#pragma once

#include "config/config.hpp"
#include "config/loader.hpp"
#include "log_format.hpp"
#include "log_limiter.hpp"
#include "log_sink.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <pulse/core/clock.hpp>
#include <pulse/core/log.hpp>

namespace spdlog {
class logger;
}

namespace pulse::server {

struct LogSetup {
    core::LogLevel level = core::LogLevel::info;
    bool json = false;
    bool colour = false;            ///< text only
    bool flush_every_line = false;  ///< for terminals
    std::string node;
    std::uint32_t lines_per_event_per_second = 20;
    /// Time of day as lines show it; the machine's when empty.
    std::function<LogTime()> time_of_day;
};

/// Resolves what is left open: `auto` format, colours, the node's name. Honours NO_COLOR and
/// TERM=dumb.
[[nodiscard]] LogSetup make_log_setup(const Config& config, const Environment& environment,
                                      bool is_terminal);

/// **Thread-safe.** Writes nothing below its level. From info up, events of one name are limited to
/// some lines per second; the next line says how many are missing (`suppressed`). Debug and trace
/// are not limited: who asks for them wants all of them.
///
/// Lines are gathered for a moment when many come at once. Call flush() a few times a second; a
/// line of level warn or above, or one after a quiet time, is flushed by itself.
class ServerLog final : public core::Log {
  public:
    /// `clock` outlives the log.
    ServerLog(LogSetup setup, const core::Clock& clock, std::shared_ptr<spdlog::sinks::sink> sink);
    ~ServerLog() override;

    using core::Log::write;
    [[nodiscard]] bool enabled(core::LogLevel level) const noexcept override;
    void write(core::LogLevel level, std::string_view event,
               std::span<const core::LogField> fields) noexcept override;

    void set_level(core::LogLevel level) noexcept;
    void set_rate(std::uint32_t lines_per_event_per_second) noexcept;
    void flush() noexcept;

  private:
    void append_line(std::string& out, const LogRecord& record) const;

    const LogSetup setup_;
    const core::Clock& clock_;
    EventLimiter limiter_;
    std::atomic<core::LogLevel> level_;
    std::atomic<core::MonotonicTime> flushed_at_;
    const std::unique_ptr<spdlog::logger> logger_;
};

/// The usual log: standard output, as `config` says. `clock` outlives it.
[[nodiscard]] std::unique_ptr<ServerLog> make_stdout_log(const Config& config,
                                                         const Environment& environment,
                                                         const core::Clock& clock);

}  // namespace pulse::server
