// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where log lines go. spdlog's own stdout sink flushes every line and waits for whoever reads it;
// an event loop must do neither.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace spdlog::sinks {
class sink;
}

namespace pulse::server {

struct DescriptorSinkOptions {
    /// What is gathered before it is written without a flush.
    std::size_t write_above_bytes = std::size_t{16} * 1024;
    /// What may wait for a reader that does not read; lines beyond are dropped and counted.
    std::size_t max_backlog_bytes = std::size_t{1024} * 1024;
    /// Makes the line that says how many were dropped, without a line feed. Called under the
    /// sink's lock: it must not log.
    std::function<std::string(std::uint64_t dropped)> describe_dropped;
};

/// A spdlog sink on a file descriptor, which stays the caller's. **Thread-safe.**
///
/// Lines are gathered; a flush hands over what the descriptor takes at once and keeps the rest for
/// the next. Neither waits for a reader of a pipe, socket or terminal (a file on a slow disk still
/// takes its time). The destructor gives a reader half a second to take what is left. A descriptor
/// whose reader is gone loses its lines: ignore SIGPIPE.
[[nodiscard]] std::shared_ptr<spdlog::sinks::sink> make_descriptor_sink(
    int descriptor, DescriptorSinkOptions options);

}  // namespace pulse::server
