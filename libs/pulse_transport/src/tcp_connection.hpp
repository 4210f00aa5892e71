// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One accepted socket: first HTTP, then, after an upgrade, WebSocket.
//
// The object an idle WebSocket connection consists of, so its size counts: what only HTTP needs
// lives in an HttpExchange that goes with the upgrade, and input is kept only while a frame is
// incomplete.
//
//   http ──upgrade──► websocket ──close sent or got──► closing ──drained──► lingering ──EOF──► gone
//     ├──endless response──► stream ──close────────────────►┤
//     └─────────────────last response─────────────────────►┘
#pragma once

#include "endpoint.hpp"
#include "loop_impl.hpp"
#include "timer_wheel.hpp"
#include "websocket/parser.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <pulse/core/connection.hpp>
#include <pulse/core/dialect.hpp>
#include <pulse/core/http.hpp>

namespace pulse::transport {

struct HttpExchange;

/// **Loop-bound.** Deletes itself by Loop::Impl::doom.
class TcpConnection final : public core::HttpConnection, public TimerNode {
  public:
    /// Takes over the non-blocking socket `fd` and registers with the loop, which owns the result.
    /// The socket is closed when there is no memory for it.
    static void open(Loop::Impl& loop, const std::shared_ptr<const Endpoint>& endpoint, int fd,
                     const core::PeerAddress& peer) noexcept;
    ~TcpConnection() override;

    [[nodiscard]] const core::PeerAddress& peer() const noexcept override { return peer_; }
    void close(std::uint16_t code, std::string_view text) override;
    using core::Connection::close;
    void fail(std::string_view what) noexcept override;
    void request_tick(std::chrono::milliseconds after) override;
    void pause_reading(bool is_paused) override;

    /// A conversation speaks.
    [[nodiscard]] bool is_talking() const noexcept {
        return phase_ == Phase::websocket || phase_ == Phase::stream;
    }
    [[nodiscard]] const Endpoint& endpoint() const noexcept { return *endpoint_; }
    /// Ends a connection for the server's own reasons; the conversation may say a last word.
    void terminate(core::CloseReason reason);
    /// Ends it at that tick, a WebSocket with CloseReason::shutdown, HTTP when no answer is due.
    void drain_at(Tick tick);
    /// The options have changed: looks at its deadlines again soon.
    void review_deadlines();
    /// Cuts the connection off.
    void abort();

    void complete_response(std::uint32_t serial, core::HttpResponse response) override;
    void begin_stream(std::uint32_t serial, core::HttpResponse head,
                      core::StreamOpener open) override;

  private:
    friend struct Loop::Impl;
    friend struct FrameHandler;

    enum class Phase : std::uint8_t { http, websocket, stream, closing, lingering, gone };

    TcpConnection(Loop::Impl& loop, std::shared_ptr<const Endpoint> endpoint, int fd,
                  const core::PeerAddress& peer);

    // tcp_connection.cpp: the socket.
    void on_event(std::uint32_t events);
    void on_timer();
    void teardown();
    void read();
    void on_eof();
    void on_broken();
    void on_drained();
    void write_out() noexcept override;
    void keep_farewell() noexcept;
    void on_overflow() noexcept override;
    void finish_overflow();
    void update_interest() noexcept;
    void excuse_silence() noexcept;
    /// Keeps the memory budget's account of the input held here. False when there is no room for
    /// more.
    [[nodiscard]] bool charge_input(std::size_t held) noexcept;
    /// Whether something was written since the last look.
    [[nodiscard]] bool take_progress() noexcept {
        const bool had_progress = has_progressed_;
        has_progressed_ = false;
        return had_progress;
    }
    void schedule_in(std::chrono::milliseconds delay);
    /// Sends what is no message: HTTP and control frames.
    void send_raw(core::ByteView bytes);
    void end_conversation(const core::CloseEvent& event);
    void begin_closing();

