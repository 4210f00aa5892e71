// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A connected client, as the application sees it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <pulse/core/connection.hpp>
#include <pulse/core/result.hpp>
#include <pulse/mesa/error.hpp>
#include <pulse/mesa/id.hpp>
#include <pulse/mesa/message.hpp>

namespace pulse::mesa {

/// What an application says about a client it has recognised.
struct AuthResult {
    std::optional<Id> id;  ///< without one it is an error
    std::string user{};    ///< JSON; empty: an empty object
};

/// What error events carry.
struct ErrorEvent {
    std::error_code code;
    std::string text;  ///< for people; never holds what a client sent
};

/// The answer to one authentication. Movable; used once, from any thread. One that is destroyed
/// unused leaves the client as it is, without an answer.
class AuthDone {
  public:
    using Function = std::function<void(core::Result<AuthResult>)>;
    explicit AuthDone(Function function) noexcept : function_(std::move(function)) {}
    AuthDone(AuthDone&& other) noexcept : function_(std::exchange(other.function_, nullptr)) {}
    AuthDone& operator=(AuthDone&& other) noexcept {
        if (this != &other) {
            drop();
            function_ = std::exchange(other.function_, nullptr);
        }
        return *this;
    }
    ~AuthDone() { drop(); }

    void operator()(AuthResult result) { answer(std::move(result)); }
    /// With Error::authentication_unavailable it is not the client who failed.
    void fail(std::error_code why = make_error_code(Error::authentication_failed)) {
        answer(tl::unexpected(why));
    }

  private:
    void answer(core::Result<AuthResult> result) {
        if (const Function function = std::exchange(function_, nullptr)) {
            function(std::move(result));
        }
    }
    /// Frees its place among those that wait.
    void drop() noexcept {
        if (function_ == nullptr) return;
        try {
            answer(tl::unexpected(make_error_code(Error::closed)));
        } catch (...) {
            // Without memory to say so: the place is lost to this connection.
            function_ = nullptr;
        }
    }

    Function function_;
};

/// How a client asked for its connection.
struct Request {
    std::string path;
    std::string query;
    core::PeerAddress peer;
    std::vector<std::pair<std::string, std::string>> headers;  ///< ServerConfig::kept_headers
};

/// **Loop-bound** to its connection's loop, on which the server calls the application about it;
/// other threads use post(). Lives on after its connection for whoever holds it: sending has no
/// effect then.
class Client {
  public:
    virtual ~Client() = default;

    [[nodiscard]] virtual const std::optional<Id>& id() const noexcept = 0;
    /// JSON; empty before the first authentication.
    [[nodiscard]] virtual const std::string& user() const noexcept = 0;
    [[nodiscard]] virtual bool is_authenticated() const noexcept = 0;
    [[nodiscard]] virtual bool is_connected() const noexcept = 0;
    /// A random text that names this connection, also when it has ended; never sent anywhere.
    [[nodiscard]] virtual std::string server_id() const = 0;
    [[nodiscard]] virtual const Request& request() const noexcept = 0;
    /// With ServerConfig::stores_messages: what it sent and was sent, oldest first.
    [[nodiscard]] virtual std::vector<Message> messages() const = 0;

    /// To every connection of this client's id, wherever it is; before it has one, to this
    /// connection.
    virtual void send(const Message& message) = 0;
    /// To this connection, whatever the options say, and past the middleware.
    virtual void send_direct(const Message& message) = 0;

    /// Registers what judges opcode 2. `data` is JSON, borrowed for the call. Without a handler
    /// such messages are the application's.
    using AuthHandler = std::function<void(std::string_view data, AuthDone done)>;
    virtual void authenticate(AuthHandler handler) = 0;
    /// Changes id and user of an authenticated client; it is not told. An error event otherwise.
    virtual void update_user(AuthResult result) = 0;
    /// Closes the connection; without a code the client sees 1005.
    virtual void disconnect(std::optional<std::uint16_t> code = std::nullopt) = 0;

    using MessageHandler = std::function<void(const Message& message)>;
    using DisconnectHandler = std::function<void(std::uint16_t code, std::string_view reason)>;
    using ErrorHandler = std::function<void(const ErrorEvent& error)>;
    virtual void on_message(MessageHandler handler) = 0;
    virtual void on_disconnect(DisconnectHandler handler) = 0;
    virtual void on_error(ErrorHandler handler) = 0;

    /// Runs `function` on the client's loop. **Thread-safe**; destroyed unrun when the loop is
    /// gone.
    virtual void post(std::function<void(Client& client)> function) = 0;
};

using ClientPtr = std::shared_ptr<Client>;

}  // namespace pulse::mesa
