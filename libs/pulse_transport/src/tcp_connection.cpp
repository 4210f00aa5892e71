// SPDX-License-Identifier: MIT OR Apache-2.0
#include "tcp_connection.hpp"

#include "http_exchange.hpp"
#include "websocket/frame_header.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

namespace pulse::transport {

namespace {

/// Pieces handed to one sendmsg.
constexpr std::size_t kPieces = 64;

}  // namespace

TcpConnection::TcpConnection(Loop::Impl& loop, std::shared_ptr<const Endpoint> endpoint, int fd,
                             const core::PeerAddress& peer)
    : core::HttpConnection(loop.lane, core::no_framing()),
      loop_(loop),
      fd_(fd),
      endpoint_(std::move(endpoint)),
      http_(std::make_unique<HttpExchange>()),
      last_input_(loop.now),
      peer_(peer) {
    loop_.add(*this);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = this;
    interest_ = EPOLLIN;
    if (::epoll_ctl(loop_.epoll_fd, EPOLL_CTL_ADD, fd_, &event) != 0) {
        on_broken();
        return;
    }
    http_->since = loop_.now;
    schedule_in(options().request_timeout);
}

void TcpConnection::open(Loop::Impl& loop, const std::shared_ptr<const Endpoint>& endpoint, int fd,
                         const core::PeerAddress& peer) noexcept {
    ClientGate& gate = endpoint->shared->clients;
    bool is_counted = false;
    if (!gate.admit_socket(peer, is_counted)) {
        loop.stats.refused.add(1);
        ::close(fd);
        return;
    }
    try {
        (new TcpConnection(loop, endpoint, fd, peer))->is_socket_counted_ = is_counted;
    } catch (const std::exception& error) {
        gate.release_socket(peer, is_counted);
        ::close(fd);
        loop.hub.log().write(core::LogLevel::error, "connection_failed",
                             {{"reason", std::string_view(error.what())}});
    }
}

TcpConnection::~TcpConnection() {
    loop_.remove(*this);
    ::close(fd_);
    endpoint_->shared->clients.release_socket(peer_, is_socket_counted_);
}

void TcpConnection::teardown() {
    end_conversation({1006, "", false});
    (void)charge_input(0);
    if (is_admitted_) {
        endpoint_->shared->clients.release(peer_, is_address_counted_);
        (is_stream_ ? loop_.stats.streams : loop_.stats.websockets).subtract(1);
    }
    discard_output();
}

void TcpConnection::end_conversation(const core::CloseEvent& event) {
    if (has_ended_ || conversation_ == nullptr) return;
    has_ended_ = true;
    expire_handles();
    guarded(*this, [&] { conversation_->on_close(event); });
}

void TcpConnection::fail(std::string_view what) noexcept {
    loop_.hub.log().write(core::LogLevel::error, "connection_failed", {{"reason", what}});
    try {
        if (phase_ == Phase::http && http_->state == HttpExchange::State::responding) {
            http_->keep_alive = false;
            http_error(500, "Internal error");
            return;
        }
        if (is_talking() && !has_ended_) {
            end_conversation({1011, "", false});
            if (is_talking()) close(core::CloseReason::internal_error);
            return;
        }
    } catch (...) {
        // Then without a word.
    }
    abort();
}

void TcpConnection::abort() {
    if (is_doomed_) return;
    is_doomed_ = true;
    phase_ = Phase::gone;
    discard_output();
    loop_.doom(*this);
}

void TcpConnection::on_broken() {
    if (phase_ == Phase::websocket && !has_sent_close_) loop_.stats.read_errors.add(1);
    abort();
}

// --------------------------------------------------------------------- events

void TcpConnection::on_event(std::uint32_t events) {
    if (phase_ == Phase::gone) return;
    if ((events & EPOLLOUT) != 0) {
        is_blocked_ = false;
        write_out();
        if (is_broken_ || has_overflowed_) finish_overflow();
        if (phase_ == Phase::http) http_resume();
        if (phase_ == Phase::gone) return;
    }
    if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) {
        read();
    } else if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        on_broken();
        return;
    }
    if (phase_ != Phase::gone) update_interest();
}

