// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The WebSocket phase of a connection.
#include "tcp_connection.hpp"
#include "websocket/frame_header.hpp"

#include <utility>

namespace pulse::transport {

/// What the frame parser calls.
struct FrameHandler {
    TcpConnection& connection;

    bool on_message(websocket::MessageKind kind, core::ByteView message) {
        return connection.on_message(kind, message);
    }
    bool on_ping(core::ByteView payload) { return connection.on_ping(payload); }
    bool on_pong(core::ByteView) { return connection.phase_ != TcpConnection::Phase::gone; }
    bool on_close(std::uint16_t code, std::string_view reason) {
        return connection.on_peer_close(code, reason);
    }
};

void TcpConnection::websocket_receive(std::byte* data, std::size_t n) {
    FrameHandler handler{*this};
    websocket_after(parser_.consume(data, n, frame_limits(), handler));
}

void TcpConnection::websocket_commit(std::size_t n) {
    FrameHandler handler{*this};
    websocket_after(parser_.commit(n, handler));
}

void TcpConnection::websocket_after(const websocket::ParseResult& result) {
    if (result.status == websocket::ParseStatus::failed && phase_ != Phase::gone) {
        const websocket::ParseError error = parser_.error();
        if (phase_ == Phase::closing) {
            // Our close is on its way; there is no answer to wait for any more.
            end_unheard({1006, "", false});
            return;
        }
        loop_.stats.protocol_errors.add(1);
        end_conversation({error.close_code, error.text, false});
        close(error.close_code, error.text);
        return;
    }
    after_input();
}

void TcpConnection::end_unheard(const core::CloseEvent& event) {
    end_conversation(event);
    if (phase_ == Phase::closing && is_drained()) on_drained();
}

void TcpConnection::after_input() {
    if (phase_ == Phase::gone) return;
    if (!charge_input(parser_.buffered_bytes())) {
        terminate(core::CloseReason::out_of_memory);
        // What it was sending is given up at once, and with it the place where the peer's answer to
        // the close would stand.
        parser_ = {};
        (void)charge_input(0);
        end_unheard({1006, "", false});
        return;
    }
    const bool was_partial = is_partial_;
    is_partial_ = parser_.has_partial_input();
    const auto patience = options().message_timeout;
    if (!is_partial_ || was_partial || patience.count() == 0) return;
    partial_since_ = loop_.now;
    const Tick end = loop_.now + ticks_of(patience);
    if (!is_scheduled() || is_due(end, due)) loop_.schedule(*this, end);
}

bool TcpConnection::on_message(websocket::MessageKind kind, core::ByteView message) {
    loop_.stats.messages_in.add(1);
    is_partial_ = false;
    if (phase_ != Phase::websocket) return phase_ != Phase::gone;
    conversation_->on_message(message, kind == websocket::MessageKind::text
                                           ? core::MessageKind::text
                                           : core::MessageKind::binary);
    return phase_ != Phase::gone;
}

bool TcpConnection::on_ping(core::ByteView payload) {
    if (phase_ == Phase::websocket) {
        send_raw(websocket::ControlFrame::make(websocket::Opcode::pong, payload).bytes());
    }
    return phase_ != Phase::gone;
}

bool TcpConnection::on_peer_close(std::uint16_t code, std::string_view reason) {
    if (is_paused_ && phase_ == Phase::websocket) {
        // The conversation is not done with what came before.
        peer_close_ = std::make_unique<PeerClose>(PeerClose{code, std::string(reason)});
        return false;
    }
    const bool is_answer = has_sent_close_;
    end_conversation({code, reason, true});
    if (is_answer) {
        // Both have said all they had to (RFC 6455 §7.1.1): nothing can be lost.
        if (is_drained()) abort();
        return false;
    }
    // The same code back (RFC 6455 §5.5.1); the parser has checked it. 1005, none given, is
    // answered by none.
    close(code, {});
    return false;
}

void TcpConnection::close(std::uint16_t code, std::string_view text) {
    if (phase_ == Phase::http) {
        begin_closing();
        return;
    }
    if (phase_ == Phase::stream) return stream_close();
    if (phase_ != Phase::websocket) return;
    send_raw(websocket::ControlFrame::make_close(code, text).bytes());
    finish_output();
    has_sent_close_ = true;
    begin_closing();
}

void TcpConnection::terminate(core::CloseReason reason) {
    if (!is_talking()) return;
    guarded(*this, [&] {
        if (conversation_ != nullptr && !has_ended_) conversation_->on_closing(reason);
        // The conversation may have closed it itself.
        close(reason);
    });
}

void TcpConnection::websocket_timer() {
    const ConnectionOptions& settings = options();
    const Tick now = loop_.now;
    if (is_paused_) excuse_silence();
    if (is_draining_ && is_due(close_at_, now)) {
        terminate(core::CloseReason::shutdown);
        return;
    }
    if (has_tick_ && is_due(tick_at_, now)) {
        has_tick_ = false;
        conversation_->on_tick(lane().now());
        if (phase_ != Phase::websocket) return;
    }
    Tick wake_at = now + ticks_of(std::chrono::hours{1});
    const auto consider = [&](Tick candidate) {
        if (is_due(candidate, wake_at)) wake_at = candidate;
    };
    if (is_partial_ && settings.message_timeout.count() > 0) {
        const Tick end = partial_since_ + ticks_of(settings.message_timeout);
        if (is_due(end, now)) {
            loop_.stats.idle_closes.add(1);
            terminate(core::CloseReason::message_timeout);
            return;
        }
        consider(end);
    }
    if (settings.idle_timeout.count() > 0) {
        const Tick end = last_input_ + ticks_of(settings.idle_timeout);
        if (is_due(end, now)) {
            loop_.stats.idle_closes.add(1);
            terminate(core::CloseReason::heartbeat_timeout);
            return;
        }
        consider(end);
    }
    if (settings.ping_interval.count() > 0 && !is_pinged_) {
        const Tick ping_at = last_input_ + ticks_of(settings.ping_interval);
        if (is_due(ping_at, now)) {
            is_pinged_ = true;
            send_raw(websocket::ControlFrame::make(websocket::Opcode::ping, {}).bytes());
        } else {
            consider(ping_at);
        }
    }
    if (is_pinged_ && settings.ping_interval.count() > 0) {
        consider(now + ticks_of(settings.ping_interval));
    }
    if (has_tick_) consider(tick_at_);
    if (is_draining_) consider(close_at_);
    if (!is_scheduled()) loop_.schedule(*this, wake_at);
}

}  // namespace pulse::transport
