// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pulse/core/log.hpp>

namespace pulse::test {

/// Keeps "event field=text …" of each line. **Thread-safe.**
class RecordingLog final : public core::Log {
  public:
    using core::Log::write;
    [[nodiscard]] bool enabled(core::LogLevel) const noexcept override { return true; }
    void write(core::LogLevel, std::string_view event,
               std::span<const core::LogField> fields) noexcept override {
        std::string line(event);
        for (const core::LogField& field : fields) {
            line += " " + std::string(field.key) + "=";
            if (const auto* text = std::get_if<std::string_view>(&field.value)) line += *text;
            if (const auto* flag = std::get_if<bool>(&field.value))
                line += *flag ? "true" : "false";
        }
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
    }
    [[nodiscard]] std::size_t count(std::string_view part) const {
        const std::lock_guard lock(mutex_);
        std::size_t n = 0;
        for (const std::string& line : lines_) n += line.find(part) != std::string::npos;
        return n;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
};

}  // namespace pulse::test
