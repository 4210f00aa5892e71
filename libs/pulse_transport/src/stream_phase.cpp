// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A response without end: a connection that only the server speaks on.
#include "http/response_writer.hpp"
#include "http_exchange.hpp"
#include "tcp_connection.hpp"

#include <charconv>
#include <utility>

namespace pulse::transport {

namespace {

constexpr std::string_view kLastChunk = "0\r\n\r\n";

/// Every message as one chunk (RFC 9112 §7.1).
class ChunkFraming final : public core::Framing {
  public:
    ChunkFraming() noexcept : core::Framing("\r\n") {}

    std::size_t write_header(std::byte* out, std::size_t bytes,
                             core::MessageKind) const noexcept override {
        char* const begin = reinterpret_cast<char*>(out);
        char* end = std::to_chars(begin, begin + kMaxHeaderBytes - 2, bytes, 16).ptr;
        *end++ = '\r';
        *end++ = '\n';
        return static_cast<std::size_t>(end - begin);
    }
};

const core::Framing& chunk_framing() noexcept {
    static const ChunkFraming framing;
    return framing;
}

}  // namespace

void TcpConnection::begin_stream(std::uint32_t serial, core::HttpResponse head,
                                 core::StreamOpener open) {
    if (!is_answer_due(serial)) return;
    if (http_->is_head_request) {
        head.body.clear();
        http_respond(head, true, false);
        return;
    }
    if (endpoint_->shared->is_draining) {
        http_error(503, "Server is shutting down");
        return;
    }
    if (const auto refusal = take_place()) {
        http_respond(*refusal, false, http_->keep_alive);
        if (phase_ == Phase::http) http_resume();
        return;
    }
    loop_.stats.requests.add(1);
    loop_.stats.streams.add(1);
    is_stream_ = true;
    is_chunked_ = http_->has_chunks;

    std::string bytes;
    http::ResponseWriter writer(bytes, head.status, loop_.http_date());
    if (!head.content_type.empty()) writer.add("content-type", head.content_type);
    for (const auto& [name, value] : head.headers) writer.add(name, value);
    writer.connection("close");
    is_chunked_ ? writer.finish_chunked() : writer.finish_until_close();
    send_raw(protocol::as_bytes(bytes));
    if (is_chunked_) set_framing(chunk_framing());

    (void)charge_input(0);
    http_.reset();
    phase_ = Phase::stream;
    schedule_in(kTickLength);
    if (!head.body.empty()) send(protocol::as_bytes(head.body));
    conversation_ = open(*this);
    if (conversation_ == nullptr) {
        close(core::CloseReason::internal_error);
        return;
    }
    conversation_->on_open();
    // A client that has shut its side down already reads no events either.
    if (has_eof_ && phase_ == Phase::stream) abort();
    if (phase_ == Phase::stream) update_interest();
}

void TcpConnection::stream_close() {
    if (is_chunked_) send_raw(protocol::as_bytes(kLastChunk));
    finish_output();
    begin_closing();
    if (is_drained()) on_drained();
}

void TcpConnection::stream_timer() {
    if (is_draining_ && is_due(close_at_, loop_.now)) {
        terminate(core::CloseReason::shutdown);
        return;
    }
    if (has_tick_ && is_due(tick_at_, loop_.now)) {
        has_tick_ = false;
        conversation_->on_tick(lane().now());
        if (phase_ != Phase::stream) return;
    }
    Tick wake_at = loop_.now + ticks_of(std::chrono::hours{1});
    if (has_tick_ && is_due(tick_at_, wake_at)) wake_at = tick_at_;
    if (is_draining_ && is_due(close_at_, wake_at)) wake_at = close_at_;
    if (!is_scheduled()) loop_.schedule(*this, wake_at);
}

}  // namespace pulse::transport