void TcpConnection::read() {
    std::span<std::byte> window{loop_.buffer};
    bool is_direct = false;
    if (phase_ == Phase::websocket ||
        (phase_ == Phase::closing && has_sent_close_ && !has_ended_)) {
        const auto direct = parser_.receive_window(frame_limits());
        if (!direct.empty()) {
            window = direct;
            is_direct = true;
        }
    }
    const ssize_t got = ::recv(fd_, window.data(), window.size(), 0);
    if (got == 0) {
        on_eof();
        return;
    }
    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR) on_broken();
        return;
    }
    const auto n = static_cast<std::size_t>(got);
    loop_.stats.bytes_in.add(n);
    last_input_ = loop_.now;
    is_pinged_ = false;
    switch (phase_) {
        case Phase::http:
            http_receive(window.data(), n);
            break;
        case Phase::websocket:
            if (is_direct) {
                websocket_commit(n);
            } else {
                websocket_receive(window.data(), n);
            }
            break;
        case Phase::closing:
            // The peer's answer to our close may be among this.
            if (has_ended_ || !has_sent_close_) break;
            if (is_direct) {
                websocket_commit(n);
            } else {
                websocket_receive(window.data(), n);
            }
            break;
        case Phase::stream:
        case Phase::lingering:
        case Phase::gone:
            break;
    }
}

void TcpConnection::on_eof() {
    has_eof_ = true;
    switch (phase_) {
        case Phase::http:
            // Half-closed: what was asked before is still answered.
            http_resume();
            return;
        case Phase::websocket:
            on_broken();
            return;
        case Phase::closing:
            // What is queued is still sent, as long as the timer has patience.
            if (is_drained()) {
                abort();
            } else {
                update_interest();
            }
            return;
        case Phase::stream:
        case Phase::lingering:
        case Phase::gone:
            abort();
            return;
    }
}

void TcpConnection::update_interest() noexcept {
    std::uint8_t wanted = 0;
    const bool is_full = is_choked() && phase_ != Phase::lingering;
    const bool is_http_full = http_ != nullptr && http_->is_full(options().max_head_bytes);
    if (!is_paused_ && !is_full && !has_eof_ && !is_http_full) wanted |= EPOLLIN;
    if (is_blocked_) wanted |= EPOLLOUT;
    if (wanted == interest_) return;
    interest_ = wanted;
    epoll_event event{};
    event.events = wanted;
    event.data.ptr = this;
    ::epoll_ctl(loop_.epoll_fd, EPOLL_CTL_MOD, fd_, &event);
}

bool TcpConnection::charge_input(std::size_t held) noexcept {
    core::MemoryBudget* budget = lane().budget();
    if (budget == nullptr || held == charged_bytes_) return true;
    if (held < charged_bytes_) {
        budget->release_input(charged_bytes_ - held);
    } else if (!budget->try_reserve_input(held - charged_bytes_)) {
        return false;
    }
    charged_bytes_ = static_cast<std::uint32_t>(held);
    return true;
}

void TcpConnection::pause_reading(bool is_paused) {
    if (is_paused_) excuse_silence();
    is_paused_ = is_paused;
    if (!is_paused_ && peer_close_ != nullptr) {
        const std::unique_ptr<PeerClose> close = std::move(peer_close_);
        (void)on_peer_close(close->code, close->reason);
    }
    if (phase_ != Phase::gone) update_interest();
}

/// While nothing is read, what the peer says is not heard: its times begin anew.
void TcpConnection::excuse_silence() noexcept {
    last_input_ = loop_.now;
    partial_since_ = loop_.now;
    is_pinged_ = false;
}

// -------------------------------------------------------------------- writing

void TcpConnection::write_out() noexcept {
    // A socket that was full is not tried again before it says so.
    while (!is_blocked_) {
        std::array<iovec, kPieces> pieces;
        const std::size_t n = gather(pieces);
        if (n == 0) {
            on_drained();
            return;
        }
        std::size_t total = 0;
        for (std::size_t i = 0; i < n; ++i) total += pieces[i].iov_len;
        ssize_t sent = 0;
        if (n == 1) {
            sent = ::send(fd_, pieces[0].iov_base, total, MSG_NOSIGNAL);
        } else {
            msghdr message{};
            message.msg_iov = pieces.data();
            message.msg_iovlen = n;
            sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
        }
        if (sent < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS) {
                is_broken_ = true;
                discard_output();
                on_broken();
                return;
            }
            is_blocked_ = true;
            break;
        }
        loop_.stats.sends.add(1);
        loop_.stats.bytes_out.add(static_cast<std::uint64_t>(sent));
        has_progressed_ = true;
        consume(static_cast<std::size_t>(sent));
        if (static_cast<std::size_t>(sent) < total) is_blocked_ = true;
    }
    if (has_overflowed_) {
        keep_farewell();
    } else {
        keep_backlog();
    }
    update_interest();
}