    // http_exchange.cpp: the HTTP phase.
    void http_receive(std::byte* data, std::size_t n);
    void http_process();
    bool http_head(std::string_view rest);
    void http_upgrade(core::Dialect& dialect, const http::RequestHead& head, std::string_view rest);
    bool http_route(const http::RequestHead& head);
    void http_dispatch();
    void http_error(int status, std::string_view text);
    void http_refuse_body(const http::HttpError& error);
    void http_respond(const core::HttpResponse& response, bool is_head, bool keep_alive);
    void http_resume();
    void http_end();
    [[nodiscard]] bool is_answer_due(std::uint32_t serial) const noexcept;
    /// What to answer instead when the server, or the client's address, has no more connections.
    [[nodiscard]] std::optional<core::HttpResponse> take_place();
    void send_unbudgeted(std::string_view bytes);
    void http_timer();
    void become_websocket(core::Dialect& dialect, const core::OpenRequest& request,
                          std::string_view response, std::string_view rest);

    // stream_phase.cpp: a response without end.
    void stream_timer();
    void stream_close();

    // websocket_phase.cpp: the WebSocket phase.
    void websocket_receive(std::byte* data, std::size_t n);
    void websocket_commit(std::size_t n);
    void websocket_after(const websocket::ParseResult& result);
    void websocket_timer();
    void end_unheard(const core::CloseEvent& event);
    void after_input();

    // Callbacks of the frame parser.
    bool on_message(websocket::MessageKind kind, core::ByteView message);
    bool on_ping(core::ByteView payload);
    bool on_peer_close(std::uint16_t code, std::string_view reason);
    /// A close that came while the conversation was not reading is its business afterwards.
    struct PeerClose {
        std::uint16_t code;
        std::string reason;
    };

    /// Too many answers wait for the peer to read them.
    [[nodiscard]] bool is_choked() const noexcept {
        return backlog_reply_bytes() > options().max_unread_reply_bytes;
    }
    [[nodiscard]] const ConnectionOptions& options() const noexcept {
        return endpoint_->shared->options();
    }
    [[nodiscard]] websocket::Limits frame_limits() const noexcept {
        const std::size_t most =
            conversation_ != nullptr ? conversation_->max_message_bytes() : SIZE_MAX;
        return {std::min(options().max_frame_bytes, most),
                std::min(options().max_message_bytes, most)};
    }

    Loop::Impl& loop_;
    // First what write_out() needs: it stands in one line of memory, or two.
    int fd_;
    bool is_blocked_ : 1 = false;  ///< the socket's buffer is full
    bool is_paused_ : 1 = false;   ///< by the conversation
    bool has_overflowed_ : 1 = false;
    bool is_giving_up_ : 1 = false;  ///< because of that
    bool is_broken_ : 1 = false;     ///< the socket failed
    bool is_doomed_ : 1 = false;
    bool has_tick_ : 1 = false;
    bool is_pinged_ : 1 = false;  ///< since the last input
    bool is_draining_ : 1 = false;
    bool has_eof_ : 1 = false;         ///< the peer will send nothing more
    bool is_partial_ : 1 = false;      ///< the rest of a message is to come
    bool has_progressed_ : 1 = false;  ///< wrote something since the HTTP timer last looked
    bool has_sent_close_ : 1 = false;
    bool has_ended_ : 1 = false;           ///< on_close was called
    bool is_socket_counted_ : 1 = false;   ///< by the client gate, for its address
    bool is_address_counted_ : 1 = false;  ///< as a WebSocket connection
    bool is_admitted_ : 1 = false;         ///< counted by the client gate
    bool is_chunked_ : 1 = false;          ///< stream: the body's end is told by a chunk
    bool is_stream_ : 1 = false;           ///< counted as one
    Phase phase_ = Phase::http;
    std::shared_ptr<const Endpoint> endpoint_;
    std::unique_ptr<HttpExchange> http_;
    std::unique_ptr<core::Conversation> conversation_;
    websocket::Parser parser_;
    std::unique_ptr<PeerClose> peer_close_;
    std::uint32_t index_ = 0;  ///< in the loop's list
    Tick last_input_ = 0;
    Tick tick_at_ = 0;        ///< Conversation::on_tick; with has_tick_
    Tick partial_since_ = 0;  ///< when the message began that is incomplete; with is_partial_
    Tick close_at_ = 0;  ///< end of patience in closing and lingering; shutdown with is_draining_
    std::uint32_t charged_bytes_ = 0;
    core::PeerAddress peer_;
    std::uint8_t interest_ = 0;
};

}  // namespace pulse::transport
