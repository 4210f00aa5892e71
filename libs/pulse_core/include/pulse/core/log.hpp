// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The libraries say what happened through this interface and never print. Payloads and tokens are
// never passed to it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <variant>

namespace pulse::core {

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error, off };

using LogValue = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

/// Borrowed until write() returns.
struct LogField {
    std::string_view key;
    LogValue value;
};

/// Thread-safe.
class Log {
  public:
    virtual ~Log() = default;

    [[nodiscard]] virtual bool enabled(LogLevel level) const noexcept = 0;

    /// `event` is a short fixed name in snake_case ("listener_started"): sinks key their rate
    /// limits on it, so it must not carry anything a peer chose.
    virtual void write(LogLevel level, std::string_view event,
                       std::span<const LogField> fields) noexcept = 0;

    void write(LogLevel level, std::string_view event,
               std::initializer_list<LogField> fields = {}) noexcept {
        if (enabled(level)) write(level, event, std::span{fields.begin(), fields.size()});
    }
};

/// Says nothing. **Immutable**, hence shareable.
class NullLog final : public Log {
  public:
    using Log::write;
    [[nodiscard]] bool enabled(LogLevel) const noexcept override { return false; }
    void write(LogLevel, std::string_view, std::span<const LogField>) noexcept override {}
};

}  // namespace pulse::core