/// A slow consumer's last turn. What was published for it meanwhile would overflow once more and
/// take the reason for the close along; so it is dropped where it does not fit, and the reason is
/// kept.
void TcpConnection::keep_farewell() noexcept {
    const core::OutletLimits limits = lane().limits();
    core::OutletLimits lenient = limits;
    lenient.policy = core::SlowConsumerPolicy::drop_newest;
    lane().set_limits(lenient);
    keep_backlog();
    lane().set_limits(limits);
}

void TcpConnection::on_drained() {
    if (phase_ != Phase::closing) {
        if (interest_ != EPOLLIN) update_interest();
        return;
    }
    if (has_eof_) {
        // The peer's end has come already: there is nothing to wait for.
        abort();
        return;
    }
    // RFC 6455 §7.1.1: the side that is done first waits for the other's end, reading what still
    // comes, so that the close frame is not lost to a reset.
    const bool awaits_close_frame = has_sent_close_ && !has_ended_;
    if (awaits_close_frame) return;
    phase_ = Phase::lingering;
    ::shutdown(fd_, SHUT_WR);
    if (interest_ != EPOLLIN) update_interest();
}

void TcpConnection::on_overflow() noexcept {
    // Within write_out(), where the hub must not be called: the close is done by the timer's hand,
    // at once.
    if (has_overflowed_ || phase_ == Phase::gone) return;
    has_overflowed_ = true;
    handle().post(
        [](core::Connection& self) { static_cast<TcpConnection&>(self).finish_overflow(); });
}

void TcpConnection::finish_overflow() {
    if (!has_overflowed_ || is_giving_up_ || phase_ == Phase::gone) return;
    is_giving_up_ = true;
    if (!is_talking()) {
        // An answer, or the close itself, found no memory: the peer must not wait for it.
        abort();
        return;
    }
    loop_.stats.slow_closes.add(1);
    drop_backlog();
    terminate(core::CloseReason::slow_consumer);
}

// --------------------------------------------------------------------- timers

void TcpConnection::send_raw(core::ByteView bytes) {
    std::byte* out = begin_raw(bytes.size());
    if (out != nullptr && !bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
}

void TcpConnection::schedule_in(std::chrono::milliseconds delay) {
    loop_.schedule(*this, loop_.now + ticks_of(delay));
}

void TcpConnection::on_timer() {
    switch (phase_) {
        case Phase::http:
            http_timer();
            return;
        case Phase::websocket:
            websocket_timer();
            return;
        case Phase::stream:
            stream_timer();
            return;
        case Phase::closing:
        case Phase::lingering:
            if (http_ != nullptr && phase_ == Phase::closing && take_progress()) {
                // An answer may be large and its reader slow; only one that has stopped is cut off.
                close_at_ = loop_.now + ticks_of(options().close_timeout);
            }
            if (is_due(close_at_, loop_.now)) {
                abort();
            } else {
                loop_.schedule(*this, close_at_);
            }
            return;
        case Phase::gone:
            return;
    }
}

void TcpConnection::request_tick(std::chrono::milliseconds after) {
    has_tick_ = true;
    tick_at_ = loop_.now + ticks_of(after);
    if (!is_scheduled() || is_due(tick_at_, due)) loop_.schedule(*this, tick_at_);
}

void TcpConnection::drain_at(Tick tick) {
    if (phase_ != Phase::http && !is_talking()) return;
    is_draining_ = true;
    close_at_ = tick;
    loop_.schedule(*this, tick);
}

void TcpConnection::review_deadlines() {
    if (phase_ == Phase::http || is_talking()) loop_.schedule(*this, loop_.now + 1);
}

void TcpConnection::begin_closing() {
    phase_ = Phase::closing;
    close_at_ = loop_.now + ticks_of(options().close_timeout);
    loop_.schedule(*this, close_at_);
    is_paused_ = false;
    update_interest();
}

}  // namespace pulse::transport
