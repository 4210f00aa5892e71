// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One JSON object per line: commands on standard input, events on standard output.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <nlohmann/json.hpp>

#include <pulse/core/log.hpp>

namespace pulse::mesa_test {

using Json = nlohmann::ordered_json;

void print(const Json& line);
/// {"ev": {"event": name, …}}
void print_event(std::string_view name, const Json& fields = Json::object());
/// `json` as it is inside of another value; null when it is no JSON.
[[nodiscard]] Json parse(const std::string& json);

class CommandReader : public std::enable_shared_from_this<CommandReader> {
  public:
    /// `on_end`: nobody can give commands any more, because the other end is gone.
    CommandReader(asio::io_context& io, std::function<void(const Json&)> on_command,
                  std::function<void()> on_end);
    void start();
    void stop();

  private:
    void read();
    void take_lines();

    asio::posix::stream_descriptor input_;
    std::function<void(const Json&)> on_command_;
    std::function<void()> on_end_;
    std::string text_;
    char chunk_[std::size_t{16} * 1024];
    bool is_pipe_ = false;
};

/// Warnings and errors on standard error.
class ErrorLog final : public core::Log {
  public:
    using Log::write;
    [[nodiscard]] bool enabled(core::LogLevel level) const noexcept override {
        return level >= core::LogLevel::warn;
    }
    void write(core::LogLevel level, std::string_view event,
               std::span<const core::LogField> fields) noexcept override;
};

}  // namespace pulse::mesa_test
