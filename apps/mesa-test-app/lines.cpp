// SPDX-License-Identifier: MIT OR Apache-2.0
#include "lines.hpp"

#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <utility>

#include <asio/buffer.hpp>
#include <sys/stat.h>
#include <unistd.h>

namespace pulse::mesa_test {

void print(const Json& line) {
    std::cout << line.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n' << std::flush;
}

void print_event(std::string_view name, const Json& fields) {
    Json event{{"event", name}};
    event.update(fields);
    print({{"ev", std::move(event)}});
}

Json parse(const std::string& json) {
    Json value = Json::parse(json, nullptr, false);
    return value.is_discarded() ? Json() : value;
}

CommandReader::CommandReader(asio::io_context& io, std::function<void(const Json&)> on_command,
                             std::function<void()> on_end)
    : input_(io), on_command_(std::move(on_command)), on_end_(std::move(on_end)) {}

void CommandReader::start() {
    struct stat info {};
    // The end of a pipe is the end of whoever wrote it; of a file or /dev/null it says nothing.
    const bool is_known = ::fstat(STDIN_FILENO, &info) == 0;
    is_pipe_ = is_known && (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode));
    asio::error_code error;
    input_.assign(::dup(STDIN_FILENO), error);  // NOLINT(bugprone-unused-return-value)
    if (!error) read();
}

void CommandReader::stop() {
    asio::error_code ignored;
    input_.close(ignored);
}

void CommandReader::read() {
    input_.async_read_some(
        asio::buffer(chunk_),
        [self = shared_from_this()](const asio::error_code& error, std::size_t bytes) {
            if (error == asio::error::operation_aborted) return;
            if (error) {
                if (self->is_pipe_) self->on_end_();
                return;
            }
            self->text_.append(self->chunk_, bytes);
            self->take_lines();
            self->read();
        });
}

void CommandReader::take_lines() {
    std::size_t end = 0;
    while ((end = text_.find('\n')) != std::string::npos) {
        const std::string line = text_.substr(0, end);
        text_.erase(0, end + 1);
        if (line.find_first_not_of(" \r\t") == std::string::npos) continue;
        const Json command = Json::parse(line, nullptr, false);
        try {
            if (!command.is_object()) throw std::runtime_error("no object");
            on_command_(command);
        } catch (const std::exception& error) {
            std::cerr << "mesa-test-app: not a command (" << error.what() << "): " << line << '\n';
        }
    }
}

void ErrorLog::write(core::LogLevel level, std::string_view event,
                     std::span<const core::LogField> fields) noexcept {
    if (!enabled(level)) return;
    try {
        std::string line = "mesa-test-app: ";
        line += event;
        for (const core::LogField& field : fields) {
            line.append(" ").append(field.key).append("=");
            std::visit(
                [&line](const auto& value) {
                    using Value = std::decay_t<decltype(value)>;
                    if constexpr (std::is_same_v<Value, std::string_view>) {
                        line += value;
                    } else {
                        line += std::to_string(value);
                    }
                },
                field.value);
        }
        line += '\n';
        (void)std::fwrite(line.data(), 1, line.size(), stderr);
    } catch (...) {
        // Without memory there is nothing to be said.
        return;
    }
}

}  // namespace pulse::mesa_test
