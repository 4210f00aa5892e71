// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A proxy between Unix sockets.
#pragma once

#include "support/redis_server.hpp"
#include "support/stream_proxy.hpp"

#include <stdexcept>
#include <string>

namespace pulse::test {

class UnixProxy {
  public:
    explicit UnixProxy(const std::string& target)
        : proxy_(listen_at(path()), [target] { return connect_unix(target); }) {}

    [[nodiscard]] std::string path() const { return (directory_ / "proxy.sock").string(); }
    [[nodiscard]] std::string url() const { return "unix://" + path(); }
    void cut() { proxy_.cut(); }
    void set_open(bool is_open) { proxy_.set_open(is_open); }

  private:
    [[nodiscard]] static int listen_at(const std::string& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(fd, 64) != 0) {
            throw std::runtime_error("cannot bind " + path);
        }
        return fd;
    }

    TempDir directory_;
    StreamProxy proxy_;
};

}  // namespace pulse::test
