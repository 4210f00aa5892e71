// SPDX-License-Identifier: MIT OR Apache-2.0
#include "clients.hpp"

#include "clock.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace pulse::load {
namespace {

void set_option(int fd, int level, int name, int value) {
    ::setsockopt(fd, level, name, &value, sizeof(value));
}

std::string errno_text(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

}  // namespace

/// Ties what a Reader finds to the connection it was found on.
class Clients::Dispatch final : public ReaderEvents {
  public:
    Dispatch(Clients& clients, Connection& connection)
        : clients_(clients), connection_(connection) {}

    void on_ready() override {
        connection_.phase = Connection::Phase::ready;
        clients_.events_.on_ready(connection_);
    }
    void on_subscribed() override { clients_.events_.on_subscribed(connection_); }
    void on_delivery(std::optional<std::uint32_t> channel, std::string_view payload) override {
        clients_.events_.on_delivery(connection_, channel, payload);
    }
    void on_pong(std::uint64_t stamp) override { clients_.events_.on_pong(connection_, stamp); }
    void on_reply(std::string bytes) override { clients_.send(connection_, bytes); }
    void on_fault(std::string what) override { fault_ = std::move(what); }

    [[nodiscard]] const std::optional<std::string>& fault() const { return fault_; }

  private:
    Clients& clients_;
    Connection& connection_;
    std::optional<std::string> fault_;
};

Clients::Clients(const Protocol& protocol, Target target, ClientEvents& events)
    : protocol_(protocol),
      target_(target),
      events_(events),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      buffer_(Scanner::kHeadRoom + kReadBytes) {
    if (epoll_ < 0) throw std::runtime_error(errno_text("epoll_create1"));
}

Clients::~Clients() {
    for (const auto& connection : connections_) {
        if (connection->fd >= 0) ::close(connection->fd);
    }
    ::close(epoll_);
}

std::uint32_t Clients::add(std::uint32_t count) {
    const std::uint32_t first = size();
    connections_.reserve(connections_.size() + count);
    for (std::uint32_t i = 0; i < count; ++i) {
        connections_.push_back(std::make_unique<Connection>());
        connections_.back()->index = first + i;
    }
    return first;
}

bool Clients::open(Connection& connection, std::string& error, int receive_buffer) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        error = errno_text("socket");
        return false;
    }
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (receive_buffer > 0) set_option(fd, SOL_SOCKET, SO_RCVBUF, receive_buffer);
    if (target_.sources > 0) {
        // One source address has about 28,000 ports; port 0 is only chosen at connect() then, when
        // the kernel knows the other end and may use a port again that is busy towards others.
        set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
        sockaddr_in source{};
        source.sin_family = AF_INET;
        source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + connection.index % target_.sources);
        if (::bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof(source)) != 0) {
            error = errno_text("bind");
            ::close(fd);
            return false;
        }
    }
    sockaddr_in address = target_.address;
    if (connection.port != 0) address.sin_port = htons(connection.port);
    const int result = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    if (result != 0 && errno != EINPROGRESS) {
        error = errno_text("connect");
        ::close(fd);
        return false;
    }
    ++connection.generation;
    connection.fd = fd;
    connection.phase = Connection::Phase::connecting;
    connection.fast = false;
    connection.paused = false;
    connection.wants_write = true;  // writability tells that the connection stands
    connection.opened_ns = now_ns();
    connection.reader = protocol_.make_reader();
    connection.scan = {};
    watch(connection, EPOLL_CTL_ADD);
    return true;
}

void Clients::watch(Connection& connection, int operation) {
    epoll_event event{};
    event.events = (connection.paused ? 0U : EPOLLIN) | (connection.wants_write ? EPOLLOUT : 0U);
    event.data.u64 = std::uint64_t{connection.generation} << 32U | connection.index;
    if (::epoll_ctl(epoll_, operation, connection.fd, &event) != 0) {
        throw std::runtime_error(errno_text("epoll_ctl"));
    }
}

void Clients::pause(Connection& connection) {
    if (connection.fd < 0 || connection.paused) return;
    connection.paused = true;
    watch(connection, EPOLL_CTL_MOD);
}

void Clients::resume(Connection& connection) {
    if (connection.fd < 0 || !connection.paused) return;
    connection.paused = false;
    watch(connection, EPOLL_CTL_MOD);
}

