// SPDX-License-Identifier: MIT OR Apache-2.0
//
// HTTP for libraries that have something to say over it: requests, answers, and a table of Route
// values that they hand to whoever serves them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pulse/core/connection.hpp>
#include <pulse/core/dialect.hpp>

namespace pulse::core {

/// A whole request, owned. A value type.
struct HttpRequest {
    std::string method;
    std::string path;   ///< as sent, percent-encoded
    std::string query;  ///< without '?', percent-encoded
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    PeerAddress peer;
    /// What the route's `{name}` segments matched, percent-decoded.
    std::vector<std::pair<std::string, std::string>> parameters;

    /// The first of that name, case ignored.
    [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const noexcept;
    [[nodiscard]] std::string_view parameter(std::string_view name) const noexcept;
    /// The first query field of that name, decoded.
    [[nodiscard]] std::optional<std::string> query_value(std::string_view name) const;
};

struct HttpResponse {
    int status = 200;
    std::string content_type = "text/plain; charset=utf-8";  ///< left out when empty
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;

    [[nodiscard]] static HttpResponse text(int status, std::string body) {
        return {status, "text/plain; charset=utf-8", std::move(body), {}};
    }
    [[nodiscard]] static HttpResponse json(int status, std::string body) {
        return {status, "application/json", std::move(body), {}};
    }
};

class HttpConnection;

/// Makes the conversation of a response without end; runs on the connection's loop.
using StreamOpener = std::function<std::unique_ptr<Conversation>(Connection& connection)>;

/// Answers one request, at once or later, from any thread. Movable; destroyed unused it answers
/// 500. When the connection, its loop or the hub is gone by then, nothing happens. May be handed
/// from thread to thread; used by one at a time.
class HttpResponder {
  public:
    /// For transports: `connection` is that of a HttpConnection.
    HttpResponder(ConnectionHandle connection, std::uint32_t serial) noexcept
        : connection_(std::move(connection)), serial_(serial), is_open_(true) {}
    HttpResponder(HttpResponder&& other) noexcept
        : connection_(std::move(other.connection_)),
          serial_(other.serial_),
          is_open_(std::exchange(other.is_open_, false)) {}
    HttpResponder& operator=(HttpResponder&&) = delete;
    ~HttpResponder();

    void respond(HttpResponse response);
    /// Answers with `head` (its body is sent first) and whatever the conversation sends from then
    /// on, until one side closes: server-sent events, say. The conversation is one like any other,
    /// but gets no messages; pings are its own business. Counts as a connection among the
    /// transport's limits: over them the answer is 429 or 503 and `open` is not called.
    void stream(HttpResponse head, StreamOpener open);

  private:
    ConnectionHandle connection_;
    std::uint32_t serial_;
    bool is_open_;
};

/// What a transport that has HTTP implements for HttpResponder. `serial` is the request's: answers
/// to one that is over are ignored.
class HttpConnection : public Connection {
  public:
    using Connection::Connection;
    virtual void complete_response(std::uint32_t serial, HttpResponse response) = 0;
    virtual void begin_stream(std::uint32_t serial, HttpResponse head, StreamOpener open) = 0;
};

/// Runs on the connection's loop: must not block. Takes the responder along when the answer comes
/// later.
using HttpHandler = std::function<void(const HttpRequest& request, HttpResponder responder)>;

struct Route {
    std::string method;  ///< "GET" serves HEAD as well, "*" every method
    /// Segments are literal or `{name}`; a last segment `*` matches the rest.
    std::string path;
    HttpHandler handler;
    /// A longer body is answered 413. The transport's own limit holds as well.
    std::size_t max_body_bytes = SIZE_MAX;
    /// How the transport answers a body that it does not take in: 413 for a long one, 400 or 431
    /// for one that is malformed. Runs on any loop. Empty: with `text`, as text.
    std::function<HttpResponse(int status, std::string_view text)> refuse_body{};

    /// For answers that are ready at once.
    [[nodiscard]] static Route immediate(std::string method, std::string path,
                                         std::function<HttpResponse(const HttpRequest&)> function);
};

}  // namespace pulse::core
