// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The HTTP phase of a connection: requests one after another, until one upgrades.
#include "http_exchange.hpp"

#include "http/response_writer.hpp"
#include "tcp_connection.hpp"
#include "websocket/framing.hpp"
#include "websocket/handshake.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>

#include <pulse/core/http_text.hpp>

namespace pulse::transport {

namespace {

/// Finds headers, as one line each. What stands on several is a list, of which whoever appends (a
/// proxy, say) may have made a line of its own (RFC 9110 §5.3).
class HeaderFinder {
  public:
    explicit HeaderFinder(const http::RequestHead& head) noexcept : head_(head) {}

    /// Stays until the finder goes.
    [[nodiscard]] std::string_view find(std::string_view name) {
        if (head_.count(name) < 2) return head_.find(name).value_or(std::string_view{});
        // RFC 6265 §4.2.1 has another separator.
        const std::string_view separator = core::http::iequals(name, "cookie") ? "; " : ", ";
        std::string& all = joined_.emplace_back();
        for (const http::Header& header : head_.headers) {
            if (!core::http::iequals(header.name, name)) continue;
            if (!all.empty()) all += separator;
            all += header.value;
        }
        return all;
    }

  private:
    const http::RequestHead& head_;
    std::deque<std::string> joined_;
};

/// Puts what the dialect has to say into a finished response head.
void add_response_headers(std::string& response, const core::OpenRequest& request) {
    constexpr std::string_view kEnd = "\r\n";
    constexpr std::string_view kBreaks{"\r\n\0", 3};
    if (request.response_headers.empty()) return;
    response.resize(response.size() - kEnd.size());
    for (const auto& [name, value] : request.response_headers) {
        // A line break would let a value speak as a header of its own.
        if (name.find_first_of(kBreaks) != std::string::npos ||
            value.find_first_of(kBreaks) != std::string::npos) {
            continue;
        }
        response.append(name).append(": ").append(value).append(kEnd);
    }
    response += kEnd;
}

}  // namespace

void TcpConnection::http_receive(std::byte* data, std::size_t n) {
    if (http_->unread().empty() && http_->state == HttpExchange::State::head && !http_->is_first) {
        http_->since = loop_.now;
        schedule_in(options().request_timeout);
    }
    http_->append(reinterpret_cast<const char*>(data), n);
    http_process();
    if (phase_ == Phase::http && !charge_input(http_->body_bytes())) {
        http_error(503, "Out of memory");
    }
}

void TcpConnection::http_process() {
    // Each round consumes a head or a body; an upgrade or an answer that is due ends it.
    while (phase_ == Phase::http && http_->state != HttpExchange::State::responding &&
           !http_->unread().empty() && !is_choked()) {
        if (http_->state == HttpExchange::State::head) {
            const http::HeadLimits limits{options().max_head_bytes,
                                          std::min<std::size_t>(options().max_head_bytes, 8192),
                                          100};
            // The views of the head point into this, so it stays put until they are done with, also
            // when an upgrade ends the exchange. It is put back, not copied: a read may hold
            // thousands of requests.
            std::string bytes = std::move(http_->buffer);
            const std::size_t begin = std::exchange(http_->begin, 0);
            http_->buffer.clear();
            const http::HeadResult result =
                http_->parser.parse(std::string_view(bytes).substr(begin), limits, loop_.head);
            if (result.status == http::HeadStatus::need_more) {
                http_->buffer = std::move(bytes);
                http_->begin = begin;
                return;
            }
            if (result.status == http::HeadStatus::error) {
                http_error(result.error.status, result.error.text);
                return;
            }
            http_->parser.reset();
            const std::size_t end = begin + result.consumed;
            const bool should_go_on = http_head(std::string_view(bytes).substr(end));
            if (phase_ != Phase::http) return;
            http_->buffer = std::move(bytes);
            http_->begin = begin;
            http_->consume(result.consumed);
            if (!should_go_on) return;
        }
        if (phase_ == Phase::http && http_->state == HttpExchange::State::body) {
            const http::BodyResult result = http_->body_reader->consume(
                protocol::as_bytes(http_->unread()), http_->request.body);
            http_->consume(result.consumed);
            if (result.status == http::BodyStatus::need_more) return;
            if (result.status == http::BodyStatus::error) return http_refuse_body(result.error);
            http_dispatch();
        }
    }
}

/// False when nothing more is to be read here. `rest`: what came behind the head.
bool TcpConnection::http_head(std::string_view rest) {
    const http::RequestHead& head = loop_.head;
    http_->keep_alive = head.keep_alive;
    http_->is_head_request = head.method == "HEAD";
    http_->has_chunks = head.version == http::Version::http_1_1;
    core::Dialect* dialect = endpoint_->dialect_at(head.path);
    if (dialect != nullptr &&
        (websocket::wants_websocket(head) || !endpoint_->has_route(head.path))) {
        http_upgrade(*dialect, head, rest);
        return false;
    }
    if (websocket::wants_websocket(head)) {
        if (core::Dialect* fallback = endpoint_->fallback_dialect()) {
            http_upgrade(*fallback, head, rest);
            return false;
        }
    }
    return http_route(head);
}

void TcpConnection::http_upgrade(core::Dialect& dialect, const http::RequestHead& head,
                                 std::string_view rest) {
    std::string response;
    const websocket::UpgradeResult result =
        websocket::upgrade(head, {dialect.subprotocols(), loop_.http_date()}, response);
    const auto refuse = [&](int status, std::string_view text,
                            std::span<const http::Header> headers = {}) {
        loop_.stats.upgrades_refused.add(1);
        HttpResponse answer = HttpResponse::text(status, std::string(text));
        for (const http::Header& header : headers) {
            answer.headers.emplace_back(header.name, header.value);
        }
        if (status == 429 || status == 503) answer.headers.emplace_back("retry-after", "1");
        http_respond(answer, http_->is_head_request, false);
    };
    if (!result.accepted()) return refuse(result.status, result.text, result.headers);
    if (endpoint_->shared->is_draining) return refuse(503, "Server is shutting down");
    if (!dialect.checks_origin() && !endpoint_->is_origin_allowed(head)) {
        return refuse(403, "Origin not allowed");
    }

    core::OpenRequest request;
    request.path = head.path;
    request.query = head.query;
    request.peer = peer_;
    request.subprotocol = result.subprotocol;
    HeaderFinder headers(head);
    request.header = [&headers](std::string_view name) { return headers.find(name); };
    if (auto refusal = dialect.admit(request)) {
        loop_.stats.upgrades_refused.add(1);
        return http_respond({refusal->status, std::move(refusal->content_type),
                             std::move(refusal->text), std::move(refusal->headers)},
                            http_->is_head_request, false);
    }

    if (const auto refusal = take_place()) {
        loop_.stats.upgrades_refused.add(1);
        return http_respond(*refusal, http_->is_head_request, false);
    }
    add_response_headers(response, request);
    become_websocket(dialect, request, response, rest);
}

std::optional<HttpResponse> TcpConnection::take_place() {
    bool is_counted = false;
    HttpResponse refusal;
    switch (endpoint_->shared->clients.admit(peer_, lane().now(), is_counted)) {
        case ClientGate::Verdict::admitted:
            is_address_counted_ = is_counted;
            is_admitted_ = true;
            return std::nullopt;
        case ClientGate::Verdict::full:
            refusal = HttpResponse::text(503, "Too many connections");
            break;
        case ClientGate::Verdict::too_many_from_address:
            refusal = HttpResponse::text(429, "Too many connections from this address");
            break;
        case ClientGate::Verdict::too_fast:
            refusal =
                HttpResponse::json(429, R"({"error":{"code":1006,"message":"Rate limited"}})");
            break;
    }
    refusal.headers.emplace_back("retry-after", "1");
    return refusal;
}

void TcpConnection::become_websocket(core::Dialect& dialect, const core::OpenRequest& request,
                                     std::string_view response, std::string_view rest) {
    send_raw(protocol::as_bytes(response));
    set_framing(websocket::framing());
    loop_.stats.upgrades.add(1);
    loop_.stats.websockets.add(1);
    std::string early(rest);  // unmasked in place
    http_.reset();
    phase_ = Phase::websocket;
    schedule_in(kTickLength);  // websocket_timer() finds the real deadline
    conversation_ = dialect.open(*this, request);
    conversation_->on_open();
    if (!early.empty() && phase_ == Phase::websocket) {
        websocket_receive(reinterpret_cast<std::byte*>(early.data()), early.size());
    }
}

bool TcpConnection::http_route(const http::RequestHead& head) {
    if (const auto error = http::check_host(head)) {
        http_error(error->status, error->text);
        return false;
    }
    HttpRouter::Result found;
    if (endpoint_->mounts.routes != nullptr) {
        found = endpoint_->mounts.routes->find(head.method, head.path);
    }
    // A body nobody reads would be taken for the next request.
    const bool keep_alive = head.keep_alive && head.body == http::BodyKind::none;
    if (found.match != HttpRouter::Match::found) {
        HttpResponse answer;
        answer.content_type.clear();
        answer.status = found.match == HttpRouter::Match::not_found ? 404 : 405;
        if (!found.allow.empty()) answer.headers.emplace_back("allow", found.allow);
        http_respond(answer, http_->is_head_request, keep_alive);
        return keep_alive;
    }
    http_->route = found.route;
    HttpRequest& request = http_->request;
    request = HttpRequest{};
    request.method = head.method;
    request.path = head.path;
    request.query = head.query;
    request.peer = peer_;
    request.parameters = std::move(found.parameters);
    request.headers.reserve(head.headers.size());
    for (const http::Header& header : head.headers) {
        request.headers.emplace_back(header.name, header.value);
    }
    const std::size_t body_limit = std::min(options().max_body_bytes, found.route->max_body_bytes);
    http_->body_reader.emplace(head, http::BodyLimits{body_limit, 4096, 4096});
    const http::BodyResult none = http_->body_reader->consume({}, request.body);
    if (none.status == http::BodyStatus::error) {
        http_refuse_body(none.error);
        return false;
    }
    if (none.status == http::BodyStatus::complete) {
        http_dispatch();
        return true;
    }
    http_->state = HttpExchange::State::body;
    http_->since = loop_.now;
    if (head.expect_continue) {
        send_raw(protocol::as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    return true;
}

void TcpConnection::http_dispatch() {
    http_->state = HttpExchange::State::responding;
    http_->is_first = false;
    const std::uint32_t serial = ++http_->serial;
    // The responder always posts, so the handler cannot pull this request from under itself.
    http_->route->handler(http_->request, HttpResponder(handle(), serial));
}

bool TcpConnection::is_answer_due(std::uint32_t serial) const noexcept {
    return phase_ == Phase::http && http_->state == HttpExchange::State::responding &&
           http_->serial == serial;
}

void TcpConnection::complete_response(std::uint32_t serial, HttpResponse response) {
    if (!is_answer_due(serial)) return;
    http_respond(response, http_->is_head_request, http_->keep_alive);
    if (phase_ == Phase::http) http_resume();
}

/// Goes on with what has been received.
void TcpConnection::http_resume() {
    http_process();
    if (phase_ != Phase::http) return;
    update_interest();
    if (has_eof_ && http_->state != HttpExchange::State::responding && !is_choked()) http_end();
}

/// Nothing more will be asked.
void TcpConnection::http_end() {
    if (is_drained()) {
        abort();
    } else {
        begin_closing();
    }
}

void TcpConnection::http_error(int status, std::string_view text) {
    http_respond(HttpResponse::text(status, std::string(text)), false, false);
}

void TcpConnection::http_refuse_body(const http::HttpError& error) {
    if (!http_->route->refuse_body) return http_error(error.status, error.text);
    http_respond(http_->route->refuse_body(error.status, error.text), http_->is_head_request,
                 false);
}

void TcpConnection::http_respond(const HttpResponse& response, bool is_head, bool keep_alive) {
    const auto patience = options().keep_alive_timeout;
    if (endpoint_->shared->is_draining || patience.count() <= 0) keep_alive = false;
    loop_.stats.requests.add(1);
    std::string bytes;
    http::ResponseWriter writer(bytes, response.status, loop_.http_date());
    if (!response.content_type.empty()) writer.add("content-type", response.content_type);
    for (const auto& [name, value] : response.headers) writer.add(name, value);
    if (!keep_alive) writer.connection("close");
    writer.finish(response.body, is_head);
    send_unbudgeted(bytes);
    http_->request.body = std::string{};
    (void)charge_input(0);
    http_->state = HttpExchange::State::head;
    http_->is_first = false;
    http_->route = nullptr;
    http_->since = loop_.now;
    if (keep_alive) {
        // A timer left from the request that fires early finds the real deadline.
        const Tick end = loop_.now + ticks_of(patience);
        if (!is_scheduled() || is_due(end, due)) loop_.schedule(*this, end);
    } else {
        begin_closing();
    }
}

/// An answer is owed also when clients' messages have used up all memory: it is how an operator
/// learns of that. Bounded all the same: an answer is due once for each connection.
void TcpConnection::send_unbudgeted(std::string_view bytes) {
    core::SharedFrame frame;
    frame.chunk = core::ChunkRef::allocate(bytes.size(), nullptr);
    if (!frame.chunk) {
        abort();
        return;
    }
    std::memcpy(frame.chunk->data(), bytes.data(), bytes.size());
    frame.end = static_cast<std::uint32_t>(bytes.size());
    frame.messages = 0;
    send(frame);
}

void TcpConnection::http_timer() {
    if (http_->state == HttpExchange::State::responding) {
        // The handler's time, not the peer's.
        schedule_in(options().request_timeout);
        return;
    }
    if (is_draining_ && is_due(close_at_, loop_.now)) {
        http_end();
        return;
    }
    // As long as the last answer makes its way to a slow reader, the wait for the next request has
    // not begun.
    if (take_progress() && !is_drained()) http_->since = loop_.now;
    const bool is_waiting = http_->state == HttpExchange::State::head && http_->unread().empty();
    const auto patience =
        is_waiting && !http_->is_first ? options().keep_alive_timeout : options().request_timeout;
    Tick end = http_->since + ticks_of(patience);
    if (!is_due(end, loop_.now)) {
        if (is_draining_ && is_due(close_at_, end)) end = close_at_;
        loop_.schedule(*this, end);
        return;
    }
    if (is_waiting) {
        abort();
        return;
    }
    http_error(408, "Request timeout");
}

}  // namespace pulse::transport
