// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <stdexcept>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace pulse::test {

/// A connected socket, or -1.
[[nodiscard]] inline int connect_tcp(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    ::close(fd);
    return -1;
}

/// Whether something on this machine listens there.
[[nodiscard]] inline bool is_listened_to(std::uint16_t port) {
    const int fd = connect_tcp(port);
    if (fd >= 0) ::close(fd);
    return fd >= 0;
}

/// Ports of 127.0.0.1 that nobody had a moment ago, for servers that cannot choose one themselves:
/// below those that the system gives to connections, and others for each process.
[[nodiscard]] inline std::vector<std::uint16_t> free_ports(std::size_t n) {
    constexpr unsigned kFirst = 10'000;
    constexpr unsigned kCount = 20'000;
    static unsigned next = static_cast<unsigned>(::getpid()) * 61;
    std::vector<std::uint16_t> ports;
    for (unsigned tries = 0; ports.size() < n && tries < kCount; ++tries) {
        const auto port = static_cast<std::uint16_t>(kFirst + next++ % kCount);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
            ports.push_back(port);
        }
        ::close(fd);
    }
    if (ports.size() < n) throw std::runtime_error("no free ports");
    return ports;
}

}  // namespace pulse::test
