// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A client of a Mesa server, ours or the original's: for bots, tools and tests.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <pulse/core/result.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/mesa/client.hpp>
#include <pulse/mesa/message.hpp>

namespace asio {
class io_context;
}

namespace pulse::mesa {

struct WsClientOptions {
    // Behaviour
    /// Said where the server enforces equal versions.
    std::string version = "1.5.8";
    std::string subprotocol{};
    /// Further headers of the request: an Origin, cookies.
    std::vector<std::pair<std::string, std::string>> headers{};
    /// For the connection and the server's answer to the request; also for its farewell.
    std::chrono::milliseconds connect_timeout{10'000};

    // Limits; not 0
    std::size_t max_message_bytes = std::size_t{100} * 1024 * 1024;  ///< more ends with 1009
    std::size_t max_queued_bytes = std::size_t{16} * 1024 * 1024;    ///< waiting to be sent
};

/// What a connection is in the row of them.
struct Connected {
    bool is_first = false;             ///< of this object
    bool is_first_of_session = false;  ///< since the application last ended one
    bool is_automatic = false;         ///< nobody called connect()
};

struct WsClientListeners {
    /// The WebSocket is open; the server has not greeted yet.
    std::function<void(const Connected&)> on_connected{};
    /// But for greetings, heartbeats and answers to authentications.
    std::function<void(const Message&)> on_message{};
    /// `code` is 1006 when the server said none and was just gone. Also after each attempt that
    /// failed: is_reconnecting tells whether another one follows.
    std::function<void(std::uint16_t code, std::string_view reason, bool is_reconnecting)>
        on_disconnected{};
    std::function<void(const ErrorEvent&)> on_error{};
};

/// **Loop-bound** to the thread that runs `io`, on which listeners are called.
///
/// Answers heartbeats. When the server has asked for it, comes back after any end but that by
/// disconnect(): one attempt per interval it announced. There is no session to resume:
/// authenticate again in on_connected.
class WsClient {
  public:
    /// `url`: ws://host[:port][/path][?query]. What is passed in outlives the client.
    WsClient(asio::io_context& io, std::string url, core::Rng& rng, WsClientListeners listeners,
             WsClientOptions options = {});
    /// Ends the connection; nobody is told.
    ~WsClient();
    WsClient(const WsClient&) = delete;
    WsClient& operator=(const WsClient&) = delete;

    /// Errors: invalid_address, not_supported for wss:// (put a tunnel in front). No effect while
    /// connected or connecting.
    [[nodiscard]] std::error_code connect();
    /// Before the connection is open the message waits for it. Errors: queue_full; closed when
    /// there is none and none is coming.
    [[nodiscard]] std::error_code send(const Message& message);
    /// `data` is a JSON object; shouldSync is added to it. `done` learns the user's JSON, or
    /// Error::closed when the connection ends before. Once per connection, as servers answer the
    /// first only: the `done` of a later one is called at the end. Errors: invalid_json;
    /// queue_full; too_many_authentications while one waits; closed while there is no connection.
    using Authenticated = std::function<void(core::Result<std::string> user)>;
    [[nodiscard]] std::error_code authenticate(std::string_view data, Authenticated done,
                                               bool should_sync = true);
    void disconnect(std::uint16_t code = 1000, std::string_view reason = {});

    [[nodiscard]] bool is_connected() const noexcept;
    /// On this connection.
    [[nodiscard]] bool is_authenticated() const noexcept;

    class State;

  private:
    std::shared_ptr<State> state_;
};

}  // namespace pulse::mesa
