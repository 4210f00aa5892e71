// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A dialect is the language of a family of clients. It knows its syntax and the hub; it knows
// nothing of sockets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/core/connection.hpp>
#include <pulse/core/encoding.hpp>

namespace pulse::core {

/// How a client asked for its connection. Borrowed for the call: a conversation copies what it
/// needs.
struct OpenRequest {
    std::string_view path;   ///< percent-encoded, as sent
    std::string_view query;  ///< without '?', percent-encoded
    PeerAddress peer;
    bool is_encrypted = false;
    std::string_view subprotocol;  ///< the one agreed on, if any
    /// The header of that name, case ignored; empty when there is none. Several lines of one name
    /// are one list, in their order, separated by ", " (cookies by "; ").
    std::function<std::string_view(std::string_view name)> header;
    /// What Dialect::admit() found out and Dialect::open() wants to know: what can be asked only
    /// once, such as a ticket that is used up by it. Null where nobody was asked for admission.
    mutable std::shared_ptr<const void> admission{};
    /// What Dialect::admit() wants said in the answer that opens the connection, such as a cookie.
    /// Fields with line breaks or NUL in them are left out.
    mutable std::vector<std::pair<std::string, std::string>> response_headers{};
};

/// An HTTP answer instead of a connection.
struct Refusal {
    int status = 403;
    std::string text;
    std::string content_type = "text/plain; charset=utf-8";
    std::vector<std::pair<std::string, std::string>> headers{};
};

/// How a connection ended.
struct CloseEvent {
    std::uint16_t code = 1006;  ///< RFC 6455 §7.4.1; 1006 = without a close frame
    std::string_view text;
    bool is_clean = false;  ///< both sides agreed
};

/// One client speaking. **Loop-bound**, as its connection. Destroyed by the transport after
/// on_close.
class Conversation {
  public:
    virtual ~Conversation() = default;

    /// The connection is open: the first thing sent here is the first thing the client gets.
    virtual void on_open() {}
    /// One whole message, borrowed for the call. Text is valid UTF-8 where the transport has text.
    virtual void on_message(ByteView message, MessageKind kind) = 0;
    /// A longer message ends the connection as too big before it is held in memory. Asked at every
    /// read; the transport's own limit holds as well.
    [[nodiscard]] virtual std::size_t max_message_bytes() const noexcept { return SIZE_MAX; }
    /// Asked for by Connection::request_tick.
    virtual void on_tick(MonotonicTime now) { (void)now; }
    /// The server is about to close this connection: a last message may be sent. Not called when
    /// the conversation closed it itself, or the peer did.
    virtual void on_closing(CloseReason reason) { (void)reason; }
    /// The last call. Sending no longer has any effect.
    virtual void on_close(const CloseEvent& event) { (void)event; }
};

/// Makes conversations. **Thread-safe**: every loop calls it. Outlives its conversations.
class Dialect {
  public:
    virtual ~Dialect() = default;

    /// For mounts, metrics and logs: a fixed lower-case word.
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    /// Subprotocols it speaks (RFC 6455 §1.9); the first of them that the client names is agreed
    /// on; "*" stands for whichever that is. Outlive the dialect's last connection.
    [[nodiscard]] virtual std::span<const std::string_view> subprotocols() const noexcept {
        return {};
    }
    /// Whether admit() judges the Origin header itself, instead of the transport: for dialects
    /// whose clients prove who they are with more than a cookie.
    [[nodiscard]] virtual bool checks_origin() const noexcept { return false; }
    /// Whether to let this client in, before the transport says yes.
    [[nodiscard]] virtual std::optional<Refusal> admit(const OpenRequest& request) {
        (void)request;
        return std::nullopt;
    }
    /// `connection` outlives the conversation.
    [[nodiscard]] virtual std::unique_ptr<Conversation> open(Connection& connection,
                                                             const OpenRequest& request) = 0;
};

}  // namespace pulse::core
