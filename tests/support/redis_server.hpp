// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A real Redis of the test's own, on a Unix socket in a temporary directory.
#pragma once

#include "support/child_process.hpp"
#include "support/eventually.hpp"
#include "support/temp_dir.hpp"

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>

namespace pulse::test {

/// A connected Unix socket, or -1.
[[nodiscard]] inline int connect_unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return -1;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    ::close(fd);
    return -1;
}

/// Sends one command (words without spaces) and returns what comes back at once, as it is on the
/// wire. Closes the socket.
[[nodiscard]] inline std::string ask_redis(int fd, std::string command) {
    command += "\r\n";
    std::string answer;
    if (::send(fd, command.data(), command.size(), MSG_NOSIGNAL) ==
        static_cast<ssize_t>(command.size())) {
        char bytes[16384];
        const ssize_t n = ::recv(fd, bytes, sizeof bytes, 0);
        if (n > 0) answer.assign(bytes, static_cast<std::size_t>(n));
    }
    ::close(fd);
    return answer;
}

class RedisServer {
  public:
    /// `options`: of redis-server, such as "--requirepass".
    explicit RedisServer(std::vector<std::string> options = {}) : options_(std::move(options)) {
        start();
    }

    [[nodiscard]] std::string path() const { return (directory_ / "redis.sock").string(); }
    [[nodiscard]] std::string url() const { return "unix://" + path(); }

    void start() {
        std::vector<std::string> arguments{
            find_program("redis-server"), "--port", "0", "--unixsocket", path(), "--dir",
            directory_.path().string(),   "--save", ""};
        arguments.insert(arguments.end(), options_.begin(), options_.end());
        process_ = std::make_unique<ChildProcess>(std::move(arguments), directory_ / "redis.log");
        const bool is_up = eventually([this] {
            const int fd = connect_unix(path());
            if (fd >= 0) ::close(fd);
            return fd >= 0;
        });
        if (!is_up) throw std::runtime_error("redis-server does not start");
    }
    /// What it had in memory is gone.
    void kill() { process_->kill(); }
    void restart() {
        kill();
        start();
    }
    void pause() { process_->signal(SIGSTOP); }
    void resume() { process_->signal(SIGCONT); }

    /// Runs one command (words without spaces) and returns what came back, as it is on the wire.
    std::string ask(const std::string& command) const {
        const int fd = connect_unix(path());
        if (fd < 0) throw std::runtime_error("cannot connect to redis-server");
        return ask_redis(fd, command);
    }

  private:
    TempDir directory_;
    std::vector<std::string> options_;
    std::unique_ptr<ChildProcess> process_;
};

}  // namespace pulse::test