void Clients::close(Connection& connection, CloseHow how) {
    if (connection.fd < 0) return;
    if (how == CloseHow::reset) {
        // RST instead of FIN: no TIME_WAIT, so that ports do not run out in a connection storm.
        const linger now{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    ::close(connection.fd);
    connection.fd = -1;
    connection.phase = Connection::Phase::closed;
    unsent_bytes_ -= connection.out.size() - connection.out_at;
    connection.out = {};
    connection.out_at = 0;
}

void Clients::lose(Connection& connection, const std::string& why) {
    if (connection.fd < 0) return;
    close(connection, CloseHow::fin);
    events_.on_lost(connection, why);
}

void Clients::poll(std::uint64_t timeout_ns) {
    std::array<epoll_event, kMaxEvents> ready;
    const timespec timeout{.tv_sec = static_cast<time_t>(timeout_ns / kNsPerSecond),
                           .tv_nsec = static_cast<long>(timeout_ns % kNsPerSecond)};
    const int count = ::epoll_pwait2(epoll_, ready.data(), kMaxEvents, &timeout, nullptr);
    if (count < 0 && errno != EINTR) throw std::runtime_error(errno_text("epoll_pwait2"));
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = ready[static_cast<std::size_t>(i)];
        Connection& connection = at(static_cast<std::uint32_t>(event.data.u64));
        // A slot closed or opened anew within this round has another generation.
        const bool is_current = connection.generation == event.data.u64 >> 32U;
        if (connection.fd >= 0 && is_current) on_event(connection, event.events);
    }
}

void Clients::on_event(Connection& connection, std::uint32_t events) {
    if (connection.phase == Connection::Phase::connecting) {
        on_connected(connection);
        if (connection.fd < 0) return;
    } else if ((events & EPOLLOUT) != 0) {
        flush(connection);
    }
    if (connection.fd < 0) return;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && connection.paused) {
        lose(connection, "reset by the server");
    } else if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) {
        read_some(connection);
    }
}

void Clients::on_connected(Connection& connection) {
    int error = 0;
    socklen_t size = sizeof(error);
    ::getsockopt(connection.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        lose(connection, std::string("connect: ") + std::strerror(error));
        return;
    }
    connection.wants_write = false;
    watch(connection, EPOLL_CTL_MOD);
    connection.phase = Connection::Phase::opening;
    if (protocol_.ready_on_connect()) {
        connection.phase = Connection::Phase::ready;
        events_.on_ready(connection);
    } else {
        send(connection, protocol_.opening());
    }
}

void Clients::read_some(Connection& connection) {
    char* const data = buffer_.data() + Scanner::kHeadRoom;
    const ssize_t got = ::recv(connection.fd, data, kReadBytes, 0);
    if (got <= 0) {
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        lose(connection, got == 0 ? "end of stream" : errno_text("recv"));
        return;
    }
    const auto size = static_cast<std::size_t>(got);
    ++totals_.reads;
    totals_.bytes += size;
    if (connection.fast) {
        events_.on_bytes(connection, data, size);
        return;
    }
    Dispatch dispatch(*this, connection);
    connection.reader->feed({data, size}, dispatch);
    if (dispatch.fault()) {
        lose(connection, *dispatch.fault());
        return;
    }
    if (!connection.fast) return;
    // A callback changed over to fast mode: the scanner goes on where the parser stopped.
    const std::unique_ptr<Reader> reader = std::move(connection.reader);
    for (std::string_view rest = reader->rest(); !rest.empty();) {
        const std::size_t piece = std::min(rest.size(), kReadBytes);
        std::memcpy(data, rest.data(), piece);
        rest.remove_prefix(piece);
        events_.on_bytes(connection, data, piece);
    }
}

void Clients::send(Connection& connection, std::string_view bytes) {
    if (connection.fd < 0) return;
    if (!connection.wants_write) {
        const ssize_t sent = ::send(connection.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
        // A broken connection shows in the next read; losing it here would re-enter the scenario.
        if (sent < 0 && errno != EAGAIN && errno != EINTR) return;
        if (bytes.empty()) return;
        connection.wants_write = true;
        watch(connection, EPOLL_CTL_MOD);
    }
    connection.out.append(bytes);
    unsent_bytes_ += bytes.size();
}

void Clients::flush(Connection& connection) {
    const std::string_view left = std::string_view(connection.out).substr(connection.out_at);
    const ssize_t sent = ::send(connection.fd, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR) lose(connection, errno_text("send"));
        return;
    }
    connection.out_at += static_cast<std::size_t>(sent);
    unsent_bytes_ -= static_cast<std::uint64_t>(sent);
    if (connection.out_at < connection.out.size()) return;
    connection.out.clear();
    connection.out_at = 0;
    connection.wants_write = false;
    watch(connection, EPOLL_CTL_MOD);
}

}  // namespace pulse::load
