// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who a client is and what it may do.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/result.hpp>

namespace pulse::core {

enum class Action : unsigned char { subscribe, publish, presence };

/// What an identity may do. **Thread-safe**, and shared by all sessions that carry it.
class Rights {
  public:
    virtual ~Rights() = default;
    [[nodiscard]] virtual bool allows(Action action, std::string_view channel) const noexcept = 0;

    /// Of rights that can be taken back from a client that is connected: how often a conversation
    /// asks them again. It then ends the connection when they no longer hold, and subscriptions
    /// that are no longer allowed. 0: what was allowed once stays.
    [[nodiscard]] virtual std::chrono::milliseconds review_interval() const noexcept { return {}; }
    /// False once what the client proved to be counts no more, such as a token that was removed.
    [[nodiscard]] virtual bool holds() const noexcept { return true; }
};

/// An authenticated client. A value type.
struct Identity {
    std::string user;                      ///< empty = anonymous
    std::shared_ptr<const Rights> rights;  ///< null = everything is allowed

    [[nodiscard]] bool allows(Action action, std::string_view channel) const noexcept {
        return rights == nullptr || rights->allows(action, channel);
    }
};

/// Borrowed until authenticate() returns: an engine that answers later copies what it needs.
struct Credentials {
    std::string_view token;   ///< may be empty
    std::string_view origin;  ///< Origin header, may be empty
    std::string_view peer;    ///< textual address
};

/// **Thread-safe.** Every engine passes tests/contract/authenticator.
class Authenticator {
  public:
    virtual ~Authenticator() = default;

    using Done = std::function<void(Result<Identity>)>;

    /// Calls `done` exactly once: at once or later, on any thread. Errors: Error::unauthorized for
    /// credentials that are wrong; anything else means it could not find out.
    virtual void authenticate(const Credentials& credentials, Done done) = 0;

    /// Whether a client without credentials gets nowhere. When false, a client that never sends any
    /// is anonymous() from the start.
    [[nodiscard]] virtual bool is_required() const noexcept = 0;
    [[nodiscard]] virtual Identity anonymous() const { return {}; }
};

/// Lets everybody in as anonymous with every right.
[[nodiscard]] std::unique_ptr<Authenticator> make_open_authenticator();

/// A fixed set of shared tokens, compared in constant time over all of them. `user` of each
/// identity is the entry's name.
struct StaticToken {
    std::string name;
    std::string token;
};
[[nodiscard]] std::unique_ptr<Authenticator> make_token_authenticator(
    std::vector<StaticToken> tokens, bool is_required = true);

/// Asks the embedding program.
using AuthenticateFunction = std::function<void(const Credentials&, Authenticator::Done)>;
[[nodiscard]] std::unique_ptr<Authenticator> make_callback_authenticator(
    AuthenticateFunction function, bool is_required = true);

}  // namespace pulse::core
