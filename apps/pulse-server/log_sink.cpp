// SPDX-License-Identifier: MIT OR Apache-2.0
#include "log_sink.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <mutex>
#include <string_view>
#include <utility>

#include <poll.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pulse::server {
namespace {

constexpr int kLastWaitMs = 500;

bool is_regular_file(int descriptor) {
    struct stat status {};
    return ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

class DescriptorSink final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    DescriptorSink(int descriptor, DescriptorSinkOptions options)
        : descriptor_(descriptor),
          is_file_(is_regular_file(descriptor)),
          options_(std::move(options)) {}

    ~DescriptorSink() override {
        report_dropped();
        drain(kLastWaitMs);
    }

  protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        const std::string_view line{message.payload.data(), message.payload.size()};
        if (dropped_ != 0) drain(0);
        report_dropped();
        if (!append(line)) ++dropped_;
        if (pending() >= options_.write_above_bytes) drain(0);
    }

    void flush_() override {
        drain(0);
        report_dropped();
        drain(0);
    }

  private:
    [[nodiscard]] std::size_t pending() const { return buffer_.size() - written_; }

    bool append(std::string_view line) {
        if (pending() + line.size() + 1 > options_.max_backlog_bytes) return false;
        buffer_ += line;
        buffer_ += '\n';
        return true;
    }

    void report_dropped() {
        if (dropped_ == 0 || !options_.describe_dropped) return;
        if (append(options_.describe_dropped(dropped_))) dropped_ = 0;
    }

    /// Writes what can be written, waiting at most `wait_ms` whenever nothing can.
    void drain(int wait_ms) {
        while (pending() > 0) {
            if (!is_file_ && !is_writable(wait_ms)) break;
            // A pipe that poll() calls writable takes PIPE_BUF bytes without blocking, and no more
            // than that is certain. Making the descriptor non-blocking instead would change it for
            // every process that shares it.
            const std::size_t size =
                is_file_ ? pending() : std::min<std::size_t>(pending(), PIPE_BUF);
            const ssize_t count = ::write(descriptor_, buffer_.data() + written_, size);
            if (count > 0) {
                written_ += static_cast<std::size_t>(count);
            } else if (errno == EAGAIN) {
                break;
            } else if (errno != EINTR) {
                lose_pending();
            }
        }
        compact();
    }

    bool is_writable(int wait_ms) const {
        pollfd watched{.fd = descriptor_, .events = POLLOUT, .revents = 0};
        // POLLERR and POLLHUP count as writable: write() then tells what is wrong.
        return ::poll(&watched, 1, wait_ms) > 0;
    }

    /// The reader is gone or the disk is full: lines must not pile up for ever.
    void lose_pending() {
        dropped_ += static_cast<std::uint64_t>(std::count(
            buffer_.begin() + static_cast<std::ptrdiff_t>(written_), buffer_.end(), '\n'));
        written_ = buffer_.size();
    }

    void compact() {
        if (written_ == buffer_.size()) {
            buffer_.clear();
            written_ = 0;
        } else if (written_ > buffer_.size() / 2) {
            buffer_.erase(0, written_);
            written_ = 0;
        }
    }

    const int descriptor_;
    const bool is_file_;
    const DescriptorSinkOptions options_;
    std::string buffer_;
    std::size_t written_ = 0;  // of buffer_
    std::uint64_t dropped_ = 0;
};

}  // namespace

std::shared_ptr<spdlog::sinks::sink> make_descriptor_sink(int descriptor,
                                                          DescriptorSinkOptions options) {
    return std::make_shared<DescriptorSink>(descriptor, std::move(options));
}

}  // namespace pulse::server
