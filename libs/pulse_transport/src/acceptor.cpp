// SPDX-License-Identifier: MIT OR Apache-2.0
#include "acceptor.hpp"

#include "tcp_connection.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include <asio/ip/v6_only.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace pulse::transport {

namespace {

/// Sockets accepted before other work gets its turn.
constexpr int kAcceptsAtOnce = 128;
constexpr std::chrono::milliseconds kPause{100};

core::PeerAddress to_peer(const sockaddr_storage& address) noexcept {
    core::PeerAddress peer;
    if (address.ss_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &address, sizeof v6);
        std::memcpy(peer.bytes.data(), &v6.sin6_addr, 16);
        peer.port = ntohs(v6.sin6_port);
        peer.is_v6 = true;
    } else {
        sockaddr_in v4{};
        std::memcpy(&v4, &address, sizeof v4);
        std::memcpy(peer.bytes.data(), &v4.sin_addr, 4);
        peer.port = ntohs(v4.sin_port);
    }
    return peer;
}

/// Owns a descriptor until somebody takes it; posted functions may be destroyed unrun.
class PendingSocket {
  public:
    explicit PendingSocket(int fd) noexcept : fd_(fd) {}
    PendingSocket(const PendingSocket&) = delete;
    PendingSocket& operator=(const PendingSocket&) = delete;
    ~PendingSocket() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int take() noexcept { return std::exchange(fd_, -1); }

  private:
    int fd_;
};

int open_reserve() noexcept { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

}  // namespace

core::Result<asio::ip::tcp::acceptor> bind_listener(asio::io_context& io,
                                                    const asio::ip::tcp::endpoint& address,
                                                    int backlog, bool is_shared) {
    asio::ip::tcp::acceptor socket(io);
    asio::error_code error;
    // Asio's category has the system's numbers, but does not compare equal to std::errc.
    const auto failed = [&error] {
        return tl::unexpected(std::error_code(error.value(), std::system_category()));
    };
    socket.open(address.protocol(), error);
    if (error) return failed();
    socket.set_option(asio::ip::tcp::acceptor::reuse_address(true), error);
    if (error) return failed();
    // Accepted sockets inherit it: one system call less for each.
    socket.set_option(asio::ip::tcp::no_delay(true), error);
    if (error) return failed();
    if (address.address().is_v6()) socket.set_option(asio::ip::v6_only(true), error);
    const int on = 1;
    if (is_shared &&
        ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
        return tl::unexpected(std::error_code(errno, std::system_category()));
    }
    socket.bind(address, error);
    if (error) return failed();
    socket.listen(backlog, error);
    if (error) return failed();
    socket.native_non_blocking(true, error);
    if (error) return failed();
    return socket;
}

Acceptor::Acceptor(Loop::Impl& loop, asio::ip::tcp::acceptor socket,
                   std::shared_ptr<const Endpoint> endpoint, std::vector<Loop*> deal_to)
    : loop_(loop),
      socket_(std::move(socket)),
      pause_(loop.io),
      endpoint_(std::move(endpoint)),
      deal_to_(std::move(deal_to)),
      reserve_fd_(open_reserve()) {
    arm();
}

Acceptor::~Acceptor() {
    *is_alive_ = false;
    if (reserve_fd_ >= 0) ::close(reserve_fd_);
}

void Acceptor::stop() noexcept {
    asio::error_code ignored;
    socket_.close(ignored);
    pause_.cancel();
}

void Acceptor::arm() {
    socket_.async_wait(asio::ip::tcp::acceptor::wait_read,
                       [this, alive = is_alive_](const asio::error_code& error) {
                           if (error || !*alive) return;
                           accept_ready();
                       });
}

void Acceptor::accept_ready() {
    // Outside a turn, and on a loop without connections the last turn may be long past.
    loop_.now = tick_of(loop_.hub.clock().now());
    for (int i = 0; i < kAcceptsAtOnce; ++i) {
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        const int fd = ::accept4(socket_.native_handle(), reinterpret_cast<sockaddr*>(&address),
                                 &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            hand_over(fd, to_peer(address));
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            out_of_descriptors();
            return;
        }
        break;  // EAGAIN: all accepted
    }
    arm();
}

void Acceptor::hand_over(int fd, const core::PeerAddress& peer) {
    loop_.stats.accepted.add(1);
    if (deal_to_.empty()) {
        TcpConnection::open(loop_, endpoint_, fd, peer);
        return;
    }
    Loop& target = *deal_to_[next_++ % deal_to_.size()];
    target.lane().post(
        [&target, peer, endpoint = endpoint_, socket = std::make_shared<PendingSocket>(fd)] {
            TcpConnection::open(target.impl(), endpoint, socket->take(), peer);
        });
}

void Acceptor::out_of_descriptors() {
    loop_.stats.accept_pauses.add(1);
    loop_.hub.log().write(core::LogLevel::warn, "accept_paused",
                          {{"error", std::string_view(std::strerror(errno))}});
    if (reserve_fd_ >= 0) {
        // Whoever is first in the queue learns at once instead of hanging.
        ::close(reserve_fd_);
        const int fd = ::accept4(socket_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
        if (fd >= 0) {
            loop_.stats.refused.add(1);
            ::close(fd);
        }
        reserve_fd_ = open_reserve();
    }
    pause_.expires_after(kPause);
    pause_.async_wait([this, alive = is_alive_](const asio::error_code& error) {
        if (error || !*alive) return;
        if (reserve_fd_ < 0) reserve_fd_ = open_reserve();
        accept_ready();
    });
}

}  // namespace pulse::transport
