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

/// Ports of 127.0.0.1 that nobody had a moment ago, for servers that cannot choose one themselves.
/// `offset`: that the port so much higher is free, too.
[[nodiscard]] inline std::vector<std::uint16_t> free_ports(std::size_t n, int offset = 0) {
    const auto bind_to = [](std::uint16_t port, sockaddr_in& address) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        address = {};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        socklen_t size = sizeof address;
        if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0) {
            ::close(fd);
            return -1;
        }
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
        return fd;
    };
    std::vector<std::uint16_t> ports;
    std::vector<int> held;  // so that none is given twice
    for (int tries = 0; ports.size() < n && tries < 1000; ++tries) {
        sockaddr_in address{};
        const int fd = bind_to(0, address);
        if (fd < 0) continue;
        held.push_back(fd);
        const int port = ntohs(address.sin_port);
        if (offset != 0) {
            if (port + offset > 65535) continue;
            const int other = bind_to(static_cast<std::uint16_t>(port + offset), address);
            if (other < 0) continue;
            held.push_back(other);
        }
        ports.push_back(static_cast<std::uint16_t>(port));
    }
    for (const int fd : held) ::close(fd);
    if (ports.size() < n) throw std::runtime_error("no free ports");
    return ports;
}

}  // namespace pulse::test
