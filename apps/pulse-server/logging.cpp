// SPDX-License-Identifier: MIT OR Apache-2.0
#include "logging.hpp"

#include <array>
#include <utility>

#include <spdlog/logger.h>
#include <unistd.h>

namespace pulse::server {
namespace {

// Several lines within this time are worth one write; a person watching does not notice it.
constexpr std::chrono::milliseconds kGatherTime{100};

LogTime machine_time() {
    return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

spdlog::level::level_enum to_spdlog(core::LogLevel level) {
    switch (level) {
        case core::LogLevel::trace:
            return spdlog::level::trace;
        case core::LogLevel::debug:
            return spdlog::level::debug;
        case core::LogLevel::info:
            return spdlog::level::info;
        case core::LogLevel::warn:
            return spdlog::level::warn;
        case core::LogLevel::error:
            return spdlog::level::err;
        case core::LogLevel::off:
            break;
    }
    return spdlog::level::off;
}

bool is_set(const Environment& environment, std::string_view name) {
    const auto found = environment.find(name);
    return found != environment.end() && !found->second.empty();
}

}  // namespace

LogSetup make_log_setup(const Config& config, const Environment& environment, bool is_terminal) {
    const LoggingOptions& options = config.logging;
    const auto term = environment.find("TERM");
    const bool is_dumb = term != environment.end() && term->second == "dumb";
    return {
        .level = options.level,
        .json = options.format == LogFormat::json ||
                (options.format == LogFormat::automatic && !is_terminal),
        .colour = is_terminal && !is_dumb && !is_set(environment, "NO_COLOR"),
        .flush_every_line = is_terminal,
        .node = node_name(config),
        .lines_per_event_per_second = options.lines_per_event_per_second,
        .time_of_day = {},
    };
}

ServerLog::ServerLog(LogSetup setup, const core::Clock& clock,
                     std::shared_ptr<spdlog::sinks::sink> sink)
    : setup_([&setup] {
          if (!setup.time_of_day) setup.time_of_day = machine_time;
          return std::move(setup);
      }()),
      clock_(clock),
      limiter_(setup_.lines_per_event_per_second),
      level_(setup_.level),
      flushed_at_(clock.now() - kGatherTime),
      logger_(std::make_unique<spdlog::logger>("pulse", std::move(sink))) {
    // Lines come to spdlog finished: its part is to hand them to whatever sink there is.
    logger_->set_pattern("%v");
    logger_->set_level(spdlog::level::trace);
    logger_->flush_on(setup_.flush_every_line ? spdlog::level::trace : spdlog::level::warn);
    // A sink that fails must neither throw nor print; there is nowhere left to say so.
    logger_->set_error_handler([](const std::string&) {});
}

ServerLog::~ServerLog() { flush(); }

bool ServerLog::enabled(core::LogLevel level) const noexcept {
    return level != core::LogLevel::off && level >= level_.load(std::memory_order_relaxed);
}

void ServerLog::write(core::LogLevel level, std::string_view event,
                      std::span<const core::LogField> fields) noexcept {
    if (!enabled(level)) return;
    try {
        const core::MonotonicTime now = clock_.now();
        LogRecord record{setup_.time_of_day(), level, event, setup_.node, fields};
        if (level >= core::LogLevel::info) {
            const auto suppressed = limiter_.admit(event, now);
            if (!suppressed) return;
            record.suppressed = *suppressed;
        }
        std::string line;
        line.reserve(256);
        append_line(line, record);
        logger_->log(to_spdlog(level), spdlog::string_view_t{line.data(), line.size()});
        if (now - flushed_at_.load(std::memory_order_relaxed) >= kGatherTime) flush();
    } catch (...) {
        // No memory for a line: the event is lost, the server is not.
    }
}

void ServerLog::append_line(std::string& out, const LogRecord& record) const {
    if (setup_.json) {
        append_json(out, record);
    } else {
        append_text(out, record, setup_.colour);
    }
}

void ServerLog::set_level(core::LogLevel level) noexcept {
    level_.store(level, std::memory_order_relaxed);
}

void ServerLog::set_rate(std::uint32_t lines_per_event_per_second) noexcept {
    limiter_.set_rate(lines_per_event_per_second);
}

void ServerLog::flush() noexcept {
    flushed_at_.store(clock_.now(), std::memory_order_relaxed);
    logger_->flush();
}

std::unique_ptr<ServerLog> make_stdout_log(const Config& config, const Environment& environment,
                                           const core::Clock& clock) {
    LogSetup setup = make_log_setup(config, environment, ::isatty(STDOUT_FILENO) == 1);
    const auto describe_dropped = [json = setup.json, node = setup.node](std::uint64_t dropped) {
        const std::array<core::LogField, 1> fields{{{"lines", dropped}}};
        const LogRecord record{machine_time(), core::LogLevel::warn, "log_lines_dropped", node,
                               fields};
        std::string line;
        json ? append_json(line, record) : append_text(line, record, false);
        return line;
    };
    auto sink = make_descriptor_sink(STDOUT_FILENO, {.describe_dropped = describe_dropped});
    return std::make_unique<ServerLog>(std::move(setup), clock, std::move(sink));
}

}  // namespace pulse::server
