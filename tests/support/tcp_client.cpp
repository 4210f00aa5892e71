// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/tcp_client.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace pulse::test {

namespace {

[[noreturn]] void fail(const std::string& what, int error) {
    throw ClientError(what + ": " + std::strerror(error));
}

sockaddr_storage resolve(const std::string& host, std::uint16_t port, socklen_t& size) {
    sockaddr_storage storage{};
    if (host.find(':') != std::string::npos) {
        auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        ::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr);
        size = sizeof(sockaddr_in6);
    } else {
        auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        ::inet_pton(AF_INET, host.c_str(), &v4.sin_addr);
        size = sizeof(sockaddr_in);
    }
    return storage;
}

/// False at the deadline.
bool wait_for(int fd, short events, const Deadline& deadline) {
    for (;;) {
        pollfd entry{fd, events, 0};
        const int n = ::poll(&entry, 1, deadline.poll_ms());
        if (n > 0) return true;
        if (n == 0) return false;
        if (errno != EINTR) fail("poll", errno);
    }
}

}  // namespace

TcpClient::TcpClient(std::uint16_t port, const TcpOptions& options) {
    socklen_t size = 0;
    const sockaddr_storage address = resolve(options.host, port, size);
    fd_ = ::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) fail("socket", errno);
    if (options.receive_buffer_bytes != 0) {
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer_bytes,
                     sizeof options.receive_buffer_bytes);
    }
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), size) != 0) {
        const int error = errno;
        ::close(fd_);
        fail("connect to port " + std::to_string(port), error);
    }
    ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
}

TcpClient::~TcpClient() { close(); }

TcpClient::TcpClient(TcpClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}

TcpClient& TcpClient::operator=(TcpClient&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(buffer_, other.buffer_);
    return *this;
}

void TcpClient::send(std::string_view bytes, Deadline deadline) {
    if (!try_send(bytes, deadline)) throw ClientError("send: the peer ended the connection");
}

void TcpClient::send_bytewise(std::string_view bytes, Deadline deadline) {
    for (std::size_t i = 0; i < bytes.size(); ++i) send(bytes.substr(i, 1), deadline);
}

bool TcpClient::try_send(std::string_view bytes, Deadline deadline) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        } else if (errno == EAGAIN) {
            if (!wait_for(fd_, POLLOUT, deadline)) throw ClientError("send: not in time");
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return false;
        } else if (errno != EINTR) {
            fail("send", errno);
        }
    }
    return true;
}

std::size_t TcpClient::send_some(std::string_view bytes) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno != EAGAIN && errno != EINTR) fail("send", errno);
    return 0;
}

TcpClient::Got TcpClient::receive(const Deadline& deadline) {
    char chunk[64 * 1024];
    for (;;) {
        const ssize_t got = ::recv(fd_, chunk, sizeof chunk, 0);
        if (got > 0) {
            buffer_.append(chunk, static_cast<std::size_t>(got));
            return Got::bytes;
        }
        if (got == 0) return Got::end;
        if (errno == ECONNRESET) return Got::reset;
        if (errno == EAGAIN) {
            if (!wait_for(fd_, POLLIN, deadline)) return Got::nothing;
        } else if (errno != EINTR) {
            fail("recv", errno);
        }
    }
}

std::string TcpClient::read_exactly(std::size_t bytes, Deadline deadline) {
    while (buffer_.size() < bytes) {
        const Got got = receive(deadline);
        if (got == Got::bytes) continue;
        const char* why = got == Got::end     ? "the peer closed the connection"
                          : got == Got::reset ? "the peer reset the connection"
                                              : "not in time";
        throw ClientError("read of " + std::to_string(bytes) + " bytes after " +
                          std::to_string(buffer_.size()) + ": " + why);
    }
    std::string out = buffer_.substr(0, bytes);
    buffer_.erase(0, bytes);
    return out;
}

std::string TcpClient::read_through(std::string_view mark, Deadline deadline) {
    for (;;) {
        const std::size_t at = buffer_.find(mark);
        if (at != std::string::npos) return read_exactly(at + mark.size(), deadline);
        const Got got = receive(deadline);
        if (got != Got::bytes) {
            throw ClientError("the connection ended, or went silent, after: " + buffer_);
        }
    }
}

std::string TcpClient::read_to_end(Deadline deadline) {
    for (;;) {
        switch (receive(deadline)) {
            case Got::bytes:
                break;
            case Got::end:
                return std::exchange(buffer_, {});
            case Got::reset:
                throw ClientError("the peer reset the connection");
            case Got::nothing:
                throw ClientError("the connection is still open after " +
                                  std::to_string(buffer_.size()) + " bytes");
        }
    }
}

bool TcpClient::is_ended_by_peer(Deadline deadline) {
    for (;;) {
        const Got got = receive(deadline);
        buffer_.clear();
        if (got == Got::end || got == Got::reset) return true;
        if (got == Got::nothing) return false;
    }
}

bool TcpClient::has_input(Deadline deadline) {
    return !buffer_.empty() || wait_for(fd_, POLLIN, deadline);
}

std::size_t TcpClient::take_input(Deadline deadline) {
    (void)receive(deadline);
    return buffer_.size();
}

void TcpClient::shutdown_write() { ::shutdown(fd_, SHUT_WR); }

void TcpClient::reset() {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
}

void TcpClient::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

std::uint16_t TcpClient::local_port() const {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &size);
    return ntohs(storage.ss_family == AF_INET6
                     ? reinterpret_cast<const sockaddr_in6&>(storage).sin6_port
                     : reinterpret_cast<const sockaddr_in&>(storage).sin_port);
}

}  // namespace pulse::test
